"""Commands as functions: what they take, print and return."""

import inspect
import json

import numpy as np
import pytest
from PIL import Image

import imcap
from helpers.tiny_data import prepare_folder, settings
from helpers.tiny_pictures import picture
from helpers.tiny_runs import SIZE, make_picture_run, save_network
from imcap.data.features.store import FeatureStore
from imcap.errors import InputError

FUNCTIONS = ("caption", "evaluate", "export", "extract", "prepare", "train")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepare_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained from pictures; it takes whatever size they have."""
    path = tmp_path_factory.mktemp("runs") / "pictures"
    return make_picture_run(path, sgate=True)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(2):
        (folder / f"p{seed}.png").write_bytes(picture(seed))
    return folder


def test_captions_are_prepared(folder, tmp_path, capsys):
    made = imcap.prepare(
        folder / "captions.json", tmp_path / "talk.json",
        output_h5=tmp_path / "talk.h5", word_count_threshold=0,
    )  # fmt: skip
    assert (made.path, made.labels) == (
        tmp_path / "talk.json", tmp_path / "talk.h5"
    )  # fmt: skip
    assert made.splits == {"train": 20, "val": 2, "test": 2}
    assert (made.images, made.captions) == (24, 72)
    assert made.unknown == made.cut == 0 and made.left_out == []
    assert made.vocabulary_size > 9
    assert "24 images (train 20, val 2, test 2)" in capsys.readouterr().out
    again = imcap.read_captions(made, made.labels)
    assert len(again) == 24


def test_splits_are_a_dict(tmp_path):
    files = {}
    for split, count in (("train", 3), ("val", 1)):
        lines = [f"{split}{number}.jpg,a dog" for number in range(count)]
        files[split] = tmp_path / f"{split}.csv"
        files[split].write_text("\n".join(["image,caption", *lines]))
    made = imcap.prepare(files, tmp_path / "a.json", tmp_path / "b.h5")
    assert made.splits == {"train": 3, "val": 1}


def test_quiet_prints_nothing_and_a_log_has_it(folder, tmp_path, capsys):
    log = tmp_path / "deep" / "log.txt"
    imcap.prepare(
        folder / "captions.json", tmp_path / "talk.json", tmp_path / "talk.h5",
        quiet=True, log_file=log,
    )  # fmt: skip
    assert capsys.readouterr().out == ""
    assert "24 images" in log.read_text()


def test_features_are_extracted(pictures, tmp_path, capsys):
    (pictures / "p2.png").write_bytes(picture(2)[:300])
    made = imcap.extract(
        images=pictures, output=tmp_path / "f.h5", model="mobilenet",
        weights=save_network(tmp_path / "net.weights.h5"),
        layer="conv_pw_5_relu", image_size=np.int64(SIZE),
        replace={"p1": pictures / "p0.png"},
    )  # fmt: skip
    assert made.pictures == 2 and f"{made.path}: 2 pictures" in (
        capsys.readouterr().out
    )
    assert [one["id"] for one in made.left_out] == ["p2"]
    store = FeatureStore.open(made)
    same = store.read(["p0", "p1"])[0]
    assert same.shape[1:] == made.shape
    np.testing.assert_array_equal(same[0], same[1])


@pytest.fixture(scope="module")
def trained(folder):
    return imcap.train(
        **settings(folder, max_epochs=1, dr=False), sgate=True, quiet=True
    )


def test_training_says_what_came_of_it(trained, folder):
    assert trained.path == folder / "run"
    assert trained.epochs == len(trained.history) == trained.best_epoch == 1
    # Two pictures for validation: whichever of the two tells epochs apart.
    assert trained.metric in ("CIDEr", "loss")
    assert trained.history[0]["epoch"] == 1 and trained.best is not None


def test_a_result_stands_for_its_run(trained, tmp_path, capsys):
    scores = imcap.evaluate(
        trained, metrics="Bleu", beam_size=1, output=tmp_path / "out"
    )
    assert scores["images"] == 2
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["Bleu_1"] == scores["Bleu_1"]


def test_runs_are_exported(run, tmp_path, capsys):
    target = tmp_path / "model.keras"
    out = imcap.export(run.path, target, format="keras")
    assert out == target and out.stat().st_size > 0
    assert f"{target}: " in capsys.readouterr().out
    with pytest.raises(InputError, match="force"):
        imcap.export(run.path, out, format="keras")


def words_of(entries):
    return [entry["captions"][0]["caption"] for entry in entries]


def test_pictures_are_captioned(run, pictures, tmp_path, capsys):
    options = {"model": run.path, "max_length": 3, "no_draw": True}
    found = imcap.caption(pictures, **options, json=tmp_path / "found.json")
    names = [str(pictures / f"p{seed}.png") for seed in range(2)]
    assert [entry["image"] for entry in found] == names
    assert json.loads((tmp_path / "found.json").read_text()) == found
    assert f"{names[1]}: {words_of(found)[1]}" in capsys.readouterr().out
    mixed = (names[0], np.asarray(Image.open(names[1])) / 127.5 - 1.0)
    same = imcap.caption(iter(mixed), **options, quiet=True)
    assert words_of(same) == words_of(found)
    assert capsys.readouterr().out == ""


def test_what_has_no_name_is_numbered(run, pictures, tmp_path, capsys):
    with open(pictures / "p1.png", "rb") as file:
        found = imcap.caption(
            [picture(0), b"none", file],
            model=run.path, max_length=3, output=tmp_path / "drawn",
        )  # fmt: skip
    names = [entry["image"] for entry in found]
    assert names == ["picture_0", str(pictures / "p1.png")]
    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert drawn == ["p1.png", "picture_0.png"]
    assert "left out: picture_1: not a picture" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["sidecar", "in_place"])
def test_copies_get_nothing_beside_them(run, flag):
    if flag == "in_place":
        pytest.importorskip("pyexiv2", reason="pyexiv2 is not installed")
    more = {"write_metadata": True} if flag == "in_place" else {}
    with pytest.raises(InputError, match=f"picture_0: .*--{flag}"):
        imcap.caption(picture(0), model=run.path, **{flag: True}, **more)


def test_all_that_fails_is_said(run):
    with pytest.raises(InputError, match="no picture could be captioned"):
        imcap.caption([b"none"], model=run.path)
    with pytest.raises(InputError, match="at least one picture"):
        imcap.caption()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_shows_the_flags(name):
    function = getattr(imcap, name)
    known = inspect.signature(function).parameters
    assert {"quiet", "log_file"} <= set(known)
    assert len(known) > 9
    from imcap.cli import functions

    text = getattr(functions, name).__doc__
    flags = text.partition("\nFlags:\n")[2]
    assert flags.count("\n") > 6 and "Returns:" in text


def test_modules_of_these_names_stay_modules():
    import imcap.export.writing as writing
    import imcap.train as door

    assert imcap.export.writing is writing and callable(imcap.export)
    assert imcap.train is door and callable(door.main)


@pytest.mark.parametrize(
    "ask, reason",
    [
        (lambda: imcap.train("x.csv", batchsize=3), "did you mean batch_size"),
        (lambda: imcap.train("x.csv", bs=3), "its name is 'batch_size'"),
        (lambda: imcap.train("x.csv", qiet=3), "did you mean quiet"),
        (lambda: imcap.train("x.csv", batch_size="3"), "give int"),
        (lambda: imcap.train("x.csv", sgate="True"), "give bool"),
        (lambda: imcap.train(), "give --input_json"),
        (lambda: imcap.train("gone.csv"), "gone.csv"),
        (lambda: imcap.evaluate("gone"), "gone: no such run"),
        (lambda: imcap.export("run", "x", format="tflit"), "mean tflite"),
        (lambda: imcap.extract(output=7, images="x"), "output=7: give str"),
        (lambda: imcap.prepare(None, "a.json", "b.h5"), "give input_json"),
        (lambda: imcap.caption("a.png", zzz=1), "unknown flag 'zzz'; there"),
    ],
)
def test_what_cannot_be_used(ask, reason):
    with pytest.raises(InputError, match=reason):
        ask()
