"""The page on adding a captioner tells the truth."""

import ast
import json
import re
import sys
import types

import pytest

from helpers import captioners
from helpers.captioner_checks import (
    check_beams,
    check_dropout,
    check_independence,
    check_mixed_precision,
    check_packing,
    check_padding,
    check_round_trip,
    check_steps,
)
from helpers.places import ROOT
from helpers.tiny_data import flags, prepare_folder
from imcap.cli import evaluate, train
from imcap.models import registry

PAGE = ROOT / "docs" / "adding_a_captioner.md"
MODULE = "imcap.models.mean_pooled"


def added_lines():
    """The lines that the page adds to files that are there."""
    return re.findall(r"^\+ *(.+)$", PAGE.read_text("utf-8"), re.M)


@pytest.fixture(scope="module")
def variant():
    """The variant's name; the page's file and its three lines are in place."""
    imported, entry, tested = added_lines()
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    module = types.ModuleType(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, MODULE, module)
        exec(compile(code, str(PAGE), "exec"), vars(module))
        names = {}
        exec(imported, names)
        for name, captioner in eval(f"{{{entry}}}", names).items():
            patch.setitem(registry.CAPTIONERS, name, captioner)
        ((name, made),) = ast.literal_eval(f"{{{tested}}}").items()
        patch.setitem(captioners.VARIANTS, name, made)
        yield name


@pytest.fixture(scope="module")
def built(variant):
    return captioners.Built(captioners.make(variant))


def test_it_passes_what_all_captioners_pass(built, tmp_path):
    assert type(built.model).__module__ == MODULE
    check_steps(built)
    check_padding(built)
    check_dropout(built)
    check_independence(built)
    check_round_trip(built, tmp_path)
    check_beams(built)


def test_it_learns_from_packed_words(variant):
    check_packing(captioners.make(variant))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_learns_in_half_precision(variant, policy):
    model = captioners.make(variant, dtype=policy)
    check_mixed_precision(model, policy)
    assert {
        part.dtype_policy.name for part in model.layers if part.weights
    } == {policy}


def test_it_trains_and_captions(variant, tmp_path):
    folder = prepare_folder(tmp_path)
    words = flags(folder, caption_model="mean_pooled")
    assert train.main(words) == 0
    run = str(folder / "run")
    assert evaluate.main(["--model", run, "--metrics", "CIDEr"]) == 0
    metrics = folder / "run" / "evaluation" / "test_beam5" / "metrics.json"
    assert json.loads(metrics.read_text())["images"] == 2
