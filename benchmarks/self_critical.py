"""Self-critical training: a whole step, its parts, and how it grows.

python benchmarks/self_critical.py

Adaptive attention, 10 images x 5 samples, K 49, D 2048, U 512, V 9,488, T 20,
no sample ever ends. Shares are of the rate of a plain float32 product of the
same run. The reference, in PyTorch with its reward on the host, takes 1.87 s
where that product ran at 178 GFLOP/s.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cider_d
import keras
import numpy as np
import tensorflow as tf
from adaptive import B, D, K, V, operations
from measuring import line, peak_memory, product_rate, seconds

from imcap.models.registry import build_captioner
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import make_optimizer
from imcap.training.rewards import Reward
from imcap.training.self_critical import SelfCritical
from imcap.training.task import CaptioningTask

T, R, SAMPLES = 20, 5, 5
ENTRIES = 347_441
REFERENCE, RATE = 1.87, 178e9


def make_task(samples=SAMPLES, entries=ENTRIES, packed=True):
    """A compiled task and one batch for it."""
    rng = np.random.default_rng(0)
    _, references = cider_d.random_captions(rng, B, samples)
    scorer = cider_d.table(rng, references, entries)
    task = CaptioningTask(build_captioner("adaptive", V, D, sgate=True))
    learning = SelfCritical(
        Reward(scorer),
        # An end that is never drawn: all samples are of full length.
        (0, V - 1, 0),
        T,
        samples=samples,
        banned=[V - 1],
        packed=packed,
    )
    task.compile(
        make_optimizer("adam", 2e-5, clip_value=0.1),
        WordCrossEntropy(),
        self_critical=learning,
    )
    inputs = {
        "features": rng.normal(size=(B, K, D)).astype("float32"),
        "tokens": np.zeros((B, 1, T), "int32"),
        "references": references,
    }
    nothing = np.zeros((B, 1, T))
    batch = (inputs, nothing.astype("int32"), nothing.astype("float32"))
    return task, tf.nest.map_structure(tf.constant, batch)


def step_seconds(task, batch):
    """Seconds of a training step, through the compiled train function."""
    step = tf.function(task.train_step)
    return seconds(lambda: step(batch)["loss"].numpy())


def part_seconds(task, batch):
    """Seconds of sampling, of the reward, and of the update."""
    own = task.self_critical
    inputs = {k: v for k, v in batch[0].items() if k != "references"}
    references = batch[0]["references"]
    draw = tf.function(lambda: own._captions(task, inputs)[0].tokens)
    samples = draw()
    reward = tf.function(lambda: own.reward(samples, references))
    whole = tf.function(lambda: own(task, batch))
    made = whole()
    task.compile(task.optimizer, WordCrossEntropy())
    update = tf.function(lambda: task.train_step(made)["loss"])
    found = (
        seconds(lambda: draw().numpy()),
        seconds(lambda: reward().numpy(), runs=21),
        seconds(lambda: update().numpy()),
    )
    task.compile(task.optimizer, WordCrossEntropy(), self_critical=own)
    return found


def main():
    """The step at the reference's size, its parts, and how it grows."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    keras.utils.set_random_seed(0)
    task, batch = make_task()
    took = step_seconds(task, batch)
    memory, rate = peak_memory(), product_rate()
    words = B * SAMPLES * T
    # Sampling takes a forward pass, a third of what an update takes.
    speed = operations(words) * 4 / 3 / took
    line("plain float32 product", f"{rate / 1e9:.0f}", "GFLOP/s")
    line("self-critical step", f"{took:.3f}", "s")
    line("  share of the product", f"{speed / rate:.0%}")
    line("  peak memory", f"{memory / 1e9:.2f}", "GB")
    scaled = REFERENCE * RATE / rate
    line("  against the reference, scaled", f"{scaled / took:.1f}", "", "3.5")
    parts = part_seconds(task, batch)
    for name, part in zip(("sample", "reward", "update"), parts, strict=True):
        line(f"  {name}", f"{part * 1e3:.1f}", "ms", f"{part / took:.0%}")
    print("\ngrowth with samples, and with the table")
    for samples in (2, 5, 10, 20):
        took = step_seconds(*make_task(samples))
        line(f"  {samples} samples a picture", f"{took:.3f}", "s")
    for entries in (ENTRIES, 3_500_000):
        took = step_seconds(*make_task(entries=entries))
        line(f"  {entries:,} n-grams", f"{took:.3f}", "s")


if __name__ == "__main__":
    main()
