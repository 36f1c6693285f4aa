"""Rewards in the graph: CIDEr-D and BLEU-4 of sampled captions.

python benchmarks/cider_d.py

Captions of 20 words with 5 references each; frequency tables of 347 thousand
further n-grams, as of Flickr8k, and 3.5 million, as of COCO. A scorer on the
host, the field's usual one, takes 30 to 45 ms for 50 samples and 546 ms for
1,280.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from measuring import line, seconds

from imcap.metrics.cider_d import CiderD
from imcap.metrics.sentence_bleu import SentenceBleu

VOCABULARY, R, T = 9_488, 5, 20
SIZES = ((10, 5), (256, 5), (1280, 1))  # images, samples of each
TABLES = (("none but the captions' own", 0), ("347 k", 347_441))
TABLES += (("3.5 M", 3_500_000),)
AIMS = {50: 2, 1280: 40}


def random_captions(rng, images, samples):
    """Samples that share most of their words with their references."""
    # Words are as unequal as in captions.
    shape = (images, samples + R, T)
    ids = np.minimum(rng.zipf(1.3, shape), VOCABULARY - 1)
    ids[:, 1:] = np.where(rng.random(shape) < 0.3, ids, ids[:, :1])[:, 1:]
    ends = rng.integers(8, T + 1, shape[:2])
    ids = np.where(np.arange(T) < ends[..., None], ids, 0).astype("int32")
    return ids[:, :samples], ids[:, samples:]


def own_ngrams(captions):
    """uint16 (M, 4): n-grams of captions (..., T), as `CiderD` has them."""
    words = captions.reshape(-1, T) + 1
    found = []
    for n in range(1, 5):
        rows = np.lib.stride_tricks.sliding_window_view(words, n, axis=1)
        rows = rows.reshape(-1, n)
        found.append(np.pad(rows, [(0, 0), (0, 4 - n)]))
    return np.concatenate(found).astype("uint16")


def table(rng, captions, size):
    """A scorer that knows the captions and `size` further n-grams."""
    further = rng.integers(1, VOCABULARY, (size, 4)).astype("uint16")
    further[: size // 7, 2:] = 0
    further[size // 7 : size // 2, 3] = 0
    rows = np.concatenate([own_ngrams(captions), further])
    packed = np.unique(np.ascontiguousarray(rows).view("uint64"))
    rows = packed.view("uint16").reshape(-1, 4)
    counts = rng.integers(1, 100, len(rows))
    return CiderD(rows, counts, 113_287, VOCABULARY)


def bench(score, batch, jit):
    """Milliseconds of a call, compiled, its result on the host."""
    # A function of its own: otherwise TensorFlow warns of many tracings.
    function = tf.function(lambda *given: score(*given), jit_compile=jit)
    return 1e3 * seconds(lambda: function(*batch).numpy(), runs=21, warmup=4)


def both(cider_d):
    """CIDEr-D and BLEU-4 of the same captions."""
    bleu = SentenceBleu()
    return lambda *batch: cider_d(*batch) + bleu(*batch)


def main():
    """One row for each size, table and compiler."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rng = np.random.default_rng(0)
    batches = {size: random_captions(rng, *size) for size in SIZES}
    captions = np.concatenate(
        [part.reshape(-1, T) for pair in batches.values() for part in pair]
    )
    for name, size in TABLES:
        cider_d = table(rng, captions, size)
        slots = cider_d.table.highs.shape[0]
        print(f"\ntable of {name}: {slots:,} slots, {slots * 12 / 1e6:.0f} MB")
        for (images, samples), batch in batches.items():
            batch = [tf.constant(part) for part in batch]
            total = images * samples
            aim = f"aim {AIMS[total]} ms"
            title = f"{total} samples of {images} images"
            for jit in (True, False):
                took = bench(cider_d, batch, jit)
                how = "XLA" if jit else "graph"
                line(f"  {title}, {how}", f"{took:.2f}", "ms", aim)
            took = bench(both(cider_d), batch, True)
            line(f"  {title}, XLA, and BLEU-4", f"{took:.2f}", "ms")


if __name__ == "__main__":
    main()
