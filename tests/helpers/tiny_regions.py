"""Rows of bottom-up TSV files, of made-up regions."""

import base64

import numpy as np

WIDTH, HEIGHT = 64, 48


def region_row(image_id, count):
    """A line of a TSV: `count` regions, 11 wide, of one picture."""
    rng = np.random.default_rng(image_id)
    corners = rng.uniform(0, 1, (count, 2, 2)) * [WIDTH, HEIGHT]
    boxes = np.sort(corners, axis=1).reshape(count, 4).astype("<f4")
    features = rng.normal(size=(count, 11)).astype("<f4")
    fields = [str(image_id), str(WIDTH), str(HEIGHT), str(count)]
    fields += [
        base64.b64encode(a.tobytes()).decode() for a in (boxes, features)
    ]
    return "\t".join(fields) + "\n"
