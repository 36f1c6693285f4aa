"""CIDEr-D in the graph against the published one and a plain one."""

import contextlib
import functools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from keras import ops

from helpers import plain_cider_d as plain
from helpers.backend import on_jax
from helpers.places import SHARED
from imcap.data.ngrams.document_frequencies import count_ngrams
from imcap.data.words.vocabulary import Vocabulary
from imcap.metrics.cider_d import CiderD

GOLDEN = SHARED / "golden" / "cider_d.npz"
SAMPLE_LENGTH, REFERENCE_LENGTH = 7, 6
N, R = 2, 3
IMAGES = 11


@functools.cache
def known():
    """Frequencies from random captions that leave much unseen."""
    rng = np.random.default_rng(0)
    images = [
        [rng.integers(1, 6, rng.integers(0, 6)).tolist() for _ in range(3)]
        for _ in range(IMAGES)
    ]
    return plain.frequencies(images)


@functools.cache
def scorer():
    arrays = plain.as_arrays(known())
    return CiderD(*arrays, IMAGES, plain.VOCABULARY)


@functools.cache
def graph():
    return plain.compiled(scorer())


def scores(*arrays):
    """What the scorer of `known` says of samples and references."""
    return ops.convert_to_numpy(graph()(*arrays))


def caption(length):
    words = st.integers(1, plain.VOCABULARY - 1)
    few = st.integers(1, 2)
    return st.one_of(
        st.lists(words, max_size=length),
        st.lists(few, max_size=length),
        st.lists(words, min_size=length, max_size=length),
    )


IMAGE = st.tuples(
    st.lists(caption(SAMPLE_LENGTH), min_size=N, max_size=N),
    st.lists(caption(REFERENCE_LENGTH), min_size=0, max_size=R),
)
BATCH = st.lists(IMAGE, min_size=3, max_size=3)
EMPTY = ([[], []], [[], [1]])
FULL = ([[1] * 7, [1, 2, 3, 4, 5, 6, 7]], [[1, 2, 3, 4, 5, 6]])
UNSEEN = ([[8, 7, 8, 7], [8]], [[8, 7, 8], [8, 8, 8, 8, 8, 8], []])


def dense(images):
    """samples, references and the mask of a batch."""
    samples = [plain.rows(ours, SAMPLE_LENGTH) for ours, _ in images]
    references = np.zeros((len(images), R, REFERENCE_LENGTH), "int32")
    mask = np.zeros((len(images), R), "bool")
    for index, (_, theirs) in enumerate(images):
        references[index, : len(theirs)] = plain.rows(theirs, REFERENCE_LENGTH)
        mask[index, : len(theirs)] = True
    return np.stack(samples), references, mask


@settings(max_examples=150, deadline=None)
@given(BATCH)
@example([EMPTY, FULL, UNSEEN])
def test_equals_the_definition(images):
    samples, references, mask = dense(images)
    found = scores(samples, references, mask)
    for index, (_, theirs) in enumerate(images):
        for number in range(N):
            expected = plain.cider_d(
                known(),
                IMAGES,
                samples[index, number],
                references[index, : len(theirs)],
            )
            assert found[index, number] == pytest.approx(
                expected, rel=1e-5, abs=1e-6
            )


@pytest.mark.parametrize("length", [28, 29, 31, 32, 45, 70])
def test_captions_of_any_length(length):
    rng = np.random.default_rng(length)
    samples = rng.integers(1, 4, (2, 1, 5))
    samples = np.concatenate([samples] * 15, axis=-1)[:, :, :length]
    references = rng.integers(1, 4, (2, 2, length))
    references[:, :, : length - 2] = samples[:, :, 2:]
    found = scores(samples, references)
    for index in range(2):
        expected = plain.cider_d(
            known(), IMAGES, samples[index, 0], references[index]
        )
        assert expected > 1
        assert found[index, 0] == pytest.approx(expected, rel=1e-5)


@contextlib.contextmanager
def integers(bits):
    """JAX with integers of 32 or 64 bits."""
    if not on_jax():
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", bits == 64)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(scope="module")
def golden():
    if not GOLDEN.exists():
        pytest.skip("the published scores lie in ../shared, which is absent")
    with np.load(GOLDEN, allow_pickle=False) as file:
        values = {name: file[name] for name in file}
    words = values["words"].tolist()
    unknown = words.index("UNK") + 1
    vocabulary = Vocabulary(("<pad>", *words), 0, 0, 0, unknown)
    values["counted"] = count_ngrams(
        [[row[row > 0] for row in image] for image in values["train_labels"]],
        vocabulary,
    )
    return values


@pytest.mark.parametrize("bits", [32, 64])
def test_published_scores(golden, bits):
    counted = golden["counted"]
    with integers(bits):
        score = plain.compiled(
            CiderD(counted.ngrams, counted.counts, counted.images, 2631)
        )
        owner = golden["owner"]
        references = golden["references"][owner]
        found = score(golden["candidates"][:, None], references)
        found = ops.convert_to_numpy(found)[:, 0]
    assert found.dtype == "float32" and found.shape == (400,)
    expected = golden["scores"]
    zero = expected == 0
    np.testing.assert_allclose(found[~zero], expected[~zero], rtol=1e-5)
    np.testing.assert_allclose(found[zero], 0, atol=1e-6)


def test_published_document_frequencies(golden):
    counted = golden["counted"]
    assert counted.images == golden["ref_len"]
    assert len(counted) == 341_479
    # The file counts the n-grams of its captions that training lacks too:
    # the dictionary it was read from gains what it is asked for.
    known = {tuple(row) for row in (counted.ngrams.astype(int) - 1).tolist()}
    for row in golden["references"].reshape(-1, 16):
        known.update(four(ngram) for ngram in plain.ngrams(plain.ended(row)))
    for row in golden["candidates"]:
        known.update(four(ngram) for ngram in plain.ngrams(plain.ended(row)))
    assert len(known) == golden["document_frequency_entries"] == 347_441


def four(ngram):
    return ngram + (-1,) * (4 - len(ngram))


def test_ids_at_both_ends_do_not_collide():
    ids = (0, 1, 32_767, 32_768, 65_533, 65_534)
    counts = {(a,): 1 for a in ids}
    counts |= {(a, b): 2 for a in ids for b in ids}
    counts |= {(a, b, c): 3 for a in ids for b in ids for c in ids}
    counts |= {
        (a, b, c, d): 4 for a in ids for b in ids for c in ids for d in ids
    }
    score = CiderD(*plain.as_arrays(counts), 50, 65_535)
    rng = np.random.default_rng(0)
    samples = rng.choice(ids[1:], (7, 1, 5)).astype("int32")
    references = rng.choice(ids[1:], (7, 2, 5)).astype("int32")
    references[:, 0, :4] = samples[:, 0, 1:]
    references[:4, :, 4] = 0
    found = plain.computed(score, samples, references)
    for index in range(7):
        expected = plain.cider_d(
            counts, 50, samples[index, 0], references[index]
        )
        assert expected > 0
        assert found[index, 0] == pytest.approx(expected, rel=1e-5)


def test_absent_references_and_other_images_change_nothing():
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 6, (4, N, 5))
    references = rng.integers(1, 6, (4, R, 6))
    references[0, 1:] = 0
    references[1, 2:] = 0
    references[3] = 0
    together = scores(samples, references)
    for index, count in enumerate([1, 2, 3]):
        part = slice(index, index + 1)
        alone = scores(samples[part], references[part, :count])
        np.testing.assert_allclose(together[part], alone, rtol=1e-6)
    mask = np.array([[True, False, False]] * 4)
    masked = scores(samples, references, mask)
    first = scores(samples, references[:, :1])
    np.testing.assert_allclose(masked[:3], first[:3], rtol=1e-6)
    assert not np.allclose(masked[2], together[2])
    np.testing.assert_array_equal(together[3], 0)


def test_what_lies_behind_the_end_does_not_count():
    references = np.array([[[1, 2, 3, 0, 0]]])
    samples = np.array([[[1, 2, 3, 0, 0], [1, 2, 3, 0, 4], [1, 2, 3, 4, 0]]])
    found = scores(samples, references)[0]
    assert found[0] == found[1] == pytest.approx(10)
    assert found[2] < 9


def test_an_end_other_than_padding():
    eos = 8

    def renamed(ngram):
        return tuple(eos if word == 0 else word for word in ngram)

    counts = {renamed(ngram): count for ngram, count in known().items()}
    other = CiderD(
        *plain.as_arrays(counts), IMAGES, plain.VOCABULARY, eos_id=eos
    )
    references = np.array([[[1, 2, 3, 0, 0], [2, 2, 1, 4, 3]]])
    samples = np.array([[[1, 2, 4, 0, 0], [1, 0, 0, 0, 0], [2, 1, 4, 3, 5]]])
    expected = scores(samples, references)
    for rows in (references, samples):
        for row in rows.reshape(-1, 5):
            row[np.flatnonzero(row == 0)[:1]] = eos
    # References as a vocabulary encodes them end with padding alone.
    unended = np.where(references == eos, 0, references)
    score = plain.compiled(other)
    for theirs in (references, unended):
        found = ops.convert_to_numpy(score(samples, theirs))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.skipif(on_jax(), reason="jit of JAX is what the others use")
def test_xla_and_unknown_sizes():
    import tensorflow as tf

    samples, references, mask = dense([EMPTY, FULL, UNSEEN])
    expected = scorer()(samples, references, mask).numpy()
    signature = [
        tf.TensorSpec((None, N, SAMPLE_LENGTH), "int32"),
        tf.TensorSpec((None, None, REFERENCE_LENGTH), "int32"),
        tf.TensorSpec((None, None), "bool"),
    ]
    for jit in (False, True):
        score = tf.function(scorer(), signature, jit_compile=jit)
        found = score(samples, references, mask)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vocabulary_size": 65_536}, "knows up to 65,535 words"),
        ({"images": 2}, "in the captions of 3 images"),
        ({"ngrams": np.zeros((2, 4), "uint16")}, "listed twice"),
        ({"ngrams": np.zeros((2, 4), "int32")}, "uint16"),
        ({"ngrams": np.zeros((2, 3), "uint16")}, "uint16"),
    ],
)
def test_tables_that_cannot_be(change, said):
    given = {
        "ngrams": np.array([[1, 0, 0, 0], [2, 1, 0, 0]], "uint16"),
        "counts": [3, 1],
        "images": 3,
        "vocabulary_size": 65_535,
    }
    CiderD(**given)
    with pytest.raises(ValueError, match=said):
        CiderD(**given | change)
