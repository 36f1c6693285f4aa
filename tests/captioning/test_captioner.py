"""`imcap.load`: pictures of every kind, captions, attention, scores."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

import imcap
from helpers.tiny_runs import CHANNELS, SIZE, WORDS, make_match_run, make_run
from imcap.captioning.captioner import check_flag
from imcap.errors import InputError
from imcap.vision.networks import small_cnn_metadata

SHORT = {"max_length": 3}


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("loaded") / "run"
    metadata = small_cnn_metadata(SIZE, CHANNELS)
    make_run(folder, metadata, CHANNELS, cnntrain=True, sgate=True)
    return imcap.load(folder)


@pytest.fixture(scope="module")
def ending(captioner):
    """The same run, but its captions come to an end."""
    other = imcap.load(captioner.run.path)
    bias = np.zeros(other.run.vocabulary.size, "float32")
    bias[other.run.vocabulary.eos_id] = 1.0
    bias[other.run.vocabulary.unk_id] = -9.0
    other.task.captioner.set_output_bias(bias)
    return other


@pytest.fixture(scope="module")
def matcher(tmp_path_factory):
    keras.utils.set_random_seed(0)
    return imcap.load(make_match_run(tmp_path_factory.mktemp("matcher")).path)


def noise(seed, shape=(40, 50, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, "uint8")


def kinds(array, folder):
    """One picture as path, str, bytes, array, PIL image."""
    image = Image.fromarray(array)
    path = folder / "picture.png"
    image.save(path)
    return [path, str(path), path.read_bytes(), array, image]


def test_pictures_of_every_kind(captioner, tmp_path):
    pictures = kinds(noise(1), tmp_path)
    scores = captioner.score(pictures, ["a dog runs"] * len(pictures))
    assert scores == pytest.approx([scores[0]] * 5, abs=1e-5)
    other = captioner.score(noise(2), "a dog runs")
    assert other != pytest.approx(scores[0], abs=1e-5)
    said = captioner.caption(pictures, beam_size=2, **SHORT)
    assert said == [captioner.caption(pictures[0], beam_size=2, **SHORT)] * 5


@pytest.mark.parametrize(
    "picture",
    [
        noise(1)[..., 0],
        noise(1)[..., :1],
        noise(1) / 255.0,
        noise(1).astype("float32"),
        noise(1).astype("uint16") * 257,
        noise(1, (7, 9, 4)),
    ],
    ids=["grey", "one channel", "shares", "floats", "16 bits", "alpha"],
)
def test_arrays(captioner, picture):
    assert isinstance(captioner.caption(picture, **SHORT), str)


def test_numbers_mean_the_same_in_every_type(captioner):
    plain = captioner.score(noise(1), "a dog")
    signed = noise(1) / 127.5 - 1.0
    for same in (
        noise(1) / 255.0, signed, signed.astype("float32"),
        np.moveaxis(signed, 2, 0), noise(1).astype("int64"),
    ):  # fmt: skip
        assert captioner.score(same, "a dog") == pytest.approx(plain)
    several = captioner.score(np.stack([noise(1)] * 2), ["a dog"] * 2)
    assert several == pytest.approx([plain, plain])


def test_numbers_that_may_be_several_things(captioner, matcher):
    odd = noise(1) / 60.0 - 2.0
    for ask in (
        captioner.caption,
        captioner.attention,
        lambda picture: captioner.score(picture, "a dog"),
        lambda picture: matcher.score(picture, "a dog"),
        lambda picture: matcher.attention(picture, "a dog"),
    ):
        with pytest.raises(InputError, match=r"from -2 to 2\.25"):
            ask(odd)


def test_pictures_of_a_generator_and_a_pattern(captioner, matcher, tmp_path):
    for seed in range(3):
        Image.fromarray(noise(seed)).save(tmp_path / f"{seed}.png")
    said = captioner.caption([noise(seed) for seed in range(3)], **SHORT)
    for images in (map(noise, range(3)), f"{tmp_path}/*.png", tmp_path):
        assert captioner.caption(images, **SHORT) == said
    sentences = ["a dog"] * 3
    scores = captioner.score([noise(seed) for seed in range(3)], sentences)
    found = captioner.score(map(noise, range(3)), iter(sentences))
    assert found == pytest.approx(scores)
    assert matcher.score(map(noise, range(3)), "a dog").shape == (3, 1)
    words = [words for words, _ in matcher.attention(tmp_path, sentences)]
    assert words == [["a", "dog"]] * 3


def spoken(caption):
    """Whether it has words, all known, and an end."""
    ended = len(caption.log_probabilities) == len(caption.words) + 1
    return ended and caption.words and "UNK" not in caption.words


@pytest.mark.parametrize("count", [1, 17])
def test_scores_are_those_of_decoding(ending, count):
    pictures = [noise(seed) for seed in range(count)]
    options = {"sample_n": 9, "max_length": 20, "allow_unk": True, "seed": 3}
    found = ending.candidates(pictures, **options)
    first = [next(filter(spoken, captions)) for captions in found]
    said = [" ".join(caption.words) for caption in first]
    scores = ending.score(pictures, said)
    for score, caption in zip(scores, first, strict=True):
        assert score == pytest.approx(caption.score, abs=1e-5)


def test_score_is_the_sum_of_every_word(captioner):
    """Over all captions of one word and their end, p stays below one."""
    run = captioner.run
    words = [w for w in WORDS if w in set(run.vocabulary.words)]
    scores = captioner.score(noise(1), [*words, ""])
    assert isinstance(scores, list) and len(scores) == len(words) + 1
    assert 0 < np.exp(scores).sum() < 1
    assert captioner.score(noise(1), "zebra") == captioner.score(
        noise(1), "giraffe"
    ), "unknown words count alike"


def test_attention_can_be_drawn(captioner):
    from imcap.drawing.maps import parse_attention

    one = captioner.attention(noise(1), **SHORT)
    looked = parse_attention(one.words, one.attention)
    cells = captioner.grid[0] * captioner.grid[1]
    assert looked.weights.shape == (len(one.words), 1, cells)
    assert len(looked.share) == len(one.words) > 0
    two = captioner.attention([noise(1), noise(2)], **SHORT)
    assert two[0].words == one.words


def test_nothing_in_nothing_out(captioner):
    assert captioner.caption([]) == []
    assert captioner.score([], []) == []


@pytest.mark.parametrize(
    "picture, reason",
    [
        (b"", "empty"),
        (b"no picture at all", "not a picture"),
        ("gone.jpg", "no such file"),
        (np.zeros((4, 5, 2)), "not a picture"),
        (np.zeros((0, 5, 3)), "not a picture"),
        (np.array([["a"]]), "not a picture"),
        (7, "not a picture"),
    ],
)
def test_what_is_no_picture(captioner, picture, reason):
    with pytest.raises(InputError, match=reason):
        captioner.caption([picture])


def test_cut_short(captioner):
    file = io.BytesIO()
    Image.fromarray(noise(1)).save(file, "PNG")
    with pytest.raises(InputError, match="cut short"):
        captioner.caption(file.getvalue()[:300])


def test_unknown_flags_and_wrong_counts(captioner):
    with pytest.raises(InputError, match=r"beams.*beam_size"):
        captioner.caption(noise(1), beams=3)
    with pytest.raises(InputError, match="beam_size='3'"):
        captioner.caption(noise(1), beam_size="3")
    with pytest.raises(InputError, match="no such run"):
        captioner.caption(noise(1), ensemble=["gone"])
    with pytest.raises(InputError, match="2 captions"):
        captioner.score([noise(1)], ["a", "dog"])


@pytest.mark.parametrize(
    "name, value, plain",
    [
        ("beam_size", np.int64(3), 3),
        ("length_penalty", np.float32(0.5), 0.5),
        ("length_penalty", 1, 1.0),
        ("allow_unk", np.True_, True),
    ],
)
def test_flags_of_numpys_types(name, value, plain):
    value = check_flag(name, value)
    assert value == plain and type(value) is type(plain)


@pytest.mark.parametrize(
    "name, value, kind",
    [
        ("beam_size", True, "int"),
        ("beam_size", 3.0, "int"),
        ("temperature", True, "float"),
        ("temperature", "1", "float"),
        ("allow_unk", 1, "bool"),
    ],
)
def test_flags_of_other_types(name, value, kind):
    with pytest.raises(InputError, match=f"{name}=.*give {kind}"):
        check_flag(name, value)


def test_captions_too_long_for_a_transformer(tmp_path):
    sizes = {"num_layers": 1, "emb_dim": 8, "heads": 2, "ff_size": 16}
    run = make_run(
        tmp_path / "run",
        small_cnn_metadata(SIZE, CHANNELS),
        CHANNELS,
        cnntrain=True,
        caption_model="transformer",
        max_length=25,
        **sizes,
    )
    model = imcap.load(run.path)
    room = model.task.captioner.max_positions
    assert room == 33
    assert model.score(noise(1), "dog " * (room - 1)) < 0
    with pytest.raises(InputError, match="up to 32"):
        model.score(noise(1), "dog " * room)
    with pytest.raises(InputError, match="up to 32"):
        model.caption(noise(1), max_length=room)


def test_no_run(tmp_path):
    with pytest.raises(InputError, match="no such run"):
        imcap.load(tmp_path / "gone")


def test_matcher_scores_as_search_does(matcher, tmp_path):
    for seed in range(3):
        Image.fromarray(noise(seed)).save(tmp_path / f"{seed}.png")
    sentences = ["a dog runs", "the green grass"]
    scores = matcher.score([noise(seed) for seed in range(3)], sentences)
    assert scores.shape == (3, 2)
    found = matcher.search(tmp_path, sentences, top=2)
    for number, hits in enumerate(found):
        best = np.argsort(-scores[:, number], kind="stable")[:2]
        assert [path.name for path, _ in hits] == [f"{i}.png" for i in best]
        assert [score for _, score in hits] == pytest.approx(
            scores[best, number], abs=1e-5
        )
    # A batch of another size is rounded otherwise.
    for alone, hit in zip(
        matcher.search(tmp_path, sentences[0], top=2), found[0], strict=True
    ):
        assert alone[0] == hit[0]
        assert alone[1] == pytest.approx(hit[1], abs=1e-5)


def test_matcher_shows_where_words_look(matcher):
    words, weights = matcher.attention(noise(1), "A dog runs!")
    assert words == ["a", "dog", "runs"]
    assert weights.shape == (3, matcher.grid[0] * matcher.grid[1])
    assert weights.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    pairs = matcher.attention([noise(1), noise(2)], ["a dog", "grass"])
    assert [len(words) for words, _ in pairs] == [2, 1]
    with pytest.raises(InputError, match="1 captions"):
        matcher.attention([noise(1), noise(2)], "a dog")
    with pytest.raises(InputError, match="at least one"):
        matcher.score([], "a dog")
