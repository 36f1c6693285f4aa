"""`imcap caption`: captions of your own pictures, and where they looked.

imcap caption --model runs/adaptive beach.jpg holiday/
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from imcap.config import load_keras, option, positional, run_command
from imcap.data.errors import InputError
from imcap.data.files import write_json
from imcap.decoding_config import DecodingConfig

BATCH = 16  # pictures at a time
DRAWN_SIDE = 512  # longest side of the picture that attention is drawn on


@dataclasses.dataclass(frozen=True)
class CaptionConfig(DecodingConfig):
    """Captions pictures and draws, word by word, where each looked.

    Prints `path: caption  (log-probability)` and writes one PNG a picture.
    What cannot be read is reported and left out.
    """

    images: tuple[str, ...] = positional("pictures, or folders of pictures")
    output: str | None = option(
        None, "folder for attention pictures; default: RUN/attention"
    )
    no_draw: bool = option(False, "draw nothing")
    draw_heads: bool = option(
        False, "draw each attention head by itself, below their mean"
    )
    json: str | None = option(None, "also write everything to this file")


class PictureReader:
    """Turns pictures into what a run's task takes.

    Args:
        run: a `Run`.
        task: its `CaptioningTask`.

    Raises:
        InputError: it is not known what made the run's features.

    Example:
        >>> inputs = PictureReader(run, task).inputs(pixels)
    """

    def __init__(self, run, task):
        metadata = run.encoder_metadata
        # A task with a CNN of its own takes pixels.
        self.encoder = None if task.encoder else run.build_encoder()
        self.size = metadata["image_size"]
        self.cells = metadata.get("att_size")
        self.grid = tuple(metadata["grid"])
        self.wanted = task.captioner.wanted_positions
        self.num_grids = run.config.num_grids

    def pixels(self, path):
        """One picture as the network wants it, (size, size, 3)."""
        from imcap.data.images import load_pixels

        return load_pixels(path, self.size, self.size)

    def inputs(self, pixels):
        """Inputs of the task from B pictures."""
        images = np.stack(pixels)  # (B, H, W, 3)
        if self.encoder is None:
            return {"images": images} | self.where(len(images))
        maps = self.encoder.predict_on_batch(images)  # (B, h, w, D)
        if self.cells:
            from imcap.layers.adaptive_average_pooling import (
                adaptive_average_pooling,
            )

            maps = np.asarray(adaptive_average_pooling(maps, self.cells))
        features = maps.reshape(len(maps), -1, maps.shape[-1])
        return {"features": features} | self.where(len(maps))

    def where(self, count):
        """Positions (count, K, P), where the captioner asks for them."""
        from imcap.data.boxes import grid_positions

        if self.wanted is None:
            return {}
        positions = grid_positions(self.wanted, self.grid, self.num_grids)
        return {"positions": np.stack([positions] * count)}


def find_pictures(names):
    """Paths of pictures, those in folders included.

    Returns:
        List of `Path`, and a list of (path, reason) of folders that hold
        none.
    """
    from imcap.data.image_list import ImageList

    paths, refused = [], []
    for name in names:
        if not Path(name).is_dir():
            paths.append(Path(name))
            continue
        try:
            paths.extend(ImageList.from_folder(name).paths)
        except InputError as error:
            refused.append((Path(name), str(error)))
    return paths, refused


def read_batches(reader, paths, refuse):
    """Yields paths and their pixels, a few at a time.

    Args:
        reader: a `PictureReader`.
        paths: list of paths.
        refuse: function of (path, reason), for what cannot be read.
    """
    good, pixels = [], []
    for path in paths:
        try:
            pixels.append(reader.pixels(path))
            good.append(path)
        except InputError as error:
            refuse(path, str(error))
        if len(good) == BATCH:
            yield good, pixels
            good, pixels = [], []
    if good:
        yield good, pixels


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
    from imcap.attention_maps import can_be_drawn
    from imcap.data.images import load_pixels
    from imcap.data.picture_files import picture_size
    from imcap.plots import draw_attention

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


def as_entry(path, captions, drawing):
    """What --json says of one picture."""
    return {
        "image": str(path),
        "captions": [
            {
                "caption": " ".join(caption.words),
                "log_probability": float(caption.log_probabilities.sum()),
            }
            for caption in captions
        ],
        "attention": str(drawing) if drawing else None,
    }


def caption(config):
    """Runs the command; returns the list that --json would write."""
    if not config.images:
        raise InputError("give at least one picture, or a folder of them")
    import tqdm

    from imcap.runs import Run

    load_keras()
    run = Run.open(config.model)
    folder = Path(config.output) if config.output else run.path / "attention"
    paths, refused = find_pictures(config.images)

    def refuse(path, reason):
        refused.append((path, reason))

    entries, drawn = [], None
    bar = tqdm.tqdm(total=len(paths), unit="image", disable=len(paths) <= BATCH)
    with bar:
        for path, captions, grid in caption_pictures(
            config, run, paths, refuse
        ):
            drawing = None
            if not config.no_draw:
                taken = {Path(e["attention"] or "").stem for e in entries}
                drawing = draw(
                    path, captions[0], grid, folder, taken, config.draw_heads
                )
                drawn = drawing or drawn
            entries.append(as_entry(path, captions, drawing))
            for line in lines(entries[-1]):
                tqdm.tqdm.write(line, file=sys.stdout)
            bar.update(1)
    for _, reason in refused:
        print(f"left out: {' '.join(reason.split())}", file=sys.stderr)
    if not entries:
        raise InputError(
            f"no picture could be captioned ({len(refused)} left out)"
        )
    if config.json:
        write_json(config.json, entries, indent=1)
    if drawn:
        print(f"where each word looked: {folder}")
    elif not config.no_draw:
        print(
            "nothing drawn: empty captions, or a run without attention",
            file=sys.stderr,
        )
    return entries


def caption_pictures(config, run, paths, refuse):
    """Yields (path, list of `Caption`, grid) for each readable picture."""
    from imcap.training.generate import generate

    if not any(path.exists() for path in paths):
        for path in paths:
            refuse(path, f"{path}: no such file")
        return  # before anything slow
    task = run.task(config.checkpoint)
    reader = PictureReader(run, task)
    generator = config.make_generator(task, run)
    for good, pixels in read_batches(reader, paths, refuse):
        found = generate(
            generator,
            run.vocabulary,
            [reader.inputs(pixels)],
            keep_attention=True,
        )
        for path, captions in zip(good, found, strict=True):
            yield path, captions, reader.grid


def lines(entry):
    """What is printed for one picture: a line a caption."""
    return [
        f"{entry['image']}: {one['caption']}  ({one['log_probability']:.2f})"
        for one in entry["captions"]
    ]


def main(argv=None):
    """Runs `imcap caption`; returns the exit status."""
    return run_command("caption", CaptionConfig, caption, argv)


if __name__ == "__main__":
    sys.exit(main())
