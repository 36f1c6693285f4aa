"""Two checkouts of imcap side by side: seconds of the same work, in one run.

python benchmarks/against_checkout.py ../imcap-old [--work adaptive …]

Each checkout works in a process of its own, and they take turns, so that what
else the machine does falls on both alike. Printed are medians, and the
other's seconds over ours: above 1 where this checkout is faster.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAINED = (
    "adaptive",
    "show_attend_tell",
    "up_down",
    "att2in",
    "sca_cnn_one_layer",
    "transformer",
    "spatial_transformer",
    "relation_transformer",
)
WORKS = (
    *TRAINED, "self_critical", "beam_adaptive", "beam_transformer",
    "scan_training", "scan_scoring",
)  # fmt: skip


def step_of_captioner(name):
    """A training step of a captioner at the reference's size."""
    import adaptive
    import family
    import numpy as np

    task = family.make_task(name)
    lengths = adaptive.real_lengths(None, np.random.default_rng(0))
    inputs, targets, weights = family.make_batch(task, lengths)
    return lambda: task.train_on_batch(inputs, targets, sample_weight=weights)


def step_of_self_critical():
    """A self-critical step of `adaptive`."""
    import self_critical
    import tensorflow as tf

    task, batch = self_critical.make_task()
    step = tf.function(task.train_step)
    return lambda: step(batch)["loss"].numpy()


def beam_of(name):
    """Beam search of a batch; `family.beam_seconds` compiles and times it."""
    import adaptive
    import family
    import numpy as np

    task = family.make_task(name)
    lengths = adaptive.real_lengths(None, np.random.default_rng(0))
    inputs, _, _ = family.make_batch(task, lengths)
    kept = {}
    timed = family.seconds

    def keep(function, **_):
        kept["function"] = function
        return timed(function, runs=1)

    family.seconds = keep
    family.beam_seconds(task, inputs)
    return kept["function"]


def step_of_scan():
    """A training step of SCAN, words over regions, 128 pairs."""
    import numpy as np
    import tensorflow as tf

    import matching

    rng = np.random.default_rng(0)
    lengths = matching.caption_lengths(matching.B)
    shape = (matching.B, matching.LONGEST)
    tokens = rng.integers(1, matching.V, shape).astype("int32")
    tokens[np.arange(matching.LONGEST) >= lengths[:, None]] = 0
    shape = (matching.B, matching.K, matching.D)
    features = rng.standard_normal(shape, dtype="float32")
    inputs = {"features": tf.constant(features), "tokens": tf.constant(tokens)}
    scan = matching.make_scan("t2i")
    scan.compile(
        matching.make_optimizer("adam", 2e-4, clip_norm=2.0),
        matching.RankingHinge(max_violation=True),
        jit_compile=False,
    )
    target = tf.range(matching.B)
    return lambda: scan.train_on_batch(inputs, target)


def scores_of_scan():
    """Scores of 200 images with 500 captions."""
    import matching

    lengths = matching.caption_lengths(500)
    words = matching.unit_vectors(int(lengths.sum()), matching.E)
    images = matching.unit_vectors(200, matching.K, matching.E)
    scan = matching.make_scan("t2i")
    options = {"lengths": lengths, "scorer": matching.ChunkScores(scan)}
    return lambda: [
        None for _ in matching.score_blocks(scan, images, words, **options)
    ]


def work_of(name):
    """The function that a name of `WORKS` stands for."""
    if name in TRAINED:
        return step_of_captioner(name)
    if name.startswith("beam_"):
        return beam_of(name.removeprefix("beam_"))
    others = {
        "self_critical": step_of_self_critical,
        "scan_training": step_of_scan,
        "scan_scoring": scores_of_scan,
    }
    return others[name]()


def serve(name):
    """Works once for each line on standard input; prints the seconds."""
    sys.path.insert(0, os.getcwd())
    import keras

    keras.utils.set_random_seed(0)
    work = work_of(name)
    for _ in sys.stdin:
        began = time.perf_counter()
        work()
        print(f"took {time.perf_counter() - began}", flush=True)


class Worker:
    """A process that works in one checkout."""

    def __init__(self, checkout, name):
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(HERE / "against_checkout.py"),
                "--serve",
                name,
            ],
            cwd=checkout / "benchmarks",
            env={
                **os.environ,
                "PYTHONPATH": str(checkout),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def work(self):
        """Seconds of one turn."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("took "):
                return float(line.split()[1])
        raise SystemExit("a checkout's process ended; run it with --serve")

    def close(self):
        """Lets the process end."""
        self.process.stdin.close()
        self.process.wait()


def compare(other, name, rounds, warmup=2):
    """Medians of the other checkout and of this one."""
    workers = [Worker(other, name), Worker(HERE.parent, name)]
    for _ in range(warmup):
        for worker in workers:
            worker.work()
    times = ([], [])
    for turn in range(rounds):
        # Who goes first changes with each round.
        order = (0, 1) if turn % 2 else (1, 0)
        for side in order:
            times[side].append(workers[side].work())
    for worker in workers:
        worker.close()
    return [statistics.median(of_side) for of_side in times]


def main():
    """Prints a row for each work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--work", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--serve", choices=WORKS, help=argparse.SUPPRESS)
    config = parser.parse_args()
    if config.serve:
        return serve(config.serve)
    if config.other is None:
        parser.error("give the other checkout")
    print(f"{'work':24}{'other':>10}{'this':>10}{'ratio':>8}")
    for name in config.work:
        other, this = compare(config.other.resolve(), name, config.rounds)
        print(f"{name:24}{other:9.3f}s{this:9.3f}s{other / this:8.2f}")
    return None


if __name__ == "__main__":
    main()
