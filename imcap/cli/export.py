"""`imcap export`: a run as a file that others load without imcap.

imcap export --model runs/adaptive captioner
"""

import dataclasses
import sys
from pathlib import Path

from imcap.cli.flags import DecodingFlags
from imcap.cli.outputs import check_outputs
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.export.writing import FORMATS, ExportSettings, export_run
from imcap.options import option, positional
from imcap.startup import quiet_start


@dataclasses.dataclass(frozen=True)
class ExportConfig(DecodingFlags):
    """Writes a run for those who deploy it.

    savedmodel: a folder that TensorFlow loads without imcap; encoded
    pictures in, captions and attention out, decoded as the flags say. Runs
    of image-text matching score pictures against sentences.
    tflite: one file for LiteRT, one picture at a time, greedy.
    keras: one file for Keras with imcap imported.
    """

    out: tuple[str, ...] = positional("folder or file to write")
    format: str = option(
        "savedmodel",
        "what to write",
        choices=FORMATS,
        heading="What is written",
    )
    int8: bool = option(
        False, "tflite: weights of 8 bits (dynamic-range quantisation)"
    )
    force: bool = option(False, "replace what an export wrote before")

    @property
    def settings(self) -> ExportSettings:
        """What the export holds."""
        return ExportSettings(
            self.decoding,
            self.checkpoint,
            self.max_pixels,
            self.int8,
            self.force,
        )


def check(config: ExportConfig) -> Path:
    """The path to write; InputError where flags do not belong together."""
    if len(config.out) != 1:
        raise InputError("give one folder or file to write")
    if config.int8 and config.format != "tflite":
        raise InputError("--int8 goes with --format tflite")
    out = Path(config.out[0])
    check_outputs(None, out)
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


def export(config: ExportConfig) -> Path:
    """Runs the command; returns the path written."""
    out = check(config)
    with quiet_start():
        lines = export_run(config.run_path, out, config.format, config.settings)
    print("\n".join([f"{out}: {megabytes(out):.1f} MB", *lines]))
    return out


def megabytes(path: Path) -> float:
    """Size of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file()) / 1e6


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap export`; returns the exit status."""
    return run_command("export", ExportConfig, export, argv)


if __name__ == "__main__":
    sys.exit(main())
