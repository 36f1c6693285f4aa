"""Names of pictures that are hard to print, and patterns of names."""

import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_runs import make_match_run, make_picture_run
from imcap.cli import caption, extract, match
from imcap.data.features.store import FeatureStore

SHOWN = r"caf\udce9"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained from pictures, with adaptive attention."""
    path = tmp_path_factory.mktemp("runs") / "pictures"
    return make_picture_run(path, sgate=True)


@pytest.fixture
def pictures(tmp_path):
    """Two pictures; the name of one is Latin-1, and so no UTF-8."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 3), "uint8")
    Image.fromarray(noise).save(folder / "a $x$.png")
    try:
        path = os.fsencode(folder) + b"/caf\xe9.png"
        with open(path, "wb") as file:
            file.write((folder / "a $x$.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes names of UTF-8 alone")
    return folder


def test_captions_of_such_names(run, pictures, tmp_path, capsys):
    words = [f"--json={tmp_path / 'a.json'}", f"--csv={tmp_path / 'a.csv'}"]
    words += ["--model", str(run.path), "--max_length", "3", "--sidecar"]
    words += ["--output", str(tmp_path / "drawn"), str(pictures / "*.png")]
    assert caption.main(words) == 0
    assert SHOWN in capsys.readouterr().out
    entries = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    files = sorted(map(str, pictures.glob("*.png")))
    assert [entry["image"] for entry in entries] == files
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert SHOWN in rows[1]["image"]
    assert len(list((tmp_path / "drawn").iterdir())) == 2
    assert len(list(pictures.glob("*.txt"))) == 2


def test_features_of_such_names(pictures, tmp_path):
    words = ["--images", str(pictures), "--model", "mobilenetv2"]
    words += ["--weights", "random", "--image_size", "32"]
    path = tmp_path / "features.h5"
    for _ in range(2):  # it is found again
        assert extract.main([*words, "--output", str(path)]) == 0
    store = FeatureStore.open(path)
    assert store.ids == ["a $x$", SHOWN]
    assert extract.main([*words, "--output_dir", str(tmp_path / "f")]) == 0
    assert FeatureStore.open(tmp_path / "f_att").ids == ["a $x$", SHOWN]


def test_search_among_such_names(pictures, tmp_path, capsys):
    run = make_match_run(tmp_path)
    words = ["search", "--model", str(run.path), "--images", str(pictures)]
    words += ["--output", str(tmp_path / "drawn"), "a dog"]
    for _ in range(2):  # the second finds what was embedded
        assert match.main(words) == 0
        assert SHOWN in capsys.readouterr().out
    assert (tmp_path / "drawn").stat().st_size > 1000


def test_patterns_that_match_nothing(run, tmp_path, capsys):
    words = ["--model", str(run.path), str(tmp_path / "*.jpg")]
    assert caption.main(words) == 2
    assert "*.jpg" in capsys.readouterr().err
