"""Limits of requests, and the refusals of those beyond them."""

import contextlib
import dataclasses
from collections.abc import Iterator

from imcap.errors import InputError

MEGABYTE = 1_000_000


LONGEST_QUESTION = 300  # letters of a sentence that pictures are sought for


MOST_FOUND = 50  # pictures that one search shows


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds on each request, and on all of them together.

    Args:
        max_megabytes: float, size of an uploaded file.
        max_pixels: int, width times height, checked before decoding.
        max_waiting: int, requests being worked on or waiting.
        max_batch: int, pictures that the model takes at a time.
        seconds: float, after which a request is given up.

    Raises:
        InputError: a bound that is not positive.
    """

    max_megabytes: float = 16.0
    max_pixels: int = 25_000_000
    max_waiting: int = 64
    max_batch: int = 16
    seconds: float = 60.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not getattr(self, field.name) > 0:
                raise InputError(f"--{field.name} must be more than 0")

    @property
    def max_bytes(self) -> int:
        """`max_megabytes` in bytes."""
        return int(self.max_megabytes * MEGABYTE)


class Refused(Exception):
    """A request that is answered with a reason instead of a result.

    Args:
        status: the HTTP status.
        reason: one line for the person who asked.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status
        self.reason = reason

    @property
    def headers(self) -> dict[str, str]:
        """What goes along with the status: when to try again, if ever."""
        return {"Retry-After": "2"} if self.status == 503 else {}


class Gate:
    """Concurrency limit: so many requests at a time, the rest refused.

    Args:
        most: int.

    Example:
        >>> with gate.open():
        ...     answer()
    """

    def __init__(self, most: int):
        self.most = most
        self.inside = 0

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """One request's time inside; `Refused` with 503 where it is full."""
        if self.inside >= self.most:
            raise Refused(
                503, "too many requests at the moment; try again in a little"
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
