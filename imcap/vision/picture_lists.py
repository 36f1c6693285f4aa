"""Pictures as Python code has them: one alone, or several of any kind."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from imcap.data.archives.places import is_archive
from imcap.data.pictures.arrays import as_array, as_uint8
from imcap.data.pictures.inputs import describe_picture, is_bytes, is_file
from imcap.data.pictures.listing import find_pictures
from imcap.data.pictures.urls import expand_url, is_url, is_url_pattern
from imcap.errors import InputError

Item = TypeVar("Item")
BATCH = 16  # pictures at a time
NAMES = "OSUT"  # kinds of arrays that hold paths, or pictures as objects


def is_many(images: Any) -> bool:
    """Whether it is several pictures, whose answers come in a list.

    That is a folder, an archive, a pattern like `*.jpg`, an array of rank 4
    or of paths, and whatever else can be iterated over: a list, a generator, a
    column of pandas.

    Raises:
        InputError: a table or a set.
    """
    if isinstance(images, (str, os.PathLike)):
        return is_several(images)
    alone = is_bytes(images) or is_file(images)
    if alone or isinstance(images, (Image.Image, Mapping)):
        return False
    if isinstance(images, Set):
        raise InputError("a set of pictures has no order; give a list")
    if hasattr(images, "columns"):
        raise InputError(
            f"{type(images).__name__}: a table; give the column of its "
            'pictures, as in table["image"]'
        )
    if hasattr(images, "__array__") or is_nested(images):
        array = to_numpy(images)
        return array.ndim == 4 or (array.ndim > 0 and array.dtype.kind in NAMES)
    return hasattr(images, "__iter__") or hasattr(images, "__getitem__")


def is_several(name: str | os.PathLike[Any]) -> bool:
    """Whether a name stands for several: a folder, archive or pattern."""
    if is_url(name):
        return is_url_pattern(os.fspath(name))
    if os.path.isdir(name) or is_archive(os.fsdecode(name)):
        return True
    is_pattern = glob.has_magic(os.fsdecode(name))
    return is_pattern and not os.path.lexists(name)


def to_numpy(images: Any) -> np.ndarray:
    """An array of numbers or objects.

    Raises:
        InputError: lists of unequal length, or a tensor that NumPy cannot
            read.
    """
    try:
        return np.asarray(images)
    except Exception as error:  # each library raises its own
        raise InputError(
            f"{describe_picture(images)}: not an array ({error}); give a list "
            "of pictures, or of paths"
        ) from None


def is_nested(images: Any) -> bool:
    """Whether it is an array as lists in lists."""
    return (
        isinstance(images, (list, tuple))
        and len(images) > 0
        and isinstance(images[0], (list, tuple))
    )


def items(images: Any) -> Iterable[Any]:
    """What stands for pictures: folders and patterns stay as they are.

    Args:
        images: several or one, see `is_many`.
    """
    named = isinstance(images, (str, os.PathLike))
    if named or not is_many(images):
        return [images]
    if hasattr(images, "__array__") or is_nested(images):
        return split_array(images)
    return images


def each(images: Any) -> Iterator[Any]:
    """Yields pictures one by one, as `read_encoded` takes them.

    Nothing is read ahead of what is asked for, so that a generator may make
    more than memory holds.

    Args:
        images: several or one, see `is_many`.

    Raises:
        InputError: a folder without pictures, or see `is_many`.
    """
    for one in items(images):
        named = isinstance(one, (str, os.PathLike)) and is_several(one)
        yield from find_several(one) if named else (one,)


def find_several(name: Any) -> Iterator[Any]:
    """Yields the files, or URLs, that a folder or a pattern stands for."""
    if is_url(name):
        yield from expand_url(name)
        return
    paths, refused = find_pictures([os.fsdecode(name)])
    for _, reason in refused:
        raise InputError(reason)
    yield from paths


def split_array(images: Any) -> Iterable[Any]:
    """The pictures, or their paths, of an array, a tensor or a column."""
    array = to_numpy(images)
    if array.dtype.kind == "S":  # paths as HDF5 has them
        return [os.fsdecode(one) for one in array.ravel()]
    if array.dtype.kind in NAMES:
        return array.ravel()
    name = describe_picture(images)
    return as_uint8(as_array(images, name), name)  # all are of one range


def batches(images: Any, read: Callable[[Any], Item]) -> Iterator[list[Item]]:
    """Yields lists of at most `BATCH` pictures, each read as it comes.

    Args:
        images: several or one, see `is_many`.
        read: function of a picture.

    Raises:
        InputError: a picture that cannot be read, and which one it is.
    """
    many, batch = is_many(images), []
    for number, picture in enumerate(each(images)):
        try:
            batch.append(read(picture))
        except InputError as error:
            if not many or isinstance(picture, (str, os.PathLike)):
                raise  # its name is in the message
            raise InputError(f"picture {number}: {error}") from None
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
