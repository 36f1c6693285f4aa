"""Search by a matching run: pictures for a sentence and back."""

import sys

import numpy as np

from imcap.errors import InputError


class Searcher:
    """A matching run, asked for pictures or for sentences.

    Args:
        path: the directory of the run.
        checkpoint: "best" or "last", which weights.
    """

    def __init__(self, path, checkpoint="best"):
        from imcap.matching.run import MatchRun
        from imcap.matching.scores import Embedder

        self.checkpoint = checkpoint
        self.run = MatchRun.open(path)
        self.scan = self.run.task(checkpoint)
        self.embedder = Embedder(self.scan)

    def tokens(self, sentences):
        """Words of sentences, split as the run's captions were."""
        if self.run.config.input_json:
            from imcap.data.words.tokenizer import tokenize_strings

            return tokenize_strings(sentences)
        from imcap.data.words.treebank import treebank_tokenize

        return [treebank_tokenize(sentence) for sentence in sentences]

    def encode(self, tokens):
        """Words as `TokenRows`."""
        from imcap.data.pairs.matching_set import TokenRows

        return TokenRows.encode(tokens, self.run.vocabulary)

    def scores(self, images, rows):
        """Scores (N, M) of embedded images with all captions of `rows`.

        Args:
            images: (N, K, E) float32, or a `PictureIndex`.
            rows: `TokenRows` of M captions.
        """
        words, lengths = self.embedder.captions(rows, np.arange(len(rows)))
        return self.embedder.scores(images, None, words, lengths)

    def index(self, folder, **options):
        """The `PictureIndex` of a folder; says what could not be read.

        Args:
            folder: the folder of pictures.
            options: batch_size, max_pixels and workers of `PictureIndex`.
        """
        from imcap.matching.picture_index import PictureIndex

        index = PictureIndex(
            self.run, self.embedder, folder, self.checkpoint, **options
        )
        for path, reason in index.refused:
            line = " ".join(f"{path}: {reason}".split())
            print(f"left out: {line}", file=sys.stderr)
        return index

    def attention(self, regions, rows, chosen):
        """Where real words look: list of (L, K), one a pair.

        Args:
            regions: float32 (n, K, E).
            rows: `TokenRows`.
            chosen: n ints, the caption that goes with each picture.
        """
        words, lengths = self.embedder.captions(rows, chosen)
        there = np.arange(words.shape[1]) < lengths[:, None]
        weights = np.asarray(self.scan.attend(regions, words, None, there))
        # <start> and <end> are words to the model, but not to a reader.
        return [
            one[1 : length - 1]
            for one, length in zip(weights, lengths, strict=True)
        ]


def pictures_for(searcher, sentences, index, top):
    """Yields, for each sentence, what `report` takes.

    Args:
        searcher: a `Searcher`.
        sentences: list of str.
        index: a `PictureIndex`.
        top: int, how many pictures a sentence.
    """
    from imcap.drawing.sheet import Hit

    tokens = searcher.tokens(sentences)
    for sentence, words in zip(sentences, tokens, strict=True):
        check_words(searcher.run, sentence, words)
    rows = searcher.encode(tokens)
    scores = searcher.scores(index, rows)
    for number, sentence in enumerate(sentences):
        found = best(scores[:, number], top)
        regions = np.concatenate([index[row : row + 1] for row in found])
        looked = searcher.attention(regions, rows, [number] * len(found))
        hits = [
            Hit(
                index.paths[row],
                f"{index.paths[row].name}\n{scores[row, number]:.3f}",
                tokens[number],
                weights,
            )
            for row, weights in zip(found, looked, strict=True)
        ]
        entries = [
            {"image": str(index.paths[row]), "score": float(score)}
            for row, score in zip(found, scores[found, number], strict=True)
        ]
        yield sentence, entries, hits, index.grid


def sentences_for(searcher, image, sentences, top, max_pixels):
    """What `report` takes, of the sentences that fit a picture.

    Args:
        searcher: a `Searcher`.
        image: path of the picture.
        sentences: list of str.
        top: int, how many sentences.
        max_pixels: width times height above which a picture is refused.
    """
    from imcap.drawing.sheet import Hit
    from imcap.matching.picture_index import sentence_words

    regions, grid = embedded_picture(searcher, image, max_pixels)
    tokens = searcher.tokens(sentences)
    rows = searcher.encode(tokens)
    words = sentence_words(
        searcher.run, searcher.embedder, rows, searcher.checkpoint
    )
    scores = searcher.embedder.scores(regions, None, words, rows.lengths)[0]
    found = best(scores, top)
    looked = searcher.attention(
        np.concatenate([regions] * len(found)), rows, found
    )
    hits = [
        Hit(image, f"{scores[row]:.3f}", tokens[row], weights)
        for row, weights in zip(found, looked, strict=True)
    ]
    entries = [
        {"caption": sentences[row], "score": float(scores[row])}
        for row in found
    ]
    return str(image), entries, hits, grid


def embedded_picture(searcher, path, max_pixels):
    """Regions (1, K, E) of one picture, and their grid."""
    from imcap.vision.extraction import PictureEncoder

    encoder = PictureEncoder.from_run(searcher.run)
    pixels = encoder.read_batch([path], max_pixels)
    features, _ = encoder(pixels)
    return searcher.embedder.regions(features), encoder.grid


def best(scores, count):
    """Places of the highest scores, of equal ones the first: (n,) int."""
    return np.argsort(-scores, kind="stable")[:count]


def check_words(run, sentence, words):
    """Says which words the run does not know; refuses when it knows none."""
    known = set(run.vocabulary.words)
    strange = [word for word in words if word not in known]
    if len(strange) == len(words):
        raise InputError(
            f"{sentence!r}: none of its words is known to {run.path}"
        )
    if strange:
        print(f"note: not in the vocabulary: {', '.join(strange)}")


def read_sentences(path):
    """The lines of a file that hold anything."""
    from imcap.data.pairs.precomp import read_lines

    sentences = [line for line in read_lines(path) if line]
    if not sentences:
        raise InputError(f"{path}: there is no sentence in it")
    return sentences
