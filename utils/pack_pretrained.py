"""Two runs of one picture network as what ships in imcap/pretrained.

python utils/pack_pretrained.py --captioner runs/rl --matcher runs/ridge
"""

import dataclasses
import sys
from pathlib import Path

from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.options import REQUIRED, option
from imcap.startup import load_keras


@dataclasses.dataclass(frozen=True)
class PackConfig:
    """Writes both runs with weights of 16 bits, and a LiteRT file of 8.

    The picture network's weights are kept once. Settings name files without
    their folders.
    """

    captioner: str = option(REQUIRED, "directory of a captioner's run")
    matcher: str = option(REQUIRED, "directory of a matching run")
    output: str = option("pretrained", "folder to write, new or empty")


def pack(config):
    """Runs the command."""
    load_keras()
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.captioning.run import CaptionerRun
    from imcap.export.packed_run import write_packed_encoder, write_packed_run
    from imcap.export.writing import ExportSettings, export_tflite
    from imcap.matching.run import MatchRun

    run = CaptionerRun.open(config.captioner)
    match = MatchRun.open(config.matcher)
    if run.encoder_metadata["weights"] != match.encoder_metadata["weights"]:
        raise InputError(
            f"{config.matcher}: not on the features of {config.captioner}"
        )
    out = Path(config.output)
    encoder = out / "encoder.weights.h5"
    write_packed_encoder(encoder, run)
    write_packed_run(out / "captioner", run, encoder)
    write_packed_run(out / "matcher", match, encoder)
    settings = ExportSettings(DecodingSettings(beam_size=1), int8=True)
    lines = export_tflite(run.path, out / "captioner.tflite", settings)
    print("\n".join(lines))


def main(argv=None):
    """Runs the command; returns the exit status."""
    return run_command("pack_pretrained", PackConfig, pack, argv)


if __name__ == "__main__":
    sys.exit(main())
