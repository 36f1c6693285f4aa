"""`imcap serve`: a page in your browser that captions pictures.

imcap serve --model runs/adaptive
imcap serve --model runs/t2i --images holiday
"""

import contextlib
import dataclasses
import logging
import socket
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import imcap
from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.options import option
from imcap.serve.limits import Limits
from imcap.startup import quiet_start

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from imcap.captioning.captioner import LoadedCaptioner
    from imcap.serve.search import FolderSearch


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """Serves a page and a JSON endpoint for one run, until Ctrl-C.

    Pictures are dropped, chosen or photographed, and each word of a caption
    shows where it looked. Runs of image-text matching search a folder.
    """

    model: str = option(
        "pretrained", "directory of a run; default: the captioner that ships",
        "run", heading="What is served",
    )  # fmt: skip
    checkpoint: str = option("best", "which weights", choices=("best", "last"))
    images: str | None = option(
        None, "folder of pictures to search, for a run of image-text matching"
    )
    host: str = option(
        "127.0.0.1",
        "address to listen at; 0.0.0.0 lets the network in",
        heading="The server",
    )
    port: int = option(8000, "port to listen at; 0: any that is free")
    names: tuple[str, ...] = option(
        (), "host names it is asked under, besides localhost and addresses",
        many=True,
    )  # fmt: skip
    max_megabytes: float = option(
        Limits.max_megabytes,
        "largest upload",
        heading="Limits",
    )
    max_pixels: int = option(
        Limits.max_pixels, "width times height above which a picture is refused"
    )
    max_waiting: int = option(
        Limits.max_waiting,
        "requests at a time; those beyond are asked to come again",
    )
    max_batch: int = option(
        Limits.max_batch, "pictures that the model takes at a time"
    )
    seconds: float = option(Limits.seconds, "after which a request is given up")

    def limits(self) -> Limits:
        """Its `Limits`."""
        fields = dataclasses.fields(Limits)
        return Limits(**{f.name: getattr(self, f.name) for f in fields})


def serve(config: ServeConfig) -> None:
    """Runs the command; comes back when it is interrupted."""
    uvicorn = import_server()
    limits = config.limits()
    listening = listen(config.host, config.port)
    with contextlib.closing(listening):
        print(f"imcap serve: loading {config.model} …", file=sys.stderr)
        app = make_app(config, limits)
        listening.listen()
        address = shown_address(listening)
        print(f"imcap serve: {address}  (Ctrl-C ends it)", flush=True)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level=logging.WARNING,
                access_log=False,
                server_header=False,
                limit_concurrency=4 * config.max_waiting,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=5,
            )
        )
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def import_server() -> ModuleType:
    """The module uvicorn, or an InputError that says how to get it."""
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed; pip install '.[serve]'"
        ) from None
    return uvicorn


def make_app(config: ServeConfig, limits: Limits) -> "Starlette":
    """The application, its model loaded and warm."""
    from imcap.serve.app import build_app

    model = load_model(config)
    app = build_app(model, limits, config.names)
    app.state.service.warm_up()
    return app


def load_model(config: ServeConfig) -> "LoadedCaptioner | FolderSearch":
    """A `LoadedCaptioner`, or a `FolderSearch` for a matching run."""
    from imcap.runs.kinds import is_matching
    from imcap.serve.search import FolderSearch

    matches = is_matching(config.model)
    if matches and not config.images:
        raise InputError(
            f"{config.model} matches pictures and sentences; give the folder "
            "to search as --images FOLDER"
        )
    if config.images and not matches:
        raise InputError(
            f"{config.model} captions pictures; --images is for runs of "
            "image-text matching, so leave it out"
        )
    with quiet_start():
        from imcap.captioning.captioner import LoadedCaptioner

        model = imcap.load(config.model, config.checkpoint)
    if isinstance(model, LoadedCaptioner):
        return model
    assert config.images
    search = FolderSearch(model, config.images)
    for note in search.index.notes:
        print(note, file=sys.stderr)
    return search


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address, not yet listening."""
    if not 0 <= port < 65536:
        raise InputError(f"--port {port}: 0 to 65535, and 0 is any")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"--host {host}: {error.strerror or error}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise InputError(
            f"cannot listen at {host}, port {port} ({error.strerror}); give "
            "another --port, or 0 for any that is free"
        ) from None
    return listening


def shown_address(listening: socket.socket) -> str:
    """The URL to open."""
    host, port = listening.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}"


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    return run_command("serve", ServeConfig, serve, argv)
