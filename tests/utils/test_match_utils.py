"""utils/vocab.py and utils/convert_data.py: what SCAN's scripts wrote."""

import base64
import json
import runpy
import sys

import numpy as np
import pytest

from helpers.places import ROOT

UTILS = ROOT / "utils"


@pytest.fixture
def script(monkeypatch):
    """Runs a script of utils/; returns its exit status."""

    def run(name, *words):
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(UTILS / f"{name}.py"), run_name="__main__")
        return ended.value.code

    return run


def test_words_of_train_and_dev_are_counted(tmp_path, script):
    folder = tmp_path / "data" / "f30k_precomp"
    folder.mkdir(parents=True)
    (folder / "train_caps.txt").write_text("A dog's ball.\n" * 3)
    (folder / "dev_caps.txt").write_text("a dog!\n")
    (folder / "test_caps.txt").write_text("a ball.\n" * 9)
    words = ["--data_path", tmp_path / "data", "--vocab_path", tmp_path / "v"]
    assert script("vocab", *words, "--data_name", "f30k_precomp") == 0
    path = tmp_path / "v" / "f30k_precomp_vocab.json"
    values = json.loads(path.read_text())
    # Four times: "a" and "dog"; "ball", "'s" and "." only three times.
    assert values["word2idx"] == {
        "<pad>": 0, "<start>": 1, "<end>": 2, "<unk>": 3, "a": 4, "dog": 5,
    }  # fmt: skip
    assert values["idx"] == 6 and values["idx2word"]["5"] == "dog"


def table(tmp_path, counts):
    """A TSV of pictures 1, 2, …; returns their features."""
    lines, features = [], {}
    for number, count in enumerate(counts, 1):
        rng = np.random.default_rng(number)
        found = rng.normal(size=(count, 7)).astype("<f4")
        boxes, regions = (
            base64.b64encode(values.tobytes()).decode()
            for values in (found[:, :4].copy(), found)
        )
        lines.append(f"{number}\t60\t50\t{count}\t{boxes}\t{regions}\n")
        features[number] = found
    (tmp_path / "all.tsv").write_text("".join(lines))
    return features


def convert(script, tmp_path, ids):
    (tmp_path / "ids.txt").write_text("\n".join(map(str, ids)) + "\n")
    return script(
        "convert_data", "--imgid_list", tmp_path / "ids.txt", "--input_file",
        tmp_path / "all.tsv", "--output_dir", tmp_path / "out", "--split",
        "dev",
    )  # fmt: skip


def test_regions_of_the_listed_images(tmp_path, script):
    features = table(tmp_path, [3, 3, 3, 3])
    assert convert(script, tmp_path, [4, 4, 2]) == 0
    array = np.load(tmp_path / "out" / "dev_ims.npy")
    np.testing.assert_array_equal(array, [features[4], features[2]])
    ids = (tmp_path / "out" / "dev_ids.txt").read_text().split()
    assert ids == ["4", "4", "2"]


def test_a_damaged_row_matters_only_where_it_is_asked_for(
    tmp_path, script, capsys
):
    features = table(tmp_path, [3, 3, 3])
    path = tmp_path / "all.tsv"
    lines = path.read_text().splitlines()
    # The second row is cut short; the first and the third are glued.
    path.write_text(f"{lines[0]}{lines[2]}\n{lines[1][:-9]}\n")
    assert convert(script, tmp_path, [1, 3]) == 0
    array = np.load(tmp_path / "out" / "dev_ims.npy")
    np.testing.assert_array_equal(array, [features[1], features[3]])
    capsys.readouterr()
    assert convert(script, tmp_path, [1, 2]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "no row of image '2'" in message
    assert "1 rows are damaged" in message and "line 2: features" in message


@pytest.mark.parametrize(
    "counts,ids,reason",
    [
        ([3, 3], [1, 9], "no row of image '9'"),
        ([3, 2], [1, 2], "line 2: regions of shape (2, 7)"),
    ],
)
def test_one_line_for_a_mistake(tmp_path, script, capsys, counts, ids, reason):
    table(tmp_path, counts)
    assert convert(script, tmp_path, ids) == 2
    assert reason in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
