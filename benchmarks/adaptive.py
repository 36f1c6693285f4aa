"""Adaptive attention: training step, decoding, input pipeline, memory.

python benchmarks/adaptive.py [--captions dataset.json --features F.h5]

Shares are of the rate of a plain float32 product measured in the same run,
before and after; absolute times depend on the machine and its load.
"""

import argparse
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from measuring import line, peak_memory, product_rate, seconds

from imcap.captioning.generation import Generator
from imcap.models.registry import build_captioner
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import make_optimizer
from imcap.training.task import CaptioningTask

B, N, K, D, U, V, T = 10, 5, 49, 2048, 512, 9488, 17
REFERENCE = {"step": 0.97, "beam": 0.076, "rate": 178e9}


def make_task(dtype=None, jit=False):
    """The task at the reference's size, compiled with Adam and clipping."""
    captioner = build_captioner(
        "adaptive", V, D, sgate=True, dropout=0.5, dtype=dtype
    )
    task = CaptioningTask(captioner)
    task.compile(
        make_optimizer("adam", 5e-4, clip_value=0.1),
        WordCrossEntropy(),
        jit_compile=jit,
    )
    return task


def make_batch(lengths, locations=K, batch=B, steps=T, channels=D):
    """Inputs, targets and weights of captions of the given lengths (B, N).

    Lengths count words and eos.
    """
    from imcap.data.batches.caption_batches import CaptionBatches
    from imcap.data.captions.caption_set import EncodedCaptions

    class Words:
        pad_id, bos_id, eos_id = 0, 0, 0

    rng = np.random.default_rng(0)
    captions = [
        [rng.integers(1, V, length - 1).astype("int32") for length in row]
        for row in lengths
    ]
    features = rng.normal(size=(batch, locations, channels))
    features = features.astype("float32")
    batches = CaptionBatches(
        EncodedCaptions(list(range(batch)), captions),
        lambda ids: {"features": features},
        Words,
        max_length=steps - 1,
        batch_size=batch,
        captions_per_image=len(lengths[0]),
    )
    return tf.nest.map_structure(tf.constant, batches.batch(0))


def operations(words, batch=B, locations=K):
    """Floating-point operations of the matrix products of one step.

    Counts forward and backward products of real words only; the gradient of
    the features is not needed.
    """
    word = U * V + 5 * U * U  # output; hidden, query, 2 sentinel, merge
    word += 2 * U * 5 * U  # recurrence: word and hidden to five gates
    word += 2 * locations * U + 2 * U  # score and context
    image = locations * U * U + U * 5 * U  # keys, global to gates
    first = locations * D * U + D * U  # values and global: no input gradient
    return 2 * (3 * words * word + batch * (3 * image + 2 * first))


def bare_products():
    """Seconds of the step's own matrix products, and nothing else.

    A product of a few hundred rows runs below the rate of a large square
    one; this is what a step that did nothing besides would take.
    """
    words, rows = B * N * T, B * N
    dense = [(words, U, V), (words, U, 5 * U), (B * K, U, U)]
    dense += 5 * [(words, U, U)]
    first = [(B * K, D, U), (B, D, U)]

    def random(*shape):
        return tf.constant(np.random.default_rng(0).random(shape, "float32"))

    layers = [(random(m, k), random(k, n), random(m, n)) for m, k, n in dense]
    starts = [(random(m, k), random(k, n), random(m, n)) for m, k, n in first]
    state, kernel = random(rows, U), random(U, 5 * U)
    total = random(rows, 5 * U)

    @tf.function
    def products():
        found = []
        for inputs, weights, slopes in layers + starts:
            found.append(tf.matmul(inputs, weights))
            found.append(tf.matmul(inputs, slopes, transpose_a=True))
        for _, weights, slopes in layers:
            found.append(tf.matmul(slopes, weights, transpose_b=True))
        step, back = state, total
        for _ in range(T):  # one after another, as the recurrence is
            step = tf.matmul(step, kernel)[:, :U]
            back = tf.matmul(back, kernel, transpose_b=True)
            back = tf.concat([back] * 5, axis=1)
        found += [step, back]
        found.append(tf.matmul(layers[1][0], layers[1][2], transpose_a=True))
        return [part[0, 0] for part in found]

    return seconds(lambda: [part.numpy() for part in products()])


def time_step(task, batch):
    """Seconds of a training step, through the compiled train function."""
    inputs, targets, weights = batch

    def step():
        return task.train_on_batch(inputs, targets, sample_weight=weights)

    return seconds(step)


def real_lengths(path, rng):
    """Lengths with eos (B, N), drawn from real captions where given."""
    if path is None:
        # Flickr8k's own distribution, words a caption: mean 10.6 after
        # cutting at 16.
        return np.clip(rng.normal(11.6, 3.4, (B, N)).round(), 3, T).astype(int)
    from imcap.data.captions.reading import read_captions

    captions = read_captions(path).split("train")
    rows = rng.choice(len(captions), B, replace=False)
    return np.array(
        [[min(len(c), T - 1) + 1 for c in captions.tokens[r][:N]] for r in rows]
    )


def bench_steps(path):
    """The training step: full captions, real captions, other dtypes."""
    rate = product_rate()
    line("plain float32 product", f"{rate / 1e9:.0f}", "GFLOP/s")
    full = make_batch(np.full((B, N), T))
    real = real_lengths(path, np.random.default_rng(0))
    packed = make_batch(real)
    task = make_task()
    took = {}
    for name, batch, words in (
        ("every word real", full, B * N * T),
        ("real caption lengths", packed, int(real.sum())),
    ):
        took[name] = time_step(task, batch)
        speed = operations(words) / took[name]
        line(f"step, {name}", f"{took[name]:.3f}", "s")
        line("  achieved", f"{speed / 1e9:.0f}", "GFLOP/s")
        line("  share of the product", f"{speed / rate:.0%}")
    bare = bare_products()
    line("the products of the first alone", f"{bare:.3f}", "s")
    line("  share of the product", f"{operations(B * N * T) / bare / rate:.0%}")
    line(
        "  the step takes",
        f"{took['every word real'] / bare:.2f}",
        "times that",
    )
    first, second = took.values()
    line("real lengths are faster by", f"{first / second:.2f}", "times")
    scaled = REFERENCE["step"] * REFERENCE["rate"] / rate
    line(
        "against PyTorch's 0.97 s at 178 GFLOP/s, scaled",
        f"{scaled / first:.2f}",
        "times",
        f"({scaled / second:.2f} at real lengths)",
    )
    low = make_task("mixed_bfloat16")
    half = time_step(low, full)
    line("step, bfloat16, every word real", f"{half:.3f}", "s")
    line("bfloat16 against float32", f"{first / half:.2f}", "times")
    line("plain bfloat16 product", f"{product_rate('bfloat16') / 1e9:.0f}")
    after = product_rate()
    line("plain float32 product, again", f"{after / 1e9:.0f}", "GFLOP/s")


def bench_beam(jit):
    """Beam 5 at batch 10, all steps to the end."""
    rate = product_rate()
    task = make_task()
    # An eos that never comes: every beam runs its full length.
    generator = Generator(
        task, (0, V - 1, 0), max_length=T - 1, method="beam", count=5,
        banned=[V - 1],
    )  # fmt: skip
    generator.compile(jit_compile=jit)
    features = np.random.default_rng(0).normal(size=(B, K, D))
    inputs = {"features": tf.constant(features.astype("float32"))}
    took = seconds(lambda: generator.predict_on_batch(inputs)) / B
    scaled = REFERENCE["beam"] * REFERENCE["rate"] / rate
    name = "XLA" if jit else "graph"
    line(
        f"beam 5, batch 10, {T} steps, {name}", f"{took * 1e3:.2f}", "ms/image"
    )
    line("  against PyTorch's 76 ms, scaled", f"{scaled / took:.1f}", "times")


def bench_pipeline(path, features):
    """Pictures a second out of a warm feature file."""
    from imcap.data.batches.caption_batches import CaptionBatches
    from imcap.data.batches.readers import StoredFeatures
    from imcap.data.captions.reading import read_captions
    from imcap.data.features.store import FeatureStore
    from imcap.data.words.vocabulary import Vocabulary

    captions = read_captions(path).split("train")
    words = Vocabulary.build([c for i in captions.tokens for c in i])
    batches = CaptionBatches(
        captions.encode(words, 16),
        StoredFeatures(FeatureStore.open(features)),
        words,
    )
    stream = iter(batches.dataset())
    # Hundreds at a time: single ones may be waiting, made beforehand.
    count = 200
    took = seconds(lambda: [next(stream) for _ in range(count)], runs=5)
    took = took / count
    line("input pipeline, warm file", f"{B / took:.0f}", "images/s")
    return B / took


def bench_memory():
    """sat_keras's own setting, in a process of its own."""
    batch = make_batch(np.full((32, 1), 18), locations=64, batch=32, steps=18)
    before = peak_memory()
    time_step(make_task(), batch)
    line("memory before, TensorFlow included", f"{before / 1e9:.2f}", "GB")
    line(
        "peak, batch 32, K 64, T 18",
        f"{peak_memory() / 1e9:.2f}",
        "GB",
        "(the original ran out)",
    )


def main():
    """Runs all parts, or one, named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions")
    parser.add_argument("--features")
    parser.add_argument(
        "--part", choices=("steps", "beam", "xla", "pipeline", "memory")
    )
    config = parser.parse_args()
    keras.utils.set_random_seed(0)
    parts = {
        "steps": lambda: bench_steps(config.captions),
        "beam": lambda: bench_beam(False),
        "xla": lambda: bench_beam(True),
        "memory": bench_memory,
        "pipeline": lambda: bench_pipeline(config.captions, config.features),
    }
    if config.part:
        return parts[config.part]()
    for part in parts:
        if part != "pipeline" or config.features:
            words = [sys.executable, *sys.argv, "--part", part]
            subprocess.run(words, check=True)
    return None


if __name__ == "__main__":
    main()
