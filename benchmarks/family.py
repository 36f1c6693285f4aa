"""Every captioner: training step, beam search, memory, and how they grow.

python benchmarks/family.py [--captioner up_down] [--growth] [--half]

Shares are of the rate of a plain product of the same dtype measured in the
same run, ratios against references scaled by the plain float32 product;
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

from imcap.captioning.generation import Generator
from imcap.data.features.boxes import grid_positions
from imcap.models.registry import CAPTIONERS, build_captioner
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
    "sca_cnn": {"network": "resnet152"},
    "sca_cnn_one_layer": {
        "network": "resnet152", "attended_layers": 1, "attention_order": "S-C",
    },
}  # fmt: skip
# Variants are captioners with other options; the two maps of `sca_cnn`'s
# features lie side by side.
VARIANTS = {"sca_cnn_one_layer": "sca_cnn"}
CHANNELS = {"sca_cnn": 2560}


def make_task(name, half=False):
    """The task of a captioner with its own sizes, compiled."""
    options = {"dropout": 0.1, **OPTIONS.get(name, {})}
    if half:
        options["dtype"] = "mixed_bfloat16"
    kind, channels = VARIANTS.get(name, name), CHANNELS.get(name, D)
    task = CaptioningTask(build_captioner(kind, V, channels, **options))
    task.compile(
        make_optimizer("adam", 5e-4, clip_value=0.1), WordCrossEntropy()
    )
    return task


def make_batch(task, lengths, locations=K, steps=T):
    """`adaptive.make_batch`, with positions where they are wanted."""
    batch = len(lengths)
    inputs, targets, weights = adaptive.make_batch(
        lengths, locations, batch, steps, task.captioner.channels
    )
    wanted = task.captioner.wanted_positions
    if wanted:
        side = int(np.sqrt(locations))
        where = grid_positions(wanted, (side, side), 144)
        inputs["positions"] = tf.constant(np.stack([where] * batch))
    return inputs, targets, weights


def operations(task, batch):
    """Products of a forward pass, and as many twice for its gradient.

    Those inside loops and branches are not counted: SCA-CNN's channel score.
    """
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


def bench(name, half=False):
    """One captioner at the reference's size."""
    task = make_task(name, half)
    lengths = adaptive.real_lengths(None, np.random.default_rng(0))
    batch = make_batch(task, lengths)
    took = adaptive.time_step(task, batch)
    memory = peak_memory()
    rate = product_rate()
    speed = operations(task, batch) / took
    print(f"\n{name}: {task.captioner.count_params() / 1e6:.1f} M weights")
    line("plain float32 product", f"{rate / 1e9:.0f}", "GFLOP/s")
    line("training step, real lengths", f"{took:.3f}", "s")
    own = rate
    if half:
        own = product_rate("bfloat16")
        line("plain bfloat16 product", f"{own / 1e9:.0f}", "GFLOP/s")
    line("  share of the product", f"{speed / own:.0%}")
    line("  peak memory", f"{memory / 1e9:.2f}", "GB")
    step, beam = REFERENCES.get(name, (None, None))
    scale = adaptive.REFERENCE["rate"] / rate
    if step:
        line("  against the reference, scaled", f"{step * scale / took:.1f}")
    took = beam_seconds(task, batch[0])
    line("beam 5, batch 10, an image, XLA", f"{took * 1e3:.1f}", "ms")
    if beam:
        line("  against the reference, scaled", f"{beam * scale / took:.1f}")


def growth(name, half=False):
    """How the training step grows with K, N and T, one at a time."""
    print(f"\n{name}: seconds of a training step of {B // 5} images")
    for title, sizes in (
        ("K", [(49, N, T), (196, N, T), (784, N, T)]),
        ("N", [(K, 1, T), (K, 5, T), (K, 20, T)]),
        ("T", [(K, N, 9), (K, N, 17), (K, N, 33)]),
    ):
        for locations, count, steps in sizes:
            # One traced for several sizes would know none of them.
            task = make_task(name, half)
            lengths = np.full((B // 5, count), steps)
            batch = make_batch(task, lengths, locations, steps)
            size = {"K": locations, "N": count, "T": steps}[title]
            took = adaptive.time_step(task, batch)
            line(f"  {title} = {size}", f"{took:.3f}", "s")


def main():
    """Runs each captioner in a process of its own, or one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*CAPTIONERS, *VARIANTS]
    parser.add_argument("--captioner", choices=names)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--half", action="store_true", help="bfloat16")
    config = parser.parse_args()
    keras.utils.set_random_seed(0)
    if config.captioner:
        measure = growth if config.growth else bench
        return measure(config.captioner, config.half)
    # Two names of one class are measured once.
    for name in (name for name in names if name != "spatial_pe"):
        words = [sys.executable, *sys.argv, "--captioner", name]
        subprocess.run(words, check=True)
    return None


if __name__ == "__main__":
    main()
