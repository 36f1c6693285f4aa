"""Runs of version 0.1.0, kept as it wrote them, load by their order."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as as_numpy

from imcap.captioning.run import CaptionerRun
from imcap.decoding import beam_search
from imcap.errors import InputError
from imcap.matching.run import MatchRun
from imcap.models.registry import build_captioner
from imcap.models.scan import Scan
from imcap.models.small_cnn import SmallCNN
from imcap.training.checkpoints import load_state, load_weights
from imcap.training.legacy_checkpoints import (
    _lines,
    _optimizer_order,
    _ordered,
)
from imcap.training.legacy_orders import STATE_ORDERS, WEIGHTS_ORDERS
from imcap.training.losses import WordCrossEntropy
from imcap.training.optimizers import OPTIMIZERS, make_optimizer
from imcap.training.task import CaptioningTask
from imcap.training.variable_paths import (
    optimizer_paths,
    state_paths,
    weight_paths,
)

GOLDEN = Path(__file__).parents[1] / "golden"
CAPTIONER, MATCHER = GOLDEN / "legacy_captioner", GOLDEN / "legacy_matcher"


def expected(folder):
    return json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_a_captioner_says_what_it_said(checkpoint):
    run = CaptionerRun.open(CAPTIONER)
    captioner = run.task(checkpoint).captioner
    stored = expected(CAPTIONER)[checkpoint]
    features = np.random.default_rng(5).normal(size=(6, 7, 11))
    features = features.astype("float32")
    tokens = np.random.default_rng(6).integers(1, 11, size=(6, 2, 5))
    inputs = {"features": features, "tokens": tokens.astype("int32")}
    logits = as_numpy(captioner(inputs))[:, 1, 3, :4]
    np.testing.assert_allclose(logits.ravel(), stored["logits"], atol=2e-5)
    memory = captioner.encode({"features": features})
    found = beam_search(
        lambda tokens, state: captioner.step(tokens, state, memory),
        captioner.initial_state(memory, 3),
        (6, 3, 6),
        *run.ids,
    )
    assert as_numpy(found.tokens)[:, 0].tolist() == stored["captions"]


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_a_matcher_scores_as_it_scored(checkpoint):
    scan = MatchRun.open(MATCHER).task(checkpoint)
    features = np.random.default_rng(5).normal(size=(4, 3, 7))
    tokens = np.random.default_rng(6).integers(1, 10, size=(3, 5))
    scores = scan(
        {
            "features": features.astype("float32"),
            "tokens": tokens.astype("int32"),
        }
    )
    np.testing.assert_allclose(
        as_numpy(scores),
        expected(MATCHER)[checkpoint]["scores"],
        atol=2e-5,
    )


@pytest.mark.parametrize(
    ("folder", "run_class", "options"),
    [
        (CAPTIONER, CaptionerRun, {"accumulate": 2, "average": 0.9}),
        (MATCHER, MatchRun, {"average": 0.9}),
    ],
)
def test_each_number_is_the_variable_that_it_was(folder, run_class, options):
    """Optimizer slots too: sums of gradients, averages, moments."""
    task = run_class.open(folder).build_task()
    task.compile(make_optimizer("adam", lambda: 0.1, **options))
    position = load_state(folder / "state.npz", task)
    assert position["step"] > 0
    variables = state_paths(task)
    paths = expected(folder)["paths"]
    assert sorted(paths) == sorted(variables)
    with np.load(folder / "state.npz") as file:
        for number, path in enumerate(paths):
            np.testing.assert_array_equal(
                as_numpy(variables[path]),
                file[f"{number:05d}"],
                path,
            )


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "options",
    [{}, {"accumulate": 2}, {"average": 0.9, "scale_loss": True}],
    ids=["plain", "accumulated", "averaged"],
)
@pytest.mark.parametrize("rate", [0.1, lambda: 0.1], ids=["rate", "schedule"])
def test_slots_of_every_optimizer_stand_as_keras_lists_them(
    name, options, rate
):
    scan = Scan(11, 5, embed_size=3, word_dim=2, bi_gru=True)
    scan.compile(make_optimizer(name, rate, **options), auto_scale_loss=False)
    paths = optimizer_paths(scan)
    names = {id(variable): path for path, variable in paths.items()}
    listed = [names[id(v)] for v in scan.optimizer.variables]
    ordered = _ordered(scan, list(weight_paths(scan)), STATE_ORDERS)
    assert _optimizer_order(scan, ordered) == listed


def test_pictures_are_read_by_a_network_of_old(tmp_path):
    """Keras' own layout, which version 0.1.0 wrote, of a task with a CNN."""
    sizes = {"lstm_dim": 3, "emb_dim": 2, "z_dim": 5}
    tasks = [
        CaptioningTask(
            build_captioner("att2in", 11, 8, **sizes), SmallCNN(16, 8)
        )
        for _ in range(2)
    ]
    path = tmp_path / "best.weights.h5"
    tasks[0].compile("adam", WordCrossEntropy())
    keras.Model.save_weights(tasks[0], path)
    load_weights(path, tasks[1])
    others = weight_paths(tasks[1])
    assert any(path.startswith("encoder/") for path in others)
    for path, variable in weight_paths(tasks[0]).items():
        np.testing.assert_array_equal(
            as_numpy(variable),
            as_numpy(others[path]),
            path,
        )


# A newer captioner has no run of old; this list does not grow.
KNOWN_OF_OLD = (
    "adaptive",
    "show_attend_tell",
    "up_down",
    "att2in",
    "sca_cnn",
    "spatial_transformer",
    "spatial_pe",
    "transformer",
    "relation_transformer",
)


@pytest.mark.parametrize("name", KNOWN_OF_OLD)
def test_every_path_had_a_place(name):
    """A path that changes has to change in the written order too."""
    sizes = {"emb_dim": 4, "heads": 2, "num_layers": 2, "dropout": 0.1}
    channels = 960 if name == "sca_cnn" else 5
    task = CaptioningTask(
        build_captioner(name, 11, channels, num_grids=9, **sizes)
    )
    for paths, orders in (
        (list(state_paths(task)), STATE_ORDERS),
        (list(weight_paths(task)), WEIGHTS_ORDERS),
    ):
        assert sorted(_ordered(task, paths, orders)) == sorted(paths)


@pytest.mark.parametrize("orders", [STATE_ORDERS, WEIGHTS_ORDERS])
def test_no_line_stands_twice(orders):
    for text in orders.values():
        paths = _lines(text)
        assert len(paths) == len(set(paths))


@pytest.mark.parametrize("name", ["state.npz", "best.weights.h5"])
def test_a_file_of_another_model_is_refused(name, tmp_path):
    run = shutil.copytree(CAPTIONER, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["sgate"] = False
    (run / "config.json").write_text(json.dumps(config))
    checkpoint = "last" if name == "state.npz" else "best"
    with pytest.raises(InputError, match=f"{name}: .*was the model changed"):
        CaptionerRun.open(run).task(checkpoint)
