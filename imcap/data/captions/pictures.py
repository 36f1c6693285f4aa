"""Where the pictures of a caption file lie."""

from collections.abc import Sequence
from pathlib import Path

from imcap.data.archives.places import picture_exists
from imcap.data.captions.sources import caption_files
from imcap.data.pictures import listing
from imcap.errors import InputError


def picture_paths(
    files: Sequence[str],
    input_json: str | None,
    images_root: str | None = None,
    trained_root: str = "",
    places: Sequence[Path | None] | None = None,
) -> list[Path]:
    """Where the pictures of a split lie.

    Args:
        files: names as the captions have them.
        input_json: path of the captions, given or of the training.
        images_root: their folder; None for that of the training, or the
            folder of the captions, whichever holds any of them. Of several
            caption files, `places` say what lies beside each.
        trained_root: their folder in the training.
        places: where the pictures are that the captions hold themselves.

    Raises:
        InputError: none of them does.
    """
    roots: list[str | Path] = [trained_root]
    sources = caption_files(input_json or "")
    if len(sources) == 1:
        beside = sources[0][1].parent
        roots += [beside, beside / "images"]
    if images_root:
        roots = [images_root]
    for root in roots:
        paths = listing.picture_paths(root, files, places)
        if any(picture_exists(path) for path in paths):
            return paths
    raise InputError(
        f"{files[0]}: no such picture, nor any other of the split; give "
        "--images_root, the folder of the pictures"
    )
