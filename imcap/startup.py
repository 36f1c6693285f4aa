"""A quiet start of Keras and its backend."""

import contextlib
import importlib
import os
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


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Keeps TensorFlow's start-up notes off standard error.

    They are written by compiled code before its log levels count, and would
    drown the one line that matters.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
