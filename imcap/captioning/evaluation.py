"""Evaluation of a captioner: captions of a split and their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.split_data import (
    SplitSettings,
    add_references,
    open_split,
    references_file,
)
from imcap.errors import InputError
from imcap.files import write_json
from imcap.progress import progress

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.run import CaptionerRun
    from imcap.data.batches.readers import Pixels, StoredFeatures
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.data.ids import ImageId

DEFAULT_METRICS = ("Bleu", "METEOR", "ROUGE_L", "CIDEr", "SPICE")
CONFIDENCE = "confidence.json"  # beside the results, of calibrated runs
SETTINGS = "settings.json"  # beside the results, what they were made with


def check_metrics(metrics: Iterable[str]) -> None:
    """Refuses names of metrics that there are none of."""
    from imcap.metrics.coco import METRICS

    for name in metrics:
        if name not in METRICS:
            raise InputError(
                f"--metrics {name}: there are {', '.join(METRICS)}"
            )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a run is evaluated on, and how.

    Args:
        data: `SplitSettings`.
        decoding: `DecodingSettings`.
        checkpoint: "best" or "last", which weights.
        batch_size: pictures at a time.
        metrics: names in `imcap.metrics.coco.METRICS`.
    """

    data: SplitSettings
    decoding: DecodingSettings
    checkpoint: str = "best"
    batch_size: int = 50
    metrics: tuple[str, ...] = DEFAULT_METRICS

    def check(self) -> None:
        """Refuses settings that are out of range, before anything slow."""
        self.decoding.check()
        check_metrics(self.metrics)
        if self.batch_size < 1 or not self.data.num_images:
            raise InputError(
                "--batch_size starts from 1, and --num_images 0 leaves nothing"
            )

    def results_folder(self, run: CaptionerRun) -> Path:
        """Default folder of the results."""
        name = f"{self.data.split}_{self.decoding.label}"
        return run.outputs / "evaluation" / name

    def describe(self, run: CaptionerRun) -> dict[str, Any]:
        """Settings and files that results depend on, as settings.json has them.

        Returns:
            Dict of JSON values.
        """
        from imcap.captioning.run import CaptionerRun

        values = {
            "checkpoint": self.checkpoint,
            **dataclasses.asdict(self.decoding),
            **dataclasses.asdict(self.data),
            "metrics": sorted(self.metrics),
        }
        del values["jit_compile"], values["strict"]
        if not self.decoding.sample_n:
            del values["seed"]
        values["ensemble"] = [
            CaptionerRun.open(path).fingerprint(self.checkpoint)
            for path in self.decoding.ensemble
        ]
        for name in ("input_json", "features"):
            values[name] = identify_file(
                values[name] or getattr(run.config, name)
            )
        values["references"] = identify_file(references_file(run, self.data))
        return values | {"weights": run.fingerprint(self.checkpoint)}


def evaluate(
    run: CaptionerRun,
    evaluation: Evaluation,
    folder: str | Path | None = None,
) -> dict[str, Any]:
    """Captions a split, scores the captions, writes and prints the scores.

    Args:
        run: the `CaptionerRun`.
        evaluation: `Evaluation`.
        folder: for the results; None for `results_folder`.

    Returns:
        Dict of metrics.
    """
    folder = Path(folder) if folder else evaluation.results_folder(run)
    captions, read = open_split(run, evaluation.data, unlabelled=True)
    captions = without_unreadable(captions, read, folder)
    captions = add_references(run, evaluation.data, captions)
    print(describe_sources(run, evaluation.data, len(captions)))
    if not captions.labelled:
        print(
            "note: there are no captions to compare with, so nothing is "
            "scored; --references FILE names some"
        )
    generated = caption_split(run, evaluation, captions, read)
    texts = {
        image_id: " ".join(caption.words)
        for image_id, caption in zip(captions.image_ids, generated, strict=True)
    }
    if not captions.labelled:
        return leave_unscored(run, evaluation, texts, folder)
    write_results(folder, texts)
    metrics = score(texts, captions, evaluation.metrics, folder)
    if not evaluation.decoding.ensemble:
        report_confidence(
            run, generated, captions, folder, evaluation.checkpoint
        )
    write_json(folder / SETTINGS, evaluation.describe(run), indent=1)
    return metrics


def without_unreadable(
    captions: CaptionSet, read: StoredFeatures | Pixels, folder: Path
) -> CaptionSet:
    """The captions of pictures that can be decoded; lists the others.

    Features are there or not; `open_split` has looked at them.
    """
    from imcap.data.batches.readers import Pixels
    from imcap.data.pictures.files import BAD_IMAGES, unreadable_pictures

    if not isinstance(read, Pixels):
        return captions
    bad = unreadable_pictures(captions, read.files)
    if not bad:
        return captions
    write_json(folder / BAD_IMAGES, bad, indent=1)
    print(
        f"note: {len(bad)} of {len(captions)} pictures cannot be read and are "
        f"left out, see {folder / BAD_IMAGES}"
    )
    gone = {entry["id"] for entry in bad}
    return captions.filter(set(captions.image_ids) - gone)


def leave_unscored(
    run: CaptionerRun,
    evaluation: Evaluation,
    texts: Mapping[ImageId, str],
    folder: Path,
) -> dict[str, Any]:
    """Writes captions alone; scores of earlier results in `folder` go.

    Returns:
        Dict of `images`, their number.
    """
    from imcap.data.ids import server_ids

    ids = server_ids(list(texts))
    for name in ("per_image.json", "metrics.json", CONFIDENCE):
        (folder / name).unlink(missing_ok=True)
    write_results(folder, dict(zip(ids, texts.values(), strict=True)))
    write_json(folder / SETTINGS, evaluation.describe(run), indent=1)
    print(f"written to {folder}")
    return {"images": len(texts)}


def write_results(folder: Path, texts: Mapping[ImageId, str]) -> None:
    """Writes results.json as COCO wants it."""
    write_json(
        folder / "results.json",
        [{"image_id": key, "caption": text} for key, text in texts.items()],
    )


def describe_sources(
    run: CaptionerRun, data: SplitSettings, pictures: int
) -> str:
    """A line that says what is read: run, captions, features."""
    trained = run.config
    if trained.cnntrain:
        root = data.images_root or trained.images_root
        source = f"pictures in {root}" if root else "pictures that they hold"
    else:
        source = f"features {data.features or trained.features}"
    captions = data.input_json or trained.input_json
    return (
        f"{run.path}: {pictures} pictures of split {data.split}; captions "
        f"{captions}, {source}"
    )


def report_confidence(
    run: CaptionerRun,
    generated: list[Caption],
    captions: CaptionSet,
    folder: Path,
    checkpoint: str,
) -> None:
    """Writes and prints what the confidence of a calibrated run is worth."""
    from imcap.captioning.confidence import describe_confidence

    found = describe_confidence(run, generated, captions, checkpoint)
    if found is None:
        return
    write_json(folder / CONFIDENCE, found, indent=1)
    print(
        f"confidence: {found['declined']:.1%} declined; of the others "
        f"{found['precision'] or 0.0:.1%} are right, of all "
        f"{found['right']:.1%}"
    )


def caption_split(
    run: CaptionerRun,
    evaluation: Evaluation,
    captions: CaptionSet,
    read: StoredFeatures | Pixels,
) -> list[Caption]:
    """The best `Caption` of each picture of a split.

    Args:
        run: the `CaptionerRun`.
        evaluation: `Evaluation`.
        captions, read: what `open_split` gave.
    """
    from imcap.captioning.generation import generate, make_generator
    from imcap.data.batches.readers import iterate_batches

    task = run.task(evaluation.checkpoint)
    run.set_positions(read, task.captioner)
    generator = make_generator(
        task, run, evaluation.decoding, evaluation.checkpoint
    )
    batches = iterate_batches(read, captions.image_ids, evaluation.batch_size)
    every = generate(generator, run.vocabulary, batches)
    shown = progress(every, len(captions), "captioning", "pictures")
    return [of_image[0] for of_image in shown]


def identify_file(path: str | None) -> list | None:
    """Identity of a file: path, size and time of change; None if absent.

    Of several as SPLIT=FILE, and of those with names of columns, a list of
    all that was said; of a folder the sum of its files' sizes and the last
    time.
    """
    from imcap.data.captions.sources import parse_sources

    found = parse_sources(path) if path else []
    if len(found) > 1 or any(one.split or one.names for one in found):
        return [
            [one.split, one.names, identify_file(str(one.path))]
            for one in found
        ]
    if not found or not found[0].path.exists():
        return None
    place = found[0].path.resolve()
    files = [place, *place.rglob("*")] if place.is_dir() else [place]
    states = [file.stat() for file in files if file.exists()]
    return [
        str(place),
        sum(state.st_size for state in states),
        max(state.st_mtime_ns for state in states),
    ]


def score(
    texts: dict[int | str, str],
    captions: CaptionSet,
    metrics: tuple[str, ...],
    folder: Path,
) -> dict[str, Any]:
    """Scores captions against references; writes and prints the scores.

    Args:
        texts: caption by image id.
        captions: the references.
        metrics: names of metrics.
        folder: for per_image.json and metrics.json.

    Returns:
        Dict of metrics.
    """
    from imcap.metrics.coco import score_captions

    scores = score_captions(texts, references_of(captions), metrics=metrics)
    for note in scores.notes:
        print(f"note: {note}")
    write_json(
        folder / "per_image.json",
        [
            {"image_id": key, "caption": text, **scores.per_image[key]}
            for key, text in texts.items()
        ],
    )
    overall = {**scores.overall, "images": len(texts)}
    write_json(folder / "metrics.json", overall, indent=1)
    for name, value in scores.overall.items():
        print(f"{name:8} {value:.4f}")
    print(f"written to {folder}")
    return overall


def references_of(captions: CaptionSet) -> dict[int | str, list[str]]:
    """Sentences by image id: raw where the file has them, else words."""
    sentences = captions.raw or [
        [" ".join(words) for words in of_image] for of_image in captions.tokens
    ]
    return dict(zip(captions.image_ids, sentences, strict=True))
