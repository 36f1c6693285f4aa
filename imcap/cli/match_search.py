"""`imcap match search`: pictures for a sentence, sentences for a picture.

imcap match search --model runs/t2i --images holiday "a dog in the snow"
imcap match search --model runs/t2i --image dog.jpg --captions lines.txt
"""

import dataclasses
import re
from pathlib import Path

from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.files import write_json
from imcap.matching.search import (
    Searcher,
    pictures_for,
    read_sentences,
    sentences_for,
)
from imcap.options import option, positional
from imcap.startup import quiet_start

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


def report(config, run, about, found):
    """Prints, draws; returns what --json says of one question.

    Args:
        config: `MatchSearchConfig`.
        run: the `MatchRun`.
        about: (number, count), which of how many questions.
        found: (question, entries, hits, grid).
    """
    from imcap.drawing.sheet import draw_sheet

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
        searcher = Searcher(config.model, config.checkpoint)
    if config.image:
        answers = [
            sentences_for(
                searcher,
                config.image,
                sentences,
                config.top,
                config.max_pixels,
            )
        ]
    else:
        index = searcher.index(
            config.images,
            batch_size=config.batch_size,
            max_pixels=config.max_pixels,
            workers=config.workers,
        )
        answers = pictures_for(searcher, sentences, index, config.top)
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
