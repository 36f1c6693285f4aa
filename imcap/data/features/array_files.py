"""Arrays of features in .npy and .npz: their headers, types and axes."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO

import numpy as np
from numpy.typing import DTypeLike

from imcap.errors import InputError
from imcap.files import StrPath

# Names that features have in archives and groups, the likeliest first.
KEYS = (
    "feat", "z", "features", "feats", "feature", "x", "att", "att_feat",
    "att_feats", "image_features", "img_feat", "image_feat", "region_features",
    "roi_features", "grid_features", "grid_feats", "grids", "arr_0",
)  # fmt: skip
# Names that ids have there.
ID_NAMES = (
    "ids", "image_ids", "image_id", "img_ids", "img_id", "coco_ids", "cocoids",
    "cocoid", "keys", "names", "file_names", "filenames", "image_names",
    "image_files", "files", "paths",
)  # fmt: skip
FLOATS = ("float16", "float32", "float64")
UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError,
    MemoryError, TypeError, SyntaxError, OverflowError, zipfile.BadZipFile,
    zlib.error, tokenize.TokenError,
)  # fmt: skip

LARGEST = 2**30  # bytes of one picture's features; a map has some 10**7
FEWEST_CHANNELS = 256  # that an axis in the wrong place is known by
MOST_LOCATIONS = 100  # of regions; maps may have 12 x 12 and 14 x 14
MAPS = (144, 196)


def refuse(path: StrPath, reason: str, remedy: str) -> InputError:
    """An error of a file, its reason and its remedy."""
    return InputError(f"{path}: {reason}; {remedy}")


def damaged(path: StrPath, error: Exception) -> InputError:
    """The error of a file that cannot be read."""
    cause = error.args[0] if isinstance(error, KeyError) else error
    line = " ".join(str(cause).split()) or type(error).__name__
    return refuse(path, f"damaged ({line})", "extract it again")


def check_type(path: StrPath, dtype: DTypeLike) -> None:
    """Refuses what is no float of 16, 32 or 64 bits."""
    dtype = np.dtype(dtype)
    if dtype.name in FLOATS:
        return
    held = {"O": "text or objects", "S": "text", "U": "text"}
    raise refuse(
        path,
        f"holds {held.get(dtype.kind, dtype.name)}",
        "features are floats: float16, float32 or float64",
    )


def check_shape(path: StrPath, shape: Sequence[int]) -> None:
    """Refuses what is no (k, D) or (h, w, D), and channels that come first.

    Args:
        path: for messages.
        shape: of the features of one picture.
    """
    shape = tuple(shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise refuse(path, f"shape {shape}", "expected (k, D) or (h, w, D)")
    if is_transposed(shape):
        raise transposed(path, shape)


def is_transposed(shape: Sequence[int]) -> bool:
    """Whether a shape can only be (D, k) or (D, h, w).

    Networks have hundreds of channels, pictures at most about a hundred
    regions, or a map that is as high as wide. Early layers have larger maps
    of few channels, such as 28 x 28 of 40.
    """
    first, last = shape[0], shape[-1]
    if len(shape) == 2:
        few = last <= MOST_LOCATIONS or last in MAPS
        is_map = math.isqrt(first) ** 2 == first and first % FEWEST_CHANNELS
        many = first >= max(FEWEST_CHANNELS, 2 * last)
        return few and many and not is_map
    few = max(shape[1:]) <= MOST_LOCATIONS
    return few and first >= max(FEWEST_CHANNELS // 4, 2 * max(shape[1:]))


def transposed(path: StrPath, shape: Sequence[int]) -> InputError:
    """The error of features whose channels come first."""
    axes = {2: ("(D, k)", "(k, D)", "(1, 0)")}
    found, expected, order = axes.get(
        len(shape), ("(D, h, w)", "(h, w, D)", "(1, 2, 0)")
    )
    return refuse(
        path,
        f"shape {tuple(shape)} is {found}, transposed",
        f"expected {expected}: save array.transpose{order}",
    )


def check_size(path: StrPath, shape: Sequence[int], dtype: np.dtype) -> None:
    """Refuses features of one picture that no memory should hold.

    Archives of some megabytes can claim to hold many gigabytes.
    """
    size = int(np.prod(shape, dtype="float64")) * dtype.itemsize
    if size > LARGEST:
        raise refuse(
            path,
            f"shape {tuple(shape)} takes {size / 1e9:.1f} GB for one picture",
            "give features of (k, D) or (h, w, D) of each picture",
        )


def read_header(
    path: StrPath, stream: IO[bytes]
) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the features in a .npy or .npz, from its first bytes.

    Args:
        path: for messages.
        stream: the file, at its start.

    Raises:
        InputError: damaged, no features by their name, type or shape.
    """
    try:
        if _is_archive(stream):
            with zipfile.ZipFile(stream) as archive:
                names = [
                    name.removesuffix(".npy") for name in archive.namelist()
                ]
                with archive.open(find_key(names) + ".npy") as part:
                    shape, _, dtype = npy_header(part)
        else:
            shape, _, dtype = npy_header(stream)
    except UNREADABLE as error:
        raise damaged(path, error) from None
    check_type(path, dtype)
    check_shape(path, shape)
    check_size(path, shape, dtype)
    return shape, dtype


def read_array(path: StrPath, stream: IO[bytes]) -> np.ndarray:
    """The features in a .npy or .npz whose header was read before.

    Args:
        path: for messages.
        stream: the file, at its start.

    Raises:
        InputError: it is damaged.
    """
    try:
        found = np.load(stream)
        if isinstance(found, np.ndarray):
            return found
        with found as archive:
            return archive[find_key(archive.files)]
    except UNREADABLE as error:
        raise damaged(path, error) from None


def find_key(names: Sequence[str]) -> str:
    """The name of the features among those of an archive.

    Raises:
        KeyError: none of them.
    """
    for key in KEYS:
        if key in names:
            return key
    raise KeyError(
        f"no key 'feat' but {sorted(names)[:20]}; known are "
        + ", ".join(map(repr, KEYS))
    )


def _is_archive(stream: IO[bytes]) -> bool:
    start = stream.read(2)
    stream.seek(0)
    return start == b"PK"


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and type of the array in a .npy."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


def finite(values: np.ndarray, path: StrPath, what: str) -> np.ndarray:
    """Features as float16 or float32; InputError where one is not finite."""
    if values.dtype == np.float64:
        with np.errstate(over="ignore"):
            values = values.astype("float32")
    if not _all_finite(values):
        raise refuse(path, f"{what}: a value is not finite", "extract it again")
    return values


def _all_finite(values: np.ndarray) -> bool:
    if values.dtype != np.float16 or not values.flags.c_contiguous:
        return bool(np.isfinite(values).all())
    # By their bits, since NumPy takes 20 times as long for float16.
    bits = values.astype("float16", copy=False).view("uint16")
    return int((bits & 0x7FFF).max(initial=0)) < 0x7C00


def double_note(path: StrPath, *dtypes: DTypeLike) -> tuple[str, ...]:
    """A line that float64 is read as float32; () for other types."""
    if all(np.dtype(dtype) != np.float64 for dtype in dtypes):
        return ()
    return (
        f"{path}: features are float64 and read as float32; stored as "
        "float32 they take half the room",
    )
