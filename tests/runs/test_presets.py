"""Presets say what they are for and what they gave."""

import re
from pathlib import Path

import pytest

from imcap.captioning.train_settings import TrainConfig
from imcap.cli.train import unused_flags
from imcap.errors import InputError
from imcap.runs.presets import (
    MATCHING,
    PRESETS,
    list_presets,
    open_preset,
    read_preset,
)

RESULTS = Path(__file__).parents[2] / "docs" / "results.md"


ALL = [(PRESETS, name) for name in list_presets()]
ALL += [(MATCHING, name) for name in list_presets(MATCHING)]


def test_no_preset_sets_what_its_captioner_does_not_have():
    for name in list_presets():
        flags = read_preset(name)
        assert unused_flags(TrainConfig(**flags)) == [], name


def test_every_file_is_listed_once():
    assert len(ALL) == len(list(PRESETS.rglob("*.json")))
    assert len({name for _, name in ALL}) == len(ALL)
    assert read_preset("adaptive")["sgate"] is True


def figures(value):
    """All numbers in a preset's measured scores."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in figures(part)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_what_it_gave_stands_in_the_results(folder, name):
    preset = open_preset(name, folder)
    assert preset.description.endswith(".")
    if not preset.measured:
        assert "Not measured" in preset.description
        return
    written = set(re.findall(r"\d*\.\d+", RESULTS.read_text()))
    found = figures(preset.measured)
    assert len(found) >= 2
    for number in found:
        text = f"{number:.3f}"[1:] if number < 1 else f"{number:.1f}"
        assert text in written


def test_an_unknown_one_is_refused():
    with pytest.raises(InputError, match="there are adaptive, att2in"):
        read_preset("everything")
