"""Scenes of the demo, drawn and described."""

from pathlib import Path

IMAGE_SIZE = 64  # pixels a side


def write_demo_scenes(
    folder: str | Path, images: int, held_out: int, seed: int
) -> Path:
    """Draws the three splits into a folder; the path of their captions."""
    from imcap.data.scenes.scenes import write_scenes

    counts = {
        "train": images,
        "val": min(100, held_out),
        "test": held_out,
    }
    print(f"drawing {sum(counts.values())} scenes in {folder} …")
    return write_scenes(folder, counts, seed, IMAGE_SIZE)
