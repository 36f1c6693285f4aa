"""`imcap match search`: pictures for a sentence, sentences for a picture.

imcap match search --model runs/t2i --images holiday "a dog in the snow"
imcap match search --model runs/t2i --image dog.jpg --captions lines.txt
"""

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np

from imcap.config import option, positional, quiet_start, run_command
from imcap.data.errors import InputError
from imcap.data.files import write_json

NAME = "match search"


@dataclasses.dataclass(frozen=True)
class MatchSearchConfig:
    """Finds the pictures that fit a sentence, or the other way round.

    Compares with every picture, or every sentence; what is embedded is kept
    in the run's directory. Prints the best with their scores and draws them
    with what each word looked at.
    """

    sentences: tuple[str, ...] = positional("what to find pictures for")
    model: str = option("save", "directory of a run", "run")
    checkpoint: str = option("best", "which weights", choices=("best", "last"))
    images: str | None = option(None, "folder of pictures to search")
    image: str | None = option(None, "picture to find sentences for")
    captions: str | None = option(None, "text file, one sentence a line")
    top: int = option(8, "how many to show")
    output: str | None = option(
        None, "PNG to draw; default: RUN/search/QUERY.png"
    )
    no_draw: bool = option(False, "draw nothing")
    json: str | None = option(None, "also write what was found to this file")
    batch_size: int = option(32, "pictures at a time", "bs")
    max_pixels: int = option(
        89_478_485, "width times height above which a picture is refused"
    )
    workers: int = option(2, "threads that decode pictures")


class Searcher:
    """A run's model, and what it is asked about.

    Args:
        config: `MatchSearchConfig`.
    """

    def __init__(self, config):
        from imcap.match_runs import MatchRun
        from imcap.match_scores import Embedder

        self.config = config
        self.run = MatchRun.open(config.model)
        self.scan = self.run.task(config.checkpoint)
        self.embedder = Embedder(self.scan)

    def tokens(self, sentences):
        """Words of sentences, split as the run's captions were."""
        if self.run.config.input_json:
            from imcap.data.text import tokenize_strings

            return tokenize_strings(sentences)
        from imcap.data.treebank import treebank_words

        return [treebank_words(sentence) for sentence in sentences]

    def encode(self, tokens):
        """Words as `TokenRows`."""
        from imcap.data.matching_set import TokenRows

        return TokenRows.encode(tokens, self.run.vocabulary)

    def scores(self, images, rows):
        """Scores (N, M) of embedded images with all captions of `rows`.

        Args:
            images: (N, K, E) float32, or a `PictureIndex`.
            rows: `TokenRows` of M captions.
        """
        words, lengths = self.embedder.captions(rows, np.arange(len(rows)))
        return self.embedder.scores(images, None, words, lengths)

    def index(self, folder):
        """The `PictureIndex` of a folder; says what could not be read."""
        from imcap.match_index import PictureIndex

        index = PictureIndex(self.run, self.embedder, folder, self.config)
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


def pictures_for(searcher, sentences, index):
    """Yields, for each sentence, what `report` takes.

    Args:
        searcher: a `Searcher`.
        sentences: list of str.
        index: a `PictureIndex`.
    """
    from imcap.match_sheet import Hit

    tokens = searcher.tokens(sentences)
    for sentence, words in zip(sentences, tokens, strict=True):
        check_words(searcher.run, sentence, words)
    rows = searcher.encode(tokens)
    scores = searcher.scores(index, rows)
    for number, sentence in enumerate(sentences):
        found = best(scores[:, number], searcher.config.top)
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


def sentences_for(searcher, image, sentences):
    """What `report` takes, of the sentences that fit a picture.

    Args:
        searcher: a `Searcher`.
        image: path of the picture.
        sentences: list of str.
    """
    from imcap.match_index import sentence_words
    from imcap.match_sheet import Hit

    regions, grid = embedded_picture(searcher, image)
    tokens = searcher.tokens(sentences)
    rows = searcher.encode(tokens)
    words = sentence_words(
        searcher.run, searcher.embedder, rows, searcher.config.checkpoint
    )
    scores = searcher.embedder.scores(regions, None, words, rows.lengths)[0]
    found = best(scores, searcher.config.top)
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


def embedded_picture(searcher, path):
    """Regions (1, K, E) of one picture, and their grid."""
    from imcap.data.images import load_pixels
    from imcap.extract import extractor

    metadata = searcher.run.encoder_metadata
    encoder = searcher.run.build_encoder()
    size = metadata["image_size"]
    pixels = load_pixels(path, size, size, searcher.config.max_pixels)
    features, _ = extractor(encoder, metadata.get("att_size"))(pixels[None])
    return searcher.embedder.regions(features), tuple(metadata["grid"])


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


def report(config, run, about, found):
    """Prints, draws; returns what --json says of one question.

    Args:
        config: `MatchSearchConfig`.
        run: the `MatchRun`.
        about: (number, count), which of how many questions.
        found: (question, entries, hits, grid).
    """
    from imcap.match_sheet import draw_sheet

    question, entries, hits, grid = found
    print(question)
    for entry in entries:
        answer = entry.get("image") or entry.get("caption")
        print(f"  {entry['score']:.3f}  {answer}")
    if config.no_draw:
        return {"query": question, "found": entries}
    name = re.sub(r"\W+", "_", Path(question).stem).strip("_")[:60]
    sheet = run.path / "search" / f"{name or 'search'}.png"
    if config.output:
        sheet = Path(config.output)
        if about[1] > 1:
            sheet = sheet.with_name(f"{sheet.stem}_{about[0]}{sheet.suffix}")
    draw_sheet(hits, question, grid, sheet)
    print(f"  drawn in {sheet}")
    return {"query": question, "found": entries, "sheet": str(sheet)}


def read_sentences(path):
    """The lines of a file that hold anything."""
    from imcap.data.precomp import read_lines

    sentences = [line for line in read_lines(path) if line]
    if not sentences:
        raise InputError(f"{path}: there is no sentence in it")
    return sentences


def check_flags(config):
    """Refuses flags that do not say one thing to look for."""
    pictures = bool(config.images) and bool(config.sentences)
    sentences = bool(config.image) and bool(config.captions)
    if pictures == sentences:
        raise InputError(
            "give --images FOLDER and a sentence, or --image FILE and "
            "--captions FILE"
        )
    if config.top < 1 or config.batch_size < 1 or config.workers < 1:
        raise InputError("--top, --batch_size and --workers start from 1")


def search(config):
    """Runs the command; returns the list that --json would write."""
    check_flags(config)
    sentences = list(config.sentences)
    if config.captions:
        sentences = read_sentences(config.captions)
    if config.image and not Path(config.image).is_file():
        raise InputError(f"{config.image}: no such file")
    with quiet_start():
        searcher = Searcher(config)
    if config.image:
        answers = [sentences_for(searcher, config.image, sentences)]
    else:
        index = searcher.index(config.images)
        answers = pictures_for(searcher, sentences, index)
    count = 1 if config.image else len(sentences)
    entries = [
        report(config, searcher.run, (number, count), found)
        for number, found in enumerate(answers, 1)
    ]
    if config.json:
        write_json(config.json, entries, indent=1)
    return entries


def main(argv=None):
    """Runs `imcap match search`; returns the exit status."""
    return run_command(NAME, MatchSearchConfig, search, argv)
