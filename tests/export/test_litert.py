"""LiteRT models: captions from pixels, in floats and in eight bits."""

import keras
import numpy as np
import pytest

from helpers.exporting import encoded, picture_run
from helpers.tiny_runs import CHANNELS, make_match_run, make_run
from imcap.captioning.captioner import LoadedCaptioner
from imcap.cli import export
from imcap.data.pictures.decoding import load_pixels
from imcap.data.words.archived import read_vocabulary
from imcap.errors import InputError
from imcap.export.litert import open_interpreter

pytestmark = pytest.mark.slow

LENGTH = 6
KINDS = {
    "adaptive": {"sgate": True},
    "show_attend_tell": {},
    "relation_transformer": {},
    "adaptive_in_bfloat16": {"mixed_precision": "bfloat16"},
}


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory):
    """A run of each kind."""
    keras.utils.set_random_seed(0)
    name = request.param.partition("_in_")[0]
    folder = tmp_path_factory.mktemp("runs")
    return picture_run(folder / "run", name, **KINDS[request.param])


def converted(run, path, *words):
    """The file's signature as a function, and what the command printed."""
    words = ["--model", str(run.path), "--max_length", str(LENGTH), *words]
    assert export.main([*words, "--format", "tflite", str(path)]) == 0
    return open_interpreter(path).get_signature_runner()


def test_captions_from_pixels(run, tmp_path, capsys):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "model.tflite"
    caption = converted(run, path)
    said = capsys.readouterr().out
    assert "ms a picture here" in said and f"{path}: 0." in said
    assert isinstance(open_interpreter(path), litert.Interpreter)
    vocabulary = read_vocabulary(path)
    assert vocabulary == run.vocabulary
    ours = LoadedCaptioner(run.path)
    side = run.encoder_metadata["image_size"]
    files = [encoded("PNG", seed) for seed in range(5)]
    flags = {"beam_size": 1, "max_length": LENGTH}
    exact = not run.config.mixed_precision
    for file, caption_ours in zip(
        files, ours.attention(files, **flags), strict=True
    ):
        found = caption(images=load_pixels(file, side, side)[None])
        assert found["tokens"].shape == (1, LENGTH + 1)
        if exact:
            assert vocabulary.decode(found["tokens"][0]) == caption_ours.words
            check_numbers(found, caption_ours)


def check_numbers(found, ours):
    """Log-probabilities and attention of one caption."""
    count = len(ours.log_probabilities)
    for name, expected in {
        "word_log_probabilities": ours.log_probabilities,
        "attention": ours.attention["weights"],
    }.items():
        np.testing.assert_allclose(found[name][0, :count], expected, atol=1e-4)
        assert not found[name][0, count:].any()


def test_eight_bits_are_smaller_and_near(tmp_path):
    keras.utils.set_random_seed(0)
    run = picture_run(tmp_path / "run", lstm_dim=128, emb_dim=128)
    plain = converted(run, tmp_path / "float.tflite")
    small = converted(run, tmp_path / "int8.tflite", "--int8")
    sizes = [
        (tmp_path / name).stat().st_size
        for name in ("float.tflite", "int8.tflite")
    ]
    assert sizes[1] < 0.5 * sizes[0]
    images = load_pixels(encoded("PNG"), 32, 32)[None]
    first, second = plain(images=images), small(images=images)
    # The first word sees the same in both.
    close = first["word_log_probabilities"][0, 0]
    assert abs(close - second["word_log_probabilities"][0, 0]) < 0.5
    assert close != second["word_log_probabilities"][0, 0]
    np.testing.assert_allclose(
        first["attention"][0, 0], second["attention"][0, 0], atol=0.05
    )


def test_no_word_twice(tmp_path):
    """Repeated n-grams stay away as in `imcap caption`."""
    keras.utils.set_random_seed(0)
    run = picture_run(tmp_path / "run")
    images = load_pixels(encoded("PNG", 1), 32, 32)[None]
    said = []
    for name, *flags in (["a"], ["b", "--no_repeat_ngram", "1"]):
        found = converted(run, tmp_path / name, *flags)(images=images)
        said.append(run.vocabulary.decode(found["tokens"][0]))
    plain, varied = said
    assert len(set(plain)) < len(plain)
    assert len(set(varied)) == len(varied)
    assert plain[0] == varied[0]


def test_no_vocabulary_in_it(tmp_path):
    (tmp_path / "other.tflite").write_bytes(b"no archive")
    with pytest.raises(InputError, match="no vocabulary in it"):
        read_vocabulary(tmp_path / "other.tflite")
    with pytest.raises(InputError, match="no such file"):
        read_vocabulary(tmp_path / "none.tflite")


def test_features_of_unknown_origin(tmp_path, capsys):
    run = make_run(tmp_path / "run", {}, CHANNELS)
    words = ["--model", str(run.path), "--format", "tflite"]
    assert export.main([*words, str(tmp_path / "out.tflite")]) == 2
    assert "not known what made its features" in capsys.readouterr().err
    assert not (tmp_path / "out.tflite").exists()


def test_matching_is_for_others(tmp_path, capsys):
    run = make_match_run(tmp_path)
    words = ["--model", str(run.path), "--format", "tflite"]
    assert export.main([*words, str(tmp_path / "out.tflite")]) == 2
    assert "image-text matching" in capsys.readouterr().err
