"""Scores of files of captions, against any file of references."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imcap.captioning.comparison import compare_sides, intervals
from imcap.captioning.evaluation import (
    DEFAULT_METRICS,
    check_metrics,
    references_of,
)
from imcap.data.captions.caption_set import CaptionSet
from imcap.data.captions.results import (
    entries_of,
    match_images,
    read_results,
    results_of,
)
from imcap.data.captions.splits import NO_SPLITS
from imcap.data.ids import ImageId
from imcap.errors import InputError
from imcap.files import StrPath

# What has captions by image: a file, a dict, a list of entries.
Results = StrPath | Mapping[ImageId, Any] | Sequence[Mapping[str, Any]]
References = (
    StrPath | Sequence[StrPath] | CaptionSet | Mapping[ImageId, Any]
    | Sequence[Mapping[str, Any]]
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Truth:
    """References of N images.

    Attributes:
        texts: dict from image to list of str.
        files: N names of their files.
        splits: N splits, "" where there are none.
        notes: what was left out on reading.
    """

    texts: dict[ImageId, list[str]]
    files: list[str]
    splits: list[str]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CaptionScores:
    """Scores of one system's captions.

    Attributes:
        name: what the system is called.
        overall: dict from metric to float, as the COCO evaluation has it.
        intervals: dict from metric to (low, high), 95% of resamples of the
            pictures; of METEOR that of its mean over pictures, moved to the
            score.
        rows: list of dicts of image_id, caption and metrics, one an image.
        truth: dict from image to list of references.
        notes: tuple of str: what is missing, left out or not to be trusted.
    """

    name: str
    overall: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    rows: list[dict[str, Any]]
    truth: dict[ImageId, list[str]]
    notes: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        """The pictures, as text, in the order of `rows`."""
        return [str(row["image_id"]) for row in self.rows]

    def references(self) -> dict[str, list[str]]:
        """Dict of picture, as text, to list of str."""
        return {str(image_id): texts for image_id, texts in self.truth.items()}


def score(
    results: Results,
    references: References,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    resamples: int = 1000,
    seed: int = 0,
    strict: bool = False,
) -> CaptionScores:
    """Scores captions against references, whoever made them.

    Args:
        results: a file of any form that
            `imcap.data.captions.results.read_results` reads, a dict from
            image to caption, a list of {image_id, caption}, a DataFrame
            with such columns, or a list of captions.
        references: what `imcap.read_captions` reads or returned, a dict from
            image to its captions, a list of {image_id, caption}, or, beside
            a list of captions, a list of lists.
        metrics: out of Bleu, METEOR, ROUGE_L, CIDEr and SPICE. What needs
            Java is left out, with a note, where there is none.
        resamples: of the pictures, for intervals.
        seed: of the resamples.
        strict: whether captions without references, and images without
            captions, are an error; else the images of both are scored.

    Returns:
        `CaptionScores`.

    Raises:
        InputError: a file is no such file, or no image is in both.

    Example:
        >>> found = imcap.score("results.json", "captions_val2014.json")
        >>> found.overall["CIDEr"], found.intervals["CIDEr"]
    """
    is_path = isinstance(results, (str, os.PathLike))
    name = str(results) if is_path else "results"
    (only,) = score_all(
        {name: results}, references, metrics=metrics,
        resamples=resamples, seed=seed, strict=strict,
    )  # fmt: skip
    return only


def score_all(
    results: Mapping[str, Results],
    references: References,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    resamples: int = 1000,
    seed: int = 0,
    strict: bool = False,
) -> list[CaptionScores]:
    """Like `score`, for several systems by name.

    All are scored on the images that all of them have, so that they can be
    compared.
    """
    metrics = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    check_metrics(metrics)
    check_resamples(resamples, seed)
    truth = read_references(references)
    told = name_of(references, "the references")
    systems, notes = {}, {}
    for name, one in results.items():
        said: list[str] = []
        captions = load(one, name, said)
        matched = match_images(
            captions, list(truth.texts), truth.files, (name, told), said
        )
        systems[name] = {
            image_id: captions[key] for key, image_id in matched.items()
        }
        notes[name] = missing(name, told, captions, matched, truth)
        if strict and notes[name]:
            raise InputError(
                f"{notes[name][0]}; mend it, or leave out --strict"
            )
        notes[name][:0] = [f"{told}: {note}" for note in truth.notes] + [
            f"{name}: {note}" for note in said
        ]
    common = [
        key for key in truth.texts if all(key in s for s in systems.values())
    ]
    if not common:
        raise InputError(f"{' and '.join(systems)} have no image in common")
    for name, captions in systems.items():
        if len(captions) > len(common):
            notes[name].append(
                f"{len(captions) - len(common)} captions of {name} left out: "
                "not all the others have them"
            )
    chosen = {key: truth.texts[key] for key in common}
    return [
        _score_one(
            name, captions, chosen, notes[name], metrics, resamples, seed
        )
        for name, captions in systems.items()
    ]


def _score_one(
    name: str,
    captions: Mapping[ImageId, str],
    truth: dict[ImageId, list[str]],
    notes: Iterable[str],
    metrics: Sequence[str],
    resamples: int,
    seed: int,
) -> CaptionScores:
    """Scores and intervals of one system on the images of `truth`."""
    from imcap.metrics.coco import score_captions

    captions = {key: captions[key] for key in truth}
    try:
        found = score_captions(captions, truth, tuple(metrics))
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    rows = [
        {"image_id": key, "caption": text, **found.per_image[key]}
        for key, text in captions.items()
    ]
    scores = CaptionScores(
        name, found.overall, {}, rows, truth, (*notes, *found.notes)
    )
    if found.overall:
        for metric, one in intervals(scores, resamples, seed).items():
            moved = found.overall[metric] - one["score"]
            scores.intervals[metric] = (
                one["low"] + moved,
                one["high"] + moved,
            )
    return scores


def compare_all(
    systems: Sequence[CaptionScores], resamples: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Differences of each pair of systems, as `compare_sides` gives them.

    Args:
        systems: what `score_all` gave.
        resamples: int.
        seed: int.
    """
    return [
        compare_sides(first, second, resamples, seed)
        for first, second in itertools.combinations(systems, 2)
        if first.overall
    ]


def check_resamples(resamples: int, seed: int) -> None:
    """Refuses numbers that give no interval.

    Raises:
        InputError: too few resamples, or a seed below 0.
    """
    if resamples < 20:
        raise InputError("--resamples must be at least 20")
    if seed < 0:
        raise InputError("--seed starts from 0")


def name_of(source: Any, otherwise: str) -> str:
    """What to call results or references in messages."""
    sources = source if isinstance(source, (list, tuple)) else [source]
    if not sources or not _are_paths(sources):
        return otherwise
    return " and ".join(map(str, sources))


def load(results: Any, name: str, notes: list[str]) -> dict[ImageId, str]:
    """Captions by image, of a file, of lists and dicts, or of a DataFrame.

    Args:
        results: see `score`.
        name: what they are called in messages.
        notes: gets lines about how they were read.
    """
    results = plain_rows(results)
    if isinstance(results, list) and all(isinstance(r, str) for r in results):
        results = dict(enumerate(results))
    if not isinstance(results, (str, os.PathLike)):
        return results_of(results, name)
    return read_results(results, notes)


def plain_rows(values: Any) -> Any:
    """A DataFrame, a Series or another sequence as a list or dict."""
    if hasattr(values, "to_dict"):
        columns = hasattr(values, "columns")
        return values.to_dict("records") if columns else values.to_dict()
    if isinstance(values, Sequence) and not isinstance(values, (str, Path)):
        return list(values)
    return values


def read_references(references: References) -> Truth:
    """The references of a file, of a `CaptionSet`, or of Python's values.

    Raises:
        InputError: none of these.
    """
    values = plain_rows(references)
    if isinstance(values, list) and all(isinstance(v, list) for v in values):
        values = dict(enumerate(values))
    if isinstance(values, Mapping):
        return _truth_of(values.items())
    if isinstance(values, list) and not _are_paths(values):
        return _truth_of(entries_of(values, "the references"))
    if not isinstance(values, (CaptionSet, str, os.PathLike, list)):
        raise InputError(
            f"references: {type(values).__name__} is none of a file, a dict, "
            "a list and a CaptionSet"
        )
    if not isinstance(values, CaptionSet):
        from imcap.data.captions.reading import read_captions

        values = read_captions(values)
    splits = [""] * len(values) if values.drawn else values.splits
    notes = [note for note in values.notes if not note.startswith(NO_SPLITS)]
    texts, files = references_of(values), list(values.files)
    return Truth(texts, files, splits, tuple(notes))


def _are_paths(values: Sequence[Any]) -> bool:
    return all(isinstance(one, (str, os.PathLike)) for one in values)


def _truth_of(pairs: Iterable[tuple[ImageId, Any]]) -> Truth:
    """References of pairs of an image and its text or texts."""
    texts: dict[ImageId, list[str]] = {}
    for key, value in pairs:
        found = list(value) if isinstance(value, (list, tuple)) else [value]
        if not found or not all(isinstance(text, str) for text in found):
            raise InputError(
                f"references of image {key}: give a text, or a list of them"
            )
        texts.setdefault(key, []).extend(found)
    return Truth(texts, list(map(str, texts)), [""] * len(texts))


def missing(
    name: str,
    told: str,
    captions: Mapping[ImageId, str],
    matched: Mapping[ImageId, ImageId],
    truth: Truth,
) -> list[str]:
    """What results and references lack of each other, a line each.

    Args:
        name: of the results.
        told: of the references.
        captions: the results.
        matched: what `match_images` gave.
        truth: the references. Where all captions are of one split, only
            its images are missed.
    """
    notes = []
    splits = dict(zip(truth.texts, truth.splits, strict=True))
    without = [key for key in captions if key not in matched]
    if without:
        notes.append(
            f"{len(without)} of {len(captions)} captions of {name} left out: "
            f"{told} has no such image (first: {without[0]})"
        )
    theirs = set(matched.values())
    mine = {splits[key] for key in theirs}
    wanted = [key for key, split in splits.items() if split in mine]
    bare = [key for key in wanted if key not in theirs]
    if bare:
        of = f" of split {'/'.join(sorted(mine))}" if mine != {""} else ""
        notes.append(
            f"{len(bare)} of {len(wanted)} images{of} in {told} have no "
            f"caption in {name} and do not count (first: {bare[0]})"
        )
    return notes


def names_of_files(paths: Sequence[str]) -> list[str]:
    """What to call files: names, with as many folders as tell them apart."""
    parts = [Path(path).parts for path in paths]
    for count in range(1, max(map(len, parts), default=0)):
        names = ["/".join(one[-count:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    return list(map(str, paths))
