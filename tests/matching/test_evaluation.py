"""Images in five folds."""

import pytest

from helpers.matching_runs import evaluate, metrics, train
from helpers.tiny_data import prepare_folder
from helpers.tiny_pairs import write_split
from imcap.errors import InputError
from imcap.matching.data import PairSource
from imcap.matching.evaluation import FOLDS, split_folds


def test_folds_hold_every_image_with_its_own_captions(tmp_path):
    write_split(tmp_path / "tiny_precomp", "testall", images=2 * FOLDS)
    pairs = PairSource(str(tmp_path), "tiny_precomp").open("testall")
    folds = split_folds(pairs)
    assert [len(fold) for fold in folds] == [2] * FOLDS
    ids = [image_id for fold in folds for image_id in fold.image_ids]
    assert ids == list(pairs.image_ids)
    assert [words for fold in folds for words in fold.tokens] == pairs.tokens
    assert folds[3].image_of.tolist() == [0] * 5 + [1] * 5
    with pytest.raises(InputError, match="needs a multiple of 5 images"):
        split_folds(pairs.part(0, 7))


def test_another_file_without_splits_is_scored_whole(tmp_path, capsys):
    folder = prepare_folder(tmp_path)
    options = {
        "input_json": folder / "captions.json",
        "features": folder / "features.h5",
        "matcher": "ridge",
    }
    assert train(folder, **options) == 0
    capsys.readouterr()
    table = folder / "table.csv"
    rows = [f"{n + 100},{n}.jpg,a dog runs" for n in range(24)]
    table.write_text("\n".join(["id,image,caption", *rows]) + "\n")
    run = folder / "run"
    assert evaluate(run, "--input_json", table, "--split", "test") == 0
    assert metrics(run, "test")["images"] == 24
    assert "no splits: all 24 pictures" in capsys.readouterr().out
    assert evaluate(run, "--split", "test") == 0
    assert metrics(run, "test")["images"] == 2
