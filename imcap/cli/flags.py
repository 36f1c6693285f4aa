"""Flags that several commands share."""

import dataclasses
from typing import Any, TypeVar

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.options import option

Settings = TypeVar("Settings")


@dataclasses.dataclass(frozen=True)
class RunFlag:
    """Flag of the run that a command works with."""

    model: str = option("save", "directory of a run", "run")


@dataclasses.dataclass(frozen=True)
class CheckpointFlag:
    """Flag of the weights that runs are taken with."""

    checkpoint: str = option("best", "which weights", choices=("best", "last"))


@dataclasses.dataclass(frozen=True)
class CheckpointDecodingFlags(DecodingSettings, CheckpointFlag):
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
