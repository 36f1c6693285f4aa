"""`imcap caption`: captions of your own pictures, and where they looked.

imcap caption --model runs/adaptive beach.jpg holiday/
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.pictures import BATCH, caption_pictures
from imcap.cli.flags import DecodingFlags
from imcap.cli.parser import run_command
from imcap.data.pictures.listing import find_pictures
from imcap.drawing.attention import draw
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import option, positional
from imcap.startup import load_keras

if TYPE_CHECKING:
    from imcap.captioning.generation import Caption


@dataclasses.dataclass(frozen=True)
class CaptionConfig(DecodingFlags):
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


def as_entry(
    path: Path, captions: Sequence[Caption], drawing: Path | None
) -> dict[str, Any]:
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


def caption(config: CaptionConfig) -> list[dict[str, Any]]:
    """Runs the command; returns the list that --json would write."""
    if not config.images:
        raise InputError("give at least one picture, or a folder of them")
    import tqdm

    from imcap.captioning.run import CaptionerRun

    load_keras()
    run = CaptionerRun.open(config.model)
    folder = Path(config.output) if config.output else run.path / "attention"
    paths, refused = find_pictures(config.images)

    def refuse(path, reason):
        refused.append((path, reason))

    entries: list[dict[str, Any]] = []
    drawn = None
    bar = tqdm.tqdm(total=len(paths), unit="image", disable=len(paths) <= BATCH)
    with bar:
        for path, captions, grid in caption_pictures(
            run, paths, config.decoding, config.checkpoint, refuse
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


def lines(entry: dict[str, Any]) -> list[str]:
    """What is printed for one picture: a line a caption."""
    return [
        f"{entry['image']}: {one['caption']}  ({one['log_probability']:.2f})"
        for one in entry["captions"]
    ]


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap caption`; returns the exit status."""
    return run_command("caption", CaptionConfig, caption, argv)


if __name__ == "__main__":
    sys.exit(main())
