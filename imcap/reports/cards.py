"""Pictures with captions as cards of a page: HTML to read, numbers to draw."""

import base64
import dataclasses
import html
import io
import math

import numpy as np

from imcap.drawing.maps import can_be_drawn, carry_half, looked_at

SIDE = 448  # longest side of an embedded picture, pixels


QUALITY = 82  # of its JPEG


STRONGEST = 8  # channels named of each word


DIGITS = 3


@dataclasses.dataclass(frozen=True)
class Line:
    """One caption.

    Args:
        words: list of str.
        looked: what `packed` gave, or None.
        note: str, said behind the caption.
        mark: "right" or "wrong" for a sign before it, "" for none.
    """

    words: list
    looked: dict | None = None
    note: str = ""
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class Card:
    """One picture and everything that stands beside it.

    Args:
        name: str, what the picture is called.
        picture: (uri, width, height) of `embedded`; None for no picture.
        groups: list of (heading, list of `Line`).
        references: list of str.
        scores: dict of name to float, what the page sorts by.
        places: dict of grid (h, w), or of boxes (K, 4) as shares of the
            picture's sides; {} where it is not known where locations are.
        large: int, groups in large letters.
    """

    name: str
    picture: tuple
    groups: list
    references: list
    scores: dict
    places: dict = dataclasses.field(default_factory=dict)
    large: int = 1


def embedded(path):
    """A picture as a data URI, with its width and height.

    Raises:
        InputError: the file cannot be read.
    """
    from PIL import Image

    from imcap.data.pictures.decoding import load_thumbnail

    pixels = load_thumbnail(path, SIDE)
    height, width = pixels.shape[:2]
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=QUALITY)
    text = base64.b64encode(target.getvalue()).decode("ascii")
    return f"data:image/jpeg;base64,{text}", width, height


def packed(words, attention):
    """What L words looked at, in few numbers.

    Args:
        words: list of L str.
        attention: dict as in `imcap.drawing.attention.draw_attention`.

    Returns:
        None where nothing can be drawn, else a dict of what there is of
            weights: L lists of H lists of K int, 0..999 of the largest;
            peaks: L lists of H float, that largest;
            share: L float, and names: how it and the rest are called;
            channels: L lists of [channel, weight as a multiple of the mean];
            half: L int, channels that carry half of the weight; total: int.
    """
    if not words or not can_be_drawn(attention):
        return None
    looked = looked_at(words, attention)
    found = {}
    if looked.heads is not None:
        heads = np.maximum(np.nan_to_num(looked.heads), 0.0)
        peaks = np.maximum(heads.max(axis=2), 1e-12)  # (L, H)
        shares = heads / peaks[..., None]
        found["weights"] = np.rint(999 * shares).astype(int).tolist()
        found["peaks"] = rounded(peaks)
    if looked.share is not None:
        found["share"] = rounded(np.clip(looked.share, 0.0, 1.0))
        found["names"] = list(looked.names)
    if looked.channels is not None:
        found |= _packed_channels(looked.channels)
    return found


def _packed_channels(channels):
    means = np.maximum(channels.mean(axis=1, keepdims=True), 1e-12)
    order = np.argsort(-channels, axis=1, kind="stable")[:, :STRONGEST]
    times = np.take_along_axis(channels / means, order, axis=1)
    return {
        "channels": [
            [[int(index), value] for index, value in zip(*row, strict=True)]
            for row in zip(order, rounded(times), strict=True)
        ],
        "half": [carry_half(row) for row in channels],
        "total": channels.shape[1],
    }


def rounded(values):
    """An array as nested lists of floats of `DIGITS` significant digits."""
    values = np.nan_to_num(np.asarray(values, "float64"))
    if values.ndim:
        return [rounded(value) for value in values]
    return float(f"{values:.{DIGITS}g}")


def numbers(card):
    """What the page's script needs of a card: a JSON value."""
    lines = [line.looked for _, lines in card.groups for line in lines]
    scores = {k: v for k, v in card.scores.items() if math.isfinite(v)}
    return {"lines": lines, "scores": scores, **card.places}


def as_html(card, row):
    """A card as HTML, readable without its script.

    Args:
        card: a `Card`.
        row: int, its place among `numbers` of all.
    """
    groups, count = [], 0
    for place, (heading, lines) in enumerate(card.groups):
        head = f"<h3>{html.escape(heading)}</h3>" if heading else ""
        inside = "".join(
            _line_html(line, count + number)
            for number, line in enumerate(lines)
        )
        large = " large" if place < card.large else ""
        groups.append(f'<div class="group{large}">{head}{inside}</div>')
        count += len(lines)
    return (
        f'<article class="card" data-row="{row}">{_figure_html(card)}'
        f'<div class="said">{"".join(groups)}'
        f'<output class="told" aria-live="polite"></output>'
        f'<div class="channels" hidden></div>'
        f"{_references_html(card.references)}{_scores_html(card.scores)}"
        "</div></article>"
    )


def _figure_html(card):
    name, frame = html.escape(card.name), ""
    if card.picture:
        uri, width, height = card.picture
        frame = (
            f'<div class="frame" style="--w:{width};--h:{height}">'
            f'<img src="{uri}" alt="{name}" width="{width}" height="{height}">'
            '<canvas aria-hidden="true"></canvas></div>'
        )
    return f"<figure>{frame}<figcaption>{name}</figcaption></figure>"


def _line_html(line, number):
    looked = line.looked or {}
    words = []
    for place, word in enumerate(line.words):
        text = html.escape(word)
        share = looked.get("share")
        bar = ""
        if share is not None:
            bar = f'<i class="share" style="--share:{share[place]}"></i>'
        if looked:
            text = f'<button type="button" class="word">{text}{bar}</button>'
        words.append(text)
    said = " ".join(words) or "<em>nothing</em>"
    note = f'<span class="note">{html.escape(line.note)}</span>'
    mark = f" {line.mark}" if line.mark else ""
    return (
        f'<p class="line{mark}" data-line="{number}">{said}'
        f"{note if line.note else ''}</p>"
    )


def _references_html(references):
    if not references:
        return ""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in references)
    return f'<div class="references"><h3>references</h3><ul>{items}</ul></div>'


def _scores_html(scores):
    if not scores:
        return ""
    items = "".join(
        f'<div data-name="{html.escape(name)}"><dt>{html.escape(name)}</dt>'
        f"<dd>{shown(value)}</dd></div>"
        for name, value in scores.items()
    )
    return f'<dl class="scores">{items}</dl>'


def shown(value):
    """A score as a person reads it: whole numbers stay whole."""
    text = f"{value:d}" if isinstance(value, int) else f"{value:.3f}"
    return text.replace("-", "−")


def fits(places, looked):
    """Whether weights are over these locations."""
    if not looked or "weights" not in looked:
        return False
    count = len(looked["weights"][0][0])
    if "grid" in places:
        return places["grid"][0] * places["grid"][1] == count
    return len(places.get("boxes", ())) <= count
