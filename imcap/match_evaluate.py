"""`imcap match evaluate`: recall of a run, or of several together."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np

from imcap.config import option, quiet_start, run_command
from imcap.data.errors import InputError
from imcap.data.files import write_json, written_whole

NAME = "match evaluate"
FOLDS = 5
DIRECTIONS = {
    "image_to_text": "image to text",
    "text_to_image": "text to image",
}
COLUMNS = ("R@1", "R@5", "R@10", "median", "mean")
ROWS_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class MatchEvaluateConfig:
    """Scores all images of a split with all its captions.

    Prints recall at 1, 5 and 10, median and mean rank in both directions,
    and rsum, their sum; writes them to metrics.json. Scores are kept in the
    run's directory: what was interrupted continues, and what was computed
    is not computed again.
    """

    model: str = option("save", "directory of a run", "run", "model_path")
    checkpoint: str = option("best", "which weights", choices=("best", "last"))
    ensemble: tuple[str, ...] = option(
        (), "further runs; their scores are averaged with --model's", many=True
    )
    split: str = option(
        "test", "which pairs", choices=("train", "dev", "test", "testall")
    )
    fold5: bool = option(
        False, "the mean over five blocks of images; needs --split testall"
    )
    data_path: str | None = option(
        None, "folder of *_precomp folders; default: that of the training"
    )
    data_name: str | None = option(None, "the one of them to read")
    input_json: str | None = option(
        None, "captions; default: those of the training"
    )
    input_h5: str | None = option(None, "label file of cocotalk.json")
    features: str | None = option(
        None, "feature file; default: that of the training"
    )
    save_scores: str | None = option(
        None, "also write the scores, images by captions, to this .npy; "
        "with --fold5, one file a fold",
    )  # fmt: skip
    output: str | None = option(
        None, "folder for metrics.json; default: RUN/evaluation/SPLIT"
    )


def evaluate(config):
    """Runs the command; returns the dict of metrics."""
    with quiet_start():
        from imcap.match_data import open_pairs
        from imcap.match_runs import MatchRun
        from imcap.metrics.recall import averaged, retrieval

    if config.fold5 and config.split != "testall":
        raise InputError(
            f"--fold5 needs --split testall, all {FOLDS} blocks of images; "
            f"--split {config.split} has not"
        )
    runs = [MatchRun.open(path) for path in (config.model, *config.ensemble)]
    pairs = open_pairs(of_data(config, runs[0].config), config.split)
    for run in runs:
        check_run(run, pairs)
    loaders = [loader(run, config.checkpoint) for run in runs]
    results = []
    parts = in_folds(pairs) if config.fold5 else [pairs]
    for number, part in enumerate(parts, 1):
        scores = ensemble_scores(config, runs, loaders, part)
        results.append(retrieval(scores, part.image_of))
        if config.save_scores:
            save_scores(config, scores, number if config.fold5 else None)
    metrics = averaged(results) | {
        "images": len(parts[0]),
        "captions": parts[0].caption_count,
        "folds": len(parts),
        "runs": [str(run.path) for run in runs],
    }
    for line in table(metrics):
        print(line)
    folder = output_folder(config, runs[0])
    write_json(folder / "metrics.json", metrics, indent=1)
    print(f"written to {folder}")
    return metrics


def of_data(config, trained):
    """The training's config with the data that the flags name."""
    names = ("input_json", "input_h5", "features", "data_path", "data_name")
    given = {
        name: getattr(config, name)
        for name in names
        if getattr(config, name) is not None
    }
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
        from imcap.match_scores import Embedder

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


def ensemble_scores(config, runs, loaders, pairs):
    """The mean of the scores of all runs, on disk; (N, M)."""
    from tqdm import tqdm

    from imcap.match_scores import MeanScores, StoredScores, data_fingerprint

    matrices = []
    for run, load in zip(runs, loaders, strict=True):
        rows = pairs.encode(run.vocabulary)
        folder = scores_folder(run, config.checkpoint)
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


def save_scores(config, scores, fold=None):
    """Writes a score matrix as .npy, whole or not at all."""
    path = Path(config.save_scores)
    if fold is not None:
        path = path.with_name(f"{path.stem}_{fold}{path.suffix}")
    with written_whole(path) as beside:
        out = np.lib.format.open_memmap(
            beside, "w+", scores.dtype, scores.shape
        )
        for first in range(0, len(scores), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            out[rows] = scores[rows]
        out.flush()
        del out


def table(metrics):
    """The lines that are printed."""
    lines = [" " * 13 + "".join(f"{name:>8}" for name in COLUMNS)]
    for key, title in DIRECTIONS.items():
        cells = "".join(f"{metrics[key][name]:8.1f}" for name in COLUMNS)
        lines.append(f"{title:13}{cells}")
    of = f", mean of {metrics['folds']} folds" if metrics["folds"] > 1 else ""
    lines.append(
        f"rsum {metrics['rsum']:.1f} ({metrics['images']} images, "
        f"{metrics['captions']} captions{of})"
    )
    return lines


def output_folder(config, run):
    """Where metrics.json goes."""
    if config.output:
        return Path(config.output)
    name = config.split + ("_fold5" if config.fold5 else "")
    if config.ensemble:
        others = [Path(path).resolve().name for path in config.ensemble]
        name += "_with_" + "_".join(others)
    return run.path / "evaluation" / name


def main(argv=None):
    """Runs `imcap match evaluate`; returns the exit status."""
    return run_command(NAME, MatchEvaluateConfig, evaluate, argv)
