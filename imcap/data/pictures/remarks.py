"""What is worth a line about pictures that were read: guesses, left out."""

import logging
import sys
import threading
from collections import Counter
from collections.abc import Mapping


class Remarks:
    """Collects remarks from any thread, until somebody tells them.

    Example:
        >>> remarks.guess_depth("xray.png", 12)
        >>> remarks.take()
        ['1 picture of 16 bits a sample, of which no file says …']
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.first = ""
        self.depths: Counter[int] = Counter()
        self.left_out: dict[str, Mapping[str, int]] = {}

    def guess_depth(self, name: str, bits: int) -> None:
        """Notes a picture whose depth was guessed.

        Args:
            name: what the picture is called in messages.
            bits: the depth that its samples were taken for.
        """
        with self.lock:
            self.first = self.first or name
            self.depths[bits] += 1

    def leave_out(self, folder: str, counts: Mapping[str, int]) -> None:
        """Notes files of a folder that were left out: how many of each kind."""
        if counts:
            with self.lock:
                self.left_out[folder] = counts

    def take(self) -> list[str]:
        """Lines on all that came since the last time."""
        with self.lock:
            first, depths, left_out = self.first, self.depths, self.left_out
            self.first, self.depths, self.left_out = "", Counter(), {}
        lines = [
            f"{folder}: {describe_left_out(counts)}"
            for folder, counts in left_out.items()
        ]
        if depths:
            lines.append(_about_depths(first, depths))
        return lines

    def tell(self) -> None:
        """Prints what `take` gives to standard error."""
        for line in self.take():
            print(f"note: {line}", file=sys.stderr)

    def log(self) -> None:
        """Logs what `take` gives, for programs that have no end to tell at."""
        for line in self.take():
            logging.getLogger("imcap").warning(line)


def describe_left_out(counts: Mapping[str, int]) -> str:
    """The counts of files that were left out, in words."""
    total = sum(counts.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{total} {'file' if total == 1 else 'files'} left out: {kinds}"


def _about_depths(first: str, depths: Counter[int]) -> str:
    kinds = ", ".join(
        f"{bits} bits ({count})" for bits, count in sorted(depths.items())
    )
    total = sum(depths.values())
    return (
        f"{total} {'picture' if total == 1 else 'pictures'} of 16 bits a "
        f"sample, of which no file says its depth, read as {kinds}: a guess "
        f"from the largest value (first: {first}); scale those that are meant "
        "to be dark to 8 bits"
    )


remarks = Remarks()  # one for the process
