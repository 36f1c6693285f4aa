"""`imcap match search`: pictures for a sentence, sentences for a picture.

imcap match search --model runs/t2i --images holiday "a dog in the snow"
imcap match search --model runs/t2i --image dog.jpg --captions lines.txt
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.cli.flags import PictureFlags
from imcap.cli.outputs import check_files, check_outputs
from imcap.cli.parser import run_command
from imcap.data.archives.places import picture_exists
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option, positional
from imcap.startup import quiet_start

if TYPE_CHECKING:
    from imcap.matching.search import Answer, Searcher

NAME = "match search"


@dataclasses.dataclass(frozen=True)
class MatchSearchConfig(PictureFlags):
    """Finds the pictures that fit a sentence, or the other way round.

    Compares with every picture, or every sentence; what is embedded is kept
    in the run's directory. Prints the best with their scores and draws them
    with what each word looked at.
    """

    sentences: tuple[str, ...] = positional("what to find pictures for")
    model: str = option(
        "pretrained", "directory of a run; default: the matcher that ships",
        "run", heading="The run",
    )  # fmt: skip
    checkpoint: str = option("best", "which weights", choices=("best", "last"))
    images: str | None = option(
        None,
        "folder or archive of pictures to search",
        heading="What is searched",
    )
    image: str | None = option(None, "picture to find sentences for")
    captions: str | None = option(None, "text file, one sentence a line")
    top: int = option(8, "how many to show")
    output: str | None = option(
        None,
        "PNG to draw; default: RUN/search/QUERY.png",
        heading="What is written",
    )
    no_draw: bool = option(False, "draw nothing")
    json: str | None = option(None, "also write what was found to this file")
    batch_size: int = option(
        32,
        "pictures at a time",
        "bs",
        heading="Reading",
    )
    workers: int = option(2, "threads that decode pictures")


def report(
    config: MatchSearchConfig,
    folder: Path,
    about: tuple[int, int],
    answer: Answer,
) -> dict[str, Any]:
    """Prints and draws an answer; returns what --json says of it.

    Args:
        config: the flags.
        folder: where sheets are drawn.
        about: (number, count), which of how many questions.
        answer: what was found.
    """
    from imcap.drawing.sheet import draw_sheet

    query, entries = answer.query, answer.entries
    print(query)
    for entry in entries:
        found = entry.get("image") or entry.get("caption")
        print(f"  {entry['score']:.3f}  {found}")
    if config.no_draw:
        return {"query": query, "found": entries}
    name = re.sub(r"\W+", "_", Path(query).stem).strip("_")[:60]
    sheet = folder / f"{name or 'search'}.png"
    if config.output:
        sheet = Path(config.output)
        if about[1] > 1:
            sheet = sheet.with_name(f"{sheet.stem}_{about[0]}{sheet.suffix}")
    draw_sheet(answer.hits, query, answer.grid, sheet)
    print(f"  drawn in {sheet}")
    return {"query": query, "found": entries, "sheet": str(sheet)}


def check_words(searcher: Searcher, sentences: Sequence[str]) -> None:
    """Says which words the run does not know; refuses if it knows none."""
    tokens = searcher.tokenize(sentences)
    for sentence, words in zip(sentences, tokens, strict=True):
        unknown = searcher.unknown_words(words)
        if len(unknown) == len(words):
            raise InputError(
                f"{sentence!r}: none of its words is known to "
                f"{searcher.run.path}"
            )
        if unknown:
            print(f"note: not in the vocabulary: {', '.join(unknown)}")


def check_flags(config: MatchSearchConfig) -> None:
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


def search(config: MatchSearchConfig) -> list[dict[str, Any]]:
    """Runs the command; returns the list that --json would write."""
    check_flags(config)
    check_outputs(config.model, None, config.output)
    check_files(config.json, inputs=[config.captions, config.image])
    from imcap.matching.search import (
        Searcher,
        read_sentences,
        search_captions,
        search_pictures,
    )

    sentences = list(config.sentences)
    if config.captions:
        sentences = read_sentences(config.captions)
    if config.image and not picture_exists(config.image):
        raise InputError(f"{config.image}: no such file")
    with quiet_start():
        searcher = Searcher(config.model, config.checkpoint)
    answers: Iterable[Answer]
    if config.image:
        count = 1
        answers = [
            search_captions(
                searcher,
                config.image,
                sentences,
                config.top,
                config.max_pixels,
            )
        ]
    else:
        count = len(sentences)
        check_words(searcher, sentences)
        index = searcher.index(
            config.images or "",
            config.batch_size,
            config.max_pixels,
            config.workers,
        )
        for note in index.notes:
            print(note, file=sys.stderr)
        answers = search_pictures(searcher, sentences, index, config.top)
    folder = searcher.run.outputs / "search"
    entries = [
        report(config, folder, (number, count), answer)
        for number, answer in enumerate(answers, 1)
    ]
    if config.json:
        write_json(config.json, entries, indent=1)
    return entries


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap match search`; returns the exit status."""
    return run_command(NAME, MatchSearchConfig, search, argv)
