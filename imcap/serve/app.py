"""The web application: pages, endpoints, and errors as JSON."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import imcap
from imcap.serve.captions import CaptionService
from imcap.serve.guard import Guard
from imcap.serve.limits import Gate, Limits, Refused
from imcap.serve.search import FolderSearch, SearchService

if TYPE_CHECKING:
    from imcap.captioning.captioner import LoadedCaptioner

Endpoint = Callable[[Request], Awaitable[Response]]


WEB = Path(__file__).parents[1] / "web"


TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def build_app(
    model: "LoadedCaptioner | FolderSearch",
    limits: Limits | None = None,
    names: Iterable[str] = (),
) -> Starlette:
    """An ASGI application for a run.

    Args:
        model: a `LoadedCaptioner`, or a `FolderSearch` for a run of
            image-text matching.
        limits: None for the usual ones.
        names: host names under which it may be asked, besides localhost
            and addresses.

    Returns:
        A `Starlette` application; `app.state.service` has `warm_up`.

    Example:
        >>> app = build_app(imcap.load("runs/mine"))
    """
    limits = limits or Limits()
    gate = Gate(limits.max_waiting)
    service: SearchService | CaptionService
    if isinstance(model, FolderSearch):
        service = SearchService(model, limits, gate)
    else:
        service = CaptionService(model, limits, gate)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    app = Starlette(
        routes=[
            Route("/api/health", health_endpoint(service)),
            *service.routes(),
            *file_routes(service.page),
        ],
        middleware=[Middleware(Guard, names=names)],
        exception_handlers={
            Refused: on_refusal,
            HTTPException: on_http_error,
            Exception: on_bug,
        },
        lifespan=lifespan,
    )
    app.state.service = service
    return app


def health_endpoint(service: "SearchService | CaptionService") -> Endpoint:
    """An endpoint that says what is served, and within which limits."""

    async def health(request: Request) -> Response:
        limits = service.limits
        return JSONResponse(
            {
                "status": "ok",
                "version": imcap.__version__,
                "waiting": service.gate.inside,
                "limits": {
                    "bytes": limits.max_bytes,
                    "pixels": limits.max_pixels,
                },
                **service.about,
            }
        )

    return health


def file_routes(page: str) -> list[Route]:
    """Routes of the page at / and of the files that it asks for.

    All are read once, so no name in a request ever reaches the disk.
    """
    return [
        Route("/", file_endpoint(WEB / "serve" / page)),
        *(
            Route(f"/{path.name}", file_endpoint(path))
            # What lies right in `web` is shared with reports.
            for path in sorted([*WEB.iterdir(), *(WEB / "serve").iterdir()])
            if path.suffix in TYPES and path.suffix != ".html"
        ),
    ]


def file_endpoint(path: Path) -> Endpoint:
    """An endpoint that answers with one file."""
    content = path.read_bytes()
    kind = TYPES[path.suffix]

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


async def on_refusal(request: Request, error: Exception) -> Response:
    """A request that asks too much, or for what cannot be."""
    assert isinstance(error, Refused)
    return JSONResponse(
        {"error": error.reason}, error.status, headers=error.headers
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods."""
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": error.detail}, error.status_code, headers=error.headers
    )


async def on_bug(request: Request, error: Exception) -> Response:
    """Whatever else fails; the traceback goes to the console alone."""
    return JSONResponse(
        {"error": "something went wrong here; see the server's console"}, 500
    )
