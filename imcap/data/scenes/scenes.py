"""Small pictures of coloured shapes with true captions, drawn from a seed.

They let `imcap demo` train and check a captioner without any download:
`scene_captions` knows what a right caption is, and the masks here where its
attention belongs.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imcap.data.scenes.scene_captions import (
    compose_captions,
    find_named_objects,
    find_shape_words,
    is_correct_caption,
    relation_between,
)
from imcap.files import StrPath, atomic_write, write_json

__all__ = [
    "COLORS",
    "SHAPES",
    "SIZES",
    "SceneObject",
    "Scenes",
    "draw_scenes",
    "find_named_objects",
    "find_shape_words",
    "is_correct_caption",
    "relation_between",
    "write_scenes",
]

COLORS = {
    "red": (205, 35, 40),
    "orange": (245, 140, 25),
    "yellow": (235, 215, 40),
    "green": (40, 155, 70),
    "blue": (35, 80, 205),
    "purple": (140, 55, 170),
}

# Half the side of a shape's square, as a share of the picture's side.
SIZES = {"small": (0.105, 0.13), "large": (0.165, 0.2)}
Place = tuple[float, float, float]  # x, y of the centre, half the side
SMALLEST_IMAGE = 32
SAMPLES = 4  # points a pixel in each direction, against jagged edges
SINGLE_SHARE = 0.15  # of the scenes hold one object, the others two


@dataclasses.dataclass(frozen=True)
class SceneObject:
    """One shape of a scene.

    Attributes:
        shape: str, of `SHAPES`.
        color: str, of `COLORS`.
        size: str, of `SIZES`.
        box: (x1, y1, x2, y2) int pixels; x2 and y2 are the first outside.
        mask: bool array (H, W), True where the shape covers at least a part
            of the pixel.
    """

    shape: str
    color: str
    size: str
    box: tuple[int, int, int, int]
    mask: np.ndarray = dataclasses.field(compare=False, repr=False)

    def touched_cells(self, rows: int, columns: int) -> np.ndarray:
        """Which cells of a grid over the picture the shape reaches into.

        Args:
            rows, columns: int, the grid of attention, row by row.

        Returns:
            Bool array (rows * columns,).
        """
        height, width = self.mask.shape
        cells = np.zeros((rows, columns), bool)
        down, across = np.nonzero(self.mask)
        cells[down * rows // height, across * columns // width] = True
        return cells.reshape(-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures, their captions and what is in them.

    Attributes:
        images: uint8 array (n, H, W, 3), RGB.
        captions: list of n lists of `CAPTIONS_PER_SCENE` str, lower-case
            words without punctuation.
        objects: list of n lists of one or two `SceneObject`.
    """

    images: np.ndarray
    captions: list[list[str]]
    objects: list[list[SceneObject]]

    def __len__(self) -> int:
        return len(self.captions)


def _in_star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A pentagram: inside of at least four of its five lines."""
    inside = np.zeros(np.broadcast(x, y).shape, int)
    for corner in range(5):
        angle = 2 * math.pi * corner / 5
        distance = x * math.sin(angle) - y * math.cos(angle)
        inside += distance <= math.cos(2 * math.pi / 5)
    return inside >= 4


# Each says which points of [-1, 1] x [-1, 1], y downwards, it covers.
SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) <= 0.95,
    "triangle": lambda x, y: (2 * abs(x) <= y + 1) & (y <= 1),
    "star": _in_star,
    "cross": lambda x, y: (
        (np.minimum(abs(x), abs(y)) <= 0.33) & (np.maximum(abs(x), abs(y)) <= 1)
    ),
}


def draw_scenes(count: int, seed: int, image_size: int = 64) -> Scenes:
    """Draws scenes of one or two shapes on a light, uneven ground.

    Shapes do not overlap, and lie clearly beside or clearly above one
    another. The two of a scene differ in colour or in shape. Scene i
    depends on `seed` and i alone, not on `count`.

    Args:
        count: int, scenes.
        seed: int, not negative; another seed gives other scenes.
        image_size: int, side of the square pictures in pixels.

    Returns:
        `Scenes`.

    Raises:
        ValueError: no scene is asked for, or pictures are too small.

    Example:
        >>> scenes = draw_scenes(2, seed=0)
        >>> scenes.images.shape
        (2, 64, 64, 3)
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if image_size < SMALLEST_IMAGE:
        raise ValueError(
            f"image_size must be at least {SMALLEST_IMAGE}, got {image_size}"
        )
    images = np.empty((count, image_size, image_size, 3), np.uint8)
    captions, objects = [], []
    for index in range(count):
        random = np.random.default_rng([seed, index])
        images[index], in_scene = _draw_scene(random, image_size)
        objects.append(in_scene)
        captions.append(compose_captions(random, in_scene))
    return Scenes(images, captions, objects)


def _draw_scene(
    random: np.random.Generator, image_size: int
) -> tuple[np.ndarray, list[SceneObject]]:
    kinds = [(color, shape) for color in COLORS for shape in SHAPES]
    count = 1 if random.random() < SINGLE_SHARE else 2
    chosen = random.choice(len(kinds), count, replace=False)
    sizes = random.choice(list(SIZES), count)
    places = _places(random, [SIZES[size] for size in sizes], image_size)
    picture = _ground(random, image_size)
    objects = []
    for (color, shape), size, place in zip(
        [kinds[kind] for kind in chosen], sizes, places, strict=True
    ):
        cover = _coverage(SHAPES[shape], place, image_size)  # (H, W)
        paint = np.array(COLORS[color]) + random.uniform(-14, 14, 3)
        picture += cover[..., None] * (paint - picture)
        objects.append(
            SceneObject(shape, color, str(size), _box(cover), cover > 0)
        )
    picture += random.normal(0, 4, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), objects


def _ground(random: np.random.Generator, image_size: int) -> np.ndarray:
    """Light grey, mottled by a few values blended over the picture."""
    coarse = random.uniform(205, 240) + random.normal(0, 8, (5, 5, 3))
    at = np.linspace(0, 4, image_size)
    # (H, 5): how much each of the five rows or columns counts at each pixel
    blend = np.clip(1 - abs(at[:, None] - np.arange(5)), 0, 1)
    maps = blend @ np.moveaxis(coarse, 2, 0) @ blend.T  # (3, H, W)
    return np.moveaxis(maps, 0, 2)


def _places(
    random: np.random.Generator,
    ranges: Sequence[tuple[float, float]],
    image_size: int,
) -> list[Place]:
    """Centres and half sides (x, y, half), drawn until they lie well."""
    while True:
        halves = [random.uniform(*r) * image_size for r in ranges]
        places = []
        for half in halves:
            x, y = random.uniform(half + 1, image_size - half - 1, 2)
            places.append((x, y, half))
        if len(places) == 1 or _lie_well(places[0], places[1], image_size):
            return places


def _lie_well(first: Place, second: Place, image_size: int) -> bool:
    """True when apart, and in one direction clearly more than the other."""
    across, down = abs(first[0] - second[0]), abs(first[1] - second[1])
    apart = first[2] + second[2] + 0.05 * image_size
    return max(across, down) >= max(apart, 1.5 * min(across, down))


def _coverage(
    contains: Callable[[np.ndarray, np.ndarray], np.ndarray],
    place: Place,
    image_size: int,
) -> np.ndarray:
    """The share of each pixel that a shape covers, (H, W) in 0..1."""
    x, y, half = place
    cover = np.zeros((image_size, image_size))
    left, top = int(x - half), int(y - half)
    right, bottom = math.ceil(x + half), math.ceil(y + half)
    step = (np.arange(SAMPLES) + 0.5) / SAMPLES
    across = (np.arange(left, right)[:, None] + step).reshape(-1)
    down = (np.arange(top, bottom)[:, None] + step).reshape(-1)
    inside = contains((across - x) / half, (down[:, None] - y) / half)
    parts = inside.reshape(bottom - top, SAMPLES, right - left, SAMPLES)
    cover[top:bottom, left:right] = parts.mean((1, 3))
    return cover


def _box(cover: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(cover.any(1))[0], np.nonzero(cover.any(0))[0]
    return (
        int(columns[0]), int(rows[0]),
        int(columns[-1]) + 1, int(rows[-1]) + 1,
    )  # fmt: skip


def write_scenes(
    folder: StrPath,
    counts: Mapping[str, int],
    seed: int = 0,
    image_size: int = 64,
) -> Path:
    """Writes scenes as files, for the commands that read photographs.

    Args:
        folder: where `images/*.png` and `captions.json` go; the latter, in
            the layout of Karpathy's `dataset_*.json` with the true objects
            added, is written last.
        counts: dict from split ("train", "val", "test") to scenes.
        seed: int; each split takes the next one.
        image_size: int, side of the pictures in pixels.

    Returns:
        The path of `captions.json`.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    entries: list[dict[str, Any]] = []
    for offset, (split, count) in enumerate(counts.items()):
        scenes = draw_scenes(count, seed + offset, image_size)
        for index in range(count):
            name = f"{split}_{index:05d}.png"
            _write_picture(folder / "images" / name, scenes.images[index])
            entries.append(_entry(len(entries), name, split, scenes, index))
    path = folder / "captions.json"
    write_json(path, {"dataset": "scenes", "images": entries})
    return path


def _write_picture(path: Path, picture: np.ndarray) -> None:
    from PIL import Image

    with atomic_write(path, durable=False) as partial:
        Image.fromarray(picture).save(partial, format="PNG")


def _entry(
    number: int, name: str, split: str, scenes: Scenes, index: int
) -> dict[str, Any]:
    height, width = scenes.images.shape[1:3]
    things = [
        {"shape": o.shape, "color": o.color, "size": o.size, "box": o.box}
        for o in scenes.objects[index]
    ]
    sentences = [
        {"tokens": caption.split(), "raw": caption}
        for caption in scenes.captions[index]
    ]
    return {
        "imgid": number,
        "filepath": "images",
        "filename": name,
        "split": split,
        "width": width,
        "height": height,
        "sentences": sentences,
        "objects": things,
    }
