"""Pictures whose depth was guessed, to be told of in one line."""

import logging
import sys
import threading


class Guesses:
    """Collects what was guessed, from any thread, until somebody tells.

    Example:
        >>> guesses.add("xray.png", 12)
        >>> guesses.take()
        '1 picture of 16 bits a sample, of which no file says …'
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.first = ""
        self.depths: dict[int, int] = {}

    def add(self, name: str, bits: int) -> None:
        """Notes a picture.

        Args:
            name: what the picture is called in messages.
            bits: the depth that its samples were taken for.
        """
        with self.lock:
            self.first = self.first or name
            self.depths[bits] = self.depths.get(bits, 0) + 1

    def take(self) -> str | None:
        """One line on all that came since the last time; None if nothing."""
        with self.lock:
            first, depths = self.first, self.depths
            self.first, self.depths = "", {}
        if not depths:
            return None
        kinds = ", ".join(
            f"{bits} bits ({count})" for bits, count in sorted(depths.items())
        )
        total = sum(depths.values())
        return (
            f"{total} {'picture' if total == 1 else 'pictures'} of 16 bits a "
            f"sample, of which no file says its depth, read as {kinds}: a "
            f"guess from the largest value (first: {first}); scale those that "
            "are meant to be dark to 8 bits"
        )

    def tell(self) -> None:
        """Prints what `take` gives to standard error."""
        line = self.take()
        if line:
            print(f"note: {line}", file=sys.stderr)

    def log(self) -> None:
        """Logs what `take` gives, for programs that have no end to tell at."""
        line = self.take()
        if line:
            logging.getLogger("imcap").warning(line)


guesses = Guesses()  # one for the process
