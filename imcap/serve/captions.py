"""Pictures in, captions out: what a captioning run is asked over HTTP."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imcap.captioning.confidence import threshold_of
from imcap.serve.answers import caption_entry
from imcap.serve.batches import Batcher
from imcap.serve.decoding import (
    BEAM_SIZES,
    METHODS,
    TEMPERATURES,
    Decoders,
    parse_setting,
)
from imcap.serve.limits import Gate, Limits, Refused
from imcap.serve.pictures import load_upload

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.captioner import LoadedCaptioner
    from imcap.serve.decoding import Setting

T = TypeVar("T")

DECODING_THREADS = 2


class CaptionService:
    """Answers `POST /api/caption`.

    Pictures are decoded in threads beside the model, which takes all that
    are ready together.

    Args:
        model: the captioner.
        limits: of each request.
        gate: shared by all requests of a server.
    """

    page = "caption.html"

    def __init__(self, model: "LoadedCaptioner", limits: Limits, gate: Gate):
        self.model = model
        self.threshold = threshold_of(model.run.path)
        self.limits = limits
        self.gate = gate
        self.decoders = Decoders(model)
        self.batcher = Batcher(self.decoders, limits.max_batch)
        self.threads = ThreadPoolExecutor(DECODING_THREADS, "pictures")

    @property
    def about(self) -> dict[str, Any]:
        """Description of this service, for `/api/health`."""
        return {
            "task": "captioning",
            "model": self.model.run.path.resolve().name,
            "decoding": {
                "methods": METHODS,
                "beam_sizes": BEAM_SIZES,
                "temperatures": TEMPERATURES,
            },
        }

    def routes(self) -> list[Route]:
        """Its `Route`s."""
        return [Route("/api/caption", self.caption, methods=["POST"])]

    def warm_up(self, progress: Callable[[Iterable], Iterable] = iter) -> None:
        """Warm-up: makes the first answer as quick as the others."""
        self.decoders.warm_up(progress)

    def close(self) -> None:
        """Ends the threads."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.batcher.thread.shutdown(wait=False, cancel_futures=True)

    async def caption(self, request: Request) -> Response:
        """The endpoint."""
        setting, wanted = parse_setting(request.query_params)
        with self.gate.open():
            encoded = await within(
                self.limits.seconds,
                read_body(request, self.limits),
                Refused(408, "the upload took too long"),
            )
            captions = await within(
                self.limits.seconds,
                self._captions(setting, encoded),
                Refused(503, "no answer in time; try again in a little"),
            )
        entries = [
            caption_entry(caption, self.threshold)
            for caption in captions[:wanted]
        ]
        return JSONResponse({"captions": entries, "grid": self.model.grid})

    async def _captions(
        self, setting: "Setting", encoded: bytes
    ) -> "list[Caption]":
        load = functools.partial(
            load_upload,
            encoded,
            self.model.reader.pixels,
            self.limits,
            self.model.reader.size,
        )
        loop = asyncio.get_running_loop()
        with self.batcher.coming():
            pixels = await loop.run_in_executor(self.threads, load)
        return await self.batcher(setting, pixels)


async def within(seconds: float, work: Awaitable[T], refusal: Refused) -> T:
    """What `work` returns, or `refusal` raised when it takes too long."""
    try:
        return await asyncio.wait_for(work, seconds)
    except (asyncio.TimeoutError, TimeoutError):
        raise refusal from None


async def read_body(request: Request, limits: Limits) -> bytes:
    """The bytes of a request, never more than allowed.

    What the request says of its own length is believed only when it says
    too much.

    Raises:
        Refused: 413 where it is too long.
    """
    length = request.headers.get("content-length", "")
    too_large = Refused(
        413,
        f"larger than {limits.max_megabytes:g} MB; send a smaller picture",
    )
    if length.isdecimal() and int(length) > limits.max_bytes:
        raise too_large
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > limits.max_bytes:
                raise too_large
    except ClientDisconnect:
        raise Refused(400, "the upload ended early") from None
    return bytes(body)
