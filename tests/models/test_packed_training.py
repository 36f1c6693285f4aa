"""What every captioner learns of words that are packed without padding."""

import pytest

from helpers.captioner_checks import check_mixed_precision, check_packing
from helpers.captioners import VARIANTS, every_captioner, make


@every_captioner
def test_packed_is_dense(variant):
    check_packing(make(variant))


HALF = [(variant, "mixed_float16") for variant in VARIANTS if variant != "hard"]
# Layers are checked in both dtypes; of whole captioners one of each base.
HALF += [(each, "mixed_bfloat16") for each in ("sgate", "spatial transformer")]


@pytest.mark.parametrize("variant, policy", HALF)
def test_mixed_precision_trains_on_packed_words(variant, policy):
    check_mixed_precision(make(variant, dtype=policy), policy)
