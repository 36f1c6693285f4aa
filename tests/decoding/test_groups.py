"""Diverse beam search and ensembles."""

import numpy as np
import pytest
from keras import ops

from helpers.backend import as_numpy, computed
from helpers.chain import (
    BATCH,
    BOS,
    EOS,
    PAD,
    STEPS,
    VOCABULARY,
    Chain,
)
from imcap.decoding import beam_search, ensemble, greedy


def search(chain, beams, **options):
    def run():
        found = beam_search(
            chain.step,
            chain.start(beams),
            (BATCH, beams, STEPS),
            BOS,
            EOS,
            PAD,
            **options,
        )
        return found._asdict()

    found = computed(run)
    return {
        name: as_numpy(found[name])[0]
        for name in ("tokens", "log_probs", "scores")
    }


def diverse(chain, image, groups, size, strength):
    """The best beam of each group, in plain Python."""
    beams = [[(0.0, [], False)] for _ in range(groups)]
    for time in range(STEPS):
        said = np.zeros(VOCABULARY)
        for group in range(groups):
            options = []
            for total, words, ended in beams[group]:
                if ended:
                    options.append((total, total, words, True))
                    continue
                row = chain.logits(image, time, words[-1] if words else BOS)
                row = row.astype("float64")
                logs = row - np.log(np.exp(row).sum())
                for word in range(VOCABULARY):
                    kept = total + logs[word]
                    rank = kept - strength * said[word]
                    ends = word == EOS
                    options.append((rank, kept, [*words, word], ends))
            options.sort(key=lambda option: -option[0])
            beams[group] = [option[1:] for option in options[:size]]
            for _, words, _ in beams[group]:
                if len(words) == time + 1:
                    said[words[-1]] += 1
    best = []
    for group in beams:
        best.append(max(group, key=lambda beam: (beam[2], beam[0])))
    return sorted(best, key=lambda beam: (not beam[2], -beam[0]))


@pytest.mark.parametrize("groups,size", [(2, 1), (3, 2), (2, 3)])
def test_groups_search_like_plain_python(groups, size):
    chain = Chain(seed=groups)
    found = search(
        chain, groups * size, groups=groups, diversity=0.7, returned=groups
    )
    for image in range(BATCH):
        expected = diverse(chain, image, groups, size, 0.7)
        for number, (total, words, _) in enumerate(expected):
            padded = words + [PAD] * (STEPS - len(words))
            assert found["tokens"][image, number].tolist() == padded
            np.testing.assert_allclose(
                found["scores"][image, number], total, atol=1e-4
            )
            own = chain.log_probs(image, words)
            np.testing.assert_allclose(
                found["log_probs"][image, number, : len(words)],
                own,
                atol=1e-4,
            )


def test_groups_without_diversity_say_the_same():
    found = search(Chain(), 6, groups=3, diversity=0.0, returned=3)
    np.testing.assert_array_equal(
        found["tokens"], np.repeat(found["tokens"][:, :1], 3, axis=1)
    )
    apart = search(Chain(), 6, groups=3, diversity=5.0, returned=3)["tokens"]
    for image in range(BATCH):
        assert len({tuple(row) for row in apart[image].tolist()}) == 3


def test_groups_have_to_fit():
    with pytest.raises(ValueError, match="do not divide"):
        search(Chain(), 5, groups=2)
    with pytest.raises(ValueError, match="returned must be 1 to 2"):
        search(Chain(), 4, groups=2, returned=3)


def test_an_ensemble_says_the_mean_of_probabilities():
    chains = [Chain(seed=seed) for seed in (0, 1, 2)]
    step = ensemble([chain.step for chain in chains])
    tokens = np.array([[3, 1], [0, 4], [1, 1]], "int32")

    def run():
        states = tuple(chain.start(2) + 1 for chain in chains)
        return step(tokens, states)

    logits, states, attention = computed(run)
    expected = 0.0
    for chain in chains:
        images = np.arange(BATCH)[:, None]
        row = chain.table[images, 1, tokens]
        expected = expected + np.exp(row) / np.exp(row).sum(-1, keepdims=True)
    found = as_numpy(ops.softmax(logits))[0]
    np.testing.assert_allclose(found, expected / 3, atol=1e-5)
    assert [int(as_numpy(state)[0][0, 0]) for state in states] == [2, 2, 2]
    np.testing.assert_allclose(
        as_numpy(attention["weights"])[0][..., 0], tokens * 10 + 1
    )


def test_an_ensemble_of_one_is_that_one():
    chain = Chain()

    def run():
        alone = greedy(
            chain.step, chain.start(1), (BATCH, 1, STEPS), BOS, EOS, PAD
        )
        together = greedy(
            ensemble([chain.step]),
            (chain.start(1),),
            (BATCH, 1, STEPS),
            BOS,
            EOS,
            PAD,
        )
        return alone.tokens, together.tokens

    alone, together = as_numpy(computed(run))
    np.testing.assert_array_equal(alone, together)
