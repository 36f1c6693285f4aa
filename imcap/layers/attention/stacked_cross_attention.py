"""Stacked cross attention: the similarity of pictures and captions."""

import keras
from keras import ops

from imcap.layers.dense import euclidean_length
from imcap.layers.masking import FILL, mask_locations, masked_softmax

DIRECTIONS = ("t2i", "i2t")
AGGREGATES = ("LogSumExp", "Mean", "Sum", "Max")
# Ways to normalise scores, and whether what comes out lies between -1 and 1.
NORMALIZATIONS = {
    "clipped_l2norm": True,
    "l2norm": True,
    "l1norm": True,
    "clipped_l1norm": True,
    "clipped": False,
    "softmax": True,
    "no_norm": False,
}
# e^(2 λ) times the square of the context's size has to stay finite.
LARGEST_BOUNDED = 20.0
# Keeps a row of zeros from dividing by zero.
EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="imcap")
class StackedCrossAttention(keras.layers.Layer):
    """Stacked cross attention: every picture's score with every caption.

    Each query q (a word, or a region with "i2t") looks at the context (the
    regions, or the words) and is compared with what it sees:

    `s_kq = v_k · q`, `s̄ = norm(s)` over the queries, for each v_k,
    `a_kq = exp(λ s̄_kq) / Σ_k exp(λ s̄_kq)`, `c_q = Σ_k a_kq v_k`,
    `R_q = cos(q, c_q)`, and the aggregate of R over the queries, by default
    `log(Σ_q exp(λ_lse R_q)) / λ_lse`.

    The c_q are never formed: `c_q · q = Σ_k a_kq s_kq` and `‖c_q‖² = aᵀ G a`
    with the products G of the context vectors among themselves. Nor is the
    softmax divided by its sum, which a cosine does not feel.

    Args:
        cross_attn: "t2i", words look at regions, or "i2t".
        raw_feature_norm: a key of `NORMALIZATIONS`.
        agg_func: "LogSumExp", "Mean", "Sum" or "Max".
        lambda_softmax: float λ.
        lambda_lse: float λ_lse.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        images: float tensor (B, K, E).
        captions: float tensor (C, T, E).
        image_mask: boolean tensor (B, K), True = a region; None keeps all.
        caption_mask: boolean tensor (C, T), True = a word; None keeps all.

    Returns:
        Float32 tensor (B, C). Unlike other attention layers, no context;
        `attend` gives weights.

    Raises:
        ValueError: an unknown direction, norm or aggregate.

    Example:
        >>> StackedCrossAttention("i2t", lambda_softmax=4.0)(images, captions)

    Reference:
        Lee et al., 2018, "Stacked cross attention for image-text matching",
        equations 1 to 10. As in their code, the clipped norms let a tenth of
        what is negative through, where the paper has none.
    """

    def __init__(
        self,
        cross_attn="t2i",
        raw_feature_norm="clipped_l2norm",
        agg_func="LogSumExp",
        lambda_softmax=9.0,
        lambda_lse=6.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value, known in (
            ("cross_attn", cross_attn, DIRECTIONS),
            ("raw_feature_norm", raw_feature_norm, tuple(NORMALIZATIONS)),
            ("agg_func", agg_func, AGGREGATES),
        ):
            if value not in known:
                raise ValueError(f"{name} must be of {known}, got {value!r}")
        self.cross_attn = cross_attn
        self.raw_feature_norm = raw_feature_norm
        self.agg_func = agg_func
        self.lambda_softmax = lambda_softmax
        self.lambda_lse = lambda_lse

    def build(self, images_shape, captions_shape=None):
        self.built = True

    def call(self, images, captions, image_mask=None, caption_mask=None):
        images = mask_locations(images, image_mask)
        captions = mask_locations(captions, caption_mask)
        if self.cross_attn == "t2i":
            queries = self.arrange(captions)
            return self.compare(images, queries, image_mask, caption_mask)
        queries = self.arrange(images)
        scores = self.compare(captions, queries, caption_mask, image_mask)
        return ops.transpose(scores)

    def arrange(self, queries):
        """Groups of queries (M, q, E), ready to be compared.

        They stand place by place, so that every sum over the places of a
        group, and every sum over a context, runs along whole rows of numbers
        that lie side by side.

        Returns:
            dict of columns (E, q, M) and float32 squares (q, M), of the
            queries' lengths.
        """
        columns = ops.transpose(queries, (2, 1, 0))
        wide = ops.cast(columns, "float32")
        return {"columns": columns, "squares": ops.sum(wide * wide, axis=0)}

    def compare(
        self, contexts, queries, context_mask=None, query_mask=None, gram=None
    ):
        """Scores of all contexts with all groups of queries.

        Args:
            contexts: float tensor (N, n, E), 0 where masked.
            queries: `arrange` of a tensor (M, q, E), 0 where masked.
            context_mask: boolean tensor (N, n) or None.
            query_mask: boolean tensor (M, q) or None.
            gram: `gram(contexts)`, where it is known already.

        Returns:
            Float32 tensor (N, M).
        """
        count, parts, width = ops.shape(contexts)
        places, groups = ops.shape(queries["squares"])
        rows = ops.reshape(contexts, (count * parts, width))
        columns = ops.reshape(queries["columns"], (width, places * groups))
        raw = ops.cast(ops.matmul(rows, columns), "float32")
        if context_mask is not None:
            context_mask = context_mask[:, :, None, None]
        if query_mask is not None:
            query_mask = ops.transpose(query_mask)[None]  # (1, q, M)
        powers = self._powers(
            ops.reshape(raw, (count, parts, places, groups)),
            context_mask,
            None if query_mask is None else query_mask[None],
        )
        wide = (count, parts, places * groups)
        powers, raw = ops.reshape(powers, wide), ops.reshape(raw, wide)
        gram = self.gram(contexts) if gram is None else gram
        product = ops.sum(powers * raw, axis=1)  # (N, q·M), c · q
        square = ops.sum(powers * ops.matmul(gram, powers), axis=1)  # ‖c‖²
        square = square * ops.reshape(queries["squares"], (-1,))
        # A root has no slope at zero, and vectors of zeros are at no angle.
        cosine = product / ops.sqrt(ops.maximum(square, 1e-16))
        cosine = ops.reshape(cosine, (count, places, groups))
        return self._aggregate(cosine, query_mask)

    def gram(self, contexts):
        """Products of the vectors of each context: float32 (N, n, n)."""
        products = ops.matmul(contexts, ops.transpose(contexts, (0, 2, 1)))
        return ops.cast(products, "float32")

    def attend(self, images, captions, image_mask=None, caption_mask=None):
        """Attention of the words of each caption on its own picture.

        Args: as for a call, with C = B.

        Returns:
            Float32 tensor (B, T, K). With "t2i" it sums to one over the
            regions of each word; with "i2t" over the words of each region.
        """
        images = mask_locations(images, image_mask)
        captions = mask_locations(captions, caption_mask)
        pair = (images, captions), (image_mask, caption_mask)
        if self.cross_attn == "i2t":
            pair = pair[0][::-1], pair[1][::-1]
        (context, query), (context_mask, query_mask) = pair
        raw = ops.matmul(context, ops.transpose(query, (0, 2, 1)))
        if context_mask is not None:
            context_mask = context_mask[:, :, None]
        if query_mask is not None:
            query_mask = query_mask[:, None]
        raw = ops.cast(raw, "float32")  # (B, n, q)
        powers = self._powers(raw, context_mask, query_mask)
        total = ops.sum(powers, axis=1, keepdims=True)
        weights = powers / ops.maximum(total, 1e-30)
        if self.cross_attn == "i2t":
            return weights
        return ops.transpose(weights, (0, 2, 1))

    def _powers(self, raw, context_mask, query_mask):
        """Numerators of the softmax over the context, axis 1.

        Args:
            raw: float32 tensor (N, n, q, …), 0 where masked.
            context_mask, query_mask: boolean tensors that broadcast to it.
        """
        scores = normalize_scores(
            raw, self.raw_feature_norm, 2, query_mask, self.lambda_softmax
        )
        bounded = NORMALIZATIONS[self.raw_feature_norm]
        if not bounded or abs(self.lambda_softmax) > LARGEST_BOUNDED:
            if context_mask is not None:
                scores = ops.where(context_mask, scores, FILL)
            largest = ops.max(scores, axis=1, keepdims=True)
            scores = scores - ops.stop_gradient(largest)
        powers = ops.exp(scores)
        if context_mask is None:
            return powers
        return ops.where(context_mask, powers, 0.0)

    def _aggregate(self, cosine, query_mask):
        """Scores (N, M) of cosines (N, q, M), mask (1, q, M)."""
        mask = ops.ones_like(cosine[:1])
        if query_mask is not None:
            mask = ops.cast(query_mask, cosine.dtype)
        if self.agg_func in ("Mean", "Sum"):
            total = ops.sum(cosine * mask, axis=1)
            if self.agg_func == "Sum":
                return total
            return total / ops.maximum(ops.sum(mask, axis=1), 1.0)
        cosine = ops.where(mask > 0, cosine, FILL)
        if self.agg_func == "Max":
            return ops.max(cosine, axis=1)
        return ops.logsumexp(self.lambda_lse * cosine, 1) / self.lambda_lse

    def compute_output_spec(
        self, images, captions, image_mask=None, caption_mask=None
    ):
        shape = (images.shape[0], captions.shape[0])
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        config = super().get_config()
        config.update(
            cross_attn=self.cross_attn,
            raw_feature_norm=self.raw_feature_norm,
            agg_func=self.agg_func,
            lambda_softmax=self.lambda_softmax,
            lambda_lse=self.lambda_lse,
        )
        return config


def normalize_scores(scores, name, axis, mask=None, scale=1.0):
    """Scores over their length along an axis, or what else `name` says.

    "clipped" leaves a tenth of what is negative. Without a norm the scores
    stay as they are; "softmax" makes them shares.

    Args:
        scores: float32 tensor, 0 where masked.
        name: a key of `NORMALIZATIONS`.
        axis: int, the axis of the queries.
        mask: boolean tensor that broadcasts to `scores`, True = keep.
        scale: float that all are multiplied by at the end.

    Returns:
        Tensor of the shape of `scores`.
    """
    if name == "softmax":
        return scale * masked_softmax(scores, mask, axis=axis)
    if name.startswith("clipped"):
        scores = ops.leaky_relu(scores, negative_slope=0.1)
    if name.endswith("l2norm"):
        scale = scale / (euclidean_length(scores, axis) + EPSILON)
    if name.endswith("l1norm"):
        length = ops.sum(ops.abs(scores), axis=axis, keepdims=True)
        scale = scale / (length + EPSILON)
    return scores * scale
