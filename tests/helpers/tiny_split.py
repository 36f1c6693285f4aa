"""A data set with pictures on disk, for runs of random weights."""

import json

import numpy as np
from PIL import Image

from helpers.tiny_runs import WORDS


def write_split(folder, count=5, split="test"):
    """captions.json and images/p0.png …; returns the path of the former.

    The third caption of each picture holds what HTML must not read.
    """
    random = np.random.default_rng(7)
    images = folder / "images"
    images.mkdir(parents=True)
    entries = []
    for number in range(count):
        noise = random.integers(0, 256, (40, 50 + number, 3), "uint8")
        Image.fromarray(noise).save(images / f"p{number}.png")
        said = [
            [str(word) for word in random.choice(WORDS, 4)] for _ in range(2)
        ]
        said.append(["a", "dog", "</script><b>", "&", '"runs"'])
        sentences = [
            {"tokens": words, "raw": " ".join(words)} for words in said
        ]
        entries.append(
            {
                "imgid": number + 100,
                "filename": f"p{number}.png",
                "split": split,
                "sentences": sentences,
            }
        )
    path = folder / "captions.json"
    path.write_text(json.dumps({"images": entries, "dataset": "tiny"}))
    return path
