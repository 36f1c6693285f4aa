"""Ridge matcher: regression from features to words, as a baseline."""

import dataclasses

import keras
import numpy as np
from keras import ops

from imcap.layers.masking import (
    LocationMasking,
    MaskedMean,
    mask_locations,
)
from imcap.models.inputs import ModelWithOptionalInputs, location_inputs
from imcap.models.score_blocks import PooledScores

PICTURES = 512  # whose words are weighed at a time
SCORES = ("cosine", "standard")


@dataclasses.dataclass(frozen=True)
class RidgeSolution:
    """Ridge regression from mean features to words.

    Attributes:
        mean, deviation: float arrays (D,), that standardise features.
        idf: float array (V,), of words over pictures.
        line: float array (D + 1, V), W; its last row is the bias.
        directions: float array (V, r), orthonormal columns: of the words
            that W says of these pictures, the r directions that vary most,
            the most first. r is 0 where none were asked for, and no more
            than D + 1 or V.
    """

    mean: np.ndarray
    deviation: np.ndarray
    idf: np.ndarray
    line: np.ndarray
    directions: np.ndarray


def solve_ridge(pooled, said, share, ridge_lambda, rank=0):
    """Solves `(X'X + λ I) W = X'Y`, by the eigenvectors of X'X.

    X are features, averaged over the locations, standardised, with a one
    for the bias; Y = (said + share) idf.

    Args:
        pooled: float array (N, D), mean features of N pictures.
        said: array or `WordRows` (N, V), 1 where any caption of a picture
            says a word.
        share: the same, in what share of its captions.
        ridge_lambda: λ.
        rank: int, how many directions of the words to find; 0: none.

    Returns:
        A `RidgeSolution`.
    """
    heard = said.sum(axis=0)
    idf = np.where(heard > 0, np.log(len(said) / (1.0 + heard)), 0.0)
    mean, deviation = pooled.mean(axis=0), pooled.std(axis=0) + 1e-6
    width = pooled.shape[1] + 1
    left, right = np.zeros((width, width)), np.zeros((width, len(idf)))
    for first in range(0, len(pooled), PICTURES):
        rows = slice(first, first + PICTURES)
        inputs = (pooled[rows] - mean) / deviation
        inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
        left += inputs.T @ inputs
        right += inputs.T @ ((said[rows] + share[rows]) * idf)
    values, axes = np.linalg.eigh(left)
    turned = (axes.T @ right) / (values + ridge_lambda)[:, None]
    directions = np.zeros((len(idf), 0))
    if rank:
        # X W of the pictures has these right singular vectors.
        predicted = np.sqrt(np.maximum(values, 0.0))[:, None] * turned
        _, _, rows = np.linalg.svd(predicted, full_matrices=False)
        directions = rows[:rank].T
    return RidgeSolution(mean, deviation, idf, axes @ turned, directions)


@keras.saving.register_keras_serializable(package="imcap")
class ScoreStandardization(keras.layers.Layer):
    """Standard scores: how a caption scores beside all training pictures.

    `s = (x − m) · c / ‖Rᵀ c‖`, where m and R Rᵀ are mean and covariance of
    the training pictures' embeddings: `x · c` minus its mean over these
    pictures, over its deviation. Both follow from c alone, so that captions
    that suit every picture do not come first everywhere.

    Args:
        width: int, E of the embeddings.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        images: float32 tensor (B, K, E).
        captions: float32 tensor (C, T, E), whose sum over T is c.

    Returns:
        x − m and c / ‖Rᵀ c‖, of the shapes of the arguments.
    """

    def __init__(self, width, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.width = width
        self.mean = self._constant("mean", (width,), "zeros")
        self.root = self._constant("root", (width, width), "identity")
        self.built = True

    def _constant(self, name, shape, initializer):
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False
        )

    def build(self, images_shape, captions_shape=None):
        self.built = True  # all weights are known from the width

    def call(self, images, captions):
        return self.centre(images), self.scale(captions)

    def centre(self, images):
        """Embeddings (B, K, E) minus their mean over training pictures."""
        return images - self.mean

    def scale(self, captions):
        """Captions (C, T, E) over the deviation of what they score."""
        spread = ops.matmul(ops.sum(captions, axis=1), self.root)  # (C, E)
        square = ops.sum(ops.square(spread), axis=-1)
        length = ops.sqrt(ops.maximum(square, 1e-12))
        return captions / length[:, None, None]

    def adapt(self, embeddings):
        """Sets mean and covariance of embeddings, float array (N, E)."""
        mean = embeddings.mean(axis=0)
        covariance = np.atleast_2d(np.cov(embeddings.T, bias=True))
        values, axes = np.linalg.eigh(covariance)
        self.mean.assign(mean)
        self.root.assign(axes * np.sqrt(np.maximum(values, 0.0)))

    def get_config(self):
        return super().get_config() | {"width": self.width}


@keras.saving.register_keras_serializable(package="imcap")
class RidgeMatcher(ModelWithOptionalInputs):
    """Ridge matcher: cosine of the words that a line predicts and a caption's.

    `p = W [x; 1]`, where x are a picture's features, standardised and
    averaged over its locations; `score = cos(p, idf ⊙ said)`, where said is 1
    for each word of the caption, or that against the scores of the caption
    with the training pictures. No attention is learnt, and nothing is
    trained step by step: `imcap.matching.ridge` solves for W.

    As the line is the same at each location, a caption's score is the mean
    of what its words say of every location, and that is drawn as attention.

    Args:
        vocabulary_size: int, V.
        channels: int, D of the features.
        rank: int, the rank r of W, which is then kept as two factors,
            (D + 1, r) and (r, V) with orthonormal rows; 0 keeps W.
        scores: "cosine", or "standard", see `ScoreStandardization`.
        **kwargs: see `keras.Model`.

    Call arguments:
        inputs: dict of
            features: float tensor (B, K, D);
            mask: boolean tensor (B, K), True = keep, or absent;
            tokens: int32 tensor (C, T), 0 = padding, which follows words.

    Returns:
        Float32 scores (B, C), all pairs; 0 for a caption without known words.

    Raises:
        ValueError: scores that do not exist.

    Example:
        >>> model = RidgeMatcher(vocabulary_size=2531, channels=1280)

    Reference:
        Hoerl and Kennard, 1970, "Ridge regression: biased estimation for
        nonorthogonal problems", for the solution; Izenman, 1975,
        "Reduced-rank regression for the multivariate linear model".
    """

    def __init__(
        self, vocabulary_size, channels, rank=0, scores="cosine", **kwargs
    ):
        # Config
        if scores not in SCORES:
            raise ValueError(f"scores must be of {SCORES}, got {scores!r}")
        self.scores = scores
        self.vocabulary_size = vocabulary_size
        self.channels = channels
        self.rank = rank
        # All features, and a one for the bias, unless there are two factors.
        self.joint_size = rank or channels + 1
        # Layers
        self.mask_locations = LocationMasking(name="mask_locations")
        self.pool = MaskedMean(name="pool")
        self.standardise = keras.layers.BatchNormalization(
            center=False, scale=False, epsilon=1e-12, name="standardise"
        )
        self.embedding = keras.layers.Embedding(
            vocabulary_size, self.joint_size, name="words"
        )
        self.idf = keras.layers.Embedding(vocabulary_size, 1, name="idf")
        # Of two factors the second has orthonormal rows and needs no gram.
        self.inner = keras.layers.Dense(
            self.joint_size,
            use_bias=False,
            name="project" if rank else "gram",
        )
        self.standardization = None
        if scores == "standard":
            self.standardization = ScoreStandardization(
                self.joint_size, name="relate"
            )
        inputs = location_inputs(channels)
        inputs["tokens"] = keras.Input((None,), dtype="int32", name="tokens")
        super().__init__(inputs=inputs, outputs=self._graph(inputs), **kwargs)
        self.trainable = False

    def _graph(self, inputs):
        images = self.encode_images(inputs["features"], inputs["mask"])
        captions = self.encode_captions(inputs["tokens"])
        return self.score(images, captions, inputs["mask"])

    def fit_line(self, pooled, said, share, ridge_lambda):
        """Solves for the weights, see `solve_ridge`, and takes them.

        Args:
            pooled, said, share, ridge_lambda: see `solve_ridge`.
        """
        self.set_line(
            solve_ridge(pooled, said, share, ridge_lambda, self.rank), pooled
        )

    def set_line(self, solution, pooled):
        """Takes the weights of a solution.

        Args:
            solution: a `RidgeSolution`; of one whose rank is higher, the
                first directions.
            pooled: float array (N, D), mean features of the pictures that
                scores are standardised over.
        """
        self.standardise.moving_mean.assign(solution.mean)
        self.standardise.moving_variance.assign(solution.deviation**2)
        self.idf.embeddings.assign(solution.idf[:, None])
        line = solution.line
        if self.rank:
            axes = solution.directions[:, : self.rank]  # (V, r)
            # Of few words there are fewer directions; the rest says nothing.
            lacking = self.rank - axes.shape[1]
            axes = np.pad(axes, ((0, 0), (0, lacking)))
            self.embedding.embeddings.assign(axes)
            self.inner.kernel.assign(line @ axes)
        else:
            self.embedding.embeddings.assign(line.T)
            self.inner.kernel.assign(line @ line.T)
        if self.standardization is not None:
            self.standardization.adapt(self._embeddings(pooled))

    def _embeddings(self, pooled):
        """Embeddings (N, E) of pictures, before they are standardised."""
        parts = [
            self._predicted_words(pooled[first : first + PICTURES, None])[:, 0]
            for first in range(0, len(pooled), PICTURES)
        ]
        return np.concatenate([ops.convert_to_numpy(part) for part in parts])

    def encode_images(self, features, mask=None):
        """Image embeddings, so long that a picture's words have length 1.

        Standard scores have the training's mean taken off them.

        Args:
            features: float tensor (B, K, D).
            mask: boolean tensor (B, K), True = keep; None keeps all.

        Returns:
            Float tensor (B, K, D + 1), or (B, K, r).
        """
        images = self._predicted_words(features, mask)
        return (
            images
            if self.standardization is None
            else self.standardization.centre(images)
        )

    def _predicted_words(self, features, mask=None):
        features = self.mask_locations(ops.cast(features, "float32"), mask)
        regions = self.standardise(features, training=False)
        regions = ops.concatenate(
            [regions, ops.ones_like(regions[..., :1])], axis=-1
        )
        if self.rank:
            regions = self.inner(regions)
        pooled = self.pool(regions, mask)
        # |p|^2 = x' W W' x, without the V words of p.
        other = pooled if self.rank else self.inner(pooled)
        squares = ops.sum(pooled * other, axis=-1)
        length = ops.sqrt(ops.maximum(squares, 1e-12))
        return regions / length[:, None, None]

    def encode_captions(self, tokens):
        """Caption embeddings: each word once, together of length 1.

        With standard scores, so long that over the training pictures their
        scores have deviation 1.

        Args:
            tokens: int32 tensor (C, T), 0 = padding.

        Returns:
            Float tensor (C, T, D + 1) or (C, T, r), 0 for what says nothing.
        """
        steps = ops.cumsum(ops.ones_like(tokens), axis=1)
        earlier = steps[:, None, :] < steps[:, :, None]
        equal = ops.equal(tokens[:, :, None], tokens[:, None, :])
        repeated = ops.any(ops.logical_and(equal, earlier), axis=-1)
        first = ops.cast(ops.logical_not(repeated), "float32")
        idf = self.idf(tokens)[..., 0] * first  # (C, T)
        length = ops.sqrt(ops.sum(ops.square(idf), axis=-1, keepdims=True))
        share = ops.divide_no_nan(idf, length)
        captions = self.embedding(tokens) * share[..., None]
        return (
            captions
            if self.standardization is None
            else self.standardization.scale(captions)
        )

    def score(self, images, captions, image_mask=None, caption_mask=None):
        """Scores (B, C) of images (B, K, E) with captions (C, T, E)."""
        pooled = self.pool(images, image_mask)
        return ops.matmul(pooled, ops.transpose(ops.sum(captions, axis=1)))

    def attend(self, images, captions, image_mask=None, caption_mask=None):
        """Weights (B, T, K): what speaks for a word, where.

        Args are those of `score`, with as many captions as images. What
        speaks against a word counts as 0; the rest sums to one.
        """
        images = mask_locations(images, image_mask)
        evidence = ops.einsum("bte,bke->btk", captions, images)
        evidence = ops.maximum(evidence, 0.0)
        total = ops.sum(evidence, axis=-1, keepdims=True)
        return ops.divide_no_nan(evidence, total)

    def block_scorer(self):
        """What compares blocks of pictures and captions."""
        return PooledScores()

    def get_config(self):
        return {
            "name": self.name,
            "vocabulary_size": self.vocabulary_size,
            "channels": self.channels,
            "rank": self.rank,
            "scores": self.scores,
        }
