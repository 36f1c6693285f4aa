"""Exports of a run: what is written and what is said about it."""

import dataclasses

from imcap.captioning.decoding_settings import DecodingConfig
from imcap.errors import InputError


def export_captioner(config, out):
    """Writes a SavedModel of a captioner; returns lines about it."""
    from imcap.captioning.run import CaptionerRun
    from imcap.export.captioner import ExportedCaptioner
    from imcap.export.saved_model import write_saved_model

    run = CaptionerRun.open(config.model)
    task = run.task(config.checkpoint)
    exported = ExportedCaptioner(run, task, config, config.max_pixels)
    signatures = exported.signatures()
    notes = about(config, run) | {"decoding": decoding_of(config)}
    write_saved_model(out, signatures, notes, run, config.force)
    return lines_about(exported, signatures)


def export_matcher(config, out):
    """Writes a SavedModel of a matching run; returns lines about it."""
    from imcap.export.matcher import ExportedMatcher
    from imcap.export.saved_model import write_saved_model
    from imcap.matching.run import MatchRun

    run = MatchRun.open(config.model)
    scan = run.task(config.checkpoint)
    exported = ExportedMatcher(run, scan, config.max_pixels)
    signatures = exported.signatures()
    write_saved_model(
        out, signatures, about(config, run), run, config.force,
        [exported.table],
    )  # fmt: skip
    return lines_about(exported, signatures)


def lines_about(exported, signatures):
    """What a SavedModel takes and gives: list of str."""
    from imcap.export.saved_model import described

    lines = described(signatures)
    if exported.pictures.encoder is None:
        lines.append(
            "takes features alone: it is not known what made the run's"
        )
    return lines


def export_tflite(config, out):
    """Writes a file for LiteRT; returns lines about it."""
    from imcap.captioning.run import CaptionerRun
    from imcap.export import litert as exported_tflite
    from imcap.export.captioner import ExportedCaptioner

    if config.sample_n or config.ensemble:
        raise InputError(
            "tflite decodes one run greedily: no --sample_n, no --ensemble"
        )
    config = dataclasses.replace(config, beam_size=1, group_size=1)
    run = CaptionerRun.open(config.model)
    if not run.encoder_metadata:
        run.build_encoder()  # which says why not
    task = exported_tflite.float32_task(run, config.checkpoint)
    exported = ExportedCaptioner(run, task, config, config.max_pixels)
    function = exported_tflite.greedy_function(exported, task, run.ids, config)
    model = exported_tflite.convert(function, config.int8)
    exported_tflite.write_tflite(out, model, run.path / "vocabulary.json")
    took = exported_tflite.latency(out, exported.pictures.image_size)
    return [f"{took * 1e3:.1f} ms a picture here, one thread, greedy"]


def export_task(config, out):
    """Writes a captioner for Keras; returns lines about it."""
    from imcap.captioning.run import CaptionerRun
    from imcap.export.keras_file import with_pictures, write_keras

    run = CaptionerRun.open(config.model)
    task = with_pictures(run, run.task(config.checkpoint))
    write_keras(out, task, run.path / "vocabulary.json")
    takes = ["images" if task.encoder else "features", "tokens"]
    if task.captioner.wanted_positions:
        takes.insert(1, "positions")
    return [f"takes {', '.join(takes)}"]


def export_scan(config, out):
    """Writes a matching model for Keras; returns lines about it."""
    from imcap.export.keras_file import write_keras
    from imcap.matching.run import MatchRun

    run = MatchRun.open(config.model)
    scan = run.task(config.checkpoint)
    write_keras(out, scan, run.path / "vocabulary.json")
    return ["takes features, tokens"]


def about(config, run):
    """What assets.extra/imcap.json says of an export."""
    import imcap

    metadata = run.encoder_metadata
    return {
        "run": str(run.path),
        "imcap": imcap.__version__,
        "image_size": metadata.get("image_size"),
        "grid": metadata.get("grid"),
        "channels": run.channels,
        "max_pixels": config.max_pixels,
    }


def decoding_of(config):
    """The flags of decoding as a dict."""
    names = {field.name for field in dataclasses.fields(DecodingConfig)}
    names -= {"model", "checkpoint"}
    return {name: getattr(config, name) for name in sorted(names)}
