"""Flags that several commands share."""

import dataclasses
from typing import Any, TypeVar

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.options import option

Settings = TypeVar("Settings")


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """Which run, and which of its weights."""

    model: str = option("save", "directory of a run", "run")
    checkpoint: str = option("best", "which weights", choices=("best", "last"))


@dataclasses.dataclass(frozen=True)
class DecodingFlags(DecodingSettings, RunFlags):
    """A run, and how its captions are decoded."""

    @property
    def decoding(self) -> DecodingSettings:
        """The flags of decoding alone."""
        return part(self, DecodingSettings)


def part(config: Any, settings_class: type[Settings]) -> Settings:
    """The settings of one class among a command's flags.

    Args:
        config: a dataclass that has all of its fields.
        settings_class: the dataclass of what is wanted.
    """
    fields = dataclasses.fields(settings_class)  # type: ignore[arg-type]
    return settings_class(**{f.name: getattr(config, f.name) for f in fields})
