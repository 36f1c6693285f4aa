"""imcap: attention captioning and image-text matching for Keras 3."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imcap.captioning.captioner import LoadedCaptioner
    from imcap.captioning.scoring import score
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
    "list_captioners",
    "list_presets",
    "load",
    "read_captions",
    "score",
]

# Where names come from when they are first asked for: `import imcap` alone
# loads neither Keras nor NumPy.
_SOURCES = {
    "InputError": "imcap.errors",
    "LoadedCaptioner": "imcap.captioning.captioner",
    "LoadedMatcher": "imcap.matching.matcher",
    "build_captioner": "imcap.models.registry",
    "list_captioners": "imcap.models.registry",
    "list_presets": "imcap.runs.presets",
    "read_captions": "imcap.data.captions.reading",
    "score": "imcap.captioning.scoring",
}


def __getattr__(name: str) -> Any:
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
