"""A quiet start of Keras and its backend."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Keeps TensorFlow's start-up notes off standard error.

    They are written by compiled code before its log levels count, and would
    drown the one line that matters.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
        if "keras" in sys.modules:
            # The first tensor looks for GPUs, and reports their absence.
            sys.modules["keras"].ops.zeros(())
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def load_keras() -> None:
    """Imports Keras quietly, ahead of what will need it."""
    with quiet_start():
        importlib.import_module("keras")
