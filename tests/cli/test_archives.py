"""Commands on pictures in archives: as on folders of them."""

import json

import h5py
import keras
import numpy as np
import pytest

from helpers.archives import pack, tar
from helpers.reading_pages import PageReader
from helpers.refusing import only_error
from helpers.tiny_pictures import picture
from helpers.tiny_runs import CHANNELS, SIZE, make_run, save_network
from imcap.captioning.data import open_data
from imcap.captioning.train_settings import TrainConfig
from imcap.cli import caption, evaluate, extract, prepare, report
from imcap.data.features.store import FeatureStore
from imcap.data.pictures.decoding import load_pixels
from imcap.errors import InputError
from imcap.vision.networks import small_cnn_metadata

NAMES = ("a.png", "b.png", "c.png", "d.png")


@pytest.fixture(scope="module")
def pictures():
    """Bytes by name; c is cut short."""
    made = {name: picture(seed, (40, 30)) for seed, name in enumerate(NAMES)}
    return made | {"c.png": made["c.png"][:200]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained from pictures."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("runs") / "run"
    metadata = small_cnn_metadata(SIZE, CHANNELS)
    return make_run(path, metadata, CHANNELS, cnntrain=True)


def run_main(command, *words):
    return command.main([str(word) for word in words])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_network(tmp_path_factory.mktemp("net") / "m.weights.h5")


@pytest.mark.parametrize("flag", ["--input_json", "--images"])
@pytest.mark.parametrize("kind", ["tar", "parquet", "tfrecord"])
def test_extract(kind, flag, pictures, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = pack(kind, tmp_path / "data", pictures)
    words = ["--model", "mobilenet", "--weights", weights]
    words += ["--image_size", SIZE, "--layer", "conv_pw_1_relu"]
    words += [flag, source, "--output", "out/f.h5"]
    assert run_main(extract, *words) == 0
    names = ["a", "b", "d"]
    if kind == "tfrecord" and flag == "--images":
        names = ["0", "1", "3"]
    store = FeatureStore.open(tmp_path / "out/f.h5")
    assert store.ids == names
    bad = json.loads((tmp_path / "out/bad_images.json").read_text())
    assert [entry["reason"][:15] for entry in bad] == ["damaged picture"]
    assert bad[0]["id"] not in names
    assert "1 of 4 pictures left out" in capsys.readouterr().err


def test_caption(run, pictures, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    photo.write_bytes(pictures["b.png"])
    shard = pack("tar", tmp_path / "one", pictures)
    table = pack("parquet", tmp_path / "two", pictures)
    words = ["--model", run.path, "--max_length", 3, "--beam_size", 1]
    words += ["--json", tmp_path / "found.json", "--output", tmp_path / "drawn"]
    assert run_main(caption, *words, shard, photo, table.parent) == 0
    said = capsys.readouterr()
    left_out = [one for one in said.err.splitlines() if "left out: " in one]
    assert [one.rpartition(": ")[0] for one in left_out] == [
        f"left out: {shard / 'c.png'}",
        f"left out: {table / '2' / 'c.png'}",
    ]
    entries = json.loads((tmp_path / "found.json").read_text())
    texts = {e["image"]: e["captions"][0]["caption"] for e in entries}
    packed = [f"{shard / name}" for name in ("a.png", "b.png", "d.png")]
    packed += [str(photo)]
    packed += [f"{table / row}" for row in ("0/a.png", "1/b.png", "3/d.png")]
    assert list(texts) == packed
    assert texts[packed[1]] == texts[packed[3]] == texts[packed[5]]
    drawn = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert {"a.png", "a_2.png", "photo.png"} <= drawn


@pytest.mark.parametrize("flags", [["--sidecar"], ["--json", "x.json"]])
def test_captions_beside_what_is_in_an_archive(
    flags, run, pictures, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shard = tar(tmp_path / "s.tar", {"a.png": pictures["a.png"]})
    words = ["--model", run.path, "--max_length", 3, "--no_draw", *flags, shard]
    if flags == ["--sidecar"]:
        line = only_error(caption.main, capsys, *words)
        assert "s.tar: nothing can be written beside" in line
    else:
        assert run_main(caption, *words) == 0


def test_an_archive_that_cannot_be_read(run, tmp_path, capsys):
    path = tmp_path / "s.tar"
    path.write_bytes(b"no tar file" * 100)
    words = ["--model", run.path, path]
    assert run_main(caption, *words) == 2
    assert f"left out: {path}: cannot be read as a" in capsys.readouterr().err


def train_config(run, source, folder):
    return TrainConfig(
        input_json=f"train={source}",
        start_from=str(run.path),
        cnntrain=True,
        checkpoint_path=str(folder / "run"),
    )


@pytest.mark.parametrize("kind", ["parquet", "tar.gz"])
def test_training_from_pictures(kind, run, pictures, tmp_path, monkeypatch):
    source = pack(kind, tmp_path / "train", pictures)
    # A file of this name in the present folder is another picture.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(pictures["d.png"])
    opened, data = open_data(train_config(run, source, tmp_path))
    assert opened.config.images_root == ""
    assert data.training.image_ids == ["a", "b", "d"]
    pixels = data.read(["b", "a"])["images"]
    names = ("b.png", "a.png")
    expected = [load_pixels(pictures[name], SIZE, SIZE) for name in names]
    np.testing.assert_array_equal(pixels, np.stack(expected))
    listed = tmp_path / "run" / "bad_images.json"
    assert (
        f"1 of 4 pictures with captions cannot be read and are left out, "
        f"see {listed}" in data.notes
    )
    (entry,) = json.loads(listed.read_text())
    assert (entry["id"], entry["reason"][:7]) == ("c", "damaged")


def test_training_from_pictures_that_are_not_there(run, tmp_path):
    source = tmp_path / "c.csv"
    source.write_text("image,caption\na.jpg,A dog\n")
    with pytest.raises(InputError, match=r"none of the 1 .*mend --images_root"):
        open_data(train_config(run, source, tmp_path))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["tar", "saved dataset"])
def test_report(kind, run, pictures, tmp_path):
    source = pack(kind, tmp_path / "data", pictures)
    page = tmp_path / "page.html"
    words = ["--model", run.path, "--output", page, "--max_length", 3]
    words += ["--metrics", "Bleu", "--input_json", source, "--num_images", -1]
    assert run_main(report, *words) == 0
    cards = PageReader(page.read_text(encoding="utf-8")).cards
    assert len(cards) == 3
    for name, card in zip("abd", cards, strict=True):
        assert f"{name}.png" in card and f"a picture called {name}" in card


def test_evaluate(run, pictures, tmp_path, capsys):
    source = pack("tar", tmp_path / "data", pictures)
    folder = tmp_path / "results"
    words = ["--model", run.path, "--max_length", 3, "--metrics", "Bleu"]
    words += ["--input_json", source, "--output", folder]
    assert run_main(evaluate, *words) == 0
    results = json.loads((folder / "results.json").read_text())
    assert [entry["image_id"] for entry in results] == ["a", "b", "d"]
    bad = json.loads((folder / "bad_images.json").read_text())
    assert [entry["id"] for entry in bad] == ["c"]
    said = "note: 1 of 4 pictures cannot be read and are left out"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["tar", "tfrecord"])
def test_prepare_with_pictures(kind, pictures, tmp_path):
    source = pack(kind, tmp_path / "data", pictures)
    words = ["--input_json", source, "--store_images", "--num_val", 1]
    words += ["--output_json", tmp_path / "out/c.json"]
    words += ["--output_h5", tmp_path / "out/c"]
    assert run_main(prepare, *words) == 0
    with h5py.File(tmp_path / "out/c_label.h5") as labels:
        stored = labels["images"][:]
    expected = np.rint(load_pixels(pictures["d.png"], 256, 256))
    np.testing.assert_array_equal(stored[-1], expected.transpose(2, 0, 1))
    bad = json.loads((tmp_path / "out/bad_images.json").read_text())
    assert [entry["id"] for entry in bad] == ["c"]
