"""The three utils for regions, as their command lines would run them."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.places import ROOT
from helpers.tiny_regions import HEIGHT, WIDTH, region_row
from imcap.data.batches.readers import StoredFeatures
from imcap.data.features.boxes import grid_vectors
from imcap.data.features.store import FeatureStore

COUNTS = {139: 3, 285: 5, 632: 4}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working folder with data/bu_data, captions and pictures."""
    source = tmp_path / "data" / "bu_data"
    source.mkdir(parents=True)
    rows = [region_row(*picture) for picture in COUNTS.items()]
    (source / "train.tsv.0").write_text("".join(rows[:2]))
    (source / "val.tsv").write_text(rows[2])
    (tmp_path / "images").mkdir()
    images = [{"cocoid": key, "filename": f"{key}.png"} for key in COUNTS]
    for image in images:
        picture = Image.new("RGB", (WIDTH, HEIGHT))
        picture.save(tmp_path / "images" / image["filename"])
    (tmp_path / "dataset.json").write_text(json.dumps({"images": images}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(monkeypatch):
    """Runs a file of utils/; returns its exit status."""

    def run(name, *words):
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / "utils" / name), run_name="__main__")
        return caught.value.code

    return run


def files(folder):
    return sorted(path.name for path in Path(folder).glob("*.np*"))


def test_from_tsv_to_positions(work, script, capsys):
    assert script("make_bu_data.py", "--output_dir", "data/cocobu") == 0
    assert "3 of 3 pictures" in capsys.readouterr().out
    assert files("data/cocobu_att") == ["139.npz", "285.npz", "632.npz"]
    words = ("--input_dir", "data/cocobu_box", "--output_dir", "data/vec")
    assert script("prepro_areas.py", *words, "--num_grids", 144) == 0
    words = ("--input_json", "dataset.json", "--image_root", "images")
    words += ("--input_box_dir", "data/cocobu_box")
    words += ("--output_dir", "data/relative")
    assert script("prepro_bbox_relative_coords.py", *words) == 0
    store = FeatureStore.open("data/cocobu_att")

    def located(kind, folder=None):
        read = StoredFeatures(store)
        read.locate(kind, folder=folder)
        return read(list(COUNTS))

    boxes = located("boxes", "data/relative")
    vectors = located("grid", "data/vec")
    assert boxes["positions"].shape == (3, 5, 4)
    for number, count in enumerate(COUNTS.values()):
        expected = grid_vectors(boxes["positions"][number, :count], 144)
        found = vectors["positions"][number, :count]
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert not vectors["positions"][number, count:].any()
    beside = located("boxes")
    np.testing.assert_array_equal(beside["positions"], boxes["positions"])


def test_sizes_from_pictures(work, script, capsys):
    script("make_bu_data.py")
    Path("data/cocobu_sizes.json").rename("data/away.json")
    words = ["--input_dir", "data/cocobu_box", "--output_dir", "data/vec"]
    assert script("prepro_areas.py", *words) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "139.npy: nothing says the size of picture 139" in message
    words += ["--input_json", "dataset.json", "--images_root", "images"]
    words += ["--num_grids", "16", "--normalise", "box"]
    assert script("prepro_areas.py", *words) == 0
    vectors = np.load("data/vec/285.npy")
    assert vectors.shape == (5, 16)
    np.testing.assert_allclose(vectors.sum(axis=1), 1, rtol=1e-5)


def test_stopped_and_continued(work, script, capsys):
    path = Path("data/bu_data/train.tsv.0")
    whole = path.read_text()
    path.write_text(whole[:-30])
    assert script("make_bu_data.py", "--output_dir", "data/cocobu") == 0
    message = capsys.readouterr().out.strip().splitlines()[-1]
    assert "train.tsv.0 line 2, features" in message
    assert "data/cocobu_bad_rows.json" in message
    assert files("data/cocobu_att") == ["139.npz", "632.npz"]
    path.write_text(whole)
    assert script("make_bu_data.py", "--output_dir", "data/cocobu") == 0
    assert "1 of 3 pictures written now" in capsys.readouterr().out
    assert files("data/cocobu_box") == ["139.npy", "285.npy", "632.npy"]


@pytest.mark.parametrize(
    ("name", "words", "reason"),
    [
        ("make_bu_data.py", ["--downloaded_feats", "no"], "no such file"),
        (
            "prepro_areas.py",
            ["--input_dir", "no", "--output_dir", "o"],
            "no such folder",
        ),
        (
            "prepro_areas.py",
            ["--input_dir", "no", "--output_dir", "o", "--num_grids", "140"],
            "not the square",
        ),
        (
            "prepro_bbox_relative_coords.py",
            ["--input_box_dir", "no", "--output_dir", "o"],
            "no such folder",
        ),
    ],
)
def test_one_line_for_a_mistake(work, script, capsys, name, words, reason):
    assert script(name, *words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and reason in lines[0]
    assert not Path("o").exists()
