"""A quiet start of Keras and its backend."""

import atexit
import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextvars import ContextVar

from imcap.errors import InputError

BACKENDS = ("tensorflow", "jax")
# The words of the command that runs; None where Python code calls.
COMMAND: ContextVar[tuple[str, ...] | None] = ContextVar(
    "COMMAND", default=None
)
# Ways to write what a stream's encoding lacks that never fail.
HARMLESS = {
    "replace", "backslashreplace", "ignore", "xmlcharrefreplace",
    "namereplace",
}  # fmt: skip


def escape_streams() -> None:
    """Has output streams escape what they cannot show.

    Consoles in cp1252 or ASCII lack most characters, and names of files that
    are no UTF-8 none can show. Without a console, as under Windows' pythonw,
    there are no streams: what is written vanishes.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif getattr(stream, "errors", "replace") not in HARMLESS:
            with contextlib.suppress(AttributeError, ValueError):
                stream.reconfigure(errors="backslashreplace")


# What compiled code writes to standard error and nobody can do anything
# about: notes of TensorFlow, XLA and CUDA, and of JPEG and PNG readers.
# Errors ("E0000 …", "F0000 …") stay.
NOISE = (
    r"[IW]\d{4} \d\d:\d\d:",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] ",
    r"WARNING: All log messages before absl::InitializeLog",
    r"INFO: Created TensorFlow Lite",
    r"To enable the following instructions",
    r"Corrupt JPEG data|Premature end of JPEG|Invalid SOS parameters",
    r"Warning: unknown JFIF|libpng warning|TIFFReadDirectory: Warning",
)
# A process of its own: what is written just before a crash passes too, and
# no thread of this one has to run for it.
FILTER = """
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
noise = re.compile("|".join(sys.argv[1:]).encode())
for line in sys.stdin.buffer:
    if not noise.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""
_wanted = False  # whether this process is a command's own
_filter: subprocess.Popen | None = None


def hide_noise() -> None:
    """Has compiled code's `NOISE` kept off standard error from now on.

    It begins when Keras is loaded, for processes that are a command, and
    not where TF_CPP_MIN_LOG_LEVEL says that somebody wants to see it all.
    """
    global _wanted
    _wanted = "TF_CPP_MIN_LOG_LEVEL" not in os.environ


def _start_filter() -> None:
    """Puts a filter before standard error, for all but Python's own."""
    global _filter
    shown = getattr(sys.stderr, "screen", sys.stderr)  # behind --log_file
    own = shown is sys.__stderr__  # and not a notebook's or a test's
    if not _wanted or not own or shown is None or _filter is not None:
        return
    try:
        sys.stderr.flush()
        screen = os.dup(2)
        _filter = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", FILTER, *NOISE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
    except (OSError, ValueError):
        return  # lines that nobody needs, but no harm
    assert _filter.stdin is not None
    python = os.fdopen(
        os.dup(screen), "w", buffering=1,
        encoding=sys.stderr.encoding, errors=sys.stderr.errors,
    )  # fmt: skip
    if hasattr(sys.stderr, "screen"):
        sys.stderr.screen = python
    else:
        sys.stderr = python
    os.dup2(_filter.stdin.fileno(), 2)
    _filter.stdin.close()
    atexit.register(_stop_filter, screen)


def _stop_filter(screen: int) -> None:
    """Gives standard error back, once all has been written."""
    os.dup2(screen, 2)
    if _filter is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            _filter.wait(timeout=2)  # a child of ours may hold the pipe


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Keeps TensorFlow's start-up notes off standard error.

    They are written by compiled code before its log levels count, and would
    drown the one line that matters.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _start_filter()
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        stderr = os.dup(2)
    except (OSError, ValueError):  # closed: nothing to keep notes off
        yield
        return
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
        if "keras" in sys.modules:
            # The first tensor looks for GPUs, and reports their absence.
            sys.modules["keras"].ops.zeros(())
            check_backend(sys.modules["keras"].backend.backend())
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def check_backend(name: str) -> None:
    """Refuses a Keras backend that nothing was tried on.

    Raises:
        InputError: another backend than TensorFlow or JAX.
    """
    if name not in BACKENDS:
        raise InputError(
            f"KERAS_BACKEND={name}: imcap runs on tensorflow, and its "
            "training and layers on jax; set one of them"
        )


def is_compiled(asked: bool) -> bool:
    """Whether steps are compiled with XLA: where asked for, and on JAX.

    Keras on JAX would otherwise run each operation by itself, several times as
    slowly; TensorFlow has a graph either way.
    """
    import keras

    return asked or bool(keras.backend.backend() == "jax")


def load_keras() -> None:
    """Imports Keras quietly, ahead of what will need it."""
    with quiet_start():
        importlib.import_module("keras")
