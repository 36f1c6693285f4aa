"""`imcap export`: a run as a file that others load without imcap.

imcap export --model runs/adaptive captioner
"""

import dataclasses
import sys
from pathlib import Path

from imcap.config import option, positional, quiet_start, run_command
from imcap.data.errors import InputError
from imcap.decoding_config import DecodingConfig

FORMATS = ("savedmodel", "tflite", "keras")


@dataclasses.dataclass(frozen=True)
class ExportConfig(DecodingConfig):
    """Writes a run for those who deploy it.

    savedmodel: a folder that TensorFlow loads without imcap; encoded
    pictures in, captions and attention out, decoded as the flags say. Runs
    of image-text matching score pictures against sentences.
    tflite: one file for LiteRT, one picture at a time, greedy.
    keras: one file for Keras with imcap imported.
    """

    out: tuple[str, ...] = positional("folder or file to write")
    format: str = option("savedmodel", "what to write", choices=FORMATS)
    int8: bool = option(
        False, "tflite: weights of 8 bits (dynamic-range quantisation)"
    )
    max_pixels: int = option(
        89_478_485, "width times height above which a picture is refused"
    )
    force: bool = option(False, "replace what an export wrote before")


def check(config):
    """The path to write; InputError where flags do not belong together."""
    if len(config.out) != 1:
        raise InputError("give one folder or file to write")
    if config.int8 and config.format != "tflite":
        raise InputError("--int8 goes with --format tflite")
    if config.max_pixels < 1:
        raise InputError("--max_pixels starts from 1")
    out = Path(config.out[0])
    if config.format == "keras" and out.suffix != ".keras":
        raise InputError(f"{out}: Keras wants a name that ends in .keras")
    if not out.exists():
        return out
    if out.is_dir() != (config.format == "savedmodel"):
        kind = "folder" if out.is_dir() else "file"
        raise InputError(f"{out}: a {kind} of that name is there already")
    if not config.force:
        raise InputError(f"{out}: it is there already; --force replaces it")
    return out


def export(config):
    """Runs the command; returns the path written."""
    out = check(config)
    with quiet_start():
        from imcap.match_runs import is_matching
    matching = is_matching(config.model)
    if matching and config.format == "tflite":
        raise InputError(
            f"{config.model}: a run of image-text matching; tflite takes "
            "captioners, export a savedmodel"
        )
    write = {
        "savedmodel": export_matcher if matching else export_captioner,
        "tflite": export_tflite,
        "keras": export_scan if matching else export_task,
    }[config.format]
    with quiet_start():
        lines = write(config, out)
    print("\n".join([f"{out}: {megabytes(out):.1f} MB", *lines]))
    return out


def export_captioner(config, out):
    """Writes a SavedModel of a captioner; returns lines about it."""
    from imcap.exported_captioner import ExportedCaptioner
    from imcap.exported_folder import write_saved_model
    from imcap.runs import Run

    run = Run.open(config.model)
    task = run.task(config.checkpoint)
    exported = ExportedCaptioner(run, task, config, config.max_pixels)
    signatures = exported.signatures()
    notes = about(config, run) | {"decoding": decoding_of(config)}
    write_saved_model(out, signatures, notes, run, config.force)
    return lines_about(exported, signatures)


def export_matcher(config, out):
    """Writes a SavedModel of a matching run; returns lines about it."""
    from imcap.exported_folder import write_saved_model
    from imcap.exported_matcher import ExportedMatcher
    from imcap.match_runs import MatchRun

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
    from imcap.exported_folder import described

    lines = described(signatures)
    if exported.pictures.network is None:
        lines.append(
            "takes features alone: it is not known what made the run's"
        )
    return lines


def export_tflite(config, out):
    """Writes a file for LiteRT; returns lines about it."""
    from imcap import exported_tflite
    from imcap.exported_captioner import ExportedCaptioner
    from imcap.runs import Run

    if config.sample_n or config.ensemble:
        raise InputError(
            "tflite decodes one run greedily: no --sample_n, no --ensemble"
        )
    config = dataclasses.replace(config, beam_size=1, group_size=1)
    run = Run.open(config.model)
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
    from imcap.exported_keras import with_pictures, write_keras
    from imcap.runs import Run

    run = Run.open(config.model)
    task = with_pictures(run, run.task(config.checkpoint))
    write_keras(out, task, run.path / "vocabulary.json")
    takes = ["images" if task.encoder else "features", "tokens"]
    if task.captioner.wanted_positions:
        takes.insert(1, "positions")
    return [f"takes {', '.join(takes)}"]


def export_scan(config, out):
    """Writes a matching model for Keras; returns lines about it."""
    from imcap.exported_keras import write_keras
    from imcap.match_runs import MatchRun

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


def megabytes(path):
    """Size of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file()) / 1e6


def main(argv=None):
    """Runs `imcap export`; returns the exit status."""
    return run_command("export", ExportConfig, export, argv)


if __name__ == "__main__":
    sys.exit(main())
