"""Images in five folds."""

import pytest

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
