"""SCAN, stacked cross attention: matching of pictures and captions."""

import keras
from keras import ops

from imcap.layers.attention.stacked_cross_attention import StackedCrossAttention
from imcap.layers.dense import RowDense, UnitLength, WeightNormalizedDense
from imcap.layers.masking import LocationMasking
from imcap.layers.recurrent.averaged_gru import AveragedGRU
from imcap.models.inputs import ModelWithOptionalInputs, location_inputs
from imcap.models.score_blocks import ChunkScores


@keras.saving.register_keras_serializable(package="imcap")
class Scan(ModelWithOptionalInputs):
    """Stacked cross attention network (SCAN): matches pictures and captions.

    `v = unit(W V + b)` for each region, `e = unit(GRU(E w))` for each word,
    `scores = StackedCrossAttention(v, e)`.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        embed_size: int, E, width of regions and words where they meet.
        word_dim: int, width of word embeddings.
        num_layers: int, of the GRU.
        bi_gru: bool, whether the GRU runs both ways.
        no_imgnorm, no_txtnorm: bool, leave vectors at the length they have.
        precomp_enc_type: "basic", or "weight_norm" for a linear layer with
            weight normalisation.
        cross_attn, raw_feature_norm, agg_func, lambda_lse, lambda_softmax:
            see `StackedCrossAttention`.
        **kwargs: see `keras.Model`.

    Call arguments:
        inputs: dict of
            features: float tensor (B, K, D);
            mask: boolean tensor (B, K), True = keep, or absent;
            tokens: int32 tensor (C, T), 0 = padding, which follows words.

    Returns:
        Float32 scores (B, C), all pairs.

    Raises:
        ValueError: an option that does not exist.

    Example:
        >>> model = Scan(vocabulary_size=8481, channels=2048, bi_gru=True)

    Reference:
        Lee et al., 2018, "Stacked cross attention for image-text matching",
        section 3.
    """

    def __init__(
        self,
        vocabulary_size,
        channels,
        embed_size=1024,
        word_dim=300,
        num_layers=1,
        bi_gru=False,
        no_imgnorm=False,
        no_txtnorm=False,
        precomp_enc_type="basic",
        cross_attn="t2i",
        raw_feature_norm="clipped_l2norm",
        agg_func="LogSumExp",
        lambda_lse=6.0,
        lambda_softmax=9.0,
        **kwargs,
    ):
        # Config
        if precomp_enc_type not in ("basic", "weight_norm"):
            raise ValueError(
                "precomp_enc_type must be 'basic' or 'weight_norm', got "
                f"{precomp_enc_type!r}"
            )
        self.policy = kwargs.pop("dtype", None)
        self.vocabulary_size = vocabulary_size
        self.channels = channels
        self.embed_size = embed_size
        self.word_dim = word_dim
        self.num_layers = num_layers
        self.bi_gru = bi_gru
        self.no_imgnorm = no_imgnorm
        self.no_txtnorm = no_txtnorm
        self.precomp_enc_type = precomp_enc_type
        self.cross_attn = cross_attn
        self.raw_feature_norm = raw_feature_norm
        self.agg_func = agg_func
        self.lambda_lse = lambda_lse
        self.lambda_softmax = lambda_softmax
        self._make_layers()
        inputs = location_inputs(channels)
        inputs["tokens"] = keras.Input((None,), dtype="int32", name="tokens")
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)

    def _make_layers(self):
        policy = {"dtype": self.policy}
        dense = RowDense
        if self.precomp_enc_type == "weight_norm":
            dense = WeightNormalizedDense
        self.mask_locations = LocationMasking(**policy, name="mask_locations")
        self.region_dense = dense(self.embed_size, **policy, name="regions")
        self.unit = UnitLength(**policy, name="unit")
        self.embedding = keras.layers.Embedding(
            self.vocabulary_size,
            self.word_dim,
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            **policy,
            name="embedding",
        )
        self.gru = AveragedGRU(
            self.embed_size,
            self.num_layers,
            self.bi_gru,
            **policy,
            name="gru",
        )
        self.attention = StackedCrossAttention(
            self.cross_attn,
            self.raw_feature_norm,
            self.agg_func,
            self.lambda_softmax,
            self.lambda_lse,
            **policy,
            name="attention",
        )

    def _graph(self, inputs):
        images = self.encode_images(inputs["features"], inputs["mask"])
        captions = self.encode_captions(inputs["tokens"])
        words = ops.not_equal(inputs["tokens"], 0)
        return self.score(images, captions, inputs["mask"], words)

    def encode_images(self, features, mask=None):
        """Image embeddings: regions in the joint space.

        Args:
            features: float tensor (B, K, D).
            mask: boolean tensor (B, K), True = keep; None keeps all.

        Returns:
            Float tensor (B, K, E).
        """
        regions = self.region_dense(self.mask_locations(features, mask))
        return regions if self.no_imgnorm else self.unit(regions)

    def encode_captions(self, tokens):
        """Caption embeddings: words in the joint space.

        Args:
            tokens: int32 tensor (C, T), 0 = padding.

        Returns:
            Float tensor (C, T, E), 0 where there is padding.
        """
        words = self.gru(self.embedding(tokens), ops.not_equal(tokens, 0))
        return words if self.no_txtnorm else self.unit(words)

    def score(self, images, captions, image_mask=None, caption_mask=None):
        """Scores (B, C) of images (B, K, E) with captions (C, T, E).

        Masks are boolean, (B, K) and (C, T), True = keep; None keeps all.
        """
        return self.attention(images, captions, image_mask, caption_mask)

    def attend(self, images, captions, image_mask=None, caption_mask=None):
        """Weights (B, T, K) of the words of captions over their own images.

        Args are those of `score`, with as many captions as images. With
        "i2t" the weights sum to one over the words of each region instead
        of the regions of each word.
        """
        return self.attention.attend(images, captions, image_mask, caption_mask)

    def block_scorer(self):
        """What compares blocks of pictures and captions."""
        return ChunkScores(self)

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.embedding.dtype_policy.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "embed_size": self.embed_size,
            "word_dim": self.word_dim,
            "num_layers": self.num_layers,
            "bi_gru": self.bi_gru,
            "no_imgnorm": self.no_imgnorm,
            "no_txtnorm": self.no_txtnorm,
            "precomp_enc_type": self.precomp_enc_type,
            "cross_attn": self.cross_attn,
            "raw_feature_norm": self.raw_feature_norm,
            "agg_func": self.agg_func,
            "lambda_lse": self.lambda_lse,
            "lambda_softmax": self.lambda_softmax,
        }
