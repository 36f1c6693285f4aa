"""Final report of the demo: measures, drawings, captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.data.scenes.scenes import SceneObject
    from imcap.metrics.coco import Scores

SHOWN = 5  # captions printed and drawn


RELATIONS = ("left of", "right of", "above", "below")


def measure_captions(
    captions: Sequence[Caption],
    objects: Sequence[Sequence[SceneObject]],
    grid: tuple[int, int],
) -> dict[str, float]:
    """Accuracy of captions and of attention on drawn scenes.

    Args:
        captions: n of them.
        objects: what is in each of the n pictures.
        grid: (h, w) of the attention.

    Returns:
        Dict of caption_accuracy, the share of captions that name each
        object's colour and shape and no other; attention_accuracy, the
        share of shape words whose heaviest cell touches the shape that is
        named (a shape that is not there is a miss); how many shape words
        that are; relation_accuracy, the share of "left of" and the like
        that are true, of those between two shapes that are there; and the
        sentinel's mean share of shape words and of other words.
    """
    from imcap.data.scenes.scenes import find_shape_words, is_correct_caption

    right, hits = [], []
    sentinel: dict[bool, list[float]] = {True: [], False: []}
    for caption, things in zip(captions, objects, strict=True):
        right.append(is_correct_caption(caption.words, things))
        named = find_shape_words(caption.words)
        places = [position for position, _, _ in named]
        for position in range(len(caption.words)):
            share = caption.attention["sentinel"][position]
            sentinel[position in places].append(share)
        for position, color, shape in named:
            heaviest = caption.attention["weights"][position].argmax()
            hits.append(
                any(
                    thing.touched_cells(*grid)[heaviest]
                    for thing in things
                    if (thing.color, thing.shape) == (color, shape)
                )
            )
    return {
        "caption_accuracy": float(np.mean(right)),
        "attention_accuracy": float(np.mean(hits)) if hits else 0.0,
        "shape_words": len(hits),
        "relation_accuracy": _relation_accuracy(captions, objects),
        "sentinel_on_shape_words": float(np.mean(sentinel[True] or [0])),
        "sentinel_on_other_words": float(np.mean(sentinel[False] or [0])),
    }


def _relation_accuracy(
    captions: Sequence[Caption], objects: Sequence[Sequence[SceneObject]]
) -> float:
    """Share of the stated relations that are true; 0 where none is."""
    from imcap.data.scenes.scenes import find_named_objects, relation_between

    right = []
    for caption, things in zip(captions, objects, strict=True):
        text = " ".join(caption.words)
        stated = [name for name in RELATIONS if name in text]
        known: dict[tuple[str | None, str], SceneObject] = {
            (thing.color, thing.shape): thing for thing in things
        }
        named = find_named_objects(caption.words)
        if len(stated) == 1 and len(named) == 2 and set(named) == set(known):
            first, second = (known[name] for name in named)
            right.append(relation_between(first, second) == stated[0])
    return sum(right) / len(right) if right else 0.0


def score_against_references(
    captions: Sequence[Caption], truth: CaptionSet
) -> Scores:
    """BLEU, ROUGE-L and CIDEr of captions against a `CaptionSet`."""
    from imcap.captioning.evaluation import references_of
    from imcap.metrics.coco import score_captions

    texts = {
        image_id: " ".join(caption.words)
        for image_id, caption in zip(truth.image_ids, captions, strict=True)
    }
    references = references_of(truth)
    return score_captions(
        texts, references, ("Bleu", "ROUGE_L", "CIDEr"), tokenized=True
    )


def draw_first_captions(
    run: CaptionerRun,
    read: Callable[[Sequence], dict[str, np.ndarray]],
    truth: CaptionSet,
    captions: Sequence[Caption],
    grid: tuple[int, int],
) -> list[Path]:
    """Draws the attention of the first captions.

    Returns:
        Paths of the attention pictures.
    """
    from imcap.drawing.attention import draw_attention

    paths = []
    for row in range(min(SHOWN, len(truth))):
        image_id, name = truth.image_ids[row], Path(truth.files[row]).stem
        path = run.path / "attention" / f"{name}.png"
        pixels = read([image_id])["images"][0].astype("uint8")
        words, attention = captions[row].words, captions[row].attention
        if words:
            draw_attention(pixels, words, attention, path, grid=grid)
            paths.append(path)
    return paths


def print_results(
    run: CaptionerRun,
    truth: CaptionSet,
    captions: Sequence[Caption],
    metrics: dict[str, float],
    paths: Sequence[Path],
    notes: Sequence[str],
) -> None:
    """Prints captions beside the truth, the metrics and what to look at."""
    from imcap.captioning.evaluation import references_of
    from imcap.runs.learning_curves import CURVES

    references = references_of(truth)
    print()
    for row in range(min(SHOWN, len(truth))):
        print(f"{Path(truth.files[row]).stem}")
        print(f"   said:  {' '.join(captions[row].words)}")
        print(f"   truth: {references[truth.image_ids[row]][0]}")
    print()
    for note in notes:
        print(f"note: {note}")
    for name, value in metrics.items():
        shown = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:24} {shown}")
    print()
    for path in paths[:1]:
        print(f"where it looked, word by word: {path}")
    print(f"how it learnt: {run.path / CURVES}")
    print(
        f"caption more: imcap caption --model {run.path} "
        f"{run.path / truth.files[-1]}"
    )
