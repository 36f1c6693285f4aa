"""Packs two runs of one picture network as what ships in imcap/pretrained.

python utils/pack_pretrained.py runs/captioner runs/matcher imcap/pretrained
"""

import argparse
import sys
from pathlib import Path

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.run import CaptionerRun
from imcap.errors import InputError
from imcap.export.packed_run import write_packed_encoder, write_packed_run
from imcap.export.writing import ExportSettings, export_tflite
from imcap.matching.run import MatchRun
from imcap.startup import load_keras


def main(argv=None):
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captioner", help="directory of a captioner's run")
    parser.add_argument("matcher", help="directory of a matching run")
    parser.add_argument("out", type=Path, help="folder to write, new or empty")
    arguments = parser.parse_args(argv)
    load_keras()
    try:
        pack(arguments.captioner, arguments.matcher, arguments.out)
    except InputError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    return 0


def pack(captioner, matcher, out):
    """Writes the folder."""
    run, match = CaptionerRun.open(captioner), MatchRun.open(matcher)
    if run.encoder_metadata["weights"] != match.encoder_metadata["weights"]:
        raise InputError(f"{matcher}: not on the features of {captioner}")
    encoder = out / "encoder.weights.h5"
    write_packed_encoder(encoder, run)
    write_packed_run(out / "captioner", run, encoder)
    write_packed_run(out / "matcher", match, encoder)
    settings = ExportSettings(DecodingSettings(beam_size=1), int8=True)
    for line in export_tflite(captioner, out / "captioner.tflite", settings):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
