"""Draws pictures that are no photographs, to measure abstention with.

python benchmarks/no_photographs.py FOLDER [--each 25] [--seed 0]

Black, flat, noise, gradients, stripes; screenshots, plots, pages of text;
the demo's scenes.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from imcap.data.scenes.scenes import draw_scenes

TEXT = """
the network reads each word of a line and keeps what it needs for the next one
settings file edit view help window total amount date name page chapter figure
table result method open save close cancel
"""
WORDS = TEXT.split()
SIZE = (500, 375)


def flat(rng, number):
    """One colour; the first two are black and white."""
    color = [0, 255][number] if number < 2 else rng.integers(0, 256, 3)
    return np.broadcast_to(np.asarray(color), (SIZE[1], SIZE[0], 3))


def noise(rng, number):
    """Noise of coarse or fine grain."""
    grain = 2 ** (number % 5)
    small = rng.integers(0, 256, (SIZE[1] // grain, SIZE[0] // grain, 3))
    method = Image.Resampling.NEAREST if number % 2 else None
    return Image.fromarray(small.astype("uint8")).resize(SIZE, method)


def gradient(rng, number):
    """From one colour to another, slantwise."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] / max(SIZE)
    slope = rng.uniform(-1, 1, 2)
    share = (x * slope[0] + y * slope[1] + 1) / 2
    first, last = rng.integers(0, 256, (2, 3))
    return first + share[..., None] * (last - first)


def stripes(rng, number):
    """Stripes or a chessboard."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] // int(rng.integers(4, 60))
    on = [x % 2, y % 2, (x + y) % 2][number % 3]
    first, last = rng.integers(0, 256, (2, 3))
    return np.where(on[..., None] > 0, first, last)


def font(size):
    """Pillow's own font."""
    return ImageFont.load_default(size)


def text(rng, count):
    """So many words."""
    return " ".join(rng.choice(WORDS, count))


def page(rng, number):
    """A page of text."""
    sheet = Image.new("RGB", SIZE, "white" if number % 3 else (40, 40, 45))
    draw = ImageDraw.Draw(sheet)
    size = int(rng.integers(9, 22))
    ink = "black" if number % 3 else (220, 220, 220)
    for y in range(15, SIZE[1] - 20, int(size * 1.5)):
        draw.text((20, y), text(rng, 500 // size), ink, font(size))
    return sheet


def screenshot(rng, number):
    """A window with a bar, buttons, fields and lines of text."""
    back = tuple(int(v) for v in rng.integers(200, 256, 3))
    if number % 3 == 0:
        back = tuple(int(v) for v in rng.integers(20, 60, 3))
    ink = "black" if number % 3 else "white"
    shot = Image.new("RGB", SIZE, back)
    draw = ImageDraw.Draw(shot)
    bar = tuple(int(v) for v in rng.integers(30, 220, 3))
    draw.rectangle((0, 0, SIZE[0], 28), bar)
    draw.text((10, 6), text(rng, 6), "white", font(13))
    draw.rectangle((0, 28, 120, SIZE[1]), tuple(v // 2 + 60 for v in back))
    for y in range(45, SIZE[1] - 20, 24):
        draw.text((10, y), text(rng, 2), ink, font(12))
        if rng.random() < 0.3:
            draw.rounded_rectangle((140, y, 240, y + 20), 4, bar)
        draw.text((145, y + 2), text(rng, int(rng.integers(2, 9))), ink)
    return shot


def plot(rng, number):
    """Curves, bars, points or an area."""
    figure = Figure(figsize=(5, 3.75), dpi=100)
    axes = figure.add_subplot()
    x = np.arange(30)
    values = rng.normal(size=(3, 30)).cumsum(axis=1)
    if number % 4 == 0:
        axes.plot(x, values.T)
    elif number % 4 == 1:
        axes.bar(x[:8], np.abs(values[0, :8]))
    elif number % 4 == 2:
        axes.scatter(*rng.normal(size=(2, 60)), c=rng.random(60))
    else:
        axes.imshow(rng.random((8, 8)))
    axes.set(title=text(rng, 4), xlabel=text(rng, 2), ylabel=text(rng, 2))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


KINDS = {
    "flat": flat,
    "noise": noise,
    "gradient": gradient,
    "stripes": stripes,
    "page": page,
    "screenshot": screenshot,
    "plot": plot,
}


def draw_all(folder, each, seed):
    """Writes FOLDER/KIND_NUMBER.png; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []

    def save(picture, name):
        if not isinstance(picture, Image.Image):
            picture = Image.fromarray(np.asarray(picture).astype("uint8"))
        paths.append(folder / f"{name}.png")
        picture.save(paths[-1])

    for place, (kind, draw) in enumerate(KINDS.items()):
        rng = np.random.default_rng([seed, place])
        for number in range(each):
            save(draw(rng, number), f"{kind}_{number:03}")
    scenes = draw_scenes(each, seed, 64)
    for number, picture in enumerate(scenes.images):
        save(picture, f"scene_{number:03}")
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    drawn = draw_all(arguments.folder, arguments.each, arguments.seed)
    print(f"{len(drawn)} pictures in {arguments.folder}")
