"""The page on adding a captioner tells the truth."""

import json
import re

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from helpers.places import ROOT
from helpers.tiny_data import flags, prepare_folder
from imcap.cli import evaluate, train
from imcap.models import registry

PAGE = ROOT / "docs" / "adding_a_captioner.md"
B, N, T, K, D, V = 2, 3, 5, 7, 11, 17


@pytest.fixture
def captioner(monkeypatch):
    """The page's code, run, and its captioner in the table."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    names = {"__name__": "mean_pooled", "CAPTIONERS": dict(registry.CAPTIONERS)}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    monkeypatch.setattr(registry, "CAPTIONERS", names["CAPTIONERS"])
    return names["MeanPooled"]


def test_its_steps_are_teacher_forcing(captioner):
    model = registry.build_captioner("mean_pooled", V, D, lstm_dim=13)
    assert type(model) is captioner
    generator = np.random.default_rng(0)
    inputs = {
        "features": generator.normal(size=(B, K, D)).astype("float32"),
        "tokens": generator.integers(1, V, size=(B, N, T), dtype="int32"),
    }

    def by_step():
        memory = model.encode(inputs)
        state, said = model.initial_state(memory, N), []
        for time in range(T):
            tokens = inputs["tokens"][:, :, time]
            logits, state, _ = model.step(tokens, state, memory)
            said.append(logits)
        return ops.stack(said, axis=2)

    whole = as_numpy(computed(lambda: model(inputs)))[0]
    np.testing.assert_allclose(as_numpy(computed(by_step))[0], whole, atol=1e-5)


def test_it_trains_and_captions(captioner, tmp_path):
    folder = prepare_folder(tmp_path)
    words = flags(folder, caption_model="mean_pooled")
    assert train.main(words) == 0
    run = str(folder / "run")
    assert evaluate.main(["--model", run, "--metrics", "CIDEr"]) == 0
    metrics = folder / "run" / "evaluation" / "test_beam5" / "metrics.json"
    assert json.loads(metrics.read_text())["images"] == 2
