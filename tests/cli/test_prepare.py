"""imcap prepare and the two utils that share its work."""

import json
import runpy
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from helpers.places import ROOT
from imcap.cli.prepare import label_path, main
from imcap.data.captions.reading import read_captions

EDGE_IMAGES = ROOT.parent / "shared/data/edge_images"
COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture
def work(tmp_path):
    """A folder with three pictures and captions of them."""
    lines = ["image,caption,split"]
    (tmp_path / "pictures").mkdir()
    for (name, color), split in zip(
        COLORS.items(), ("train", "val", "test"), strict=True
    ):
        picture = Image.new("RGB", (30, 20), color)
        picture.save(tmp_path / "pictures" / f"{name}.png")
        lines += [f"{name}.png,a {name} picture,{split}"] * 2
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    return tmp_path


def run(work, *words, source="captions.csv", output="out"):
    return main(
        [
            "--input_json",
            str(work / source),
            "--output_json",
            str(work / output / "cocotalk.json"),
            "--output_h5",
            str(work / output / "cocotalk"),
            *map(str, words),
        ]
    )


def result(work):
    out = work / "out"
    return read_captions(out / "cocotalk.json", out / "cocotalk_label.h5")


def test_label_path():
    assert label_path("data/cocotalk") == Path("data/cocotalk_label.h5")
    assert label_path("data/all.h5") == Path("data/all.h5")


def test_words_of_the_training_split_only(work, capsys):
    assert run(work, "-word_count_threshold", 1) == 0
    captions = result(work)
    vocabulary = captions.vocabulary
    assert captions.splits == ["train", "val", "test"]
    assert vocabulary.words == ("<pad>", "a", "picture", "red", "UNK")
    assert captions.tokens[1] == [["a", "UNK", "picture"]] * 2
    assert captions.sizes is None
    printed = capsys.readouterr().out
    assert "3 images (train 1, val 1, test 1), 6 captions" in printed
    assert "5 ids; 22.22% of words are unknown" in printed
    assert not (work / "out/bad_images.json").exists()


def test_words_of_all_splits(work):
    words = ("--vocabulary_from", "all", "--word_count_threshold", 1)
    assert run(work, *words, "--max_length", 2) == 0
    captions = result(work)
    vocabulary = captions.vocabulary
    assert set(COLORS) < set(vocabulary.words)
    assert captions.tokens[1] == [["a", "green"]] * 2


def test_pictures_are_stored_and_broken_ones_listed(work, capsys):
    (work / "pictures/green.png").write_bytes(b"no picture")
    words = ("--images_root", work / "pictures", "--store_images")
    assert run(work, *words, "--word_count_threshold", 1) == 0
    captions = result(work)
    assert captions.image_ids == ["red", "blue"]
    assert captions.sizes == [(30, 20)] * 2
    bad = json.loads((work / "out/bad_images.json").read_text())
    assert [(b["id"], b["file"]) for b in bad] == [("green", "green.png")]
    assert "cannot be opened as a picture" in bad[0]["reason"]
    assert "1 pictures left out" in capsys.readouterr().out
    with h5py.File(work / "out/cocotalk_label.h5") as file:
        images = file["images"][()]
    assert images.shape == (2, 3, 256, 256)
    np.testing.assert_array_equal(images[0, :, 100, 100], COLORS["red"])
    np.testing.assert_array_equal(images[1, :, 100, 100], COLORS["blue"])


def test_replace_repairs_a_picture(work):
    (work / "pictures/green.png").unlink()
    replacement = work / "pictures/blue.png"
    words = ("--images_root", work / "pictures", "--store_images")
    words += ("--replace", f"green={replacement}")
    assert run(work, *words, "--word_count_threshold", 1) == 0
    assert result(work).image_ids == ["red", "green", "blue"]
    assert json.loads((work / "out/bad_images.json").read_text()) == []
    with h5py.File(work / "out/cocotalk_label.h5") as file:
        spot = file["images"][1, :, 100, 100]
    np.testing.assert_array_equal(spot, COLORS["blue"])


@pytest.mark.skipif(
    not EDGE_IMAGES.exists(), reason="../shared/data/edge_images is absent"
)
def test_awkward_pictures(work):
    names = ["hopper.webp", "pil_sample_cmyk.jpg", "truncated_jpeg.jpg"]
    names += ["hopper_orientation_6.jpg", "decompression_bomb.gif"]
    lines = [f"{name},a picture,train" for name in names]
    (work / "edge.csv").write_text("\n".join(["image,caption,split", *lines]))
    words = ("--images_root", EDGE_IMAGES, "--store_images")
    words += ("--word_count_threshold", 0)
    assert run(work, *words, source="edge.csv") == 0
    captions = result(work)
    assert captions.files == [names[0], names[1], names[3]]
    with Image.open(EDGE_IMAGES / names[3]) as picture:
        assert captions.sizes[2] == picture.size[::-1]
    bad = json.loads((work / "out/bad_images.json").read_text())
    assert {entry["file"] for entry in bad} == {names[2], names[4]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--word_count_threshold", "9"], "lower --word_count_threshold"),
        (["--num_val", "1"], "leave out --num_val"),
        (["--images_root", "nowhere"], "mend --images_root"),
        (["--images_root", str(ROOT)], "nor can any other picture"),
        (["--replace", "green"], "expected id=path"),
        (["--replace", "pink=a.png"], "no image has the id pink"),
        (["--replace", "green=a.png"], "a.png: no such picture"),
        (["--max_length", "0"], "max_length 0 leaves no room"),
        (["--split_files", "absent_train.txt"], "absent_train.txt"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(words, message, work, capsys):
    if "--word_count_threshold" not in words:
        words = [*words, "--word_count_threshold", "1"]
    assert run(work, *words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("imcap prepare: error: ")
    assert message in error
    assert not list((work / "out").glob("*"))


def test_missing_input(work, capsys):
    assert run(work, source="absent.json") == 2
    assert "absent.json: no such file" in capsys.readouterr().err


def test_output_folder_that_is_a_file(work, capsys):
    (work / "taken").write_text("")
    assert run(work, output="taken/deeper") == 2
    assert "taken" in capsys.readouterr().err
    assert (work / "taken").read_text() == ""


def test_outputs_of_one_name(work, capsys):
    name = str(work / "same.h5")
    words = ["--output_json", name, "--output_h5", name]
    assert main(["--input_json", str(work / "captions.csv"), *words]) == 2
    assert "named twice to be written" in capsys.readouterr().err


def test_unknown_flag(work, capsys):
    with pytest.raises(SystemExit) as caught:
        run(work, "--max_lenght", 3)
    assert caught.value.code == 2
    assert "did you mean --max_length" in capsys.readouterr().err


def run_script(name, work, monkeypatch, *words):
    """Runs a file of utils/ as its command line would, inside `work`."""
    karpathy = {
        "images": [
            {
                "filename": f"{color}.png",
                "imgid": index,
                "split": split,
                "sentences": [{"tokens": ["a", color]}] * 2,
            }
            for index, (color, split) in enumerate(
                zip(COLORS, ("train", "val", "test"), strict=True)
            )
        ]
    }
    (work / "dataset.json").write_text(json.dumps(karpathy))
    words = ["--input_json", "dataset.json", *words]
    words += ["--word_count_threshold", "1"]
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "argv", [name, *words])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "utils" / name), run_name="__main__")
    return caught.value.code


def test_prepro_labels(work, monkeypatch):
    words = (
        "--output_json",
        "out/cocotalk.json",
        "--output_h5",
        "out/cocotalk",
    )
    assert run_script("prepro_labels.py", work, monkeypatch, *words) == 0
    captions = result(work)
    vocabulary = captions.vocabulary
    assert captions.image_ids == [0, 1, 2]
    assert vocabulary.dialect == "talk"
    with h5py.File(work / "out/cocotalk_label.h5") as file:
        assert file["labels"].shape == (6, 16)
        assert "images" not in file


def test_prepro_coco(work, monkeypatch):
    words = ("--output_json", "out/a.json", "--output_h5", "out/a.h5")
    words += ("--images_root", "pictures")
    assert run_script("prepro_coco.py", work, monkeypatch, *words) == 0
    captions = read_captions(work / "out/a.json", work / "out/a.h5")
    assert captions.vocabulary.dialect == "sat_keras"
    assert captions.tokens[0] == [["a", "red"]] * 2
    with h5py.File(work / "out/a.h5") as file:
        assert file["labels"].shape == (6, 18)
        assert file["images"].shape == (3, 3, 256, 256)
