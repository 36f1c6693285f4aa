"""`imcap caption` with what ships: LiteRT, its outputs, its reserve."""

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imcap
from helpers.places import ROOT
from helpers.refusing import only_error
from helpers.tiny_data import write_captions, write_features
from imcap.captioning.litert import LiteRTCaptioner
from imcap.cli import calibrate, match
from imcap.cli.caption import main
from imcap.runs.pretrained import FOLDER, LITERT

PHOTOGRAPHS = sorted((ROOT / "docs/pictures").glob("*.jpg"))
# Refuses to import what the fast road must do without.
WITHOUT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden}:
            raise ModuleNotFoundError(f"No module named {{name}}", name=name)
sys.meta_path.insert(0, Refuse())
from imcap.__main__ import main
sys.exit(main({words}))
"""


@pytest.fixture
def folder(tmp_path):
    """Two photographs, noise, and a file that is no picture."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), "uint8")
    Image.fromarray(noise).save(folder / "noise.png")
    for path in PHOTOGRAPHS:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def pixels(path):
    """A picture as an array."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def without(hidden, *words):
    """Runs `imcap` in a process where some packages cannot be imported."""
    program = WITHOUT.format(hidden=set(hidden), words=list(map(str, words)))
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )


def test_first_line_needs_no_tensorflow(tmp_path):
    hidden = {"tensorflow", "keras", "h5py", "matplotlib", "jax"}
    done = without(hidden, "caption", *PHOTOGRAPHS, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(PHOTOGRAPHS)
    assert "nothing drawn: matplotlib is not installed" in done.stderr


def test_without_an_interpreter():
    done = without({"tensorflow", "ai_edge_litert"}, "caption", PHOTOGRAPHS[0])
    assert done.returncode == 2
    line = "imcap caption: error: no interpreter of LiteRT files; pip install"
    assert done.stderr.startswith(line)


def test_full_road_says_what_is_missing():
    words = ["caption", PHOTOGRAPHS[0], "--beam_size", 2]
    done = without({"keras"}, *words)
    line = "imcap caption: error: keras is not installed; pip install"
    assert done.returncode == 2 and done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_what_is_no_photograph_is_declined(folder, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main([str(folder / "noise.png"), "--json", str(out)]) == 0
    assert "not sure what this shows" in capsys.readouterr().out
    entry = json.loads(out.read_text())[0]["captions"][0]
    assert entry["confidence"] < 0.01 and entry["sure"] is False


def test_everything_about_a_folder(folder, tmp_path, capsys):
    words = [str(folder), "--output", str(tmp_path / "out"), "--sidecar"]
    words += ["--json", str(tmp_path / "a.json")]
    words += ["--csv", str(tmp_path / "a.csv")]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "broken.jpg: not a picture" in said.err
    assert "1 of 5 failed" in said.err
    entries = json.loads((tmp_path / "a.json").read_text())
    assert len(entries) == 4
    with open(tmp_path / "a.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [e["image"] for e in entries]
    for entry in entries:
        first = entry["captions"][0]
        text = folder / entry["image"]
        text = text.with_suffix(".txt")
        assert text.exists() == first["sure"]
        if first["sure"]:
            assert text.read_text() == first["caption"] + "\n"
        assert pixels(Path(entry["attention"])).shape[1] > 300
    # Once more: what is there stays, what is declined or broken is tried.
    assert main([*words, "--skip_done", "--keep_unsure"]) == 0
    said = capsys.readouterr()
    sure = sum(entry["captions"][0]["sure"] for entry in entries)
    assert f"{sure} done before" in said.err
    assert len(list(folder.glob("*.txt"))) == 4


def test_equal_names_have_their_own_texts(folder):
    png = folder / f"{PHOTOGRAPHS[0].stem}.png"
    Image.fromarray(pixels(PHOTOGRAPHS[0])).save(png)
    words = ["--sidecar", "--keep_unsure"]
    assert main([str(folder), *words]) == 0
    stem = PHOTOGRAPHS[0].stem
    assert (folder / f"{stem}.jpg.txt").exists()
    assert (folder / f"{stem}.png.txt").exists()


def test_copies_keep_pixels_and_other_tags(tmp_path, capsys):
    pyexiv2 = pytest.importorskip("pyexiv2")
    original = tmp_path / "in" / "photo.jpg"
    original.parent.mkdir()
    original.write_bytes(PHOTOGRAPHS[0].read_bytes())
    with pyexiv2.Image(str(original)) as image:
        image.modify_exif(
            {"Exif.Photo.UserComment": "mine", "Exif.Image.Artist": "someone"}
        )
        image.modify_xmp(
            {"Xmp.dc.creator": ["someone"], "Xmp.dc.description": "a day out"}
        )
    before = original.read_bytes()
    out = tmp_path / "out"
    words = [str(original), "--write_metadata", "--keep_unsure"]
    assert main([*words, "--output", str(out), "--no_draw"]) == 0
    copy = out / "captioned" / "photo.jpg"
    caption = capsys.readouterr().out.partition(": ")[2]
    with (
        pyexiv2.Image(str(original)) as first,
        pyexiv2.Image(str(copy)) as second,
    ):
        assert second.read_exif() == first.read_exif()
        xmp = second.read_xmp()
        kept = first.read_xmp()
    text = xmp.pop("Xmp.iptc.AltTextAccessibility")
    assert next(iter(text.values())) in caption
    assert xmp == kept
    assert (pixels(copy) == pixels(original)).all()
    assert original.read_bytes() == before
    # In place, and then it is done.
    assert main([*words, "--in_place", "--no_draw"]) == 0
    assert original.read_bytes() != before
    capsys.readouterr()
    assert main([*words, "--in_place", "--no_draw", "--skip_done"]) == 0
    assert "1 done before" in capsys.readouterr().err


def test_format_without_metadata(folder, tmp_path, capsys):
    pytest.importorskip("pyexiv2")
    gif = tmp_path / "a.gif"
    Image.fromarray(pixels(PHOTOGRAPHS[0])).save(gif)
    words = [str(gif), "--write_metadata", "--keep_unsure", "--no_draw"]
    assert main([*words, "--output", str(tmp_path)]) == 0
    assert "its metadata cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "captioned" / "a.gif").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--in_place"], "--in_place goes with --write_metadata"),
        (["--write_metadata"], "give --output FOLDER"),
        (["--skip_done"], "--skip_done goes with"),
        (["--model", "x.tflite"], "x.tflite: no such file"),
        (["--model", "x.tflite", "--beam_size", "3"], "decodes greedily"),
    ],
)
def test_flags_that_do_not_belong_together(words, reason, capsys):
    pytest.importorskip("pyexiv2")
    assert reason in only_error(main, capsys, PHOTOGRAPHS[0], *words)


def test_flags_of_decoding_take_the_full_road(capsys):
    assert main([str(PHOTOGRAPHS[0]), "--beam_size", "2"]) == 0
    assert "confidence" in capsys.readouterr().out


def test_eight_bits_say_nearly_what_the_weights_say():
    fast, full = LiteRTCaptioner(LITERT), imcap.load()
    for path in PHOTOGRAPHS:
        ours, theirs = fast(path), full.attention(path, beam_size=1)
        assert ours.words[:2] == theirs.words[:2]
        assert abs(ours.confidence - theirs.confidence) < 0.1


def test_nothing_is_written_beside_what_ships(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in FOLDER.rglob("*")}
    captions = write_captions(tmp_path / "captions.json", images=4)
    text = captions.read_text().replace('"train"', '"test"')
    captions.write_text(text)
    features = write_features(tmp_path / "f.h5", images=4, channels=1280)
    data = ["--input_json", str(captions), "--features", str(features)]
    line = ["--model", "pretrained", "--split", "test", *data]
    assert match.main(["evaluate", *line]) == 0
    assert list(tmp_path.glob("imcap_output/**/metrics.json"))
    assert calibrate.main(["--model", "pretrained", *data]) == 2
    assert "stays as it is" in capsys.readouterr().err
    after = {path: path.stat().st_mtime_ns for path in FOLDER.rglob("*")}
    assert after == before


def test_wheel_is_small_enough(tmp_path):
    """Of 45 MB, deflated as in a wheel, 43.9 are for what is not code."""
    with zipfile.ZipFile(
        tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED
    ) as archive:
        for path in FOLDER.rglob("*"):
            archive.write(path, path.relative_to(FOLDER))
    assert (tmp_path / "all.zip").stat().st_size < 43.9e6


def test_what_ships_names_no_machine():
    for path in FOLDER.rglob("*.json"):
        values = json.loads(path.read_text(encoding="utf-8"))
        texts = [v for v in values.values() if isinstance(v, str)]
        assert not [text for text in texts if "/" in text], path
