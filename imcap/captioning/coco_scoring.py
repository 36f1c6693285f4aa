"""Scores through pycocotools' COCO classes, as coco-caption has them."""

from collections.abc import Sequence
from typing import Any

from imcap.captioning.scoring import Truth, missing
from imcap.data.captions.results import match_images, read_results
from imcap.errors import InputError
from imcap.files import StrPath, read_json


def score_coco(
    results_file: StrPath, ann_file: StrPath, metrics: Sequence[str]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Scores results against COCO's captions.

    Args:
        results_file: any file that `read_results` reads.
        ann_file: COCO's captions_*.json.
        metrics: names in `imcap.metrics.coco.METRICS`.

    Returns:
        Dict from metric to float, and notes.

    Raises:
        InputError: not such files, or no image is in both.
    """
    from imcap.metrics.coco import score_captions

    said: list[str] = []
    found = read_results(results_file, said)
    coco, truth = open_annotations(ann_file)
    matched = match_images(
        found, list(truth.texts), truth.files, (results_file, ann_file), said
    )
    answers = coco.loadRes(
        [
            {"image_id": image_id, "caption": found[key]}
            for key, image_id in matched.items()
        ]
    )
    ids = list(matched.values())
    try:
        scores = score_captions(
            {key: answers.imgToAnns[key][0]["caption"] for key in ids},
            {key: truth.texts[key] for key in ids},
            tuple(metrics),
        )
    except ValueError as error:
        raise InputError(f"{ann_file}: {error}") from None
    notes = missing(str(results_file), str(ann_file), found, matched, truth)
    return scores.overall, (*said, *notes, *scores.notes)


def open_annotations(ann_file: StrPath) -> tuple[Any, Truth]:
    """A file of COCO's captions as pycocotools' COCO, and its references.

    Raises:
        InputError: it is none, or holds no captions.
    """
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = read_json(ann_file)
    try:
        coco.dataset.setdefault("info", {})
        coco.createIndex()
        truth = {
            key: [one["caption"] for one in coco.imgToAnns[key]]
            for key in coco.imgs
            if coco.imgToAnns[key]
        }
        files = [str(coco.imgs[key].get("file_name", "")) for key in truth]
    except (AttributeError, LookupError, TypeError) as error:
        raise InputError(
            f"{ann_file}: not COCO's captions_*.json "
            f"({type(error).__name__}: {error}); `imcap score --references` "
            "reads other caption files"
        ) from None
    if not truth or not all(
        isinstance(text, str) for texts in truth.values() for text in texts
    ):
        raise InputError(
            f"{ann_file}: holds no captions to compare with, or some that are "
            "no text; give COCO's captions_*.json"
        )
    return coco, Truth(truth, files, [""] * len(truth))
