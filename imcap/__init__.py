"""imcap: attention captioning and image-text matching for Keras 3."""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imcap.captioning.captioner import LoadedCaptioner
    from imcap.captioning.scoring import score
    from imcap.cli.functions import (
        caption,
        evaluate,
        export,
        extract,
        prepare,
        train,
    )
    from imcap.data.captions.reading import read_captions
    from imcap.errors import InputError
    from imcap.matching.matcher import LoadedMatcher
    from imcap.models.registry import build_captioner, list_captioners
    from imcap.runs.presets import list_presets

__version__ = "0.2.0"

__all__ = [
    "InputError",
    "LoadedCaptioner",
    "LoadedMatcher",
    "build_captioner",
    "caption",
    "evaluate",
    "export",
    "extract",
    "list_captioners",
    "list_presets",
    "load",
    "prepare",
    "read_captions",
    "score",
    "train",
]

# Where names come from when they are first asked for: `import imcap` alone
# loads neither Keras nor NumPy.
_SOURCES = {
    "InputError": "imcap.errors",
    "LoadedCaptioner": "imcap.captioning.captioner",
    "LoadedMatcher": "imcap.matching.matcher",
    "build_captioner": "imcap.models.registry",
    "caption": "imcap.cli.functions",
    "evaluate": "imcap.cli.functions",
    "extract": "imcap.cli.functions",
    "list_captioners": "imcap.models.registry",
    "list_presets": "imcap.runs.presets",
    "prepare": "imcap.cli.functions",
    "read_captions": "imcap.data.captions.reading",
    "score": "imcap.captioning.scoring",
}
# Functions that modules of the package have the names of.
_COMMANDS = ("export", "train")


class _CommandModule(types.ModuleType):
    """Module that is a function too: `imcap.export(…)`, `imcap.export.writing`.

    Python binds a module to its name in the package whenever it is imported,
    so that a function of this name would vanish.
    """

    def __call__(self, *arguments: Any, **flags: Any) -> Any:
        return self._function(*arguments, **flags)

    @property
    def _function(self) -> Any:
        functions = importlib.import_module("imcap.cli.functions")
        return getattr(functions, self.__name__.rpartition(".")[2])

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self._function)


class _Package(types.ModuleType):
    """Package whose modules of `_COMMANDS` can be called, once imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _COMMANDS and type(value) is types.ModuleType:
            value.__class__ = _CommandModule
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _COMMANDS:
        return importlib.import_module(f"imcap.{name}")
    if name not in _SOURCES:
        raise AttributeError(f"module 'imcap' has no attribute {name!r}")
    value = getattr(importlib.import_module(_SOURCES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load(
    path: str | os.PathLike = "pretrained", checkpoint: str = "best"
) -> LoadedCaptioner | LoadedMatcher:
    """Opens a run to caption, or to match pictures and sentences, with.

    Args:
        path: the directory of a run of `imcap train`, `imcap match train`
            or `imcap demo`; "pretrained" for the captioner that ships.
        checkpoint: "best", or "last" for where training stopped.

    Returns:
        An `imcap.captioning.captioner.LoadedCaptioner`, or an
        `imcap.matching.matcher.LoadedMatcher` of a matching run.

    Raises:
        imcap.errors.InputError: one line that says what is missing.

    Example:
        >>> model = imcap.load()
        >>> model.caption(["beach.jpg", "dog.jpg"])
    """
    from imcap.startup import load_keras

    load_keras()
    from imcap.runs.kinds import is_matching

    path = os.fspath(path)
    if is_matching(path):
        from imcap.matching.matcher import LoadedMatcher

        return LoadedMatcher(path, checkpoint)
    from imcap.captioning.captioner import LoadedCaptioner

    return LoadedCaptioner(path, checkpoint)
