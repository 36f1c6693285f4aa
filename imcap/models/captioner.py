"""The contract between captioners and everything that uses them."""

from keras import ops

from imcap.layers.masking import token_mask
from imcap.models.inputs import ModelWithOptionalInputs


class Captioner(ModelWithOptionalInputs):
    """Base of all captioners: teacher forcing, and one step at a time.

    A subclass is a Functional model in three blocks (layers, graph, config).
    Its constructor ends with `super().__init__(inputs=…, outputs=logits)`,
    where inputs come from `caption_inputs`. Features and everything made of
    them stay (B, K, …) and are never repeated for the N captions of an image.

    Call arguments:
        inputs: dict of
            features: float tensor (B, K, D);
            mask: boolean tensor (B, K), True = keep, or absent;
            positions: float tensor (B, K, P), where each location is, for
                models that want it (see `wanted_positions`);
            tokens: int32 tensor (B, N, T), each caption from its bos on;
            slots, words: int32 tensors (B, M) and (W,) that leave padding
                out (see `imcap.layers.packing`), or absent.

    Returns:
        Float32 logits (B, N, T, V) of the word after each token; with
        `words`, (W, V) of the real words alone.
    """

    OPTIONAL = ("mask", "slots", "words")

    # What `positions` are: None, "boxes" (x1, y1, x2, y2 relative to the
    # picture, P = 4) or "grid" (shares of G grid cells covered, P = G).
    wanted_positions: str | None = None

    # The most words of a caption, bos included; None where any will do.
    max_positions: int | None = None

    def encode(self, inputs, training=None):
        """The memory: what does not depend on words, projected once.

        Args:
            inputs: dict with features (B, K, D) and perhaps mask (B, K).
            training: bool, whether dropout is on, as in self-critical
                training, which decodes; None is False.

        Returns:
            Memory: dict of tensors that begin with B.
        """
        raise TypeError(f"{type(self).__name__} lacks encode")

    def initial_state(self, memory, count):
        """State before the first word of `count` hypotheses an image.

        Returns:
            A nested structure of tensors (B, count, …). A beam search moves
            them when hypotheses change places, but for what a dict calls
            "in_place": caches, say, that are read through places remembered
            elsewhere in the state.
        """
        raise TypeError(f"{type(self).__name__} lacks initial_state")

    def step(self, tokens, state, memory, training=None):
        """Reads one more token of each hypothesis.

        Args:
            tokens: int32 tensor (B, N).
            state: as `initial_state` or the last step gave it.
            memory: what `encode` gave.
            training: bool, as in `encode`.

        Returns:
            Float32 logits (B, N, V), the new state, and attention: a dict
            of all that the model has of
                weights: (B, N, K) over the locations, or (B, N, K, heads);
                sentinel: (B, N), the share of the visual sentinel;
                gate: (B, N), the share of the context that went in;
                channels: (B, N, C) over the channels of the features.
        """
        raise TypeError(f"{type(self).__name__} lacks step")

    def token_mask(self, tokens):
        """Which tokens (B, N, T) are words and not padding: boolean."""
        return token_mask(tokens)

    def start_from_network(self, weights_path):
        """Gives parts of a picture network, where it has any, its weights.

        Args:
            weights_path: of a file saved from the network without its top,
                or "imagenet".
        """

    def notes(self):
        """Lines about settings that are known to do harm."""
        return []

    def set_output_bias(self, values):
        """Starts the bias of `output_dense`, the last layer, at `values`.

        With log word frequencies (V,) the first epoch need not learn them.
        """
        self.output_dense.bias.assign(values)


def zeros_for(memory_tensor, count, units):
    """A zero state (B, count, units) in the dtype of `memory_tensor`."""
    batch = ops.shape(memory_tensor)[0]
    return ops.zeros((batch, count, units), dtype=memory_tensor.dtype)
