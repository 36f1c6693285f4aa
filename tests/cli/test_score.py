"""`imcap score` and utils/eval_caps.py: what they print, write and refuse."""

import csv
import json
import runpy
import shutil
import sys

import pytest

from helpers.caption_files import write
from helpers.places import ROOT
from helpers.refusing import only_error
from imcap.cli.score import main
from imcap.metrics.coco import score_captions

PLAIN = ["--metrics", "Bleu", "ROUGE_L", "CIDEr"]
FEW = ["--resamples", "40"]
TRUTH = {
    5: ["A dog runs on the grass.", "The brown dog is running."],
    6: ["A cat sleeps on a red sofa.", "The cat is asleep."],
    9: ["Two men play football.", "Some men with a ball."],
}
GOOD = {5: "a dog runs on grass", 6: "a cat on a sofa", 9: "men play football"}
POOR = {5: "a dog", 6: "a man", 9: "a bus, red"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """References as COCO's, and two systems, one of them as a table."""
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path / "captions_val2014.json",
        {
            "images": [
                {"id": key, "file_name": f"COCO_val2014_{key:012d}.jpg"}
                for key in TRUTH
            ],
            "annotations": [
                {"id": 10 * key + i, "image_id": key, "caption": text}
                for key, texts in TRUTH.items()
                for i, text in enumerate(texts)
            ],
        },
    )
    write(
        tmp_path / "good.json",
        [{"image_id": key, "caption": text} for key, text in GOOD.items()],
    )
    write(
        tmp_path / "poor.csv",
        "file_name,caption\n"
        + "".join(
            f'COCO_val2014_{key:012d}.jpg,"{text}"\n'
            for key, text in POOR.items()
        ),
    )
    return tmp_path


def score(*words):
    references = ["--references", "captions_val2014.json"]
    return main(["--results", *words, *references, *PLAIN, *FEW])


def test_one_system(folder, capsys):
    assert score("good.json", "--csv", "of.csv", "--json", "all.json") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("good.json: 3 images\n")
    found = json.loads((folder / "all.json").read_text())
    (system,) = found["results"]
    assert system["images"] == 3 and found["pairs"] == []
    wanted = score_captions(GOOD, TRUTH, ("Bleu", "ROUGE_L", "CIDEr"))
    for name, value in wanted.overall.items():
        one = system["metrics"][name]
        assert one["score"] == pytest.approx(value)
        low, high = one["interval"]
        assert f"{name:9}{value:.4f}  [{low:.4f}, {high:.4f}]" in printed
    with open(folder / "of.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image_id"] for row in rows] == ["5", "6", "9"]
    for row in rows:
        of_image = wanted.per_image[int(row["image_id"])]
        assert row["caption"] == GOOD[int(row["image_id"])]
        assert {name: float(row[name]) for name in of_image} == of_image


def test_two_systems(folder, capsys):
    words = ["good.json", "poor.csv", "--csv", "of.csv", "--json", "all.json"]
    assert score(*words) == 0
    printed = capsys.readouterr().out
    (pair,) = json.loads((folder / "all.json").read_text())["pairs"]
    assert pair["runs"] == ["good.json", "poor.csv"] and pair["images"] == 3
    assert pair["metrics"]["ROUGE_L"]["difference"] < 0
    assert "difference  95% interval" in printed
    assert "3 pictures, 40 resamples" in printed
    with open(folder / "of.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    systems = [row["results"] for row in rows]
    assert systems == ["good.json"] * 3 + ["poor.csv"] * 3


def test_what_is_missing_is_said(folder, capsys):
    write(folder / "few.json", {"5": "a dog", "6": "a cat", "70": "a bus"})
    assert score("few.json") == 0
    said = capsys.readouterr().err
    assert "note: 1 of 3 captions of few.json left out" in said
    assert "note: 1 of 3 images in captions_val2014.json have no" in said
    assert score("few.json", "--strict") == 2
    assert "1 of 3 captions of few.json" in capsys.readouterr().err


def test_what_is_left_out_of_references_is_said(folder, capsys):
    path = folder / "captions_val2014.json"
    values = json.loads(path.read_text())
    values["annotations"].append({"id": 1, "image_id": 404, "caption": "a"})
    write(path, values)
    assert score("good.json") == 0
    assert "captions of absent images left out" in capsys.readouterr().err


def printed(capsys):
    """The lines of standard output."""
    return capsys.readouterr().out.splitlines()


def test_several_files_of_references(folder, capsys):
    values = json.loads((folder / "captions_val2014.json").read_text())
    parts = []
    for number in range(2):
        part = dict(values, images=values["images"][number::2])
        keys = {image["id"] for image in part["images"]}
        part["annotations"] = [
            one for one in values["annotations"] if one["image_id"] in keys
        ]
        parts.append(write(folder / f"part{number}.json", part).name)
    words = ["--results", "good.json", *PLAIN, *FEW, "--references"]
    assert main([*words, *parts]) == 0
    scores = [line.split("[")[0] for line in printed(capsys)]
    assert score("good.json") == 0
    assert scores == [line.split("[")[0] for line in printed(capsys)]
    write(folder / "few.json", {"5": "a dog"})
    assert main(["--results", "few.json", *words[2:], *parts]) == 0
    assert "part0.json and part1.json" in capsys.readouterr().err


def test_how_a_table_was_read_is_said(folder, capsys):
    lines = [
        f"COCO_val2014_{key:012d}.jpg;{text}\n" for key, text in GOOD.items()
    ]
    write(folder / "mine.csv", "Bild;Beschreibung\n" + "".join(lines))
    assert score("mine.csv") == 0
    assert "note: mine.csv: columns read: 'Bild' as image" in (
        capsys.readouterr().err
    )


def test_without_java(folder, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    words = ["--results", "good.json", "--references", "captions_val2014.json"]
    assert main([*words, *FEW]) == 0
    printed = capsys.readouterr()
    assert "CIDEr" in printed.out and "METEOR" not in printed.out
    assert "METEOR and SPICE left out: there is no java" in printed.err


def test_bad_flags(folder, capsys):
    def line(*words):
        references = ["--references", "captions_val2014.json"]
        return only_error(main, capsys, "--results", *words, *references)

    assert "--resamples" in line("good.json", "--resamples", "3")
    assert "--seed" in line("good.json", "--seed", "-1")
    assert "one file twice" in line("good.json", "./good.json")
    assert "there are Bleu" in line("good.json", "--metrics", "Foo")
    assert "none.json: no such file" in line("none.json")
    assert "cannot be written" in line("good.json", "--csv", "/proc/x/o.csv")
    assert "it is read" in line("good.json", "--json", "good.json")
    words = ["--results", "good.json", "--references", "none.json"]
    assert "none.json: no such file" in only_error(main, capsys, *words)
    write(folder / "other.json", [{"image_id": 77, "caption": "a"}])
    assert "results name 77, references 5, 6, 9" in line("other.json")


def eval_caps(monkeypatch, *words):
    script = str(ROOT / "utils" / "eval_caps.py")
    monkeypatch.setattr(sys, "argv", [script, *words])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(script, run_name="__main__")
    return stop.value.code


def test_eval_caps_prints_as_sat_keras_does(folder, capsys, monkeypatch):
    words = ["-results_file", "good.json", "-ann_file", "captions_val2014.json"]
    assert eval_caps(monkeypatch, *words, *PLAIN) == 0
    printed = capsys.readouterr().out
    wanted = score_captions(GOOD, TRUTH, ("Bleu", "ROUGE_L", "CIDEr"))
    lines = [f"{name}: {v:.3f}" for name, v in wanted.overall.items()]
    assert printed.splitlines()[-6:] == lines
    assert lines[0].startswith("Bleu_1: ") and "index created!" in printed


def test_eval_caps_says_what_is_missing(folder, capsys, monkeypatch):
    write(folder / "few.json", {"5": "a dog", "70": "a bus"})
    words = ["-results_file", "few.json", "-ann_file", "captions_val2014.json"]
    assert eval_caps(monkeypatch, *words, "--metrics", "ROUGE_L") == 0
    said = capsys.readouterr().err
    assert "1 of 2 captions of few.json left out" in said
    assert "2 of 3 images in captions_val2014.json have no caption" in said


@pytest.mark.parametrize(
    "value, said",
    [
        ([], "not COCO's"),
        ({"images": []}, "holds no captions"),
        ({"images": [{}], "annotations": []}, "not COCO's"),
        (
            {
                "images": [{"id": 5, "file_name": "a.jpg"}],
                "annotations": [{"id": 1, "image_id": 5, "bbox": [1, 2]}],
            },
            "not COCO's",
        ),
        (
            {
                "images": [{"id": 5, "file_name": "a.jpg"}],
                "annotations": [{"id": 1, "image_id": 5, "caption": None}],
            },
            "no text",
        ),
        ('{"images": [', "cut short"),
    ],
)
def test_eval_caps_refuses(folder, capsys, monkeypatch, value, said):
    write(folder / "bad.json", value)
    words = ["-results_file", "good.json", "-ann_file", "bad.json"]
    assert eval_caps(monkeypatch, *words) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "error" in x]
    assert said in line and "bad.json" in line
