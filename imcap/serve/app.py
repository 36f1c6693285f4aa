"""The web application: pages, endpoints, and errors as JSON."""

import contextlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import imcap
from imcap.serve.captions import CaptionService
from imcap.serve.guard import Guard
from imcap.serve.limits import Gate, Limits, Refused
from imcap.serve.search import FolderSearch, SearchService

WEB = Path(__file__).parents[1] / "web"


TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def build_app(model, limits=None, names=()):
    """An ASGI application for a run.

    Args:
        model: a `LoadedCaptioner`, or a `FolderSearch` for a run of
            image-text matching.
        limits: `Limits`; None for the usual ones.
        names: host names under which it may be asked, besides localhost
            and addresses.

    Returns:
        A `Starlette` application; `app.state.service` has `warm_up`.

    Example:
        >>> app = build_app(imcap.load("runs/mine"))
    """
    limits = limits or Limits()
    gate = Gate(limits.max_waiting)
    kind = SearchService if isinstance(model, FolderSearch) else CaptionService
    service = kind(model, limits, gate)

    async def health(request):
        return JSONResponse(
            {
                "status": "ok",
                "version": imcap.__version__,
                "waiting": gate.inside,
                "limits": {
                    "bytes": limits.max_bytes,
                    "pixels": limits.max_pixels,
                },
                **service.about,
            }
        )

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        service.close()

    app = Starlette(
        routes=[
            Route("/api/health", health),
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


def file_routes(page):
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


def file_endpoint(path):
    """An endpoint that answers with one file."""
    content = path.read_bytes()
    kind = TYPES[path.suffix]

    async def answer(request):
        return Response(content, media_type=kind)

    return answer


async def on_refusal(request, error):
    """A request that asks too much, or for what cannot be."""
    return JSONResponse(
        {"error": error.reason}, error.status, headers=error.headers
    )


async def on_http_error(request, error):
    """Unknown paths and methods."""
    return JSONResponse(
        {"error": error.detail}, error.status_code, headers=error.headers
    )


async def on_bug(request, error):
    """Whatever else fails; the traceback goes to the console alone."""
    return JSONResponse(
        {"error": "something went wrong here; see the server's console"}, 500
    )
