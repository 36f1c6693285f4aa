"""SCAN, stacked cross attention: matching of pictures and captions."""

import keras
from keras import ops

from imcap.layers.attention.stacked_cross_attention import StackedCrossAttention
from imcap.layers.dense import RowDense, UnitLength, WeightNormalizedDense
from imcap.layers.masking import LocationMasking, MaskedMean
from imcap.layers.recurrent.averaged_gru import AveragedGRU
from imcap.models.global_head import (
    GlobalCaptionEmbedding,
    GlobalImageEmbedding,
    start_as_ridge,
)
from imcap.models.inputs import ModelWithOptionalInputs, location_inputs
from imcap.models.score_blocks import ChunkScores, SummedScores


@keras.saving.register_keras_serializable(package="imcap")
class Scan(ModelWithOptionalInputs):
    """Stacked cross attention network (SCAN): matches pictures and captions.

    `v = unit(W V + b)` for each region, `e = unit(GRU(E w))` for each word,
    `scores = StackedCrossAttention(v, e)`.

    With a global head, G > 0, a picture and a caption have one more vector
    each, and its cosine is added to the score. Embeddings are then E + G
    wide: behind a region's or a word's own stands its share of that vector.

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
        global_head: int, G, width of the global embeddings; 0: none.
        global_weight: float, what their cosine counts in the score.
        feature_dropout: float, share of channels hidden in training.
        word_dropout: float, share of words hidden in training.
        **kwargs: see `keras.Model`.

    Call arguments:
        inputs: dict of
            features: float tensor (B, K, D);
            mask: boolean tensor (B, K), True = keep, or absent;
            tokens: int32 tensor (C, T), 0 = padding, which follows words.

    Returns:
        Float32 scores (B, C), all pairs. With a global head (B, C, 2), of
        attention and of the head, which learn apart; `score` adds them, the
        second `global_weight` times.

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
        global_head=0,
        global_weight=1.0,
        feature_dropout=0.0,
        word_dropout=0.0,
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
        self.global_head = global_head
        self.global_weight = global_weight
        self.feature_dropout = feature_dropout
        self.word_dropout = word_dropout
        self.joint_size = embed_size + global_head
        self._make_layers()
        self._make_global_head()
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

    def _make_global_head(self):
        # The whole of a channel or of a word is hidden, not parts.
        self.hide_channels = self.hide_words = None
        if self.feature_dropout:
            self.hide_channels = keras.layers.Dropout(
                self.feature_dropout,
                (None, 1, None),
                dtype=self.policy,
                name="hide_channels",
            )
        if self.word_dropout:
            self.hide_words = keras.layers.Dropout(
                self.word_dropout,
                (None, None, 1),
                dtype=self.policy,
                name="hide_words",
            )
        if self.global_head:
            self.pool = MaskedMean(dtype="float32", name="pool")
            self.global_image = GlobalImageEmbedding(
                self.global_head, self.feature_dropout, name="global_image"
            )
            self.global_caption = GlobalCaptionEmbedding(
                self.vocabulary_size,
                self.global_head,
                self.word_dropout,
                name="global_caption",
            )

    def _graph(self, inputs):
        images = self.encode_images(inputs["features"], inputs["mask"])
        captions = self.encode_captions(inputs["tokens"])
        words = ops.not_equal(inputs["tokens"], 0)
        scores = self._scores(images, captions, inputs["mask"], words)
        return scores[0] if len(scores) == 1 else ops.stack(scores, axis=-1)

    def start_as_ridge(self, ridge, pooled):
        """Begins the global head as a ridge; see `start_as_ridge`."""
        start_as_ridge(self.global_image, self.global_caption, ridge, pooled)

    def encode_images(self, features, mask=None):
        """Image embeddings: regions in the joint space.

        Args:
            features: float tensor (B, K, D).
            mask: boolean tensor (B, K), True = keep; None keeps all.

        Returns:
            Float tensor (B, K, E + G).
        """
        features = self.mask_locations(features, mask)
        seen = features
        if self.hide_channels is not None:
            seen = self.hide_channels(features)
        regions = self.region_dense(seen)
        regions = regions if self.no_imgnorm else self.unit(regions)
        if not self.global_head:
            return regions
        whole = self.global_image(features, mask)
        return ops.concatenate([ops.cast(regions, "float32"), whole], axis=-1)

    def encode_captions(self, tokens):
        """Caption embeddings: words in the joint space.

        Args:
            tokens: int32 tensor (C, T), 0 = padding.

        Returns:
            Float tensor (C, T, E + G), 0 where there is padding.
        """
        words = self.embedding(tokens)
        if self.hide_words is not None:
            words = self.hide_words(words)
        states = self.gru(words, ops.not_equal(tokens, 0))
        words = states if self.no_txtnorm else self.unit(states)
        if not self.global_head:
            return words
        whole = self.global_caption(tokens, states)
        return ops.concatenate([ops.cast(words, "float32"), whole], axis=-1)

    def score(self, images, captions, image_mask=None, caption_mask=None):
        """Scores (B, C) of images (B, K, E + G), captions (C, T, E + G).

        Masks are boolean, (B, K) and (C, T), True = keep; None keeps all.
        """
        parts = self._scores(images, captions, image_mask, caption_mask)
        if not self.global_head:
            return parts[0]
        return parts[0] + self.global_weight * parts[1]

    def _scores(self, images, captions, image_mask, caption_mask):
        """Scores (B, C) of attention and, where there is one, the head."""
        regions, words = self._local(images), self._local(captions)
        scores = [self.attention(regions, words, image_mask, caption_mask)]
        if self.global_head:
            whole = self.pool(images[..., self.embed_size :], image_mask)
            said = ops.sum(captions[..., self.embed_size :], axis=1)
            scores.append(ops.matmul(whole, ops.transpose(said)))
        return scores

    def _local(self, embeddings):
        """What attention sees of embeddings (…, E + G): (…, E)."""
        if not self.global_head:
            return embeddings
        local = embeddings[..., : self.embed_size]
        return ops.cast(local, self.attention.compute_dtype)

    def attend(self, images, captions, image_mask=None, caption_mask=None):
        """Weights (B, T, K) of the words of captions over their own images.

        Args are those of `score`, with as many captions as images. With
        "i2t" the weights sum to one over the words of each region instead
        of the regions of each word.
        """
        regions, words = self._local(images), self._local(captions)
        return self.attention.attend(regions, words, image_mask, caption_mask)

    def block_scorer(self):
        """What compares blocks of pictures and captions."""
        local = ChunkScores(self)
        if not self.global_head:
            return local
        return SummedScores(local, self.embed_size, self.global_weight)

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
            "global_head": self.global_head,
            "global_weight": self.global_weight,
            "feature_dropout": self.feature_dropout,
            "word_dropout": self.word_dropout,
        }
