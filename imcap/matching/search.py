"""Search by a matching run: pictures for a sentence, and back."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imcap.data.words.unspaced import UNSPACED, split_characters
from imcap.errors import InputError
from imcap.metrics.recall import top_k

if TYPE_CHECKING:
    from imcap.data.pairs.matching_set import TokenRows
    from imcap.drawing.sheet import Hit
    from imcap.matching.picture_index import PictureIndex
    from imcap.vision.extraction import PictureEncoder


class Match(NamedTuple):
    """Retrieval hit: a picture or a sentence, its score and attention.

    Attributes:
        row: its place among all that were compared.
        score: larger for what fits better; no probability.
        attention: float32 (L, K), where each word looks.
    """

    row: int
    score: float
    attention: np.ndarray


class Searcher:
    """A matching run, asked for pictures or for sentences.

    Args:
        path: the directory of the run.
        checkpoint: "best" or "last", which weights.

    Attributes:
        run: the `MatchRun`.
        scan: its `Scan`.
        embedder: the `Embedder` of the scan.

    Example:
        >>> searcher = Searcher("runs/t2i")
        >>> rows = searcher.encode(searcher.tokenize(["a dog"]))
        >>> [matches] = searcher.best_pictures(searcher.index("holiday"), rows)
    """

    def __init__(self, path: str | Path, checkpoint: str = "best"):
        from imcap.matching.run import MatchRun
        from imcap.matching.scores import Embedder

        self.checkpoint = checkpoint
        self.run = MatchRun.open(path)
        self.scan = self.run.task(checkpoint)
        self.embedder = Embedder(self.scan)

    @functools.cached_property
    def encoder(self) -> PictureEncoder:
        """The picture encoder of the run's features, built at first use.

        Raises:
            InputError: it is not known what made them.
        """
        from imcap.vision.extraction import PictureEncoder

        return PictureEncoder.from_run(self.run)

    @functools.cached_property
    def _known_words(self) -> frozenset[str]:
        return frozenset(self.run.vocabulary.words)

    def tokenize(self, sentences: Sequence[str]) -> list[list[str]]:
        """Splits sentences into words as the run's captions were."""
        if self.run.config.input_json:
            from imcap.data.words.tokenizer import tokenize_strings

            return [self._split(words) for words in tokenize_strings(sentences)]
        from imcap.data.words.treebank import treebank_tokenize

        return [treebank_tokenize(sentence) for sentence in sentences]

    def _split(self, words: list[str]) -> list[str]:
        """Words, unknown ones of scripts without spaces by character."""
        return [
            part
            for word in words
            for part in (
                [word]
                if word in self._known_words or not UNSPACED.search(word)
                else split_characters([word])
            )
        ]

    def unknown_words(self, words: Sequence[str]) -> list[str]:
        """The words that are not in the run's vocabulary."""
        return [word for word in words if word not in self._known_words]

    def encode(self, tokens: Sequence[Sequence[str]]) -> TokenRows:
        """Words as `TokenRows`."""
        from imcap.data.pairs.matching_set import TokenRows

        return TokenRows.encode(tokens, self.run.vocabulary)

    def embed_pictures(
        self, pictures: Sequence[Any], max_pixels: int | None = None
    ) -> np.ndarray:
        """Embeds pictures: regions float32 (B, K, E).

        Args:
            pictures: B paths, bytes of files, arrays or PIL images.
            max_pixels: width times height above which one is refused;
                None: `pixel_limit()`.

        Raises:
            InputError: the reason why a picture cannot be used.
        """
        return self.embed_pixels(self.encoder.read_batch(pictures, max_pixels))

    def embed_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Regions float32 (B, K, E) of pixels as the encoder reads them."""
        features, _ = self.encoder(pixels)
        return self.embedder.embed_regions(features)

    def index(
        self,
        folder: str | Path,
        batch_size: int = 32,
        max_pixels: int | None = None,
        workers: int = 2,
    ) -> PictureIndex:
        """The `PictureIndex` of a folder, embedded where it is not yet.

        Args:
            folder: the folder of pictures.
            batch_size: pictures at a time.
            max_pixels: width times height above which one is refused;
                None: `pixel_limit()`.
            workers: threads that decode pictures.
        """
        from imcap.matching.picture_index import PictureIndex

        return PictureIndex(
            self.run,
            self.encoder,
            self.embedder,
            folder,
            self.checkpoint,
            batch_size=batch_size,
            max_pixels=max_pixels,
            workers=workers,
        )

    def score(
        self, images: np.ndarray | PictureIndex, rows: TokenRows
    ) -> np.ndarray:
        """Scores float32 (N, M) of embedded images with captions.

        Args:
            images: (N, K, E) float32, or a `PictureIndex`.
            rows: `TokenRows` of M captions.
        """
        words, lengths = self.embedder.embed_captions(
            rows, np.arange(len(rows))
        )
        return self.embedder.score(images, None, words, lengths)

    def attend(
        self,
        regions: np.ndarray,
        rows: TokenRows,
        chosen: Sequence[int] | np.ndarray,
    ) -> list[np.ndarray]:
        """Attention of words on regions: a list of (L, K), one a pair.

        Args:
            regions: float32 (n, K, E).
            rows: `TokenRows`.
            chosen: n ints, the caption that goes with each picture.
        """
        words, lengths = self.embedder.embed_captions(rows, chosen)
        mask = np.arange(words.shape[1]) < lengths[:, None]
        attention = np.asarray(self.scan.attend(regions, words, None, mask))
        # <start> and <end> are words to the model, but not to a reader.
        return [
            weights[1 : length - 1]
            for weights, length in zip(attention, lengths, strict=True)
        ]

    def best_pictures(
        self, index: PictureIndex, rows: TokenRows, top: int = 8
    ) -> Iterator[list[Match]]:
        """Yields, for each caption, its best pictures, best first."""
        scores = self.score(index, rows)
        for caption, column in enumerate(scores.T):
            chosen = top_k(column, top)
            regions = np.concatenate([index[row : row + 1] for row in chosen])
            attention = self.attend(regions, rows, [caption] * len(chosen))
            yield matches(column, chosen, attention)

    def best_captions(
        self, regions: np.ndarray, rows: TokenRows, top: int = 8
    ) -> list[Match]:
        """The best captions of a picture (1, K, E), best first.

        Embeddings of the captions are kept in the run.
        """
        from imcap.matching.picture_index import embed_sentences

        words = embed_sentences(self.run, self.embedder, rows, self.checkpoint)
        scores = self.embedder.score(regions, None, words, rows.lengths)[0]
        chosen = top_k(scores, top)
        repeated = np.repeat(regions, len(chosen), axis=0)
        return matches(scores, chosen, self.attend(repeated, rows, chosen))


def matches(
    scores: np.ndarray, chosen: np.ndarray, attention: Sequence[np.ndarray]
) -> list[Match]:
    """Retrieval hits of the chosen rows."""
    return [
        Match(int(row), float(scores[row]), weights)
        for row, weights in zip(chosen, attention, strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Retrieval result of one query: its hits, best first.

    Args:
        query: the sentence, or the path of the picture.
        entries: JSON values: dicts of "image" or "caption", and "score".
        hits: rows of a contact sheet, `Hit`s.
        grid: (h, w) of the attention.
    """

    query: str
    entries: list[dict[str, Any]]
    hits: list[Hit]
    grid: tuple[int, int]


def search_pictures(
    searcher: Searcher, sentences: Sequence[str], index: PictureIndex, top: int
) -> Iterator[Answer]:
    """Yields an `Answer` for each sentence: the pictures that fit best."""
    from imcap.drawing.sheet import Hit

    tokens = searcher.tokenize(sentences)
    answers = searcher.best_pictures(index, searcher.encode(tokens), top)
    for sentence, words, best in zip(sentences, tokens, answers, strict=True):
        hits, entries = [], []
        for row, score, attention in best:
            path = index.paths[row]
            title = f"{path.name}\n{score:.3f}"
            hits.append(Hit(path, title, words, attention))
            entries.append({"image": str(path), "score": score})
        yield Answer(sentence, entries, hits, index.grid)


def search_captions(
    searcher: Searcher,
    image: str | Path,
    sentences: Sequence[str],
    top: int,
    max_pixels: int | None = None,
) -> Answer:
    """The sentences that fit a picture best.

    Args:
        searcher: a `Searcher`.
        image: path of the picture.
        sentences: what it is compared with.
        top: how many sentences.
        max_pixels: width times height above which the picture is refused;
            None: `pixel_limit()`.
    """
    from imcap.drawing.sheet import Hit

    regions = searcher.embed_pictures([image], max_pixels)
    tokens = searcher.tokenize(sentences)
    hits, entries = [], []
    for row, score, attention in searcher.best_captions(
        regions, searcher.encode(tokens), top
    ):
        hits.append(Hit(image, f"{score:.3f}", tokens[row], attention))
        entries.append({"caption": sentences[row], "score": score})
    return Answer(str(image), entries, hits, searcher.encoder.grid)


def read_sentences(path: str | Path) -> list[str]:
    """Reads the lines of a file that hold anything."""
    from imcap.data.pairs.precomp import read_lines

    sentences = [line for line in read_lines(path) if line]
    if not sentences:
        raise InputError(f"{path}: there is no sentence in it")
    return sentences
