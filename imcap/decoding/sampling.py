"""Greedy decoding and sampling, one token after another."""

from keras import ops

from imcap.decoding.constraints import BANNED, repeated_ngrams
from imcap.decoding.state import (
    Decoded,
    empty_buffers,
    padding_mask,
    put,
    to_batch_major,
    token_log_probs,
    write,
)

# Words whose shares are summed at one go when one is drawn.
BLOCK = 128


def sample(
    step,
    state,
    uniforms,
    bos_id,
    eos_id,
    pad_id=0,
    temperature=1.0,
    top_k=0,
    top_p=1.0,
    penalty=None,
    no_repeat_ngram=0,
):
    """Sampling: draws captions word by word, by inverse transform.

    Args:
        step: function of tokens (B, N) and state to logits (B, N, V), new
            state and a dict of attention, tensors (B, N, …).
        state: nested structure of tensors (B, N, …).
        uniforms: float32 tensor (B, N, T) in [0, 1), drawn beforehand. T
            bounds the caption's length, eos included.
        bos_id, eos_id, pad_id: int ids; they may coincide.
        temperature: float, above 0; divides the logits.
        top_k: int, draw among the k likeliest; 0 for all.
        top_p: float, draw among the fewest likeliest whose shares reach p.
        penalty: float32 tensor (V,) added to the logits, or None.
        no_repeat_ngram: int n, no n-gram comes twice; 0 allows all.

    Returns:
        `Decoded`. Log-probabilities are the model's own at temperature 1,
        unbanned and untruncated: how likely the model finds the captions.

    Example:
        >>> sample(step, state, keras.random.uniform((10, 5, 20)), 0, 0)

    Reference:
        Fan, Lewis and Dauphin, 2018 (top-k); Holtzman et al., 2020 (top-p).
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")

    def choose(logits, index):
        drawn = ops.take(uniforms, index, axis=2)  # (B, N)
        shaped = truncate_logits(logits / temperature, top_k, top_p)
        return sample_inverse_cdf(shaped, drawn)

    return decode(
        step,
        state,
        choose,
        ops.shape(uniforms),
        (bos_id, eos_id, pad_id),
        penalty,
        no_repeat_ngram,
    )


def greedy(
    step,
    state,
    shape,
    bos_id,
    eos_id,
    pad_id=0,
    penalty=None,
    no_repeat_ngram=0,
):
    """Greedy decoding: takes the likeliest word each time.

    Args:
        shape: (B, N, T): hypotheses and the longest caption, eos included.
        step, state, bos_id, eos_id, pad_id: as in `sample`.
        penalty, no_repeat_ngram: likewise.

    Returns:
        `Decoded`.

    Example:
        >>> greedy(step, state, (10, 1, 20), bos_id=0, eos_id=0)
    """

    def choose(logits, index):
        return ops.cast(ops.argmax(logits, axis=-1), "int32")

    return decode(
        step,
        state,
        choose,
        shape,
        (bos_id, eos_id, pad_id),
        penalty,
        no_repeat_ngram,
    )


def decode(step, state, choose, shape, ids, penalty, no_repeat_ngram):
    """The loop behind `sample` and `greedy`: stops when all have ended."""
    bos_id, eos_id, pad_id = ids
    batch, count, steps = shape
    current = ops.full((batch, count), bos_id, dtype="int32")
    _, _, attention = step(current, state)
    tokens = ops.full((batch, count, steps), pad_id, dtype="int32")
    log_probs = ops.zeros((batch, count, steps), dtype="float32")
    ended = ops.zeros((batch, count), dtype="bool")
    buffers = empty_buffers(attention, steps)

    def should_continue(index, current, ended, *rest):
        return ops.logical_and(index < steps, ops.logical_not(ops.all(ended)))

    def body(index, current, ended, tokens, log_probs, state, buffers):
        logits, state, attention = step(current, state)
        allowed = logits if penalty is None else logits + penalty
        if no_repeat_ngram:
            allowed = allowed + repeated_ngrams(
                tokens, index, no_repeat_ngram, logits.shape[-1]
            )
        chosen = choose(allowed, index)
        log_prob = token_log_probs(logits, chosen)
        tokens = put(tokens, index, ops.where(ended, pad_id, chosen))
        log_probs = put(log_probs, index, ops.where(ended, 0.0, log_prob))
        current = ops.where(ended, eos_id, chosen)
        ended = ops.logical_or(ended, chosen == eos_id)
        buffers = write(buffers, index, attention)
        return index + 1, current, ended, tokens, log_probs, state, buffers

    index = ops.convert_to_tensor(0, dtype="int32")
    start = (index, current, ended, tokens, log_probs, state, buffers)
    _, _, _, tokens, log_probs, _, buffers = ops.while_loop(
        should_continue, body, start
    )
    attention = to_batch_major(buffers, padding_mask(tokens, eos_id))
    return Decoded(tokens, log_probs, ops.sum(log_probs, axis=-1), attention)


def truncate_logits(logits, top_k=0, top_p=1.0):
    """Top-k and top-p: logits with all but the likeliest words banned.

    Args:
        logits: float32 tensor (…, V).
        top_k: int; 0 keeps all.
        top_p: float; 1 keeps all. The likeliest word always stays.
    """
    size = logits.shape[-1]
    if 0 < top_k < size:
        least = ops.top_k(logits, top_k)[0][..., -1:]
        logits = ops.where(logits < least, BANNED, logits)
    if top_p < 1.0:
        ordered = ops.flip(ops.sort(logits, axis=-1), axis=-1)
        shares = ops.softmax(ordered, axis=-1)
        before = ops.cumsum(shares, axis=-1) - shares
        within = ops.where(before < top_p, ordered, -BANNED)
        least = ops.min(within, axis=-1, keepdims=True)
        least = ops.minimum(least, ordered[..., :1])
        logits = ops.where(logits < least, BANNED, logits)
    return logits


def sample_inverse_cdf(logits, uniforms):
    """Inverse transform sampling from softmax(logits).

    Running sums are taken over blocks of words first, and then over the
    words of one block: over a whole vocabulary they cost more than a step of
    most captioners.

    Args:
        logits: float32 tensor (B, N, V).
        uniforms: float32 tensor (B, N) in [0, 1).

    Returns:
        int32 tensor (B, N).
    """
    size = logits.shape[-1]
    blocks = -(-size // BLOCK)
    shares = ops.softmax(logits, axis=-1)
    missing = blocks * BLOCK - size
    shares = ops.pad(shares, [(0, 0), (0, 0), (0, missing)])
    shares = ops.reshape(shares, (*ops.shape(uniforms), blocks, BLOCK))
    sums = ops.cumsum(ops.sum(shares, axis=-1), axis=-1)  # (B, N, V / BLOCK)
    # Scaled by the last sum, which rounding keeps from being exactly one.
    target = (uniforms * sums[..., -1])[..., None]
    block = _passed(sums, target, blocks)[..., None]  # (B, N, 1)
    before = ops.take_along_axis(sums, ops.maximum(block - 1, 0), axis=-1)
    before = ops.where(block > 0, before, 0.0)
    words = ops.take_along_axis(shares, block[..., None], axis=2)[:, :, 0]
    word = _passed(before + ops.cumsum(words, axis=-1), target, BLOCK)
    # Rounding may lead one past the end, where shares are zero.
    return ops.minimum(block[..., 0] * BLOCK + word, size - 1)


def _passed(sums, target, count):
    """How many of the running sums (…, S) lie at or below the target."""
    passed = ops.sum(ops.cast(sums <= target, "int32"), axis=-1)
    return ops.minimum(passed, count - 1)
