"""Settings of decoding and evaluation, and the flags that give them."""

import dataclasses
import types

import pytest

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.evaluation import Evaluation
from imcap.captioning.split_data import SplitSettings
from imcap.cli.evaluate import EvaluateConfig
from imcap.cli.export import ExportConfig
from imcap.cli.report import ReportConfig
from imcap.errors import InputError

# What settings.json of version 0.1.0 holds, in its order: results that lie
# in a run are used again only where the two are equal.
DESCRIBED = [
    "checkpoint", "ensemble", "beam_size", "group_size", "diversity_lambda",
    "sample_n", "temperature", "top_k", "top_p", "length_penalty",
    "no_repeat_ngram", "allow_unk", "max_length", "split", "input_json",
    "input_h5", "features", "images_root", "references", "num_images",
    "metrics", "weights",
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "beam5"),
        ({"beam_size": 1}, "greedy"),
        ({"sample_n": 3}, "sample3"),
        ({"sample_n": 3, "beam_size": 1}, "sample3"),
    ],
)
def test_label(settings, label):
    decoding = DecodingSettings(**settings)
    assert decoding.label == label
    assert label.startswith(decoding.method)


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"beam_size": 0}, "--beam_size"),
        ({"max_length": 0}, "--max_length"),
        ({"seed": -1}, "--seed"),
        ({"temperature": 0.0}, "--temperature"),
        ({"top_p": 1.5}, "--top_p"),
        ({"beam_size": 4, "group_size": 3}, "--group_size 3"),
        ({"group_size": 0}, "--group_size 0"),
    ],
)
def test_out_of_range(settings, flag):
    with pytest.raises(InputError, match=flag):
        DecodingSettings(**settings).check()
    DecodingSettings().check()


def test_flags_give_settings_of_their_own():
    config = EvaluateConfig(
        model="m", checkpoint="last", beam_size=2, split="val", num_images=3,
        metrics=("CIDEr",),
    )  # fmt: skip
    evaluation = config.evaluation
    assert type(evaluation.decoding) is DecodingSettings
    assert type(evaluation.data) is SplitSettings
    assert evaluation.decoding == DecodingSettings(beam_size=2)
    assert evaluation.data == SplitSettings(split="val", num_images=3)
    assert (evaluation.checkpoint, evaluation.metrics) == ("last", ("CIDEr",))
    assert ReportConfig().evaluation.data.num_images == 100
    export = ExportConfig(int8=True, max_length=4).settings
    assert export.int8 and export.decoding == DecodingSettings(max_length=4)


def test_the_run_comes_first_among_flags():
    names = [field.name for field in dataclasses.fields(EvaluateConfig)]
    assert names[:3] == ["model", "max_pixels", "checkpoint"]
    assert names[-3:] == ["batch_size", "metrics", "output"]


def described(**decoding):
    files = dict.fromkeys(("input_json", "references", "features"))
    run = types.SimpleNamespace(
        config=types.SimpleNamespace(**files),
        fingerprint=lambda checkpoint: f"weights of {checkpoint}",
    )
    evaluation = Evaluation(
        SplitSettings(), DecodingSettings(**decoding), metrics=("CIDEr", "Bleu")
    )
    return evaluation.describe(run)


def test_what_results_depend_on():
    values = described()
    assert list(values) == DESCRIBED
    assert values["metrics"] == ["Bleu", "CIDEr"]
    assert values["weights"] == "weights of best"
    assert described(sample_n=2, seed=4)["seed"] == 4
    assert described(jit_compile=True) == values


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ("Foo",)}, "--metrics Foo: there are Bleu"),
        ({"batch_size": 0}, "--batch_size"),
        ({"data": SplitSettings(num_images=0)}, "--num_images"),
        ({"decoding": DecodingSettings(top_k=-1)}, "--top_k"),
    ],
)
def test_an_evaluation_that_cannot_be(settings, message):
    plain = {"data": SplitSettings(), "decoding": DecodingSettings()}
    with pytest.raises(InputError, match=message):
        Evaluation(**plain | settings).check()
