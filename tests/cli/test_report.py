"""`imcap report`: a page of a run, or one line on what is wrong."""

import json

import keras
import numpy as np
import pytest

from helpers.reading_pages import PageReader
from helpers.refusing import only_error
from helpers.tiny_data import write_features
from helpers.tiny_runs import CHANNELS, SIZE, make_match_run, make_run
from helpers.tiny_split import write_split
from imcap.cli import match
from imcap.cli.report import main
from imcap.vision.networks import small_cnn_metadata

SHORT = ["--max_length", "3", "--beam_size", "2", "--metrics", "Bleu", "CIDEr"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five pictures with captions, the last picture broken; and runs."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("report")
    captions = write_split(folder)
    (folder / "images" / "p4.png").write_bytes(b"no picture")
    data = {"input_json": str(captions), "images_root": str(folder / "images")}
    pictures = small_cnn_metadata(SIZE, CHANNELS)
    make_run(
        folder / "pictures", pictures, CHANNELS, cnntrain=True, sgate=True,
        **data,
    )  # fmt: skip
    write_features(folder / "features.h5", images=5, grid=[1, 7])
    make_run(
        folder / "regions", {"grid": [1, 7]}, CHANNELS,
        features=str(folder / "features.h5"), input_json=str(captions),
    )  # fmt: skip
    return folder


def report(run, *words):
    """Runs the command; the page it wrote, read."""
    path = run.parent / "page.html"
    arguments = ["--model", run, "--output", path, *words]
    assert main([str(word) for word in arguments]) == 0
    return PageReader(path.read_text(encoding="utf-8"))


def fails(capsys, *words):
    return only_error(main, capsys, *words)


@pytest.mark.parametrize("name, cells", [("pictures", 16), ("regions", 7)])
def test_split(folder, capsys, name, cells):
    read = report(folder / name, *SHORT)
    said = capsys.readouterr()
    lines = [one for one in said.err.splitlines() if "left out" in one]
    assert len(lines) == 1 and "p4.png" in lines[0]
    assert len(read.cards) == len(read.data["cards"]) == 4
    sentences = {
        entry["filename"]: [one["raw"] for one in entry["sentences"]]
        for entry in json.loads((folder / "captions.json").read_text())[
            "images"
        ]
    }
    for number, (text, card) in enumerate(
        zip(read.cards, read.data["cards"], strict=True)
    ):
        assert f"p{number}.png" in text
        for sentence in sentences[f"p{number}.png"]:
            assert sentence in text
        assert {"CIDEr", "Bleu_4", "log p"} <= set(card["scores"])
        assert card["scores"]["log p"] < 0
        assert len(card["lines"][0]["weights"][0][0]) == cells
        assert card["grid"][0] * card["grid"][1] == cells
        assert ("share" in card["lines"][0]) == (name == "pictures")
    assert "CIDEr is not meaningful for 4 images" in read.text


@pytest.mark.parametrize("name", ["pictures", "regions"])
def test_two_entries_of_one_file_keep_their_own(folder, tmp_path, name):
    values = json.loads((folder / "captions.json").read_text())
    # As RefCOCO has them: 100 and 101 are of p0.png, the broken one between.
    files = ["p0.png", "p4.png", "p0.png", "p1.png"]
    values["images"] = [
        {
            "imgid": 100 + number, "filename": file, "split": "test",
            "sentences": [{"tokens": [word], "raw": word}],
        }
        for number, (file, word) in enumerate(
            zip(files, ["first", "broken", "second", "other"], strict=True)
        )
    ]  # fmt: skip
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps(values))
    words = ["--input_json", captions, "--images_root", folder / "images"]
    read = report(folder / name, *words, *SHORT)
    own = [("p0.png (100)", "first"), ("p0.png (102)", "second")]
    own.append(("p1.png", "other"))
    for text, (title, sentence) in zip(read.cards, own, strict=True):
        assert title in text and sentence in text
    assert "second" not in read.cards[0] and "first" not in read.cards[1]
    assert "(103)" not in read.cards[2]
    read = report(
        folder / "pictures", "--images", folder / "images" / "p0.png",
        "--max_length", "3", "--references", captions, "--metrics", "Bleu",
    )  # fmt: skip
    assert "first" in read.cards[0] and "second" in read.cards[0]


def test_it_says_what_the_other_commands_say(folder, capsys, tmp_path):
    from imcap.cli import caption

    read = report(folder / "pictures", *SHORT, "--num_images", "2")
    found = tmp_path / "found.json"
    words = ["--model", folder / "pictures", "--max_length", 3, "--beam_size"]
    words += [2, "--no_draw", "--json", found, folder / "images" / "p1.png"]
    assert caption.main([str(word) for word in words]) == 0
    (entry,) = json.loads(found.read_text())
    (best,) = entry["captions"]
    assert best["caption"] in read.cards[1]
    assert read.data["cards"][1]["scores"]["log p"] == pytest.approx(
        best["log_probability"], abs=1e-4
    )


def test_given_pictures_samples_and_references(folder, capsys):
    read = report(
        folder / "pictures", "--images", folder / "images", "--sample_n", "3",
        "--max_length", "3", "--references", folder / "captions.json",
        "--metrics", "Bleu",
    )  # fmt: skip
    assert "p4.png" in capsys.readouterr().err
    assert len(read.cards) == 4
    for text, card in zip(read.cards, read.data["cards"], strict=True):
        assert len(card["lines"]) == 3 and "also" in text
        assert "Bleu_4" in card["scores"]
        assert "</script><b>" in text
    plain = report(
        folder / "pictures", "--images", folder / "images" / "p0.png",
        "--max_length", "3",
    )  # fmt: skip
    assert plain.count("article") == 1 and "references" not in plain.cards[0]
    assert set(plain.data["cards"][0]["scores"]) == {"log p"}


def test_learning_curves_are_there(folder):
    run = folder / "pictures"
    assert "how it learnt" not in report(run, *SHORT, "--num_images", "1").text
    lines = [{"epoch": n, "loss": 3.0 / n} for n in (1, 2)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "metrics.jsonl").write_text(text)
    assert "how it learnt" in report(run, *SHORT, "--num_images", "1").text
    assert (run / "curves.png").exists()


def test_default_place(folder, capsys):
    run = folder / "regions"
    assert main(["--model", str(run), *SHORT, "--num_images", "1"]) == 0
    path = run / "report" / "test_beam2.html"
    assert str(path) in capsys.readouterr().out and path.exists()


def test_pictures_that_are_not_there(folder, capsys, tmp_path):
    line = fails(
        capsys, "--model", folder / "pictures", "--images_root", tmp_path
    )
    assert "--images_root" in line
    line = fails(
        capsys, "--model", folder / "pictures", "--images", tmp_path / "no.png"
    )
    assert "no picture to show" in line and "no.png" in line
    assert "no such run" in fails(capsys, "--model", tmp_path / "none")
    words = ["--model", folder / "pictures", "--num_images", "0"]
    assert "--num_images" in fails(capsys, *words)


@pytest.fixture(scope="module")
def matcher(folder):
    """A matching run of random weights, with features of the pictures."""
    keras.utils.set_random_seed(0)
    (folder / "matching").mkdir()
    run = make_match_run(folder / "matching")
    write_features(
        folder / "matching" / "features.h5", images=5,
        locations=16, **run.encoder_metadata,
    )  # fmt: skip
    return run


def matching_flags(folder):
    return [
        "--input_json", str(folder / "captions.json"),
        "--features", str(folder / "matching" / "features.h5"),
    ]  # fmt: skip


def test_matching_split(folder, matcher, capsys):
    flags = matching_flags(folder)
    read = report(matcher.path, *flags, "--top", "4", "--num_images", "3")
    assert len(read.cards) == 3
    words = ["evaluate", "--model", str(matcher.path), *flags]
    assert match.main(words) == 0
    path = matcher.path / "evaluation" / "test" / "metrics.json"
    metrics = json.loads(path.read_text())
    assert f"image → text R@1{metrics['image_to_text']['R@1']:.1f}" in read.text
    for card, text in zip(read.data["cards"], read.cards, strict=True):
        assert len(card["lines"]) == 4 + 3  # the best, and its own
        assert card["grid"] == [4, 4]
        assert card["scores"]["rank of its captions"] >= 1
        assert "its picture at rank" in text
        # Words look at regions: each word's weights sum to one.
        for line in card["lines"]:
            rows = np.array(line["weights"])[:, 0] / 999
            sums = rows.sum(axis=1) * np.array(line["peaks"])[:, 0]
            np.testing.assert_allclose(sums, 1.0, atol=0.02)
    assert set(read.data["lowerIsBetter"]) == {
        "rank of its captions", "rank of the picture"
    }  # fmt: skip


def test_a_right_caption_is_marked(folder, matcher):
    read = report(matcher.path, *matching_flags(folder), "--top", "15")
    for row, (_, attributes) in enumerate(
        one for one in read.elements if one[0] == "article"
    ):
        assert attributes["data-row"] == str(row)
    # All 15 captions are among the best 15, three of them its own.
    assert read.count("p", **{"class": "line right"}) == 3 * len(read.cards)


def test_matching_of_given_pictures(folder, matcher, tmp_path, capsys):
    lines = tmp_path / "lines.txt"
    lines.write_text("a dog runs\nthe green grass\non the dog\n")
    read = report(
        matcher.path, "--images", folder / "images", "--captions", lines,
        "--top", "2",
    )  # fmt: skip
    assert "p4.png" in capsys.readouterr().err
    import imcap

    scores = imcap.load(matcher.path).score(
        folder / "images" / "p0.png", lines.read_text().splitlines()
    )
    best = read.data["cards"][0]["scores"]["best score"]
    assert best == pytest.approx(scores.max(), abs=1e-5)
    said = lines.read_text().splitlines()[scores[0].argmax()]
    assert said in read.cards[0]


def test_matching_without_pictures(folder, matcher, capsys):
    words = ["--model", matcher.path, *matching_flags(folder)]
    line = fails(capsys, *words, "--images_root", folder / "nowhere")
    assert "--images_root" in line
