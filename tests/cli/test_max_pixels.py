"""--max_pixels is there wherever pictures are decoded, and holds."""

import importlib

import pytest
from PIL import Image

from imcap.cli import caption
from imcap.cli.parser import make_parser
from imcap.data.pictures.limits import MAX_PIXELS, pixel_limit

CONFIGS = {
    "calibrate": "CalibrateConfig", "caption": "CaptionConfig",
    "compare": "CompareConfig", "evaluate": "EvaluateConfig",
    "export": "ExportConfig", "extract": "ExtractConfig",
    "match_search": "MatchSearchConfig", "prepare": "PrepareConfig",
    "report": "ReportConfig", "serve": "ServeConfig", "train": "TrainConfig",
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_commands_that_decode_have_it(name):
    module = importlib.import_module(f"imcap.cli.{name}")
    parser, _ = make_parser(getattr(module, CONFIGS[name]), name)
    assert "--max_pixels" in parser.format_help()


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_it_holds_for_one_command(ending, tmp_path, capsys):
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (101, 100), "red").save(path)
    assert caption.main([str(path), "--max_pixels", "10000"]) == 2
    said = capsys.readouterr().err
    assert "a." in said and "10100 pixels, the limit is 10000" in said
    assert "raise --max_pixels" in said
    assert pixel_limit() == MAX_PIXELS
    assert caption.main([str(path), "--max_pixels", "10100"]) == 0


def test_a_senseless_limit_is_one_line(tmp_path, capsys):
    assert caption.main([str(tmp_path), "--max_pixels", "0"]) == 2
    assert "--max_pixels starts from 1" in capsys.readouterr().err
