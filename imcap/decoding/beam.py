"""Beam search, diverse beam search too, on the hypothesis axis N."""

import keras
from keras import ops

from imcap.decoding.constraints import BANNED, repeated_ngrams
from imcap.decoding.state import (
    Decoded,
    empty_buffers,
    gather_beams,
    padding_mask,
    put,
    reorder_state,
    to_batch_major,
    write,
)


def beam_search(
    step,
    state,
    shape,
    bos_id,
    eos_id,
    pad_id=0,
    length_penalty=0.0,
    returned=1,
    penalty=None,
    no_repeat_ngram=0,
    groups=1,
    diversity=0.5,
):
    """Beam search: keeps the N best beginnings of captions at each word.

    A beam that has its eos is frozen: it keeps score and place until better
    ones come. Search stops when no other could pass the `returned` best.

    Args:
        step: as in `sample`.
        state: nested structure of tensors (B, N, …), the same for all N;
            what a dict in it calls "in_place" stays when beams change
            places (see `Captioner.initial_state`).
        shape: (B, N, T): N beams, captions of at most T tokens with eos.
        bos_id, eos_id, pad_id, penalty, no_repeat_ngram: as in `sample`.
        length_penalty: float α; captions are ordered by their summed
            log-probability over length^α: 0 for the sum, 1 for the mean.
        returned: int, how many captions an image are wanted, at most N; of
            several groups, at most one from each.
        groups: int, equal groups of beams that search one after another;
            they divide N.
        diversity: float λ, what a group loses by a word, each time that an
            earlier group has it at the same place. It changes which beams
            are kept; their scores stay the model's.

    Returns:
        `Decoded` of `returned` captions an image, best first.

    Example:
        >>> beam_search(step, state, (10, 5, 20), bos_id=0, eos_id=0)

    Reference: Wu et al., 2016, section 7, for the length penalty's idea;
    Vijayakumar et al., 2018, "Diverse beam search", algorithm 1.
    """
    first = ops.full(shape[:2], bos_id, dtype="int32")
    _, _, attention = step(first, state)
    ids = (bos_id, eos_id, pad_id)
    search = _Search(shape, ids, length_penalty, returned, groups, diversity)
    body = _body(step, search, penalty, no_repeat_ngram)
    start = (
        ops.convert_to_tensor(0, dtype="int32"),
        search.initial_hypotheses(),
        state,
        empty_buffers(attention, shape[2]),
    )
    _, hypotheses, _, buffers = ops.while_loop(
        search.should_continue, body, start
    )
    return search.finish(hypotheses, buffers)


def _body(step, search, penalty, no_repeat_ngram):
    """The loop's body: one word more for every beam."""

    def body(index, hypotheses, state, buffers):
        logits, state, attention = step(hypotheses["current"], state)
        allowed = logits if penalty is None else logits + penalty
        if no_repeat_ngram:
            allowed = allowed + repeated_ngrams(
                hypotheses["tokens"], index, no_repeat_ngram, logits.shape[-1]
            )
        parents, hypotheses = search.advance(index, logits, allowed, hypotheses)
        buffers = write(buffers, index, attention)
        state = reorder_state(state, parents)
        return index + 1, hypotheses, state, buffers

    return body


class _Search:
    """The bookkeeping of one search: shapes, ids and how beams are ranked."""

    def __init__(self, shape, ids, length_penalty, returned, groups, diversity):
        most = shape[1] if groups == 1 else groups
        if not 1 <= returned <= most:
            raise ValueError(f"returned must be 1 to {most}: {returned}")
        if groups < 1 or shape[1] % groups:
            raise ValueError(
                f"{groups} groups do not divide {shape[1]} beams; choose "
                "other numbers"
            )
        self.shape = shape
        self.groups, self.diversity = groups, diversity
        self.bos_id, self.eos_id, self.pad_id = ids
        self.length_penalty = length_penalty
        self.returned = returned

    def initial_hypotheses(self):
        batch, beams, steps = self.shape
        # Beams begin alike, so only the first of a group may be continued.
        first = ops.arange(beams, dtype="int32") % (beams // self.groups) > 0
        first = ops.where(first, BANNED, 0.0)
        whole = (batch, beams, steps)
        return {
            "current": ops.full((batch, beams), self.bos_id, dtype="int32"),
            "ended": ops.zeros((batch, beams), dtype="bool"),
            "sums": ops.broadcast_to(first, (batch, beams)),
            "lengths": ops.zeros((batch, beams), dtype="float32"),
            "tokens": ops.full(whole, self.pad_id, dtype="int32"),
            "log_probs": ops.zeros(whole, dtype="float32"),
            # Which beam's place held this beam's attention at each step.
            "places": ops.zeros(whole, dtype="int32"),
        }

    def ranks(self, sums, lengths):
        """Length-normalised scores, by which beams are ordered."""
        if not self.length_penalty:
            return sums
        return sums / ops.power(ops.maximum(lengths, 1.0), self.length_penalty)

    def should_continue(self, index, hypotheses, state, buffers):
        """Whether a beam alive could still pass the best finished ones."""
        sums, ended = hypotheses["sums"], hypotheses["ended"]
        longest = ops.full_like(sums, float(self.shape[2]))
        bound = ops.where(ended, 2 * BANNED, self.ranks(sums, longest))
        done = self.ranks(sums, hypotheses["lengths"])
        done = ops.where(ended, done, 2 * BANNED)
        worst = ops.top_k(done, self.returned)[0][:, -1]  # of those returned
        unfinished = ops.any(ops.max(bound, axis=1) > worst)
        return ops.logical_and(index < self.shape[2], unfinished)

    def advance(self, index, logits, allowed, hypotheses):
        """Continues the beams of one group after another.

        Returns:
            Parents (B, N), the beams that are continued, and hypotheses.
        """
        if self.groups == 1:
            return self.advance_group(index, logits, allowed, hypotheses)
        size, parts, loss = self.shape[1] // self.groups, [], None
        for group in range(self.groups):
            here = slice(group * size, (group + 1) * size)
            beams = {name: part[:, here] for name, part in hypotheses.items()}
            parents, beams = self.advance_group(
                index, logits[:, here], allowed[:, here], beams, loss
            )
            ended = gather_beams(hypotheses["ended"][:, here], parents)
            # Places are those among all beams.
            parents = parents + group * size
            beams["places"] = put(beams["places"], index, parents)
            parts.append((parents, beams))
            chosen = ops.one_hot(beams["current"], logits.shape[-1])
            chosen = chosen * ops.where(ended, 0.0, 1.0)[..., None]
            more = self.diversity * ops.sum(chosen, axis=1)[:, None]
            loss = more if loss is None else loss + more  # (B, 1, V)
        return keras.tree.map_structure(
            lambda *each: ops.concatenate(each, axis=1), *parts
        )

    def advance_group(self, index, logits, allowed, hypotheses, loss=None):
        """Continues each beam by its best words and keeps the best.

        Args:
            index: int32 scalar, the place in the caption.
            logits, allowed: float tensors (B, n, V), the model's, and with
                penalties.
            hypotheses: of n beams an image.
            loss: float tensor (B, 1, V), what words lose in this group, or
                None.
        """
        batch, beams = self.shape[0], self.shape[1] // self.groups
        ended = hypotheses["ended"]
        count = min(beams, logits.shape[-1])
        wanted = allowed if loss is None else allowed - loss
        ranked, words = ops.top_k(wanted, count)  # (B, n, c)
        best = ranked
        if loss is not None:
            best = ops.take_along_axis(allowed, words, axis=-1)
        log_probs = best - ops.logsumexp(logits, axis=-1, keepdims=True)
        # A frozen beam goes on in one way only, at no cost.
        only = ops.arange(count, dtype="int32") == 0
        frozen = ops.where(only, 0.0, 2 * BANNED)
        log_probs = ops.where(ended[..., None], frozen, log_probs)
        words = ops.where(ended[..., None], self.eos_id, words)
        sums = hypotheses["sums"][..., None] + log_probs
        lengths = hypotheses["lengths"] + ops.where(ended, 0.0, 1.0)
        ranks = self.ranks(sums, lengths[..., None])
        ranks = ranks + ops.where(ended[..., None], 0.0, ranked - best)
        flat = (batch, beams * count)
        _, chosen = ops.top_k(ops.reshape(ranks, flat), beams)  # (B, n)
        chosen = ops.cast(chosen, "int32")
        parents = chosen // count

        def pick(values):
            return ops.take_along_axis(
                ops.reshape(values, flat), chosen, axis=1
            )

        current = ops.cast(pick(words), "int32")
        gathered = {
            name: gather_beams(hypotheses[name], parents)
            for name in ("ended", "tokens", "log_probs", "places")
        }
        ended = gathered["ended"]
        token = ops.where(ended, self.pad_id, current)
        return parents, {
            "current": current,
            "ended": ops.logical_or(ended, current == self.eos_id),
            "sums": pick(sums),
            "lengths": gather_beams(lengths, parents),
            "tokens": put(gathered["tokens"], index, token),
            "log_probs": put(gathered["log_probs"], index, pick(log_probs)),
            "places": put(gathered["places"], index, parents),
        }

    def finish(self, hypotheses, buffers):
        """The best of the finished search as `Decoded`."""
        ranks = self.ranks(hypotheses["sums"], hypotheses["lengths"])
        # Unfinished captions come after finished ones of any score.
        late = ops.where(hypotheses["ended"], 0.0, BANNED)
        _, order = ops.top_k(self._candidates(ranks + late), self.returned)
        order = ops.cast(order, "int32")
        tokens, log_probs, places, scores = (
            gather_beams(part, order)
            for part in (
                hypotheses["tokens"],
                hypotheses["log_probs"],
                hypotheses["places"],
                ranks,
            )
        )

        def gather_places(buffer):
            index = ops.transpose(places, (2, 0, 1))  # (T, B, R)
            rank = len(buffer.shape)
            index = ops.reshape(index, (*ops.shape(index), *[1] * (rank - 3)))
            wide = (*ops.shape(index)[:3], *ops.shape(buffer)[3:])
            return ops.take_along_axis(
                buffer, ops.broadcast_to(index, wide), axis=2
            )

        buffers = keras.tree.map_structure(gather_places, buffers)
        padding = padding_mask(tokens, self.eos_id)
        attention = to_batch_major(buffers, padding)
        return Decoded(tokens, log_probs, scores, attention)

    def _candidates(self, ranks):
        """Ranks (B, N), out of reach for all but the best of each group."""
        if self.groups == 1:
            return ranks
        beams = self.shape[1]
        size = beams // self.groups
        grouped = ops.reshape(ranks, (-1, self.groups, size))
        best = ops.argmax(grouped, axis=-1)[..., None]
        first = ops.arange(size, dtype="int32") == ops.cast(best, "int32")
        return ops.reshape(
            ops.where(first, grouped, grouped + 4 * BANNED), (-1, beams)
        )
