"""Pictures with captions as cards of a page: what is shown of each."""

import base64
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imcap.drawing.maps import count_half_mass, is_drawable, parse_attention
from imcap.metrics.recall import top_k

SIDE = 448  # longest side of an embedded picture, pixels


QUALITY = 82  # of its JPEG


STRONGEST = 8  # channels named of each word


DIGITS = 3


class EmbeddedPicture(NamedTuple):
    """A picture inside a page: a data URI and its size in pixels."""

    uri: str
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Line:
    """One caption.

    Args:
        words: of the caption.
        attention: what `pack_attention` gave, or None.
        note: said behind the caption.
        mark: "right" or "wrong" for a sign before it, "" for none.
    """

    words: Sequence[str]
    attention: dict[str, Any] | None = None
    note: str = ""
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class Card:
    """One picture and everything that stands beside it.

    Args:
        name: what the picture is called.
        picture: of `embed_picture`; None for no picture.
        groups: pairs of a heading and its captions.
        references: sentences that people wrote.
        scores: what the page sorts by.
        locations: dict of grid (h, w), or of boxes (K, 4) as shares of the
            picture's sides; {} where it is not known where locations are.
        large: groups in large letters.
    """

    name: str
    picture: EmbeddedPicture | None
    groups: Sequence[tuple[str, Sequence[Line]]]
    references: Sequence[str]
    scores: dict[str, float]
    locations: dict[str, list] = dataclasses.field(default_factory=dict)
    large: int = 1


def embed_picture(path: str | Path) -> EmbeddedPicture:
    """A picture file, made small, as a data URI.

    Raises:
        InputError: the file cannot be read.
    """
    from PIL import Image

    from imcap.data.pictures.pillow_decoding import load_thumbnail

    pixels = load_thumbnail(path, SIDE)
    height, width = pixels.shape[:2]
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=QUALITY)
    return EmbeddedPicture(
        data_uri(target.getvalue(), "image/jpeg"), width, height
    )


def data_uri(content: bytes, kind: str) -> str:
    """The data URI of a file of some MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def pack_attention(
    words: Sequence[str], attention: Mapping[str, np.ndarray]
) -> dict[str, Any] | None:
    """Attention of L words in few numbers.

    Args:
        words: of the caption.
        attention: dict as in `imcap.drawing.attention.draw_attention`.

    Returns:
        None where nothing can be drawn, else a dict of what there is of
            weights: L lists of H lists of K int, 0..999 of the largest;
            peaks: L lists of H float, that largest;
            share: L float, and names: how it and the rest are called;
            channels: L lists of [channel, weight as a multiple of the mean];
            half: L int, channels that carry half of the weight; total: int.
    """
    if not words or not is_drawable(attention):
        return None
    parsed = parse_attention(words, attention)
    packed: dict[str, Any] = {}
    if parsed.weights is not None:
        heads = np.maximum(np.nan_to_num(parsed.weights), 0.0)
        peaks = np.maximum(heads.max(axis=2), 1e-12)  # (L, H)
        shares = heads / peaks[..., None]
        packed["weights"] = np.rint(999 * shares).astype(int).tolist()
        packed["peaks"] = round_digits(peaks)
    if parsed.share is not None:
        packed["share"] = round_digits(np.clip(parsed.share, 0.0, 1.0))
        packed["names"] = list(parsed.names)
    if parsed.channels is not None:
        packed |= _pack_channels(parsed.channels)
    return packed


def _pack_channels(channels: np.ndarray) -> dict[str, Any]:
    means = np.maximum(channels.mean(axis=1, keepdims=True), 1e-12)
    order = top_k(channels, STRONGEST)
    times = np.take_along_axis(channels / means, order, axis=1)
    return {
        "channels": [
            [[int(index), value] for index, value in zip(*row, strict=True)]
            for row in zip(order, round_digits(times), strict=True)
        ],
        "half": [count_half_mass(row) for row in channels],
        "total": channels.shape[1],
    }


def round_digits(values: Any) -> Any:
    """An array as nested lists of floats of `DIGITS` significant digits."""
    values = np.nan_to_num(np.asarray(values, "float64"))
    if values.ndim:
        return [round_digits(value) for value in values]
    return float(f"{values:.{DIGITS}g}")


def card_data(card: Card) -> dict[str, Any]:
    """What the page's script needs of a card: a JSON value."""
    lines = [line.attention for _, lines in card.groups for line in lines]
    scores = {k: v for k, v in card.scores.items() if math.isfinite(v)}
    return {"lines": lines, "scores": scores, **card.locations}


def are_located(
    attention: dict[str, Any] | None, locations: dict[str, list]
) -> bool:
    """Whether packed weights are over these locations."""
    if not attention or "weights" not in attention:
        return False
    count = len(attention["weights"][0][0])
    if "grid" in locations:
        return locations["grid"][0] * locations["grid"][1] == count
    return len(locations.get("boxes", ())) <= count
