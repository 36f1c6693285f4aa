"""Silence: Pillow's warnings, switched off from several threads."""

import threading
import warnings
from types import TracebackType


class Silence:
    """Context in which nothing warns, shared by the threads inside it.

    Filters of warnings belong to the process. Two threads that each kept
    and restored them could leave what the other one had set; here the first
    in keeps them and the last out restores them.

    Example:
        >>> with silence:
        ...     image = Image.open(path)
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.kept = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.kept = warnings.catch_warnings()
                self.kept.__enter__()
                warnings.simplefilter("ignore")
            self.inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.kept.__exit__(kind, error, traceback)


silence = Silence()  # one for the process
