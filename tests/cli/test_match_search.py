"""`imcap match search`: pictures for sentences, sentences for pictures."""

import json
import os

import keras
import numpy as np
import pytest
from PIL import Image

from helpers.tiny_runs import make_match_run
from imcap.cli import match
from imcap.matching import picture_index as match_index


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of random weights on features of a 4 x 4 map."""
    keras.utils.set_random_seed(0)
    return make_match_run(tmp_path_factory.mktemp("search"))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        write_picture(folder / f"p{number}.png", number)
    (folder / "broken.png").write_bytes((folder / "p0.png").read_bytes()[:200])
    return folder


def write_picture(path, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), "uint8")
    Image.fromarray(noise).save(path)


def search(run, *words):
    return match.main(["search", "--model", str(run.path), *map(str, words)])


@pytest.fixture
def counted(monkeypatch):
    """The pictures that were embedded, call by call."""
    from imcap.matching.scores import Embedder

    plain, calls = Embedder.embed_regions, []

    def regions(self, features, mask=None):
        calls.append(len(features))
        return plain(self, features, mask)

    monkeypatch.setattr(Embedder, "embed_regions", regions)
    return calls


def test_pictures_for_a_sentence(run, pictures, tmp_path, counted, capsys):
    out = ["--json", tmp_path / "found.json", "--output", tmp_path / "s.png"]
    words = ["--images", pictures, "A dog, runs!", *out, "--top", "3"]
    assert search(run, *words) == 0
    said = capsys.readouterr()
    assert "left out" in said.err and "broken.png" in said.err
    found = json.loads((tmp_path / "found.json").read_text())[0]["found"]
    scores = [entry["score"] for entry in found]
    assert len(found) == 3 and scores == sorted(scores, reverse=True)
    assert f"  {scores[0]:.3f}  {found[0]['image']}" in said.out
    with Image.open(tmp_path / "s.png") as sheet:
        # Three rows of a picture and three words.
        assert sheet.width > 3 * 150 and sheet.height > 3 * 150
    assert sum(counted) == 4
    assert search(run, *words) == 0
    assert sum(counted) == 4, "embeddings lie on disk"
    again = json.loads((tmp_path / "found.json").read_text())[0]["found"]
    assert again == found


def test_only_what_is_new_is_embedded(run, pictures, tmp_path, counted):
    words = ["--images", pictures, "a dog", "--no_draw"]
    out = ["--json", tmp_path / "found.json"]
    assert search(run, *words) == 0
    write_picture(pictures / "new.png", 9)
    (pictures / "p1.png").unlink()
    write_picture(pictures / "p2.png", 7)
    os.utime(pictures / "p2.png", (1, 1))
    counted.clear()
    assert search(run, *words, *out) == 0
    assert sum(counted) == 2
    found = json.loads((tmp_path / "found.json").read_text())[0]["found"]
    names = {os.path.basename(entry["image"]) for entry in found}
    assert names == {"p0.png", "p2.png", "p3.png", "new.png"}
    for file in (run.path / "search").glob("images_*"):
        file.unlink()
    anew = tmp_path / "anew.json"
    assert search(run, *words, "--json", anew) == 0
    fresh = json.loads(anew.read_text())[0]["found"]
    assert [e["image"] for e in fresh] == [e["image"] for e in found]


def test_sentences_for_a_picture(run, pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(match_index, "COPIED", 2)
    lines = ["the green grass", "", "a dog runs", "dog grass on a", "a a a"]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    words = ["--image", pictures / "p1.png", "--top", "2", "--json"]
    words += [tmp_path / "found.json", "--captions", tmp_path / "lines.txt"]
    assert search(run, *words, "--output", tmp_path / "s.png") == 0
    found = json.loads((tmp_path / "found.json").read_text())[0]["found"]
    assert len(found) == 2 and (tmp_path / "s.png").exists()
    assert capsys.readouterr().out.startswith(str(pictures / "p1.png"))
    # The same pair scores the same from the other side.
    back = tmp_path / "back.json"
    best = found[0]["caption"]
    assert search(
        run, "--images", pictures, best, "--no_draw", "--json", back
    ) == 0  # fmt: skip
    scores = {
        os.path.basename(entry["image"]): entry["score"]
        for entry in json.loads(back.read_text())[0]["found"]
    }
    assert scores["p1.png"] == pytest.approx(found[0]["score"], abs=1e-5)


@pytest.mark.parametrize(
    "words,reason",
    [
        (["a dog"], "give --images FOLDER and a sentence"),
        (["--images", "{}"], "give --images FOLDER and a sentence"),
        (["--images", "{}/else", "a dog"], "no such folder"),
        (["--images", "{}", "zebra quagga"], "none of its words is known"),
        (["--image", "{}/else.png", "--captions", "{}/x"], "no such file"),
        (["--images", "{}", "a dog", "--top", "0"], "start from 1"),
    ],
)
def test_one_line_for_a_mistake(run, pictures, capsys, words, reason):
    assert search(run, *[word.format(pictures) for word in words]) == 2
    error = capsys.readouterr().err
    assert reason in error and "Traceback" not in error
