"""A matching run as a graph from pictures and sentences to scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from imcap.errors import InputError
from imcap.export.encoder import (
    ExportedEncoder,
    at_least_one,
    first_rows,
    zero_failed_rows,
)

if TYPE_CHECKING:
    from imcap.matching.run import MatchRun

LOWEST = float(np.finfo("float32").min)  # of a picture that cannot be read


class ExportedMatcher:
    """Scores pictures against sentences within TensorFlow.

    Args:
        run: a `MatchRun`.
        scan: its `Scan`.
        max_pixels: int, width times height above which a picture is refused.

    Attributes:
        pictures: `ExportedEncoder`.
        table: the lookup table of words, which must be saved along.

    Example:
        >>> exported = ExportedMatcher(run, run.task(), 10**8)
        >>> score = exported.signatures()["serving_default"]
        >>> score(image_bytes=files, sentences=["a dog"])["scores"]
    """

    def __init__(self, run: MatchRun, scan: Any, max_pixels: int):
        self.pictures = ExportedEncoder(run, None, max_pixels)
        self.scan = scan
        self.vocabulary = run.vocabulary
        self.is_treebank = not run.config.input_json
        self.table = self._make_table()

    def _make_table(self):
        words = self.vocabulary
        silent = {words.pad_id, words.bos_id, words.eos_id}
        ids = [i for i in range(words.size) if i not in silent]
        strings = [words.words[index].encode() for index in ids]
        return tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(strings, tf.string), tf.constant(ids, tf.int64)
            ),
            default_value=words.unk_id,
        )

    def split(self, sentences: Any) -> Any:
        """Words of sentences (C,), split as the run's captions were."""
        if self.is_treebank:
            from imcap.data.words.treebank_graph import treebank_tokenize_graph

            return treebank_tokenize_graph(sentences)
        from imcap.data.words.tokenizer_graph import tokenize_graph

        return tokenize_graph(sentences)

    def tokens(self, words: Any) -> Any:
        """Ids int32 (C, T) of ragged words, bos before and eos behind."""
        known = self.vocabulary
        ids = words.with_flat_values(self.table.lookup(words.flat_values))
        edge = tf.ones((words.nrows(), 1), tf.int64)
        ids = tf.concat([edge * known.bos_id, ids, edge * known.eos_id], axis=1)
        return tf.cast(ids.to_tensor(known.pad_id), tf.int32)

    def regions(self, features: Any, mask: Any = None) -> Any:
        """Pictures (B, K, E) where they meet words."""
        return self.scan.encode_images(features, mask)

    def scores(self, regions: Any, mask: Any, sentences: Any) -> Any:
        """Scores (B, C) of regions and at least one sentence."""
        tokens = self.tokens(self.split(sentences))
        words = self.scan.encode_captions(tokens)
        scores = self.scan.score(regions, words, mask, tokens != 0)
        return tf.cast(scores, tf.float32)

    def of_pictures(self, image_bytes: Any, sentences: Any) -> dict[str, Any]:
        """Signature: encoded pictures (B,) against sentences (C,)."""
        features, errors = self.pictures.of_bytes(image_bytes)
        scores = self.scores(
            self.regions(features), None, at_least_one(sentences)
        )
        scores = tf.where((errors == "")[:, None], scores, LOWEST)
        answer = {
            "scores": scores[:, : tf.size(sentences)],
            "error": errors,
        }
        return first_rows(answer, tf.size(image_bytes))

    def of_features(
        self, features: Any, sentences: Any, mask: Any = None
    ) -> dict[str, Any]:
        """Signature: features (B, K, D) against sentences (C,)."""
        padded = None if mask is None else at_least_one(mask)
        regions = self.regions(at_least_one(features), padded)
        scores = self.scores(regions, padded, at_least_one(sentences))
        scores = scores[:, : tf.size(sentences)]
        return first_rows({"scores": scores}, tf.shape(features)[0])

    def of_pairs(self, image_bytes: Any, sentences: Any) -> dict[str, Any]:
        """Signature: attention of words, of B pictures and B sentences."""
        tf.debugging.assert_equal(
            tf.size(image_bytes),
            tf.size(sentences),
            "give one sentence for each picture",
        )
        features, errors = self.pictures.of_bytes(image_bytes)
        words = self.split(at_least_one(sentences))
        tokens = self.tokens(words)
        weights = self.scan.attend(
            self.regions(features),
            self.scan.encode_captions(tokens),
            None,
            tokens != 0,
        )  # (B, T + 2, K)
        word_mask = tf.cast(tf.sequence_mask(words.row_lengths()), tf.float32)
        answer = {
            "words": words.to_tensor(""),
            "attention": weights[:, 1:-1] * word_mask[..., None],
        }
        answer = zero_failed_rows(errors, answer) | {"error": errors}
        return first_rows(answer, tf.size(image_bytes))

    def signatures(self) -> dict[str, Any]:
        """Dict of name to concrete function, "serving_default" among them."""
        sentences = tf.TensorSpec((None,), tf.string, "sentences")
        features, *mask = self.pictures.specs()
        of_features = _traced(self.of_features, features, sentences, *mask)
        if not self.pictures.takes_pictures:
            return {"serving_default": of_features, "features": of_features}
        pictures = tf.TensorSpec((None,), tf.string, "image_bytes")
        return {
            "serving_default": _traced(self.of_pictures, pictures, sentences),
            "features": of_features,
            "pairs": _traced(self.of_pairs, pictures, sentences),
        }


def check_tokenizer(run: MatchRun) -> None:
    """Refuses, before any work, what cannot be exported on this system."""
    if not run.config.input_json:
        return  # words in Penn Treebank style need TensorFlow alone
    try:
        import tensorflow_text  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"{run.path}: a matcher's graph splits sentences with "
            f"tensorflow-text, which cannot be imported ({error}). It has no "
            "wheels for Windows and Intel Macs: export there under Linux "
            "(WSL, Docker); elsewhere: pip install tensorflow-text"
        ) from None


def _traced(function, *specs):
    compiled = tf.function(function, input_signature=specs, autograph=False)
    return compiled.get_concrete_function()
