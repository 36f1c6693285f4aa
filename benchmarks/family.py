"""Every captioner: training step, beam search, memory, and how they grow.

python benchmarks/family.py [--captioner up_down] [--growth]

Shares are of the rate of a plain float32 product measured in the same run;
absolute times depend on the machine and its load. Peak memory is that of a
process that trains nothing else.
"""

import argparse
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import adaptive
import keras
import numpy as np
import tensorflow as tf
from measuring import (
    line,
    peak_memory,
    product_operations,
    product_rate,
    seconds,
)

from imcap.data.boxes import grid_positions
from imcap.models import CAPTIONERS, build_captioner
from imcap.training.generation import Generator
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import make_optimizer
from imcap.training.task import CaptioningTask

B, N, K, D, V, T = 10, 5, 49, adaptive.D, adaptive.V, adaptive.T
# Seconds of PyTorch references where a plain product ran at 178 GFLOP/s: a
# training step, and beam 5 an image.
REFERENCES = {
    "adaptive": (0.97, 0.076),
    "up_down": (0.92, None),
    "transformer": (3.4, 0.68),
}
OPTIONS = {
    "adaptive": {"sgate": True, "dropout": 0.5},
    "transformer": {"cross_attn": "dot-product", "max_positions": 40},
    "spatial_transformer": {"max_positions": 40},
    "relation_transformer": {"max_positions": 40},
}


def make_task(name):
    """The task of a captioner with its own sizes, compiled."""
    options = {"dropout": 0.1, **OPTIONS.get(name, {})}
    task = CaptioningTask(build_captioner(name, V, D, **options))
    task.compile(
        make_optimizer("adam", 5e-4, clip_value=0.1), WordCrossEntropy()
    )
    return task


def make_batch(task, lengths, locations=K, steps=T):
    """`adaptive.make_batch`, with positions where they are wanted."""
    batch = len(lengths)
    inputs, targets, weights = adaptive.make_batch(
        lengths, locations, batch, steps
    )
    wanted = task.captioner.wanted_positions
    if wanted:
        side = int(np.sqrt(locations))
        where = grid_positions(wanted, (side, side), 144)
        inputs["positions"] = tf.constant(np.stack([where] * batch))
    return inputs, targets, weights


def operations(task, batch):
    """Products of a forward pass, and as many twice for its gradient."""
    inputs, _, _ = batch
    return 3 * product_operations(lambda: task(inputs, training=False))


def beam_seconds(task, inputs, count=5, steps=T):
    """Seconds an image of a compiled beam search that never ends early."""
    generator = Generator(
        task,
        (0, V - 1, 0),
        max_length=steps - 1,
        method="beam",
        count=count,
        banned=[V - 1],
    )
    generator.compile(jit_compile=True)
    wanted = {k: v for k, v in inputs.items() if k in ("features", "positions")}
    took = seconds(lambda: generator.predict_on_batch(wanted), runs=5)
    return took / len(inputs["features"])


def bench(name):
    """One captioner at the reference's size."""
    task = make_task(name)
    lengths = adaptive.real_lengths(None, np.random.default_rng(0))
    batch = make_batch(task, lengths)
    took = adaptive.time_step(task, batch)
    memory = peak_memory()
    rate = product_rate()
    speed = operations(task, batch) / took
    print(f"\n{name}: {task.captioner.count_params() / 1e6:.1f} M weights")
    line("plain float32 product", f"{rate / 1e9:.0f}", "GFLOP/s")
    line("training step, real lengths", f"{took:.3f}", "s")
    line("  share of the product", f"{speed / rate:.0%}")
    line("  peak memory", f"{memory / 1e9:.2f}", "GB")
    step, beam = REFERENCES.get(name, (None, None))
    scale = adaptive.REFERENCE["rate"] / rate
    if step:
        line("  against the reference, scaled", f"{step * scale / took:.1f}")
    took = beam_seconds(task, batch[0])
    line("beam 5, batch 10, an image, XLA", f"{took * 1e3:.1f}", "ms")
    if beam:
        line("  against the reference, scaled", f"{beam * scale / took:.1f}")


def growth(name):
    """How the training step grows with K, N and T, one at a time."""
    print(f"\n{name}: seconds of a training step of {B // 5} images")
    for title, sizes in (
        ("K", [(49, N, T), (196, N, T), (784, N, T)]),
        ("N", [(K, 1, T), (K, 5, T), (K, 20, T)]),
        ("T", [(K, N, 9), (K, N, 17), (K, N, 33)]),
    ):
        for locations, count, steps in sizes:
            # One traced for several sizes would know none of them.
            task = make_task(name)
            lengths = np.full((B // 5, count), steps)
            batch = make_batch(task, lengths, locations, steps)
            size = {"K": locations, "N": count, "T": steps}[title]
            took = adaptive.time_step(task, batch)
            line(f"  {title} = {size}", f"{took:.3f}", "s")


def main():
    """Runs each captioner in a process of its own, or one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captioner", choices=[*CAPTIONERS])
    parser.add_argument("--growth", action="store_true")
    config = parser.parse_args()
    keras.utils.set_random_seed(0)
    if config.captioner:
        return (growth if config.growth else bench)(config.captioner)
    # Two names of one class are measured once.
    for name in dict.fromkeys(n for n in CAPTIONERS if n != "spatial_pe"):
        words = [sys.executable, *sys.argv, "--captioner", name]
        subprocess.run(words, check=True)
    return None


if __name__ == "__main__":
    main()
