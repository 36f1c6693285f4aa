"""SCAN: scoring both ways, the memory it takes, and a training step.

python benchmarks/matching.py [--part scoring|memory|training]

36 regions, 1024 wide, captions of 8 to 15 words. Shares are of the rate of a
plain float32 product measured in the same run, before and after; absolute
times depend on the machine and its load.

What was tried for scoring, on two Zen 5 cores: compiling the whole with XLA
(slower: its product is, by a tenth), compiling only what follows the product
(no difference), bfloat16 (the product gains a quarter, and loses as much to
the cast), blocks of 0.5 to 8 MB (4 MB is best), the transposed words made
once instead of in every block (a tenth faster).
"""

import argparse
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from measuring import line, peak_memory, product_rate, seconds

from imcap.models.scan import Scan
from imcap.models.score_blocks import ChunkScores, score_blocks
from imcap.training.optimizers import make_optimizer
from imcap.training.ranking import RankingHinge

K, D, E, V, B = 36, 2048, 1024, 8481, 128
SHORTEST, LONGEST = 8, 15
# Pairs a second of the reference where a plain product ran at 178 GFLOP/s.
REFERENCES = {"t2i": 10_700, "i2t": 5_700}
REFERENCE_RATE = 178e9
LAMBDA = {"t2i": 9.0, "i2t": 4.0}


def unit_vectors(*shape):
    """Random vectors of length one along the last axis."""
    rng = np.random.default_rng(0)
    found = np.empty(shape, "float32")
    # In parts, whose squares need little memory.
    for part in np.array_split(found, 100):
        rng.standard_normal(out=part, dtype="float32")
        part /= np.linalg.norm(part, axis=-1, keepdims=True)
    return found


def caption_lengths(count):
    """Words of each of `count` captions."""
    rng = np.random.default_rng(1)
    return rng.integers(SHORTEST, LONGEST + 1, count)


def make_scan(direction):
    """The model at the published size."""
    return Scan(
        V,
        D,
        bi_gru=True,
        cross_attn=direction,
        lambda_softmax=LAMBDA[direction],
    )


def scoring_seconds(direction, images, words, lengths):
    """Seconds to score all pairs once everything is traced, of three runs."""
    scan = make_scan(direction)
    options = {"lengths": lengths, "scorer": ChunkScores(scan)}

    def score():
        for _ in score_blocks(scan, images, words, **options):
            pass

    return seconds(score, runs=3, warmup=1)


def bench_scoring():
    """Pairs a second, both ways, of a block of rows."""
    lengths = caption_lengths(2000)
    words = unit_vectors(int(lengths.sum()), E)
    images = unit_vectors(800, K, E)
    for direction, reference in REFERENCES.items():
        before = product_rate()
        took = scoring_seconds(direction, images, words, lengths)
        rate = (before + product_rate()) / 2
        pairs = len(images) * len(lengths) / took
        needed = 2 * len(images) * K * E * lengths.sum() / took
        line(f"{direction}: pairs", f"{pairs:.0f}", "/s")
        line("  plain float32 product", f"{rate / 1e9:.0f}", "GFLOP/s")
        scaled = reference * rate / REFERENCE_RATE
        line("  against the reference, scaled", f"{pairs / scaled:.1f}")
        most = rate / (2 * K * E * lengths.mean()) / scaled
        line("  the same, were it the product alone", f"{most:.1f}")
        line("  share of the product", f"{needed / rate:.0%}")
        whole = 5000 * 25_000 / pairs
        line("  5,000 x 25,000, estimated", f"{whole / 60:.1f}", "min")


def bench_memory():
    """As evaluation does it: images in a file, a block of captions at once."""
    lengths = caption_lengths(1000)
    words = unit_vectors(int(lengths.sum()), E)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "images.npy")
        shape = (5000, K, E)
        images = np.lib.format.open_memmap(path, "w+", "float32", shape)
        for first in range(0, len(images), 500):
            images[first : first + 500] = unit_vectors(500, K, E)
        line("memory before, the file's included", _gigabytes(), "GB")
        scan = make_scan("t2i")
        for _ in score_blocks(scan, images, words, lengths=lengths):
            pass
        line("peak, 5,000 images x 1,000 captions", _gigabytes(), "GB")


def _gigabytes():
    return f"{peak_memory() / 1e9:.2f}"


def step_operations(words):
    """Operations of the products of a training step, real words only."""
    image = 2 * B * K * D * E * 2  # features want no gradient
    word = 2 * 2 * 3 * E * (300 + E) * 3  # both directions of the GRU
    pairs = 2 * B * K * E * 3 + 2 * B * K * K * 3  # the product, and a' G a
    return image + words * (word + pairs) + 3 * 2 * B * K * K * E


def bench_training():
    """A training step of 128 pairs, both ways."""
    rng = np.random.default_rng(0)
    lengths = caption_lengths(B)
    tokens = rng.integers(1, V, (B, LONGEST)).astype("int32")
    tokens[np.arange(LONGEST) >= lengths[:, None]] = 0
    features = rng.standard_normal((B, K, D), dtype="float32")
    target = tf.range(B)
    inputs = {"features": tf.constant(features), "tokens": tf.constant(tokens)}
    for direction in REFERENCES:
        scan = make_scan(direction)
        scan.compile(
            make_optimizer("adam", 2e-4, clip_norm=2.0),
            RankingHinge(max_violation=True),
            jit_compile=False,
        )
        before = product_rate()
        took = seconds(
            lambda scan=scan: scan.train_on_batch(inputs, target), runs=5
        )
        rate = (before + product_rate()) / 2
        speed = step_operations(int(lengths.sum())) / took
        line(f"{direction}: training step, batch 128", f"{took:.2f}", "s")
        line("  share of the product", f"{speed / rate:.0%}")
    line("peak memory", _gigabytes(), "GB")


def main():
    """Runs each part in a process of its own, or one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = {
        "scoring": bench_scoring,
        "memory": bench_memory,
        "training": bench_training,
    }
    parser.add_argument("--part", choices=tuple(parts))
    config = parser.parse_args()
    keras.utils.set_random_seed(0)
    if config.part:
        return parts[config.part]()
    for part in parts:
        words = [sys.executable, *sys.argv, "--part", part]
        subprocess.run(words, check=True)
    return None


if __name__ == "__main__":
    main()
