"""Flags that several commands share."""

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.data.pictures.limits import ABOUT_LIMIT, MAX_PIXELS
from imcap.errors import InputError
from imcap.options import option

SAVE = "save"  # where training writes if nothing is said

Settings = TypeVar("Settings")


@dataclasses.dataclass(frozen=True)
class RunFlag:
    """Flag of the run that a command works with."""

    model: str = option(
        "",
        "directory of a run; default: save, where there is one",
        "run",
        heading="The run",
    )

    @property
    def run_path(self) -> str:
        """The directory of the run; InputError where none is known."""
        return self.model or default_run()


def default_run() -> str:
    """The run that is meant where no --model is given; says which.

    Raises:
        InputError: training without --checkpoint_path has left none here.
    """
    if not (Path(SAVE) / "config.json").exists():
        raise InputError(
            "give --model RUN, the directory of a run of `imcap train` or "
            f"`imcap match train`; without it {SAVE} is read, and here is "
            "no such run"
        )
    print(f"run: {SAVE} (--model RUN for another)")
    return SAVE


@dataclasses.dataclass(frozen=True)
class CheckpointFlag:
    """Flag of the weights that runs are taken with."""

    checkpoint: str = option(
        "best",
        "which weights",
        choices=("best", "last"),
        heading="Which weights",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureFlags:
    """Flag of commands that decode pictures."""

    max_pixels: int = option(MAX_PIXELS, ABOUT_LIMIT, heading="Reading")


@dataclasses.dataclass(frozen=True)
class CheckpointDecodingFlags(DecodingSettings, CheckpointFlag, PictureFlags):
    """Flags of decoding for commands that name their runs otherwise."""

    @property
    def decoding(self) -> DecodingSettings:
        """The flags of decoding alone."""
        return part(self, DecodingSettings)


@dataclasses.dataclass(frozen=True)
class DecodingFlags(CheckpointDecodingFlags, RunFlag):
    """Flags of a run, and of how its captions are decoded."""


def part(config: Any, settings_class: type[Settings]) -> Settings:
    """The settings of one class among a command's flags.

    Args:
        config: a dataclass that has all of its fields.
        settings_class: the dataclass of what is wanted.
    """
    fields = dataclasses.fields(settings_class)  # type: ignore[arg-type]
    return settings_class(**{f.name: getattr(config, f.name) for f in fields})
