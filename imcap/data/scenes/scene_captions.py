"""The grammar of captions for drawn scenes, and how to read them back."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

COLOR_NAMES = ("red", "orange", "yellow", "green", "blue", "purple")
SHAPE_NAMES = ("circle", "square", "triangle", "star", "cross")
CAPTIONS_PER_SCENE = 5

PAIR_PHRASES = (
    "{a} {relation} {b}",
    "{a} is {relation} {b}",
    "there is {a} {to_relation} {b}",
    "{a} and {b}",
    "a picture of {a} and {b}",
    "we see {a} {to_relation} {b}",
)

SINGLE_PHRASES = (
    "{a}",
    "there is {a}",
    "a picture of {a}",
    "we see {a} and nothing else",
    "{a} on its own",
)


class Placed(Protocol):
    """Protocol of objects with the attributes that captions name."""

    @property
    def shape(self) -> str: ...

    @property
    def color(self) -> str: ...

    @property
    def size(self) -> str: ...

    @property
    def box(self) -> tuple[int, int, int, int]: ...


def relation_between(first: Placed, second: Placed) -> str:
    """The spatial relation of the first object to the second.

    Args:
        first, second: `SceneObject`.

    Returns:
        "left of", "right of", "above" or "below".
    """
    across = sum(first.box[0::2]) - sum(second.box[0::2])
    down = sum(first.box[1::2]) - sum(second.box[1::2])
    if abs(across) > abs(down):
        return "left of" if across < 0 else "right of"
    return "above" if down < 0 else "below"


def compose_captions(
    random: np.random.Generator, objects: Sequence[Placed]
) -> list[str]:
    """Composes true captions of a scene, all of them different.

    Args:
        random: `numpy.random.Generator`.
        objects: list of one or two `SceneObject`.

    Returns:
        List of `CAPTIONS_PER_SCENE` str.
    """
    phrases = PAIR_PHRASES if len(objects) == 2 else SINGLE_PHRASES
    chosen = random.permutation(phrases)[:CAPTIONS_PER_SCENE]
    return [_caption(random, str(phrase), objects) for phrase in chosen]


def _caption(
    random: np.random.Generator, phrase: str, objects: Sequence[Placed]
) -> str:
    """Fills one phrase, with the objects in any order, sizes or none."""
    order = random.permutation(len(objects))
    with_size = random.random() < 0.6
    named = [_named(objects[index], with_size) for index in order]
    if len(objects) == 1:
        return phrase.format(a=named[0])
    relation = relation_between(*(objects[index] for index in order))
    beside = relation in ("left of", "right of")
    return phrase.format(
        a=named[0],
        b=named[1],
        relation=relation,
        to_relation=f"to the {relation}" if beside else relation,
    )


def _named(thing: Placed, with_size: bool) -> str:
    words = f"{thing.size} " * with_size + f"{thing.color} {thing.shape}"
    article = "an" if words[0] in "aeiou" else "a"
    return f"{article} {words}"


def find_shape_words(words: Sequence[str]) -> list[tuple[int, str | None, str]]:
    """Finds the words of a caption that name a shape.

    Args:
        words: list of str, a caption.

    Returns:
        List of (position, color, shape); color is the word before when it
        is a colour, else None.
    """
    return [
        (
            at,
            words[at - 1] if at and words[at - 1] in COLOR_NAMES else None,
            word,
        )
        for at, word in enumerate(words)
        if word in SHAPE_NAMES
    ]


def find_named_objects(words: Sequence[str]) -> list[tuple[str | None, str]]:
    """The objects a caption names, as a list of (color, shape)."""
    return [(color, shape) for _, color, shape in find_shape_words(words)]


def is_correct_caption(words: Sequence[str], objects: Sequence[Placed]) -> bool:
    """True when a caption names each object's colour and shape, no other.

    Args:
        words: list of str, a caption.
        objects: list of `SceneObject`.
    """
    truth: Counter[tuple[str | None, str]] = Counter(
        (thing.color, thing.shape) for thing in objects
    )
    return Counter(find_named_objects(words)) == truth
