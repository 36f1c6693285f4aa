"""Pictures of what a captioner looked at, and of how it learnt.

Everything here takes plain arrays and files and knows no model.
"""

import warnings

import numpy as np

from imcap.drawing.maps import checked_picture, heat_map, looked_at
from imcap.drawing.panels import draw_heads, draw_words
from imcap.files import atomic_write


def draw_attention(
    image, words, attention, path, grid=None, boxes=None, heads=False
):
    """Draws a picture and, once per word, where that word looked.

    Each panel is lit by its own word's weights, scaled to their maximum.
    Where there is a sentinel or a gate, the bar below says how much of the
    word came from the picture at all, and the less, the dimmer the light.
    Where channels were weighed, a table names the strongest of them.

    Args:
        image: uint8 array (H, W, 3), RGB.
        words: list of L str.
        attention: dict of what there is of
            weights (T, K) over locations, or (T, K, heads);
            sentinel (T,) in 0..1, the share that did not look;
            gate (T,) in 0..1, the share of what was seen that went in;
            channels (T, C), weights of feature channels.
            T is L, or L + 1 with a last row for the end.
        path: the PNG to write, whole or not at all.
        grid: (h, w) with h · w = K; None for a square.
        boxes: float array (K, 4) of x1, y1, x2, y2 in pixels of `image`,
            where locations are regions instead of grid cells.
        heads: bool, a row for each head below their mean, instead of the
            mean alone.

    Raises:
        ValueError: neither weights nor channels, or shapes that do not
            belong together.

    Example:
        >>> draw_attention(image, ["a", "dog"], {"weights": w}, "dog.png")
    """
    looked = looked_at(words, attention)
    picture = checked_picture(image)
    if boxes is not None:
        height, width = np.shape(image)[:2]
        boxes = np.asarray(boxes) / [width, height, width, height]

    def maps(weights):  # (L, K)
        return [heat_map(row, picture.shape, grid, boxes) for row in weights]

    if looked.heads is None:
        figure = draw_words(picture, words, looked, [])
    else:
        mean = maps(looked.heads.mean(axis=1))
        if heads and looked.heads.shape[1] > 1:
            each = [maps(head) for head in np.moveaxis(looked.heads, 1, 0)]
            figure = draw_heads(picture, words, looked, [mean, *each])
        else:
            figure = draw_words(picture, words, looked, mean)
    _save(figure, path)


def _save(figure, path):
    with warnings.catch_warnings(), atomic_write(path) as partial:
        # A word in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(partial, format="png", bbox_inches="tight")


DRAWN_SIDE = 512  # longest side of the picture that attention is drawn on


def draw(path, caption, grid, folder, taken, heads=False):
    """Draws the attention of one caption.

    Args:
        path: the picture.
        caption: a `Caption`.
        grid: (h, w) of its attention.
        folder: `Path` for the drawing.
        taken: set of names already used; the new one is added.
        heads: bool, whether each head is drawn by itself.

    Returns:
        Path of the drawing, None where there is nothing to draw.
    """
    from imcap.data.pictures.decoding import load_pixels
    from imcap.data.pictures.encoded import picture_size
    from imcap.drawing.maps import can_be_drawn

    if not caption.words or not can_be_drawn(caption.attention):
        return None
    width, height = picture_size(path)
    scale = min(1.0, DRAWN_SIDE / max(width, height))
    pixels = load_pixels(
        path, max(1, round(height * scale)), max(1, round(width * scale))
    )
    name, number = path.stem, 2
    while name in taken:
        name, number = f"{path.stem}_{number}", number + 1
    taken.add(name)
    drawing = folder / f"{name}.png"
    draw_attention(
        pixels.astype("uint8"), caption.words, caption.attention, drawing,
        grid=grid, heads=heads,
    )  # fmt: skip
    return drawing
