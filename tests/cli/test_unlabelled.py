"""Test sets without captions: captioned for a server, and not compared."""

import json

import h5py
import keras
import pytest

from helpers.caption_files import write
from helpers.refusing import only_error
from helpers.tiny_runs import CHANNELS, SIZE, make_run
from helpers.tiny_split import write_split
from imcap.captioning.listed import ListedPictures
from imcap.cli import caption, compare, evaluate, extract, report
from imcap.vision.networks import small_cnn_metadata

SHORT = ["--beam_size", "1", "--max_length", "3"]
IDS = [42, 7, 9]
NAMES = [f"COCO_test2014_{number:012d}.png" for number in IDS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run on labelled pictures, and three of them under other names."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("unlabelled")
    captions = write_split(folder)
    for name in ("run", "other"):
        make_run(
            folder / name, small_cnn_metadata(SIZE, CHANNELS), CHANNELS,
            cnntrain=True, input_json=str(captions),
            images_root=str(folder / "images"),
        )  # fmt: skip
    (folder / "test2014").mkdir()
    for number, name in enumerate(NAMES):
        data = (folder / "images" / f"p{number}.png").read_bytes()
        (folder / "test2014" / name).write_bytes(data)
    write(
        folder / "image_info_test2014.json",
        {
            "images": [
                {"id": key, "file_name": name}
                for key, name in zip(IDS, NAMES, strict=True)
            ],
            "categories": [],
        },
    )
    return folder


@pytest.fixture
def words(folder):
    """Flags that name the run and the unlabelled pictures."""
    return [
        "--model", str(folder / "run"), *SHORT, "--input_json",
        str(folder / "image_info_test2014.json"), "--images_root",
        str(folder / "test2014"),
    ]  # fmt: skip


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_results_for_a_server(folder, words, tmp_path, capsys):
    path = tmp_path / "results.json"
    words = [*words, "--results", str(path)]
    assert caption.main([*words, "--json", str(tmp_path / "all.json")]) == 0
    results = read(path)
    assert [row["image_id"] for row in results] == IDS
    assert all(set(row) == {"image_id", "caption"} for row in results)
    entries = read(tmp_path / "all.json")
    said = [entry["captions"][0]["caption"] for entry in entries]
    assert [row["caption"] for row in results] == said
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert not (folder / "run" / "attention").exists()


def test_pictures_named_one_by_one_have_their_numbers(folder, tmp_path):
    path = tmp_path / "results.json"
    words = ["--model", str(folder / "run"), *SHORT, "--results", str(path)]
    assert caption.main([*words, str(folder / "test2014")]) == 0
    assert sorted(row["image_id"] for row in read(path)) == sorted(IDS)
    assert caption.main([*words, str(folder / "images")]) == 0
    assert [row["image_id"] for row in read(path)] == [
        f"p{number}" for number in range(5)
    ]


def test_entries_of_one_picture_each_get_its_caption(folder, words, tmp_path):
    source = write(
        tmp_path / "info.json",
        {"images": [{"id": key, "file_name": NAMES[0]} for key in (1, 2)]},
    )
    path = tmp_path / "results.json"
    words = [*words, "--input_json", str(source), "--results", str(path)]
    assert caption.main(words) == 0
    first, second = read(path)
    assert (first["image_id"], second["image_id"]) == (1, 2)
    assert first["caption"] == second["caption"]


def test_what_results_lack_is_said(folder, words, tmp_path, capsys):
    images = [{"id": 3, "file_name": "none.png"}]
    images.append({"id": 42, "file_name": NAMES[0]})
    source = write(tmp_path / "info.json", {"images": images})
    path = tmp_path / "results.json"
    words = [*words, "--input_json", str(source), "--results", str(path)]
    assert caption.main(words) == 0
    assert [row["image_id"] for row in read(path)] == [42]
    said = capsys.readouterr().err
    assert "left out" in said and "none.png" in said
    assert f"{path} lacks 1 pictures that have no caption" in said


def test_what_was_done_before_is_in_results_too(words, tmp_path, capsys):
    path, done = tmp_path / "results.json", tmp_path / "all.json"
    words = [*words, "--results", str(path), "--json", str(done)]
    assert caption.main(words) == 0
    wanted = read(path)
    done.write_text(json.dumps(read(done)[1:]))
    path.unlink()
    capsys.readouterr()
    assert caption.main([*words, "--skip_done"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert read(path) == wanted


def test_the_pictures_of_a_split(folder, tmp_path):
    path = tmp_path / "results.json"
    words = ["--model", str(folder / "run"), *SHORT, "--results", str(path)]
    words += ["--input_json", str(folder / "captions.json")]
    assert caption.main([*words, "--split", "test"]) == 0
    assert [row["image_id"] for row in read(path)] == list(range(100, 105))


def test_the_captioner_that_ships(folder, tmp_path):
    path = tmp_path / "results.json"
    words = ["--input_json", str(folder / "image_info_test2014.json")]
    words += ["--images_root", str(folder / "test2014")]
    assert caption.main([*words, "--results", str(path)]) == 0
    assert [row["image_id"] for row in read(path)] == IDS


def test_flags_that_do_not_fit(folder, words, capsys):
    def line(*given):
        return only_error(caption.main, capsys, *given)

    picture = folder / "images" / "p0.png"
    assert "either pictures or --input_json" in line(*words, picture)
    assert "go with --input_json" in line(picture, "--split", "test")
    assert "at least one picture" in line("--results", "r.json")
    assert "no splits; leave out --split" in line(*words, "--split", "test")
    assert "--images_root, the folder" in line(*words, "--images_root", "none")
    source = ["--input_json", folder / "captions.json"]
    assert "no image is in split 'val'" in line(*source, "--split", "val")
    assert "no such file" in line("--input_json", folder / "none.json")


def test_evaluation_writes_captions_and_says_so(folder, words, capsys):
    results = folder / "run" / "evaluation" / "test_greedy"
    labelled = ["--model", str(folder / "run"), *SHORT, "--metrics", "Bleu"]
    assert evaluate.main(labelled) == 0
    assert (results / "metrics.json").exists()
    capsys.readouterr()
    assert evaluate.main(words) == 0
    printed = capsys.readouterr().out
    (note,) = [line for line in printed.splitlines() if "nothing is" in line]
    assert note.startswith("note: there are no captions to compare with")
    assert [row["image_id"] for row in read(results / "results.json")] == IDS
    assert {path.name for path in results.iterdir()} == {
        "results.json", "settings.json"
    }  # fmt: skip


def test_references_from_elsewhere(folder, words, tmp_path):
    truth = write(
        tmp_path / "captions_test2014.json",
        {
            "images": [{"id": key, "file_name": "x"} for key in IDS],
            "annotations": [
                {"id": key, "image_id": key, "caption": "a dog runs"}
                for key in IDS
            ],
        },
    )
    output = tmp_path / "scored"
    words = [*words, "--references", str(truth), "--output", str(output)]
    assert evaluate.main([*words, "--metrics", "Bleu"]) == 0
    assert read(output / "metrics.json")["images"] == 3


def test_a_labelled_split_leaves_out_pictures_without_captions(
    folder, tmp_path, capsys
):
    values = read(folder / "captions.json")
    for image in values["images"][1:3]:
        image["sentences"] = []
    path = write(tmp_path / "captions.json", values)
    words = ["--model", str(folder / "run"), *SHORT, "--metrics", "Bleu"]
    words += ["--input_json", str(path), "--output", str(tmp_path / "out")]
    assert evaluate.main(words) == 0
    assert "2 pictures of split test have no captions" in (
        capsys.readouterr().out
    )
    results = read(tmp_path / "out" / "results.json")
    assert [row["image_id"] for row in results] == [100, 103, 104]
    assert "have no captions" in only_error(
        evaluate.main, capsys, *words, "--strict"
    )


def test_what_needs_captions_refuses(folder, words, capsys, tmp_path):
    _, run, *rest = words
    page = ["--output", tmp_path / "page.html"]
    other = folder / "other"
    for main, given in (
        (compare.main, [run, other, *rest, *page]),
        (report.main, [*words, *page]),
    ):
        line = only_error(main, capsys, *given)
        assert "image_info_test2014.json" in line and "no captions" in line
    assert not (tmp_path / "page.html").exists()


def test_features_of_unlabelled_pictures(folder, tmp_path):
    words = ["--input_json", str(folder / "image_info_test2014.json")]
    words += ["--images_root", str(folder / "test2014"), "--model"]
    words += ["mobilenet", "--weights", "random", "--image_size", "32"]
    path = tmp_path / "features.h5"
    assert extract.main([*words, "--output", str(path)]) == 0
    with h5py.File(path) as file:
        assert list(file["ids"]) == IDS


def test_copies_are_named_by_what_they_are_copies_of(tmp_path):
    paths = [tmp_path / "0/0/x.png", tmp_path / "1/0/x.png", tmp_path / "y.png"]
    names = {
        paths[0]: "http://host/a/x.png",
        paths[1]: "http://host/b/x.png",
    }
    ids = ListedPictures.from_paths(paths, names).ids
    assert list(ids) == [*names.values(), str(paths[2])]
    assert [ids[name] for name in names.values()] == [[n] for n in ids][:2]
