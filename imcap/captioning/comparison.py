"""Comparison of two runs by paired bootstrap over the same pictures."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from imcap.captioning.evaluation import (
    SETTINGS,
    Evaluation,
    evaluate,
    references_of,
)
from imcap.captioning.split_data import add_references, open_split
from imcap.errors import InputError
from imcap.files import read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.caption_set import CaptionSet

LEVEL = 0.95
WORDS = "Bleu_"  # corpus scores that are summed from counts of n-grams
# In which order metrics are shown.
ORDER = (
    "CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE", "Bleu_1", "Bleu_2",
    "Bleu_3",
)  # fmt: skip
METEOR = (
    "METEOR is the mean over pictures here, which is higher than that of the "
    "corpus"
)


class Scored(Protocol):
    """Captions of one system with their scores.

    Attributes:
        name: str.
        rows: list of dicts, the entries of per_image.json.
        ids: the pictures, as text, in the order of `rows`.
    """

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> list[dict[str, Any]]: ...

    @property
    def ids(self) -> list[str]: ...

    def references(self) -> dict[str, list[str]]:
        """Dict of picture to list of str."""
        ...


@dataclasses.dataclass(frozen=True)
class Side:
    """One run of a comparison, with its captions and their scores.

    Args:
        name: str.
        run: its `CaptionerRun`.
        rows: list of dicts, the entries of per_image.json.
        captions: the `CaptionSet` of the same pictures.
    """

    name: str
    run: CaptionerRun
    rows: list[dict[str, Any]]
    captions: CaptionSet

    @property
    def ids(self) -> list[str]:
        """The pictures, as text, in the order of `rows`."""
        return [str(row["image_id"]) for row in self.rows]

    def references(self) -> dict[str, list[str]]:
        """Dict of picture to list of str."""
        sentences = references_of(self.captions)
        return {str(image_id): texts for image_id, texts in sentences.items()}


def open_same_pictures(
    runs: Sequence[CaptionerRun], evaluation: Evaluation
) -> list[CaptionSet]:
    """The captions that both runs are compared on, before anything slow.

    Args:
        runs: two `CaptionerRun`s.
        evaluation: the `Evaluation` that they are compared by.

    Returns:
        For each run the `CaptionSet` of the split.

    Raises:
        InputError: a run without weights, or the two are not of the same
            pictures and references.
    """
    found = []
    for run in runs:
        if run.fingerprint(evaluation.checkpoint) is None:
            raise InputError(f"{run.path}: it holds no weights yet; train it")
        captions, _ = open_split(run, evaluation.data)
        found.append(add_references(run, evaluation.data, captions))
    first, second = (
        {str(key): texts for key, texts in references_of(one).items()}
        for one in found
    )
    paths = [run.path for run in runs]
    for one, other, (mine, theirs) in (
        (first, second, paths),
        (second, first, paths[::-1]),
    ):
        missing = set(one) - set(other)
        if missing:
            raise InputError(
                f"{len(missing)} pictures of the split of {mine} are "
                f"not in that of {theirs}, such as picture "
                f"{min(missing)}; give --input_json of both"
            )
    for image_id, texts in first.items():
        if second[image_id] != texts:
            raise InputError(
                f"picture {image_id} has other captions in the data of "
                f"{paths[0]} than in that of {paths[1]}; give "
                "--references of both"
            )
    return found


def compare_sides(
    first: Scored, second: Scored, resamples: int, seed: int
) -> dict[str, Any]:
    """Scores of both sides and intervals of their differences.

    BLEU is that of the corpus, from resampled counts; the other metrics are
    means over pictures.

    Args:
        first, second: `Side`s, or others `Scored`, of the same pictures.
        resamples: int.
        seed: int.

    Returns:
        Dict of JSON values: runs, images, resamples, level, and metrics,
        a dict of name to first, second, difference (second − first),
        interval (low, high) and excludes_zero.
    """
    from imcap.metrics.bootstrap import paired_bootstrap

    names = shared_metrics(first, second)
    order = first.ids
    columns, has_bleu = resampled_columns(names)
    plain = [name for name in names if not name.startswith(WORDS)]
    estimates = paired_bootstrap(
        gather_values(first, order, plain, has_bleu),
        gather_values(second, order, plain, has_bleu),
        corpus_scores(len(order), len(plain), has_bleu),
        resamples,
        LEVEL,
        seed,
    )
    metrics = {}
    for name in names:
        one = {
            key: float(v[columns.index(name)]) for key, v in estimates.items()
        }
        low, high = one.pop("low"), one.pop("high")
        metrics[name] = one | {
            "interval": [low, high],
            "excludes_zero": low > 0 or high < 0,
        }
    return {
        "runs": [first.name, second.name],
        "images": len(order),
        "resamples": resamples,
        "level": LEVEL,
        "metrics": metrics,
    }


def intervals(
    side: Scored, resamples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Each metric of one system, and the interval it lies in.

    Args:
        side: `Scored`.
        resamples: int.
        seed: int.

    Returns:
        Dict of name to dict of score, low and high. METEOR is the mean over
        pictures.
    """
    from imcap.metrics.bootstrap import bootstrap

    names = shared_metrics(side)
    columns, has_bleu = resampled_columns(names)
    plain = [name for name in names if not name.startswith(WORDS)]
    estimates = bootstrap(
        gather_values(side, side.ids, plain, has_bleu),
        corpus_scores(len(side.rows), len(plain), has_bleu),
        resamples,
        LEVEL,
        seed,
    )
    return {
        name: {
            key: float(value[columns.index(name)])
            for key, value in estimates.items()
        }
        for name in names
    }


def resampled_columns(names: Sequence[str]) -> tuple[list[str], bool]:
    """What `corpus_scores` gives for these metrics, and whether BLEU is."""
    plain = [name for name in names if not name.startswith(WORDS)]
    columns = [*plain, *(f"{WORDS}{n}" for n in range(1, 5))]
    return columns, len(plain) < len(names)


def corpus_scores(
    count: int, plain: int, has_bleu: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Function of means over `count` pictures, (R, F), to scores, (R, S).

    Args:
        count: int.
        plain: how many metrics are means; counts for BLEU come behind them.
        has_bleu: bool.
    """
    from imcap.metrics.bleu_counts import corpus_bleu

    def statistic(means: np.ndarray) -> np.ndarray:
        scores = means[:, :plain]
        if has_bleu:
            bleu = corpus_bleu(count * means[:, plain:])
            scores = np.concatenate([scores, bleu], axis=1)
        return scores

    return statistic


def shared_metrics(*sides: Scored) -> list[str]:
    """Names of the metrics that all sides have of every picture."""
    rows = [row for side in sides for row in side.rows]
    names = [name for name in ORDER if all(name in row for row in rows)]
    if not names:
        raise InputError(
            "there is no metric of all pictures; give --metrics that this "
            "machine can compute"
        )
    return names


def gather_values(
    side: Scored, order: list[str], plain: list[str], has_bleu: bool
) -> np.ndarray:
    """Values of each picture that resampling takes: float (N, F).

    Args:
        side: `Scored`.
        order: list of N ids.
        plain: names of metrics that are means over pictures.
        has_bleu: bool, whether counts for BLEU come behind them.
    """
    from imcap.metrics.bleu_counts import bleu_counts
    from imcap.metrics.ptb import tokenize_captions

    by_id = dict(zip(side.ids, side.rows, strict=True))
    rows = [[by_id[key][name] for name in plain] for key in order]
    values = np.array(rows, "float64").reshape(len(order), len(plain))
    if not has_bleu:
        return values
    # In the order in which they were scored: see `tokenize_captions`.
    references = side.references()
    ours = tokenize_captions({key: [by_id[key]["caption"]] for key in by_id})
    truth = tokenize_captions({key: references[key] for key in by_id})
    counts = bleu_counts(
        [ours[key][0].split(" ") if ours[key][0] else [] for key in order],
        [[text.split(" ") for text in truth[key]] for key in order],
    )
    return np.concatenate([values, counts], axis=1)


def short_names(paths: Sequence[str]) -> tuple[str, str]:
    """What to call two runs: as short as tells them apart."""
    first, second = (Path(path).resolve() for path in paths)
    if first.name != second.name:
        return first.name, second.name
    if first.parent.name != second.parent.name:
        one, other = (f"{p.parent.name}/{p.name}" for p in (first, second))
        return one, other
    return str(paths[0]), str(paths[1])


def load_results(
    run: CaptionerRun, evaluation: Evaluation
) -> list[dict[str, Any]]:
    """A run's captions and scores, made now unless they are there already.

    Args:
        run: the `CaptionerRun`.
        evaluation: the `Evaluation` that they are of.

    Returns:
        The entries of per_image.json.
    """
    # As JSON has them: lists for tuples.
    wanted = json.loads(json.dumps(evaluation.describe(run)))
    folder = find_results(run, wanted)
    if folder is None:
        folder = evaluation.results_folder(run)
        if folder.exists():  # results of other flags, which stay
            digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
            folder = folder.with_name(f"{folder.name}_{digest[:8]}")
        print(f"{run.path}: captioning split {evaluation.data.split} …")
        evaluate(run, evaluation, folder)
    else:
        print(f"{run.path}: results of {folder}")
    rows: list[dict[str, Any]] = read_json(
        folder / "per_image.json", "evaluate the run again"
    )
    return rows


def find_results(run: CaptionerRun, wanted: dict[str, Any]) -> Path | None:
    """The folder with results of these settings, None where there is none."""
    folders = dict.fromkeys([run.outputs, run.path])
    found = [
        path
        for folder in folders
        for path in sorted((folder / "evaluation").glob(f"*/{SETTINGS}"))
    ]
    for path in found:
        there = path.with_name("per_image.json").exists()
        if there and read_json(path, "evaluate the run again") == wanted:
            return path.parent
    return None


def comparison_file(sides: Sequence[Side], evaluation: Evaluation) -> Path:
    """Default path of a comparison's HTML page."""
    first, second = sides
    folder = evaluation.results_folder(second.run)
    other = re.sub(r"[/\\:]", "_", first.name)
    name = f"{folder.name}_with_{other}.html"
    return second.run.outputs / "comparisons" / name
