"""`imcap calibrate`: fitted, kept with the run, used wherever it captions."""

import json

import numpy as np
import pytest

from helpers.refusing import only_error
from imcap.captioning import calibration
from imcap.captioning.confidence import (
    load_confidence,
    risk_coverage,
    threshold_of,
)
from imcap.captioning.run import CaptionerRun
from imcap.cli import calibrate, evaluate, train
from imcap.errors import InputError
from imcap.export.packed_run import halve, without_folders
from imcap.training.checkpoints import save_weights


@pytest.fixture
def calibrated(trained, capsys):
    assert calibrate.main(["--model", str(trained / "run")]) == 0
    assert "are declined; of the others" in capsys.readouterr().out
    return trained / "run"


def test_is_kept_and_read_again(calibrated):
    about = json.loads((calibrated / "confidence.json").read_text())
    assert threshold_of(calibrated) == about["threshold"]
    layer = load_confidence(CaptionerRun.open(calibrated))
    assert layer is not None and np.isfinite(layer.get_weights()[0]).all()


def test_generator_gives_it(calibrated):
    from imcap.captioning.decoding_settings import DecodingSettings
    from imcap.captioning.generation import generate, make_generator
    from imcap.captioning.split_data import SplitSettings, open_split

    run = CaptionerRun.open(calibrated)
    captions, read = open_split(run, SplitSettings("val"))
    layer = load_confidence(run)
    generator = make_generator(
        run.task(), run, DecodingSettings(beam_size=2, max_length=4)
    )
    inputs = read(captions.image_ids)
    found = list(generate(generator, run.vocabulary, [inputs], True))
    for row, (caption,) in enumerate(found):
        one = {name: part[row : row + 1] for name, part in inputs.items()}
        ours = calibration.confidence_of(layer, run, one, caption)
        assert 0 <= caption.confidence <= 1
        assert caption.confidence == pytest.approx(ours, abs=1e-4)


def test_evaluation_says_what_it_is_worth(calibrated, capsys):
    words = ["--model", str(calibrated), "--metrics", "Bleu"]
    assert evaluate.main([*words, "--split", "val", "--beam_size", "1"]) == 0
    assert "declined; of the others" in capsys.readouterr().out
    found = json.loads(
        (calibrated / "evaluation/val_greedy/confidence.json").read_text()
    )
    about = json.loads((calibrated / "confidence.json").read_text())
    for name in ("threshold", "declined", "right"):
        assert found[name] == pytest.approx(about[name])
    assert found["coverage"][-1] == 1
    assert found["risk"][-1] == pytest.approx(1 - found["right"])


def test_of_other_weights_it_is_forgotten(calibrated):
    run = CaptionerRun.open(calibrated)
    run.begin()
    assert load_confidence(run) is None and threshold_of(run.path) is None


def test_it_is_of_the_weights_that_it_was_measured_with(calibrated, capsys):
    run = CaptionerRun.open(calibrated)
    assert load_confidence(run) is not None
    assert load_confidence(run, "last") is None
    words = ["--start_from", str(calibrated), "--max_epochs"]
    before = run.best.read_bytes()
    more = ["2", "--learning_rate", "0.0"]  # no epoch is better than the best
    assert train.main([*words, *more]) == 0
    assert run.best.read_bytes() == before
    assert "calibrate" not in capsys.readouterr().out
    assert load_confidence(run) is not None
    save_weights(run.best, run.build_task())
    assert train.main([*words, "2"]) == 0
    assert "calibrate it again" in capsys.readouterr().out
    assert load_confidence(run) is None


def test_run_without_calibration(trained):
    run = CaptionerRun.open(trained / "run")
    assert load_confidence(run) is None and threshold_of(run.path) is None


def test_damaged_file(calibrated):
    (calibrated / "confidence.weights.h5").write_bytes(b"no weights")
    with pytest.raises(InputError, match="cut short"):
        load_confidence(CaptionerRun.open(calibrated))


@pytest.mark.parametrize("flag", ["--decline", "--precision"])
def test_shares_out_of_range(trained, capsys, flag):
    words = ["--model", trained / "run", flag, "1.5"]
    assert flag in only_error(calibrate.main, capsys, *words)


def test_threshold_of_a_share():
    confidence = np.arange(10) / 10
    right = confidence > 0.45
    found = calibration.choose_threshold(confidence, right, 0.2, 0.0)
    assert found.declined == pytest.approx(0.2)
    assert found.precision == pytest.approx(5 / 8)
    assert found.right == pytest.approx(0.5)


def test_threshold_of_a_precision():
    confidence = np.arange(10) / 10
    right = np.array([0, 0, 0, 1, 0, 1, 1, 0, 1, 1], bool)
    found = calibration.choose_threshold(confidence, right, 0.0, 0.75)
    assert found.precision >= 0.75
    assert found.threshold == 0.5  # 4 of 5 are right; with the next, 4 of 6
    with pytest.raises(InputError, match="the best is"):
        calibration.choose_threshold(confidence, ~right, 0.0, 0.9)


def test_logistic_regression_finds_what_tells(trained):
    layer = calibration.build_confidence(CaptionerRun.open(trained / "run"))
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(400, 5))
    right = rng.random(400) < 1 / (1 + np.exp(-3 * evidence[:, 2]))
    calibration.fit_evidence(layer, evidence, rng.normal(size=400), right)
    weights = np.asarray(layer.weights_of_evidence)
    assert weights[2] > 1.5 and np.abs(np.delete(weights, 2)).max() < 0.6


def test_risk_coverage():
    coverage, risk = risk_coverage(
        np.array([0.1, 0.9, 0.5, 0.7]), np.array([False, True, True, False])
    )
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(risk, [0.0, 0.5, 1 / 3, 0.5])


def test_packed_weights_are_read_as_they_were(calibrated):
    run = CaptionerRun.open(calibrated)
    before = run.task().get_weights()
    halve(run.best)
    for old, new in zip(before, run.task().get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-3, atol=1e-4)
    packed = without_folders(run.config)
    assert packed.input_json == "captions.json"
    assert packed.learning_rate == run.config.learning_rate
