"""Batches: pure in seed and step, and every word in its place."""

import dataclasses

import numpy as np
import pytest

from imcap.data.batches.caption_batches import CaptionBatches
from imcap.data.captions.caption_set import EncodedCaptions
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

IMAGES, N, K, D, LONGEST = 11, 3, 2, 5, 7
ALL_WORDS = [[[f"w{number}" for number in range(20)]]]
VOCABULARY = Vocabulary.build(ALL_WORDS[0], threshold=0, dialect="sat_keras")


def ragged():
    """Images with 1 to 5 captions of 1 to 9 words, all different."""
    generator = np.random.default_rng(4)
    captions = [
        [
            generator.integers(3, 20, size=1 + (image + number) % 9)
            for number in range(1 + image % 5)
        ]
        for image in range(IMAGES)
    ]
    ids = [f"image{image}" for image in range(IMAGES)]
    captions = [[c.astype("int32") for c in said] for said in captions]
    return EncodedCaptions(ids, captions, VOCABULARY.pad_id)


def read(image_ids):
    """Features that say which image they are of."""
    numbers = [int(image_id.removeprefix("image")) for image_id in image_ids]
    features = np.zeros((len(numbers), K, D), "float16")
    features += np.array(numbers, "float16")[:, None, None]
    return {"features": features}


def make(**options):
    settings = {"max_length": LONGEST, "batch_size": 4, "seed": 5}
    settings |= {"captions_per_image": N} | options
    return CaptionBatches(ragged(), read, VOCABULARY, **settings)


def equal(one, other):
    """Whether two batches hold the same arrays."""
    assert one[0].keys() == other[0].keys()
    for key in one[0]:
        np.testing.assert_array_equal(one[0][key], other[0][key])
        assert one[0][key].dtype == other[0][key].dtype
    for left, right in zip(one[1:], other[1:], strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_batch_depends_on_seed_and_step_alone():
    forward, backward = make(), make()
    steps = list(range(7))
    in_order = [forward.batch(step) for step in steps]
    for step in reversed(steps):
        equal(backward.batch(step), in_order[step])
    equal(forward[6], in_order[6])
    other = make(seed=6).batch(0)[0]["tokens"]
    assert not np.array_equal(other, in_order[0][0]["tokens"])


def test_pictures_as_they_may_also_look():
    def other(image_ids, rng):
        inputs = read(image_ids)
        return {"features": inputs["features"] + rng.integers(50, 60)}

    for step in (0, 5):
        plain, seen = make().batch(step), make(augmented=other).batch(step)
        shift = np.unique(seen[0]["features"] - plain[0]["features"])
        assert len(shift) == 1 and 50 <= shift[0] < 60
        same = seen[0] | {"features": plain[0]["features"]}
        equal((same, *seen[1:]), plain)
        equal(make(augmented=other).batch(step), seen)


def test_the_seed_chooses_captions_too():
    def chosen(seed):
        """Captions of image 8, which has one more than is drawn."""
        found = []
        for step in range(8):
            batch = make(seed=seed, batch_size=IMAGES).batch(step)[0]
            row = list(batch["features"][:, 0, 0]).index(8)
            found.append(batch["tokens"][row])
        return np.array(found)

    assert len(ragged().captions[8]) == N + 1
    np.testing.assert_array_equal(chosen(5), chosen(5))
    assert not np.array_equal(chosen(5), chosen(6))


def test_each_epoch_visits_each_image_once():
    batches = make()
    assert batches.steps == 3
    seen = []
    for epoch in range(3):
        steps = range(epoch * 3, epoch * 3 + 3)
        rows = [batches.batch(step)[0]["features"][:, 0, 0] for step in steps]
        assert [len(row) for row in rows] == [4, 4, 3]
        seen.append(list(np.concatenate(rows)))
        assert sorted(seen[-1]) == list(range(IMAGES))
    assert seen[0] != seen[1] != seen[2]


def unpacked(batch):
    """Targets and weights of a packed batch, (B, N, T), and what is real."""
    inputs, targets, weights = batch
    shape = inputs["tokens"].shape
    slots, words = inputs["slots"], inputs["words"]
    flat = np.full((shape[0], shape[1] * shape[2]), -1)
    shares = np.zeros(flat.shape)
    for number, word in enumerate(words):
        if not weights[number]:
            continue
        image, place = divmod(int(word), slots.shape[1])
        place = slots[image, place]
        assert flat[image, place] == -1, "a word is there twice"
        flat[image, place] = targets[number]
        shares[image, place] = weights[number]
    return flat.reshape(shape), shares.reshape(shape)


@pytest.mark.parametrize("pad_to", [1, 8, 64])
def test_packed_words_are_the_captions(pad_to):
    batches, said = make(pad_to=pad_to), ragged().captions
    for step in range(6):
        batch = batches.batch(step)
        inputs = batch[0]
        assert inputs["tokens"].shape[1:] == (N, LONGEST + 1)
        assert len(inputs["words"]) == len(batch[1]) == len(batch[2])
        assert len(inputs["words"]) % pad_to == 0
        targets, _ = unpacked(batch)
        for row, image in enumerate(inputs["features"][:, 0, 0]):
            known = [list(ids)[:LONGEST] for ids in said[int(image)]]
            for number in range(N):
                tokens = list(inputs["tokens"][row, number])
                words = list(targets[row, number])
                length = words.index(VOCABULARY.eos_id)
                assert words[:length] in known
                assert set(words[length + 1 :]) <= {-1}
                assert tokens[0] == VOCABULARY.bos_id
                assert tokens[1 : length + 1] == words[:length]
                rest = tokens[length + 1 :]
                assert set(rest) <= {VOCABULARY.pad_id}


def test_long_captions_are_cut_and_still_end():
    longest = [max(map(len, captions)) for captions in ragged().captions]
    assert max(longest) > LONGEST
    inputs, targets, _ = make(packed=False, batch_size=IMAGES).batch(0)
    full = inputs["tokens"][..., -1] != VOCABULARY.pad_id
    assert full.any()
    assert np.all(targets[full][:, -1] == VOCABULARY.eos_id)
    assert np.all((targets == VOCABULARY.eos_id).sum(axis=-1) == 1)


def test_consecutive_captions_or_drawn_with_replacement():
    said, batches = ragged().captions, make(batch_size=IMAGES, packed=False)
    starts = set()
    for step in range(12):
        inputs, _, _ = batches.batch(step)
        for row, image in enumerate(inputs["features"][:, 0, 0].astype(int)):
            known = [list(ids)[:LONGEST] for ids in said[image]]
            found = []
            for number in range(N):
                words = list(inputs["tokens"][row, number, 1:])
                words = [word for word in words if word]
                found.append(known.index(words))
            if len(known) >= N:
                assert found == list(range(found[0], found[0] + N))
                starts.add((len(known), found[0]))
    assert starts == {(3, 0), (4, 0), (4, 1), (5, 0), (5, 1), (5, 2)}


def test_weights_are_the_reduction():
    for step in range(3):
        by_token = make(pad_to=8).batch(step)
        by_caption = make(pad_to=8, reduction="caption").batch(step)
        images = len(by_token[0]["tokens"])
        real = (by_token[2] > 0).sum()
        np.testing.assert_allclose(by_token[2].sum(), 1, rtol=1e-6)
        np.testing.assert_allclose(by_token[2].max(), 1 / real, rtol=1e-6)
        np.testing.assert_allclose(
            by_caption[2].sum(), real / (images * N), rtol=1e-6
        )
        _, shares = unpacked(by_caption)
        lengths = (shares > 0).sum(axis=-1)
        np.testing.assert_allclose(
            shares.sum(axis=-1), lengths / (images * N), rtol=1e-6
        )


def test_unpacked_holds_the_same_words():
    for step in range(3):
        targets, shares = unpacked(make().batch(step))
        inputs, dense, weights = make(packed=False).batch(step)
        assert set(inputs) == {"features", "tokens"}
        np.testing.assert_array_equal(weights > 0, targets >= 0)
        np.testing.assert_array_equal(dense[weights > 0], targets[targets >= 0])
        np.testing.assert_allclose(weights, shares, rtol=1e-6)
        assert weights.dtype == np.float32


def as_numpy(batch):
    inputs, targets, weights = batch
    return (
        {key: value.numpy() for key, value in inputs.items()},
        targets.numpy(),
        weights.numpy(),
    )


def test_the_dataset_is_the_batches_and_resumes():
    batches = make()
    whole = [as_numpy(batch) for batch in batches.dataset(0, 7)]
    assert len(whole) == 7
    for step, batch in enumerate(whole):
        equal(batch, batches.batch(step))
    resumed = list(make().dataset(4, 7, workers=1))
    assert len(resumed) == 3
    for batch, expected in zip(resumed, whole[4:], strict=True):
        equal(as_numpy(batch), expected)
    endless = iter(batches.dataset(first_step=100))
    equal(as_numpy(next(endless)), batches.batch(100))


def test_the_dataset_knows_the_sizes_that_never_change():
    inputs, targets, weights = make().dataset().element_spec
    assert inputs["features"].shape.as_list() == [None, None, D]
    assert inputs["tokens"].shape.as_list() == [None, None, LONGEST + 1]
    assert inputs["slots"].shape.rank == 2
    for flat in (inputs["words"], targets, weights):
        assert flat.shape.as_list() == [None]


def test_bad_arguments_are_refused():
    nothing = EncodedCaptions([], [], 0)
    with pytest.raises(InputError, match="no training images"):
        CaptionBatches(nothing, read, VOCABULARY)
    with pytest.raises(ValueError, match="reduction"):
        make(reduction="image")
    for name in ("batch_size", "captions_per_image"):
        with pytest.raises(InputError, match="at least 1"):
            make(**{name: 0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().seed = 3
