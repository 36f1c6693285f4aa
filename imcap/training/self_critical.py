"""Self-critical training: captions of one's own, weighed by their reward."""

import keras
from keras import ops

from imcap.decoding import banned_tokens, greedy, sample
from imcap.decoding.state import padding_mask

BASELINES = ("leave_one_out", "greedy", "best_of_n")


class SelfCritical:
    """Samples, scores, and gives cross-entropy the advantages as weights.

    For N samples ŵ of a picture with rewards r and baselines b, the gradient
    of the loss is `−Σ (r − b) ∇ log p(ŵ) / words`, p what samples were drawn
    from: cross-entropy of the samples, each word weighed by its caption's
    advantage. No gradient crosses the sampling loop. Baselines:
    "leave_one_out", the mean reward of the picture's other samples; "greedy",
    the reward of its greedy caption; "best_of_n", where only the best sample
    is learnt, against the mean of all.

    Args:
        reward: function of samples (B, N, T) and references (B, R, T'), int32
            and padded, to rewards (B, N).
        ids: (bos, eos, pad) token ids.
        steps: int T, longest sample with its eos.
        samples: int N a picture.
        baseline: one of `BASELINES`.
        temperature: float, sharpens (below 1) or flattens what is drawn from.
            p is the model at this temperature, in the gradient too.
        banned: ids never to be drawn, such as unk. p leaves them out:
            otherwise they would gain what drawn words lose, are never drawn
            and lose nothing, and in the end are all that the model would say.
        dropout: bool, whether samples are drawn, and their words then scored,
            with dropout; without it both are the model as it captions.
        cross_entropy_weight: float w in 0..1; the loss is 1 − w of this one
            and w of cross-entropy with the captions of people.
        packed: bool, leave padding out of the scoring pass; it gives shapes
            that differ from batch to batch, which XLA and JAX do not take.

    Call arguments:
        task: a `CaptioningTask`.
        data: inputs with references (B, R, T') and captions' tokens, their
            targets and weights (B, N', T).

    Returns:
        Inputs, targets and weights of a cross-entropy step, whose logits
        `drawn_from` has to see first. Where captions of people are mixed in,
        inputs hold "sampled", boolean, which words are none of theirs.

    Raises:
        ValueError: options that cannot be.

    Example:
        >>> scst = SelfCritical(reward, (0, 0, 0), steps=17)
        >>> task.compile("adam", WordCrossEntropy(), self_critical=scst)
        >>> task.fit(batches)

    Reference:
        Rennie et al., 2017, "Self-critical sequence training for image
        captioning"; Luo, 2020, "A better variant of self-critical sequence
        training", for the mean of the others.
    """

    def __init__(
        self,
        reward,
        ids,
        steps,
        samples=5,
        baseline="leave_one_out",
        temperature=1.0,
        banned=(),
        dropout=False,
        cross_entropy_weight=0.0,
        packed=True,
    ):
        if baseline not in BASELINES:
            raise ValueError(
                f"baseline must be one of {', '.join(BASELINES)}, "
                f"got {baseline!r}"
            )
        if samples < 1 or (samples < 2 and baseline != "greedy"):
            raise ValueError(f"{baseline} needs two samples or more")
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0, got {temperature}")
        if not 0 <= cross_entropy_weight <= 1:
            raise ValueError("cross_entropy_weight must be in 0..1")
        self.reward = reward
        self.ids = ids
        self.steps = steps
        self.samples = samples
        self.baseline = baseline
        self.temperature = temperature
        self.banned = tuple(banned)
        self.dropout = dropout
        self.cross_entropy_weight = cross_entropy_weight
        self.packed = packed
        self.metrics = [
            keras.metrics.Mean(name=name)
            for name in (
                "reward",
                "baseline",
                "advantage",  # its standard deviation
                "entropy",  # of a word, nats: mean −log p, p at 1
                "sample_length",  # words, eos included
                "unfinished",  # share of samples
                "distinct_samples",  # share of a picture's samples
            )
        ]

    def __call__(self, task, data):
        inputs, targets, weights = data
        inputs = dict(inputs)
        references = inputs.pop("references")
        found, best = self._captions(task, inputs)
        samples = found.tokens  # (B, N, T)
        rewards = self.reward(samples, references)
        advantages, baselines = self._advantages(rewards, best, references)
        real = ops.logical_not(padding_mask(samples, self.ids[1]))
        self._measure(found, real, rewards, baselines, advantages)
        share = advantages / ops.sum(ops.cast(real, "float32"))
        shares = ops.where(real, share[..., None], 0.0)  # (B, N, T)
        read = self._read(samples)
        sampled = ops.ones_like(samples, dtype="bool")
        if self.cross_entropy_weight:
            mixed = self.cross_entropy_weight
            read = ops.concatenate([read, inputs["tokens"]], axis=1)
            samples = ops.concatenate([samples, targets], axis=1)
            real = ops.concatenate([real, weights > 0], axis=1)
            shares = ops.concatenate(
                [(1 - mixed) * shares, mixed * weights], axis=1
            )
            others = ops.zeros_like(targets, dtype="bool")
            sampled = ops.concatenate([sampled, others], axis=1)
        inputs["tokens"] = read
        parts = samples, shares, sampled
        if self.packed:
            inputs["slots"], inputs["words"] = packing(real)
            parts = [_packed(part, inputs) for part in parts]
        if self.cross_entropy_weight:
            inputs["sampled"] = parts[2]
        return inputs, parts[0], parts[1]

    def drawn_from(self, logits, sampled=None):
        """Logits (…, V) of what samples are drawn from.

        Args:
            logits: float32 tensor (…, V), the model's.
            sampled: boolean tensor (…), True where a word is a sample's;
                other logits stay as they are. None: all are.
        """
        found = logits
        if self.temperature != 1:
            found = found / self.temperature
        if self.banned:
            found = found + banned_tokens(logits.shape[-1], self.banned)
        if sampled is None:
            return found
        return ops.where(sampled[..., None], found, logits)

    def _captions(self, task, inputs):
        """Samples as `Decoded`, and greedy captions (B, 1, T) or None."""
        captioner = task.captioner
        pictures = {k: v for k, v in inputs.items() if k != "tokens"}

        def decoder(training):
            seen = task.features(pictures, training=training)
            memory = captioner.encode(seen, training=training)
            return memory, lambda tokens, state: captioner.step(
                tokens, state, memory, training=training
            )

        memory, step = decoder(self.dropout)
        batch = ops.shape(inputs["tokens"])[0]
        shape = (batch, self.samples, self.steps)
        penalty = None
        if self.banned:
            penalty = banned_tokens(captioner.vocabulary_size, self.banned)
        found = sample(
            _same_masks(step) if self.dropout else step,
            captioner.initial_state(memory, self.samples),
            keras.random.uniform(shape, seed=task.seed_generator),
            *self.ids,
            temperature=self.temperature,
            penalty=penalty,
        )
        if self.baseline != "greedy":
            return found, None
        if self.dropout:
            memory, step = decoder(False)
        state = captioner.initial_state(memory, 1)
        shape = (batch, 1, self.steps)
        return found, greedy(
            step, state, shape, *self.ids, penalty=penalty
        ).tokens

    def _advantages(self, rewards, best, references):
        """Advantages and baselines, (B, N) each."""
        if self.baseline == "greedy":
            baselines = self.reward(best, references)  # (B, 1)
            baselines = ops.broadcast_to(baselines, ops.shape(rewards))
            return rewards - baselines, baselines
        total = ops.sum(rewards, axis=1, keepdims=True)
        if self.baseline == "leave_one_out":
            baselines = (total - rewards) / (self.samples - 1)
            return rewards - baselines, baselines
        mean = ops.broadcast_to(total / self.samples, ops.shape(rewards))
        first = ops.argmax(rewards, axis=1)
        best = ops.one_hot(first, self.samples, dtype=rewards.dtype)
        return best * (rewards - mean), mean

    def _read(self, samples):
        """What is read before each word of the samples (B, N, T)."""
        bos_id, eos_id, pad_id = self.ids
        before = ops.where(samples == eos_id, pad_id, samples)[:, :, :-1]
        first = ops.full_like(samples[:, :, :1], bos_id)
        return ops.concatenate([first, before], axis=2)

    def _measure(self, found, real, rewards, baselines, advantages):
        words = ops.cast(real, "float32")
        count = ops.sum(words)
        ended = ops.any(found.tokens == self.ids[1], axis=2)
        values = (
            ops.mean(rewards),
            ops.mean(baselines),
            ops.std(advantages),
            -ops.sum(words * found.log_probs) / count,
            ops.mean(ops.sum(words, axis=-1)),
            1.0 - ops.mean(ops.cast(ended, "float32")),
            distinct_share(found.tokens),
        )
        for metric, value in zip(self.metrics, values, strict=True):
            metric.update_state(value)


def distinct_share(captions):
    """Share of the N captions (B, N, T) of an image that come first."""
    same = ops.all(captions[:, :, None] == captions[:, None], axis=-1)
    count = captions.shape[1]
    earlier = ops.arange(count)[:, None] > ops.arange(count)
    repeated = ops.any(ops.logical_and(same, earlier), axis=-1)  # (B, N)
    return 1.0 - ops.mean(ops.cast(repeated, "float32"))


def packing(real):
    """Where the real words of samples stand, see `imcap.layers.packing`.

    Args:
        real: boolean tensor (B, N, T).

    Returns:
        Slots (B, M) and words (W,), int32; their sizes depend on `real`.
    """
    batch = ops.shape(real)[0]
    flat = ops.reshape(real, (batch, -1))  # (B, N·T)
    width = ops.shape(flat)[1]
    counts = ops.sum(ops.cast(flat, "int32"), axis=1)
    # Real ones first, in order.
    place = ops.arange(width, dtype="int32")
    order = ops.argsort(ops.where(flat, place, place + width), axis=1)
    slots = ops.cast(order[:, : ops.max(counts)], "int32")
    first = ops.arange(ops.shape(slots)[1], dtype="int32") < counts[:, None]
    (words,) = ops.nonzero(ops.reshape(first, (-1,)))
    return slots, ops.cast(words, "int32")


def _packed(values, inputs):
    """Values (B, N, T) of the real words alone: (W,)."""
    rows = ops.reshape(values, (ops.shape(values)[0], -1))
    rows = ops.take_along_axis(rows, inputs["slots"], axis=1)
    return ops.take(rows, inputs["words"])


def _same_masks(step):
    """A step with dropout whose masks do not change from word to word.

    Seeds must not advance inside a compiled loop; what the scope holds of
    them is forgotten at its end.
    """

    def masked(tokens, state):
        with keras.StatelessScope():
            return step(tokens, state)

    return masked
