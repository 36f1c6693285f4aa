"""Exports of a run: SavedModel, LiteRT or Keras file, and lines about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.data.pictures.limits import MAX_PIXELS
from imcap.errors import InputError
from imcap.runs.kinds import is_matching

if TYPE_CHECKING:
    from imcap.export.captioner import ExportedCaptioner
    from imcap.export.matcher import ExportedMatcher
    from imcap.runs.run import Run

FORMATS = ("savedmodel", "tflite", "keras")


@dataclasses.dataclass(frozen=True)
class ExportSettings:
    """Settings of an export.

    Args:
        decoding: how its captions are decoded.
        checkpoint: "best" or "last", which weights.
        max_pixels: width times height above which it refuses a picture.
        int8: tflite keeps weights in eight bits.
        force: a SavedModel that is there is replaced.
    """

    decoding: DecodingSettings
    checkpoint: str = "best"
    max_pixels: int = MAX_PIXELS
    int8: bool = False
    force: bool = False


def export_run(
    path: str | Path, out: Path, format: str, settings: ExportSettings
) -> list[str]:
    """Writes a run for those who deploy it.

    Args:
        path: the directory of the run.
        out: folder or file to write.
        format: one of `FORMATS`.
        settings: `ExportSettings`.

    Returns:
        Lines about what was written.

    Raises:
        InputError: no run there, or one that the format does not take.
    """
    matching = is_matching(path)
    if matching and format == "tflite":
        raise InputError(
            f"{path}: a run of image-text matching; tflite takes "
            "captioners, export a savedmodel"
        )
    write = {
        "savedmodel": export_matcher if matching else export_captioner,
        "tflite": export_tflite,
        "keras": export_scan if matching else export_task,
    }[format]
    return write(path, out, settings)


def export_captioner(
    path: str | Path, out: Path, settings: ExportSettings
) -> list[str]:
    """Writes a SavedModel of a captioner; returns lines about it."""
    from imcap.captioning.run import CaptionerRun
    from imcap.export.captioner import ExportedCaptioner
    from imcap.export.saved_model import write_saved_model

    run = CaptionerRun.open(path)
    exported = ExportedCaptioner(
        run,
        run.task(settings.checkpoint),
        settings.decoding,
        settings.max_pixels,
        settings.checkpoint,
    )
    signatures = exported.signatures()
    decoding = dataclasses.asdict(settings.decoding)
    about = describe(run, settings) | {
        "decoding": {name: decoding[name] for name in sorted(decoding)}
    }
    write_saved_model(out, signatures, about, run, settings.force)
    return lines_about(exported, signatures)


def export_matcher(
    path: str | Path, out: Path, settings: ExportSettings
) -> list[str]:
    """Writes a SavedModel of a matching run; returns lines about it."""
    from imcap.export.matcher import ExportedMatcher, check_tokenizer
    from imcap.export.saved_model import write_saved_model
    from imcap.matching.run import MatchRun

    run = MatchRun.open(path)
    check_tokenizer(run)
    scan = run.task(settings.checkpoint)
    exported = ExportedMatcher(run, scan, settings.max_pixels)
    signatures = exported.signatures()
    write_saved_model(
        out, signatures, describe(run, settings), run, settings.force,
        [exported.table],
    )  # fmt: skip
    return lines_about(exported, signatures)


def lines_about(
    exported: ExportedCaptioner | ExportedMatcher, signatures: dict[str, Any]
) -> list[str]:
    """Lines about the inputs and outputs of a SavedModel."""
    from imcap.export.saved_model import describe_signatures

    lines = describe_signatures(signatures)
    if not exported.pictures.takes_pictures:
        lines.append(
            "takes features alone: it is not known what made the run's"
        )
    return lines


def export_tflite(
    path: str | Path, out: Path, settings: ExportSettings
) -> list[str]:
    """Writes a file for LiteRT; returns lines about it."""
    from imcap.captioning.confidence import threshold_of
    from imcap.captioning.run import CaptionerRun
    from imcap.export import litert
    from imcap.export.captioner import ExportedCaptioner

    if settings.decoding.sample_n or settings.decoding.ensemble:
        raise InputError(
            "tflite decodes one run greedily: no --sample_n, no --ensemble"
        )
    decoding = dataclasses.replace(settings.decoding, beam_size=1, group_size=1)
    run = CaptionerRun.open(path)
    if not run.encoder_metadata:
        run.build_encoder()  # which says why not
    task = litert.load_float32_task(run, settings.checkpoint)
    exported = ExportedCaptioner(run, task, decoding, settings.max_pixels)
    function = litert.greedy_function(exported, task, run.ids, decoding)
    model = litert.convert(function, settings.int8)
    metadata = describe(run, settings)
    about = {name: metadata[name] for name in ("imcap", "image_size", "grid")}
    about["threshold"] = threshold_of(run.path)
    litert.write_tflite(out, model, run.path / "vocabulary.json", about)
    took = litert.measure_latency(out, exported.pictures.encoder.size)
    return [f"{took * 1e3:.1f} ms a picture here, one thread, greedy"]


def export_task(
    path: str | Path, out: Path, settings: ExportSettings
) -> list[str]:
    """Writes a captioner for Keras; returns lines about it."""
    from imcap.captioning.run import CaptionerRun
    from imcap.export.keras_file import with_pictures, write_keras

    run = CaptionerRun.open(path)
    task = with_pictures(run, run.task(settings.checkpoint))
    write_keras(out, task, run.path / "vocabulary.json")
    takes = ["images" if task.encoder else "features", "tokens"]
    if task.captioner.wanted_positions:
        takes.insert(1, "positions")
    return [f"takes {', '.join(takes)}"]


def export_scan(
    path: str | Path, out: Path, settings: ExportSettings
) -> list[str]:
    """Writes a matching model for Keras; returns lines about it."""
    from imcap.export.keras_file import write_keras
    from imcap.matching.run import MatchRun

    run = MatchRun.open(path)
    scan = run.task(settings.checkpoint)
    write_keras(out, scan, run.path / "vocabulary.json")
    return ["takes features, tokens"]


def describe(run: Run, settings: ExportSettings) -> dict[str, Any]:
    """Metadata of an export, for assets.extra/imcap.json."""
    import imcap

    metadata = run.encoder_metadata
    return {
        "run": str(run.path),
        "imcap": imcap.__version__,
        "image_size": metadata.get("image_size"),
        "grid": metadata.get("grid"),
        "channels": run.channels,
        "max_pixels": settings.max_pixels,
    }
