"""Evaluation of matching runs: recall, ensembles, folds."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.errors import InputError
from imcap.files import atomic_write, file_digest
from imcap.progress import progress
from imcap.runs.run import BASELINE_WEIGHTS

if TYPE_CHECKING:
    from imcap.data.pairs.matching_set import MatchingSet
    from imcap.matching.run import MatchRun
    from imcap.matching.scores import Embedder, MeanScores, StoredScores

FOLDS = 5
ROWS_AT_ONCE = 256


def evaluate(
    runs: Sequence[MatchRun],
    pairs: MatchingSet,
    checkpoint: str = "best",
    fold5: bool = False,
    save_scores: str | Path | None = None,
) -> dict[str, Any]:
    """Recalls of an ensemble of runs, or of one, on some pairs.

    Args:
        runs: of which the scores are averaged.
        pairs: a `MatchingSet`.
        checkpoint: "best" or "last", which weights.
        fold5: whether to average over five blocks of images.
        save_scores: .npy to write the scores to; with fold5, one a fold.

    Returns:
        What `retrieval_metrics` gives, and images, captions, folds, runs; as
        baseline, the same of the ridge that the first run has kept.

    Raises:
        InputError: a run that was trained on other features, or images that
            do not come in five equal folds.
    """
    from imcap.metrics.recall import average_metrics, retrieval_metrics

    for run in runs:
        check_features(run, pairs)
    loaders = [embedder_loader(run, checkpoint) for run in runs]
    parts = split_folds(pairs) if fold5 else [pairs]
    results, of_ridge = [], []
    for number, part in enumerate(parts, 1):
        scores = ensemble_scores(runs, loaders, part, checkpoint)
        results.append(retrieval_metrics(scores, part.image_of))
        if save_scores:
            path = Path(save_scores)
            if fold5:
                path = path.with_name(f"{path.stem}_{number}{path.suffix}")
            write_scores(path, scores)
        baseline = baseline_scores(runs[0], part)
        if baseline is not None:
            of_ridge.append(retrieval_metrics(baseline, part.image_of))
    return (
        ({"baseline": average_metrics(of_ridge)} if of_ridge else {})
        | average_metrics(results)
        | {
            "images": len(parts[0]),
            "captions": parts[0].caption_count,
            "folds": len(parts),
            "runs": [str(run.path) for run in runs],
        }
    )


def baseline_scores(run: MatchRun, pairs: MatchingSet) -> np.ndarray | None:
    """Scores (N, M) of the ridge that a run has kept; None where it has not."""
    from imcap.matching.scores import Embedder

    model = run.baseline()
    if model is None:
        return None
    digest = file_digest(run.path / BASELINE_WEIGHTS)
    stored = stored_scores(run, kept_folder(run, "baseline", digest), pairs)
    return stored.open(lambda: Embedder(model))


def check_features(run: MatchRun, pairs: MatchingSet) -> None:
    """Refuses a run that cannot read the features of some pairs."""
    if run.channels != pairs.store.channels:
        raise InputError(
            f"{run.path}: it was trained on features {run.channels} wide, "
            f"{pairs.store.path} has {pairs.store.channels}; give --features "
            "of the same network"
        )


def embedder_loader(run: MatchRun, checkpoint: str) -> Callable[[], Embedder]:
    """A function that loads a run's weights when it is first called."""

    @functools.cache
    def load() -> Embedder:
        from imcap.matching.scores import Embedder

        return Embedder(run.task(checkpoint))

    return load


def split_folds(pairs: MatchingSet) -> list[MatchingSet]:
    """Five folds of equally many images, each with its captions."""
    size = len(pairs) // FOLDS
    if not size or len(pairs) % FOLDS:
        raise InputError(
            f"{pairs.name}: --fold5 needs a multiple of {FOLDS} images, "
            f"there are {len(pairs)}"
        )
    return [pairs.part(i * size, (i + 1) * size) for i in range(FOLDS)]


def ensemble_scores(
    runs: Sequence[MatchRun],
    loaders: Sequence[Callable[[], Embedder]],
    pairs: MatchingSet,
    checkpoint: str = "best",
) -> MeanScores:
    """The mean of the scores of all runs, on disk; (N, M).

    Where kinds meet whose scores are of different sizes, as attention and a
    ridge, or cosines and standard scores, each matrix is divided by the
    standard deviation of its scores before.

    Args:
        runs: what is compared.
        loaders: of each run a function to its `Embedder`, called only where
            something is left to compute.
        pairs: N images with M captions.
        checkpoint: which weights the embedders have.
    """
    from imcap.matching.scores import MeanScores, deviation

    matrices = []
    for run, load in zip(runs, loaders, strict=True):
        folder = kept_folder(run, checkpoint, str(run.fingerprint(checkpoint)))
        stored = stored_scores(run, folder, pairs)
        show = functools.partial(
            _show_progress, name=str(run.path), total=len(stored.blocks)
        )
        matrices.append(stored.open(load, show))
    if len({run.kind for run in runs}) == 1:
        return MeanScores(matrices)
    return MeanScores(matrices, [deviation(matrix) for matrix in matrices])


def _show_progress(left: list[int], name: str, total: int) -> Any:
    return progress(
        left, total, name, "blocks", total - len(left), shown=total > 1
    )


def kept_folder(run: MatchRun, name: str, fingerprint: str) -> Path:
    """Folder of the scores of a run's present weights; removes others."""
    start = run.outputs / "scores"
    folder = start / f"{name}_{fingerprint[:16]}"
    for other in start.glob(f"{name}_*"):
        if other != folder:
            # What another process reads stays until the next time.
            shutil.rmtree(other, ignore_errors=True)
    return folder


def stored_scores(
    run: MatchRun, folder: Path, pairs: MatchingSet
) -> StoredScores:
    """The scores of pairs in a folder, by the words of a run."""
    from imcap.matching.scores import StoredScores, data_fingerprint

    rows = pairs.encode(run.vocabulary)
    key = data_fingerprint(pairs, rows)[:16]
    return StoredScores(folder / key, pairs, rows)


def write_scores(path: str | Path, scores: MeanScores) -> None:
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
