"""Where a command's output goes: --quiet and --log_file."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeVar

from imcap.data.pictures.limits import MAX_PIXELS, pixels_up_to
from imcap.data.pictures.remarks import remarks
from imcap.errors import InputError
from imcap.options import option
from imcap.progress import silenced

Config = TypeVar("Config")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class OutputFlags:
    """Flags that every command has."""

    quiet: bool = option(False, "show no progress, only results and errors")
    log_file: str | None = option(
        None, "also append everything that is printed to this file"
    )


class Tee:
    """A text stream that a file gets a copy of.

    Attributes:
        screen: the stream.
        log: the file.
    """

    def __init__(self, screen: TextIO, log: TextIO):
        self.screen = screen
        self.log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self.screen, name)

    def write(self, text: str) -> int:
        """Writes to both."""
        self.log.write(text)
        return self.screen.write(text)

    def flush(self) -> None:
        """Flushes both."""
        self.log.flush()
        self.screen.flush()


@contextlib.contextmanager
def directed(flags: OutputFlags) -> Iterator[None]:
    """Output goes where the flags say, within it.

    Raises:
        InputError: the log file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(silenced(flags.quiet))
        if flags.log_file is not None:
            log = stack.enter_context(open_log(Path(flags.log_file)))
            out, err = Tee(sys.stdout, log), Tee(sys.stderr, log)
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
        yield


def open_log(path: Path) -> TextIO:
    """The log file, open for more lines.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(
            path, "a", encoding="utf-8", errors="backslashreplace", buffering=1
        )
    except OSError as error:
        raise InputError(
            f"--log_file {path}: {error.strerror}; name another file"
        ) from None


def call(body: Callable[[Config], Result], config: Config) -> Result:
    """Runs the body of a command; tells what its pictures are worth a note.

    Args:
        body: function of the config.
        config: of the command; its `max_pixels`, where it has one, holds for
            all pictures.
    """
    remarks.take()  # those of what this process did before
    with pixels_up_to(getattr(config, "max_pixels", MAX_PIXELS)):
        result = body(config)
    sys.stdout.flush()
    remarks.tell()
    return result
