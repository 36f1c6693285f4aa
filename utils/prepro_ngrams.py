"""Captions to PREFIX-words.p and PREFIX-idxs.p, the n-grams CIDEr-D weighs.

python utils/prepro_ngrams.py --input_json dataset_coco.json \
    --dict_json data/cocotalk.json --output_pkl data/coco-train \
    --split train
"""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.data.captions.splits import SPLITS
from imcap.data.ngrams.ngram_files import prepare_ngrams
from imcap.options import REQUIRED, option


@dataclasses.dataclass(frozen=True)
class PreproNgramsConfig:
    """Counts in how many images' captions each n-gram occurs."""

    input_json: str = option(
        REQUIRED, "captions: Karpathy JSON or any other known format; or "
        "SPLIT=FILE of several", several=True,
    )  # fmt: skip
    dict_json: str = option(REQUIRED, "cocotalk.json or vocabulary.json")
    output_pkl: str = option(
        REQUIRED, "PREFIX of PREFIX-words.p and PREFIX-idxs.p"
    )
    split: str = option(
        "all",
        "images to count; train includes restval",
        choices=("all", *SPLITS),
    )


def prepro_ngrams(config: PreproNgramsConfig) -> None:
    """Runs the command and prints what came of it."""
    frequencies = prepare_ngrams(
        config.input_json, config.dict_json, config.output_pkl, config.split
    )
    print(
        f"{config.output_pkl}-words.p and -idxs.p: {len(frequencies)} "
        f"n-grams of {frequencies.images} images"
    )


if __name__ == "__main__":
    sys.exit(run_command("prepro_ngrams", PreproNgramsConfig, prepro_ngrams))
