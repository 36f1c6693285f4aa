"""Progress of long work: a bar in a terminal, else a line now and then."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TextIO, TypeVar

Item = TypeVar("Item")
BYTES = "bytes"  # a unit that is shown in MB
EVERY = 30.0  # seconds between lines
clock = time.monotonic
_quiet = False


@contextlib.contextmanager
def silenced(quiet: bool = True) -> Iterator[None]:
    """Nothing shows progress within it, where `quiet` is true."""
    global _quiet
    before, _quiet = _quiet, _quiet or quiet
    try:
        yield
    finally:
        _quiet = before


def duration(seconds: float) -> str:
    """Seconds as people read them: 42 s, 3:07, 2:15:00."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}"


class Lines:
    """Lines of progress, at the start, every so often and at the end.

    Args:
        stream: where they go.
        total: int, how many items there are; None if unknown.
        what: words that name the work.
        unit: what one item is.
        initial: int, items that were done before.
    """

    def __init__(
        self,
        stream: TextIO,
        total: int | None,
        what: str = "",
        unit: str = "items",
        initial: int = 0,
    ):
        self.stream = stream
        self.total = total
        self.what = what
        self.unit = unit
        self.done = self.initial = initial
        self.began = self.said = clock()
        self.place = self.about = ""
        if total is None or total > initial:
            done = f", {self.amount(initial)} done before"
            before = done if initial else ""
            count = unit if total is None else self.amount(total)
            self.say(f"{count}{before}")

    def say(self, text: str) -> None:
        """Writes one line."""
        head = f"{self.what}: " if self.what else ""
        self.stream.write(f"{head}{text}\n")
        self.stream.flush()

    def update(self, count: int = 1) -> None:
        """Says that so many more items are done."""
        self.done += count
        if clock() - self.said >= EVERY:
            self.said = clock()
            self.say(self.state())

    def amount(self, count: float) -> str:
        """A number of items in words."""
        if self.unit == BYTES:
            return f"{count / 1e6:.1f} MB"
        if isinstance(count, float):  # a rate
            return f"{count:.{1 if count >= 1 else 3}f} {self.unit}"
        return f"{count} {self.unit}"

    def state(self) -> str:
        """How far it is: count, rate, time left."""
        new, seconds = self.done - self.initial, clock() - self.began
        parts = [self.amount(self.done)]
        if self.total:
            parts = [f"{parts[0]} of {self.amount(self.total)}"]
        if new and seconds > 0:
            parts.append(f"{self.amount(new / seconds)} a second")
            if self.total:
                rest = (self.total - self.done) * seconds / new
                parts.append(f"{duration(rest)} left")
        return ", ".join(filter(None, [self.place, *parts, self.about]))

    def close(self) -> None:
        """Says that the work is over, or where it stopped."""
        if self.done > self.initial:
            new, seconds = self.done - self.initial, clock() - self.began
            self.say(f"{self.amount(new)} in {duration(seconds)}")


def _size(screen: TextIO) -> dict[str, Any]:
    """How tqdm finds the size of a terminal.

    Some say that they have no lines at all, as those of containers.
    """
    try:
        known = all(os.get_terminal_size(screen.fileno()))
    except (OSError, ValueError):
        known = False
    if known:
        return {"dynamic_ncols": True}
    columns, rows = shutil.get_terminal_size()
    return {"ncols": columns, "nrows": rows}


class Meter:
    """Progress of one piece of work; a context manager.

    In a terminal it is a bar of tqdm with rate and time left; elsewhere, and
    in --log_file, `Lines`. With --quiet it shows nothing.

    Args:
        total: int, how many items there are; None if unknown.
        what: words that name the work.
        unit: what one item is, in the plural.
        initial: int, items that were done before.
        shown: False for work too short to be shown.
    """

    def __init__(
        self,
        total: int | None = None,
        what: str = "",
        unit: str = "items",
        initial: int = 0,
        shown: bool = True,
    ):
        self.bar: Any = None
        self.lines: list[Lines] = []
        if _quiet or not shown:
            return
        # What `imcap.cli.output` puts in the place of the stream has both.
        screen: TextIO = getattr(sys.stderr, "screen", sys.stderr)
        log: TextIO | None = getattr(sys.stderr, "log", None)
        streams = [stream for stream in (screen, log) if stream is not None]
        if screen.isatty():
            import tqdm

            streams.remove(screen)
            self.bar = tqdm.tqdm(
                total=total, initial=initial, desc=what or None,
                unit="B" if unit == BYTES else f" {unit}",
                unit_scale=unit == BYTES, file=screen,
                **_size(screen),
            )  # fmt: skip
        self.lines = [
            Lines(stream, total, what, unit, initial) for stream in streams
        ]

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def update(self, count: int = 1) -> None:
        """Says that so many more items are done."""
        if self.bar is not None:
            self.bar.update(count)
        for lines in self.lines:
            lines.update(count)

    def tell(self, place: str, about: str) -> None:
        """Says beside the count where the work is, and its numbers."""
        if self.bar is not None:
            self.bar.set_description_str(place, refresh=False)
            self.bar.set_postfix_str(about, refresh=False)
        for lines in self.lines:
            lines.place, lines.about = place, about

    def write(self, line: str) -> None:
        """Prints a line of its own beside the progress."""
        if self.bar is not None:
            self.bar.write(line, file=self.bar.fp)
        for lines in self.lines:
            lines.stream.write(f"{line}\n")
            lines.stream.flush()
            lines.said = clock()

    def print(self, line: str) -> None:
        """Prints a line to standard output, above a bar."""
        if self.bar is not None:
            self.bar.clear()
        print(line)
        if self.bar is not None:
            sys.stdout.flush()
            self.bar.refresh()

    def close(self) -> None:
        """Ends it."""
        if self.bar is not None:
            self.bar.close()
        for lines in self.lines:
            lines.close()
        self.bar, self.lines = None, []


def progress(
    items: Iterable[Item],
    total: int | None = None,
    what: str = "",
    unit: str = "items",
    initial: int = 0,
    shown: bool = True,
) -> Iterator[Item]:
    """The items, with their progress shown: see `Meter`.

    Args:
        items: what is worked through.
        total: int, how many there are; None for their length, if any.
        what: words that name the work.
        unit: what one item is, in the plural.
        initial: how many of the total were done before.
        shown: False for work too short to be shown.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Meter(total, what, unit, initial, shown) as meter:
        for item in items:
            yield item
            meter.update()
