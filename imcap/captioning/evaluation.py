"""Evaluation of a captioner: captions of a split and their scores."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.data.captions.sources import caption_files, is_same_source
from imcap.data.ids import show_ids
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option
from imcap.progress import progress

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.run import CaptionerRun
    from imcap.data.batches.readers import Pixels, StoredFeatures
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.data.features.store import FeatureStore

CONFIDENCE = "confidence.json"  # beside the results, of calibrated runs
SETTINGS = "settings.json"  # beside the results, what they were made with


@dataclasses.dataclass(frozen=True)
class SplitSettings:
    """Which pictures and captions; what is None is that of the training."""

    split: str = option(
        "test",
        "which pictures",
        choices=("train", "val", "test", "restval"),
        heading="Which pictures",
    )
    input_json: str | None = option(
        None, "captions, or SPLIT=FILE of several; default: those of the "
        "training", several=True,
    )  # fmt: skip
    input_h5: str | None = option(None, "label file of cocotalk.json")
    features: str | None = option(
        None, "feature file; default: that of the training",
        "input_img_feat_dir",
    )  # fmt: skip
    images_root: str | None = option(
        None, "folder of the pictures, for runs with --cnntrain"
    )
    references: str | None = option(
        None,
        "full captions to compare with; default: those of the training",
    )
    num_images: int = option(-1, "pictures; -1: all", "val_images_use")
    strict: bool = option(
        False, "refuse captions of which something would be left out"
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
    metrics: tuple[str, ...] = ("Bleu", "METEOR", "ROUGE_L", "CIDEr", "SPICE")

    def check(self) -> None:
        """Refuses settings that are out of range, before anything slow."""
        from imcap.metrics.coco import METRICS

        self.decoding.check()
        for name in self.metrics:
            if name not in METRICS:
                raise InputError(
                    f"--metrics {name}: there are {', '.join(METRICS)}"
                )
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
    captions, read = open_split(run, evaluation.data)
    captions = without_unreadable(captions, read, folder)
    captions = add_references(run, evaluation.data, captions)
    print(describe_sources(run, evaluation.data, len(captions)))
    generated = caption_split(run, evaluation, captions, read)
    texts = {
        image_id: " ".join(caption.words)
        for image_id, caption in zip(captions.image_ids, generated, strict=True)
    }
    write_json(
        folder / "results.json",
        [{"image_id": key, "caption": text} for key, text in texts.items()],
    )
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

    Of several as SPLIT=FILE a list of both.
    """
    files = caption_files(path) if path else []
    if len(files) > 1 or any(split for split, _ in files):
        return [[split, identify_file(str(file))] for split, file in files]
    if not files or not files[0][1].exists():
        return None
    status = files[0][1].stat()
    resolved = str(files[0][1].resolve())
    return [resolved, status.st_size, status.st_mtime_ns]


def check_sources(run: CaptionerRun, data: SplitSettings) -> None:
    """Refuses captions or features of the training that are not here.

    As those of the captioner that ships.
    """
    names = ["input_json"] + ["features"] * (not run.config.cnntrain)
    for name in names:
        path = getattr(run.config, name)
        if getattr(data, name) is not None or not path:
            continue
        here = all(os.path.exists(file) for _, file in caption_files(path))
        if not here:
            raise InputError(
                f"{run.path}: {path}, {name} of its training, is not here; "
                f"give --{name}"
            )


def open_split(
    run: CaptionerRun, data: SplitSettings
) -> tuple[CaptionSet, StoredFeatures | Pixels]:
    """The captions of a split and what reads their features.

    Args:
        run: the `CaptionerRun`.
        data: `SplitSettings`.

    Raises:
        InputError: no such pictures, or none of them with features.
    """
    from imcap.data.batches.readers import Pixels, StoredFeatures
    from imcap.data.captions.reading import read_captions
    from imcap.data.features.store import FeatureStore

    trained = run.config
    check_sources(run, data)
    everything = read_captions(
        data.input_json or trained.input_json,
        h5_path=data.input_h5
        or (None if data.input_json else trained.input_h5),
        strict=data.strict,
    )
    captions, note = everything.to_score(
        data.split,
        same_file=is_same_source(data.input_json, trained.input_json),
    )
    if note:
        print(f"note: {data.input_json or trained.input_json}: {note}")
    if not len(captions):
        raise InputError(
            f"{data.input_json or trained.input_json}: no image is in "
            f"split {data.split!r}"
        )
    if data.num_images >= 0:
        captions = captions.filter(set(captions.image_ids[: data.num_images]))
    if trained.cnntrain:
        root = data.images_root or trained.images_root
        paths = captions.picture_paths(root)
        by_id = dict(zip(captions.image_ids, paths, strict=True))
        return captions, Pixels(by_id, run.encoder_metadata["image_size"])
    path = data.features or trained.features
    if path is None:
        raise InputError(f"{run.path}: it names no features; give --features")
    store = FeatureStore.open(path)
    read = StoredFeatures(store, run.channels)
    store.match_files(everything.image_ids, everything.files)
    return _with_features(captions, store), read


def _with_features(captions: CaptionSet, store: FeatureStore) -> CaptionSet:
    """The captions of pictures that have features; says what it finds."""
    for note in store.notes:
        print(f"note: {note}")
    readable = captions.filter(store.known(captions.image_ids))
    if len(readable) < len(captions):
        print(
            f"note: {len(captions) - len(readable)} pictures of the split have "
            "no features and are left out"
        )
    if not len(readable):
        raise InputError(
            f"{store.path}: holds none of the split's pictures; ids of "
            f"captions are {show_ids(captions.image_ids)}, of features "
            f"{show_ids(store.ids)}; give those that belong together"
        )
    return readable


def add_references(
    run: CaptionerRun, data: SplitSettings, captions: CaptionSet
) -> CaptionSet:
    """The captions with the words of `references_file`, if there is one."""
    from imcap.captioning.data import with_references

    return with_references(captions, references_file(run, data))


def references_file(run: CaptionerRun, data: SplitSettings) -> str | None:
    """The file of full captions: the given one, or the training's.

    Other captions than those of the training are their own references.
    """
    trained = run.config
    if data.references or trained.references is None:
        return data.references
    if not is_same_source(data.input_json, trained.input_json):
        return None
    return trained.references


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
