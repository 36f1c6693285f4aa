"""`imcap export`: a SavedModel that says what `imcap caption` says."""

import json
import shutil
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import imcap
from helpers.exporting import ask, feature_run, picture_run, write_pictures
from helpers.tiny_runs import CHANNELS, make_run
from imcap.captioning.captioner import LoadedCaptioner
from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.generation import make_generator
from imcap.cli import export
from imcap.data.words.dialects import DIALECTS
from imcap.data.words.vocabulary import Vocabulary
from imcap.export import saved_model as exported_folder
from imcap.export.captioner import ExportedCaptioner

pytestmark = pytest.mark.slow

FLAGS = {"max_length": 6, "beam_size": 3}
# What each captioner's export tells besides captions.
KINDS = {
    "adaptive": (picture_run, {"sgate": True}, {"attention", "sentinel"}),
    "show_attend_tell": (picture_run, {}, {"attention", "gate"}),
    "sca_cnn": (picture_run, {}, {"attention", "channels"}),
    "relation_transformer": (picture_run, {}, {"attention"}),
    "features": (feature_run, {}, {"attention"}),
}
OURS = {"attention": "weights", "word_log_probabilities": None}


def run_export(run, out, *words, **flags):
    """Runs the command; its status."""
    given = [str(word) for word in (out, *words)]
    flags = [word for key in flags for word in (f"--{key}", str(flags[key]))]
    return export.main(["--model", str(run.path), *flags, *given])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each kind."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("runs")
    return {
        kind: make(
            folder / kind, "adaptive" if kind == "features" else kind, **options
        )
        for kind, (make, options, _) in KINDS.items()
    }


@pytest.fixture(scope="module")
def exported(runs, tmp_path_factory):
    """The SavedModel of each run, in a folder that was not there."""
    folder = tmp_path_factory.mktemp("exports") / "deep"
    for kind, run in runs.items():
        assert run_export(run, folder / kind, **FLAGS) == 0
    return {kind: folder / kind for kind in runs}


@pytest.fixture(scope="module")
def answers(exported, pictures, tmp_path_factory):
    """What each run's SavedModel answers without imcap, by kind."""
    good, bad = pictures
    mixed = [*good[:4], *bad, *good[4:]]
    questions = [
        (exported["adaptive"], "serving_default", {"image_bytes": files})
        for files in (good[:0], good[:1], good[:3], good[:7])
    ]
    questions += [
        (path, "serving_default", {"image_bytes": mixed})
        for path in exported.values()
    ]
    found = ask(tmp_path_factory.mktemp("asked"), questions)
    by_kind = dict(zip(exported, found[4:], strict=True))
    return by_kind, found[:4], [path in good for path in mixed]


@pytest.mark.parametrize("kind", KINDS)
def test_same_as_imcap_caption(kind, runs, pictures, answers):
    good, _ = pictures
    found, fine = answers[0][kind], np.array(answers[2])
    ours = LoadedCaptioner(runs[kind].path).attention(good, **FLAGS)
    said = [" ".join(caption.words) for caption in ours]
    assert found["captions"][fine].tolist() == said
    if kind != "features":  # those of a random network are all alike
        assert len(set(said)) > 1, "it must see the pictures"
    sums = [caption.log_probabilities.sum() for caption in ours]
    np.testing.assert_allclose(
        found["log_probabilities"][fine], sums, atol=1e-4
    )
    extra = set(found) - {
        "captions", "error", "words", "log_probabilities",
        "word_log_probabilities",
    }  # fmt: skip
    assert extra == KINDS[kind][2]
    rows = np.flatnonzero(fine)
    for row, caption in zip(rows, ours, strict=True):
        words = [word for word in found["words"][row] if word]
        assert words == caption.words
        count = len(caption.log_probabilities)
        np.testing.assert_allclose(
            found["word_log_probabilities"][row][:count],
            caption.log_probabilities,
            atol=1e-4,
        )
        for name in extra:
            ours_of = caption.attention[OURS.get(name, name)]
            theirs = found[name][row]
            np.testing.assert_allclose(theirs[:count], ours_of, atol=1e-4)
            assert not np.any(theirs[count:])


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_has_a_reason(kind, pictures, answers):
    found, fine = answers[0][kind], np.array(answers[2])
    assert not any(found["error"][fine])
    reasons = found["error"][~fine].tolist()
    cut, unknown = "damaged picture", "not a JPEG, PNG, GIF or BMP"
    expected = [cut] * 4 + [unknown] * 2 + ["empty"]
    for reason, start in zip(reasons, expected, strict=True):
        assert reason.startswith(start)
    for name, part in found.items():
        if name != "error":
            assert not np.any(part[~fine]), name


def test_any_batch_size(answers):
    by_kind, of_sizes, fine = answers
    whole = by_kind["adaptive"]["captions"][np.array(fine)]
    for count, found in zip((0, 1, 3, 7), of_sizes, strict=True):
        assert found["captions"].tolist() == whole[:count].tolist()
        assert found["words"].shape == (count, 7)
        assert found["attention"].shape == (count, 7, 16)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_of_ids(dialect):
    """Ids become words where `Vocabulary.decode` makes words of them."""
    vocabulary = Vocabulary.build([["a", "dog", "runs"]], 0, dialect)
    exported = types.SimpleNamespace(vocabulary=vocabulary)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, vocabulary.size, (40, 3, 6)).astype("int32")
    # A decoder says eos at once only with padding behind it.
    first = tokens[..., :1] == vocabulary.eos_id
    tokens = np.where(first, vocabulary.eos_id, tokens)
    found = ExportedCaptioner.words(exported, tf.constant(tokens)).numpy()
    for ids, words in zip(
        tokens.reshape(-1, 6), found.reshape(-1, 6), strict=True
    ):
        said = [word.decode() for word in words if word]
        assert said == vocabulary.decode(ids)
    lengths = (found != b"").sum(axis=2)
    assert lengths.min() == 0 and len(np.unique(lengths)) > 3


@pytest.mark.parametrize("kind", ["features", "relation_transformer"])
def test_signature_of_features(kind, runs, exported, pictures):
    ours = LoadedCaptioner(runs[kind].path)
    pixels = [ours.reader.pixels(picture) for picture in pictures[0][:3]]
    inputs = ours.reader.inputs(pixels)
    if "images" in inputs:
        inputs = ours.task.features(inputs)
    loaded = tf.saved_model.load(str(exported[kind])).signatures
    features = tf.convert_to_tensor(inputs["features"])
    found = loaded["features"](features=features)
    said = ours.caption(pictures[0][:3], **FLAGS)
    assert [one.decode() for one in found["captions"].numpy()] == said
    assert found.keys() == loaded[
        "serving_default"
    ].structured_outputs.keys() - {"error"}
    assert loaded["features"](features=features[:0])["captions"].shape == (0,)


@pytest.mark.parametrize("name", ["adaptive", "relation_transformer"])
def test_features_of_unknown_origin(name, tmp_path, capsys):
    """Regions of any number, under a mask, wherever they are."""
    options = {"num_layers": 1, "heads": 2, "ff_size": 8, "emb_dim": 8}
    run = make_run(
        tmp_path / "run", {}, CHANNELS, caption_model=name, **options
    )
    path = tmp_path / "out"
    assert run_export(run, path, **FLAGS) == 0
    assert "it is not known what made" in capsys.readouterr().out
    rng = np.random.default_rng(0)
    inputs = {
        "features": rng.normal(size=(2, 5, CHANNELS)).astype("float32"),
        "mask": np.arange(5) < np.array([[5], [3]]),
    }
    if name != "adaptive":
        inputs["positions"] = rng.uniform(size=(2, 5, 4)).astype("float32")
    generator = make_generator(run.task(), run, DecodingSettings(**FLAGS))
    tokens = generator.predict_on_batch(inputs)["tokens"]
    expected = [run.vocabulary.sentence(row[0]) for row in tokens]
    default = tf.saved_model.load(str(path)).signatures["serving_default"]
    given = {key: tf.constant(value) for key, value in inputs.items()}
    found = default(**given)["captions"].numpy()
    assert [one.decode() for one in found] == expected


def test_several_captions_a_picture(runs, pictures, tmp_path):
    path = tmp_path / "out"
    flags = {"sample_n": 4, "max_length": 6, "seed": 3}
    assert run_export(runs["adaptive"], path, **flags) == 0
    default = tf.saved_model.load(str(path)).signatures["serving_default"]
    files = [picture.read_bytes() for picture in pictures[0][:2]]
    found = default(image_bytes=tf.constant([*files, b"no picture"]))
    assert found["captions"].shape == (3, 4)
    assert found["words"].shape == (3, 4, 7)
    assert found["attention"].shape == (3, 4, 7, 16)
    assert len(set(found["captions"].numpy()[:2].ravel())) > 2
    assert set(found["captions"].numpy()[2]) == {b""}
    again = default(image_bytes=tf.constant(files))["captions"].numpy()
    assert (again != found["captions"].numpy()[:2]).any()


def test_compiled_with_xla(runs, pictures, tmp_path, answers):
    path = tmp_path / "out"
    assert run_export(runs["adaptive"], path, "--jit_compile", **FLAGS) == 0
    default = tf.saved_model.load(str(path)).signatures["serving_default"]
    files = [picture.read_bytes() for picture in pictures[0][:2]]
    found = default(image_bytes=tf.constant(files))["captions"].numpy()
    plain = answers[0]["adaptive"]["captions"][:2]
    assert [one.decode() for one in found] == plain.tolist()


def test_large_pictures_are_refused(runs, pictures, tmp_path):
    path = tmp_path / "out"
    assert run_export(runs["adaptive"], path, max_pixels=3499, **FLAGS) == 0
    default = tf.saved_model.load(str(path)).signatures["serving_default"]
    files = [picture.read_bytes() for picture in pictures[0]]
    errors = default(image_bytes=tf.constant(files))["error"].numpy()
    assert set(errors) == {b"3500 pixels, the limit is 3499"}


def test_what_lies_beside(runs, exported):
    extra = exported["adaptive"] / "assets.extra"
    about = json.loads((extra / "imcap.json").read_text())
    assert about["imcap"] == imcap.__version__ and about["grid"] == [4, 4]
    assert about["decoding"]["beam_size"] == 3
    words = (runs["adaptive"].path / "vocabulary.json").read_text()
    assert (extra / "vocabulary.json").read_text() == words


def test_whole_or_not_at_all(runs, exported, tmp_path, monkeypatch, capsys):
    path = shutil.copytree(exported["adaptive"], tmp_path / "out")
    before = (path / "saved_model.pb").read_bytes()
    plain = tf.saved_model.save

    def full_disk(module, folder, signatures):
        plain(module, folder, signatures=signatures)
        raise OSError("no space left on device")

    monkeypatch.setattr(exported_folder.tf.saved_model, "save", full_disk)
    assert run_export(runs["adaptive"], path, "--force", **FLAGS) == 2
    assert "no space left" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert (path / "saved_model.pb").read_bytes() == before
    monkeypatch.undo()
    (path / "old").touch()
    assert run_export(runs["adaptive"], path, "--force", **FLAGS) == 0
    assert not (path / "old").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "words,reason",
    [
        ([], "give one folder or file"),
        (["a", "b"], "give one folder or file"),
        (["{}/out", "--int8"], "--int8 goes with --format tflite"),
        (["{}/out", "--max_pixels", "0"], "--max_pixels starts from 1"),
        (["{}/out", "--format", "keras"], "ends in .keras"),
        (["{}/there"], "--force replaces it"),
        (["{}/there", "--force"], "a folder with other things in it"),
        (["{}/there", "--format", "tflite"], "a folder of that name"),
        (["{}/there/file"], "a file of that name"),
        (["{}/out", "--beam_size", "0"], "--beam_size"),
        (["{}/out", "--model", "{}/none"], "no such run"),
        (["{}/out", "--format", "tflite", "--sample_n", "2"], "greedily"),
    ],
)
def test_one_line_for_a_mistake(words, reason, runs, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    words = [word.format(tmp_path) for word in words]
    assert export.main(["--model", str(runs["adaptive"].path), *words]) == 2
    error = capsys.readouterr().err
    assert reason in error and "Traceback" not in error
    assert error.count("\n") == 1
    assert (tmp_path / "there" / "file").read_text() == "mine"
    assert not (tmp_path / "out").exists()
