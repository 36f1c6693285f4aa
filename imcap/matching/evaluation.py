"""Recall of matching runs, of several together, and in folds."""

import dataclasses
import shutil

import numpy as np

from imcap.errors import InputError
from imcap.files import atomic_write

FOLDS = 5


ROWS_AT_ONCE = 256


def of_data(trained, **given):
    """The settings of a training with other data.

    Args:
        trained: `MatchConfig`.
        given: input_json, input_h5, features, data_path, data_name; None
            for that of the training.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if "input_json" in given:
        given.setdefault("input_h5", None)
    elif "data_path" in given or "data_name" in given:
        given["input_json"] = None
    return dataclasses.replace(trained, **given)


def check_run(run, pairs):
    """Refuses a run that cannot read these features."""
    if run.channels != pairs.store.channels:
        raise InputError(
            f"{run.path}: it was trained on features {run.channels} wide, "
            f"{pairs.store.path} has {pairs.store.channels}; give --features "
            "of the same network"
        )


def loader(run, checkpoint):
    """A function that loads a run's weights when it is first called."""
    kept = []

    def load():
        from imcap.matching.scores import Embedder

        if not kept:
            kept.append(Embedder(run.task(checkpoint)))
        return kept[0]

    return load


def in_folds(pairs):
    """Five blocks of images of equal size, each with its captions."""
    size = len(pairs) // FOLDS
    if not size or len(pairs) % FOLDS:
        raise InputError(
            f"{pairs.name}: --fold5 needs a multiple of {FOLDS} images, "
            f"there are {len(pairs)}"
        )
    return [pairs.part(i * size, (i + 1) * size) for i in range(FOLDS)]


def ensemble_scores(runs, loaders, pairs, checkpoint):
    """The mean of the scores of all runs, on disk; (N, M)."""
    from tqdm import tqdm

    from imcap.matching.scores import MeanScores, StoredScores, data_fingerprint

    matrices = []
    for run, load in zip(runs, loaders, strict=True):
        rows = pairs.encode(run.vocabulary)
        folder = scores_folder(run, checkpoint)
        key = data_fingerprint(pairs, rows)[:16]
        stored = StoredScores(folder / key, pairs, rows)

        def progress(left, stored=stored, run=run):
            total = len(stored.blocks)
            return tqdm(
                left,
                desc=str(run.path),
                initial=total - len(left),
                total=total,
                unit="block",
                disable=total < 2,
            )

        matrices.append(stored.open(load, progress))
    return MeanScores(matrices)


def scores_folder(run, checkpoint):
    """Where scores of a run's present weights lie; others are removed."""
    start = run.path / "scores"
    folder = start / f"{checkpoint}_{run.fingerprint(checkpoint)[:16]}"
    for other in start.glob(f"{checkpoint}_*"):
        if other != folder:
            shutil.rmtree(other)
    return folder


def save_scores(path, scores):
    """Writes a score matrix as .npy, whole or not at all."""
    with atomic_write(path) as partial:
        out = np.lib.format.open_memmap(
            partial, "w+", scores.dtype, scores.shape
        )
        for first in range(0, len(scores), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            out[rows] = scores[rows]
        out.flush()
        del out
