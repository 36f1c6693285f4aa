"""Sentences in, pictures of a folder out: what a matching run is asked."""

import asyncio
import collections
import functools
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imcap.errors import InputError
from imcap.serve.answers import round_decimals
from imcap.serve.batches import Batcher
from imcap.serve.captions import within
from imcap.serve.limits import (
    LONGEST_QUESTION,
    MOST_FOUND,
    Gate,
    Limits,
    Refused,
)

if TYPE_CHECKING:
    from imcap.matching.matcher import LoadedMatcher
    from imcap.matching.search import Match

THUMBNAIL_SIDE = 448  # pixels of the longer side


KEPT_THUMBNAILS = 256


TOP = 8  # pictures that are found where nothing else is asked


class FolderSearch:
    """A matching run and the pictures that it looks through.

    Args:
        matcher: the run.
        folder: the folder of pictures.
    """

    def __init__(self, matcher: "LoadedMatcher", folder: str | Path):
        self.run = matcher.run
        self.searcher = matcher.searcher
        self.index = self.searcher.index(folder)

    def split_sentence(self, sentence: str) -> tuple[list[str], list[str]]:
        """Words of a sentence, and those that the run does not know.

        Raises:
            Refused: 400 where nothing is left to look for.
        """
        words = self.searcher.tokenize([sentence])[0]
        unknown = self.searcher.unknown_words(words)
        if not words:
            raise Refused(400, "write a sentence to look for")
        if len(unknown) == len(words):
            raise Refused(400, "the model knows none of these words")
        return words, unknown

    def __call__(
        self, top: int, questions: Sequence[Sequence[str]]
    ) -> "list[list[Match]]":
        """Finds pictures for several sentences together.

        Args:
            top: how many for each.
            questions: the words of each sentence.

        Returns:
            For each, a list of `Match`: row in the index, score, and
            attention (L, K).
        """
        rows = self.searcher.encode(questions)
        return list(self.searcher.best_pictures(self.index, rows, top))


class SearchService:
    """Answers `GET /api/search` and `GET /api/thumbnails/ROW`.

    Args:
        search: the run and its pictures.
        limits: of each request.
        gate: shared by all requests of a server.
    """

    page = "search.html"

    def __init__(self, search: FolderSearch, limits: Limits, gate: Gate):
        self.search = search
        self.limits = limits
        self.gate = gate
        self.batcher = Batcher(search, limits.max_batch)
        self.threads = ThreadPoolExecutor(2, "pictures")
        self.thumbnails: collections.OrderedDict[int, bytes] = (
            collections.OrderedDict()
        )

    @property
    def about(self) -> dict[str, Any]:
        """Description of this service, for `/api/health`."""
        return {
            "task": "matching",
            "model": self.search.run.path.resolve().name,
            "pictures": len(self.search.index),
        }

    def routes(self) -> list[Route]:
        """Its `Route`s."""
        return [
            Route("/api/search", self.find),
            Route("/api/thumbnails/{row:int}", self.thumbnail),
        ]

    def warm_up(self, progress: Callable[[Iterable], Iterable] = iter) -> None:
        """Warm-up: makes the first answer as quick as the others."""
        words = [self.search.run.vocabulary.words[-1]]
        for count in progress((1, 2)):
            self.search(TOP, [words] * count)

    def close(self) -> None:
        """Ends the threads."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.batcher.thread.shutdown(wait=False, cancel_futures=True)

    async def find(self, request: Request) -> Response:
        """The endpoint of questions: q, a sentence, and top."""
        sentence, top = parse_question(request.query_params)
        words, unknown = self.search.split_sentence(sentence)
        with self.gate.open():
            matches = await within(
                self.limits.seconds,
                self.batcher(top, words),
                Refused(503, "no answer in time; try again in a little"),
            )
        return JSONResponse(
            {
                "query": sentence,
                "words": words,
                "unknown": unknown,
                "grid": self.search.index.grid,
                "results": [self._entry(*one) for one in matches],
            }
        )

    def _entry(
        self, row: int, score: float, weights: np.ndarray
    ) -> dict[str, Any]:
        return {
            "name": printable(self.search.index.paths[row].name),
            "score": round_decimals(score),
            "thumbnail": f"/api/thumbnails/{row}",
            "attention": round_decimals(weights),
        }

    async def thumbnail(self, request: Request) -> Response:
        """The endpoint of pictures, by their place in the index alone."""
        row = request.path_params["row"]
        if row >= len(self.search.index):
            raise Refused(404, "there is no such picture")
        if row not in self.thumbnails:
            make = functools.partial(
                make_thumbnail, self.search.index.paths[row]
            )
            loop = asyncio.get_running_loop()
            try:
                small = await loop.run_in_executor(self.threads, make)
            except InputError:
                raise Refused(404, "the picture is gone") from None
            self.thumbnails[row] = small
            while len(self.thumbnails) > KEPT_THUMBNAILS:
                self.thumbnails.popitem(last=False)
        return Response(self.thumbnails[row], media_type="image/jpeg")


def parse_question(query: Mapping[str, str]) -> tuple[str, int]:
    """The sentence and the number of pictures that a query asks for."""
    sentence = query.get("q", "").strip()
    if not sentence:
        raise Refused(400, "write a sentence to look for")
    if len(sentence) > LONGEST_QUESTION:
        raise Refused(400, f"at most {LONGEST_QUESTION} letters, please")
    top = query.get("top", str(TOP))
    known = top.isdecimal() and len(top) < 10
    if not (known and 1 <= int(top) <= MOST_FOUND):
        raise Refused(400, f"top must be 1 to {MOST_FOUND}")
    return sentence, int(top)


def printable(name: str) -> str:
    """A file's name, what is no UTF-8 in it replaced."""
    return name.encode("utf-8", "replace").decode("utf-8")


def make_thumbnail(path: Path) -> bytes:
    """A small upright picture of a file: bytes of a JPEG."""
    from PIL import Image

    from imcap.data.pictures.pillow_decoding import load_thumbnail

    target = io.BytesIO()
    small = load_thumbnail(path, THUMBNAIL_SIDE)
    Image.fromarray(small).save(target, "JPEG", quality=85)
    return target.getvalue()
