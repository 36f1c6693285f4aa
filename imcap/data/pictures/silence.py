"""What Pillow has one of a process, changed from several threads."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from types import TracebackType

from PIL import Image


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


class PillowLimit:
    """Pillow's own limit of pixels, raised while somebody needs it higher.

    Pillow refuses what has more than twice `Image.MAX_IMAGE_PIXELS`.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.needed: list[int] = []
        self.kept: int | None = None

    @contextlib.contextmanager
    def raised_to(self, pixels: int) -> Iterator[None]:
        """Pictures of so many pixels can be opened, within it."""
        with self.lock:
            if not self.needed:
                self.kept = Image.MAX_IMAGE_PIXELS
            self.needed.append(pixels)
            self._apply()
        try:
            yield
        finally:
            with self.lock:
                self.needed.remove(pixels)
                self._apply()

    def _apply(self) -> None:
        limit = self.kept
        if limit is not None:
            limit = max([limit, *(-(-one // 2) for one in self.needed)])
        Image.MAX_IMAGE_PIXELS = limit


silence = Silence()  # one for the process
pillow_limit = PillowLimit()
