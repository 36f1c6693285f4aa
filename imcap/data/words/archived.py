"""Vocabulary inside an exported file."""

import json
import zipfile
from pathlib import Path
from typing import Any

from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError

VOCABULARY = "vocabulary.json"


def read_archived(path: str | Path, name: str) -> Any:
    """The JSON inside a file that `imcap export` wrote.

    Args:
        path: a .keras or .tflite file.
        name: of the JSON, as "vocabulary.json".

    Raises:
        InputError: no such file, or nothing of that name in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(name))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError):
        raise InputError(
            f"{Path(path)}: no {Path(name).stem} in it; was it written by "
            "`imcap export`?"
        ) from None


def read_vocabulary(path: str | Path) -> Vocabulary:
    """The `Vocabulary` inside a file that `imcap export` wrote.

    Args:
        path: a .keras or .tflite file.

    Raises:
        InputError: no such file, or no vocabulary in it.
    """
    values = read_archived(path, VOCABULARY)
    values.pop("fingerprint", None)
    return Vocabulary(**values)
