"""JSON caption formats: Karpathy's, COCO's and `coco_raw.json`."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from imcap.data.captions.assembly import Picture, parse_split
from imcap.data.captions.formats import (
    CaptionFile,
    Parsed,
    read_size,
    require,
)
from imcap.errors import InputError


class KarpathyFormat:
    """`dataset_*.json`: images with split and tokenised sentences."""

    description = "Karpathy's dataset_*.json"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is an object with `images`."""
        return isinstance(file.json, dict) and "images" in file.json

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an entry of `images`."""
        path, pictures = file.path, []
        for index, entry in enumerate(require(file.json, "images", list, path)):
            where = f"{path}: images[{index}]"
            name = require(entry, "filename", str, where)
            key = "cocoid" if "cocoid" in entry else "imgid"
            captions, tokens = _sentences(entry, where)
            pictures.append(
                Picture(
                    require(entry, key, (int, str), where),
                    str(PurePosixPath(entry.get("filepath", ""), name)),
                    captions,
                    tokens,
                    parse_split(require(entry, "split", str, where), where),
                    read_size(entry),
                )
            )
        return Parsed(pictures)


def _sentences(
    entry: Mapping[str, Any], where: str
) -> tuple[list[str], list[list[str]] | None]:
    """Raw captions and words; the words are None where one lacks them."""
    captions, tokens = [], []
    sentences = require(entry, "sentences", list, where)
    for index, sentence in enumerate(sentences):
        at = f"{where}.sentences[{index}]"
        if not isinstance(sentence, dict) or "tokens" not in sentence:
            captions.append(require(sentence, "raw", str, at))
            continue
        words = require(sentence, "tokens", list, at)
        if not all(isinstance(word, str) for word in words):
            raise InputError(f"{at}: 'tokens' holds something but words")
        tokens.append(words)
        captions.append(sentence.get("raw") or " ".join(words))
    if tokens and len(tokens) < len(sentences):
        raise InputError(
            f"{where}: some sentences have 'tokens' and some have not; "
            "give them to all or to none"
        )
    return captions, tokens if tokens or not sentences else None


class CocoFormat:
    """`captions_*.json`: images and annotations that point at them."""

    description = "COCO's captions_*.json"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is an object with `annotations`."""
        return isinstance(file.json, dict) and "annotations" in file.json

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an entry of `images`, with its annotations."""
        path, values = file.path, file.json
        pictures: dict[int | str, Picture] = {}
        captions: dict[int | str, list[str]] = {}
        for index, entry in enumerate(require(values, "images", list, path)):
            where = f"{path}: images[{index}]"
            key = require(entry, "id", (int, str), where)
            if key in pictures:
                raise InputError(
                    f"{where}: id {key} appears twice; give each image its "
                    "own id"
                )
            name = require(entry, "file_name", str, where)
            captions[key] = []
            pictures[key] = Picture(
                key, name, captions[key], size=read_size(entry)
            )
        annotations = require(values, "annotations", list, path)
        for index, entry in enumerate(annotations):
            where = f"{path}: annotations[{index}]"
            key = require(entry, "image_id", (int, str), where)
            if key not in pictures:
                raise InputError(
                    f"{where}: caption for the unknown image {key}; add it to "
                    "'images' or take the caption out"
                )
            captions[key].append(require(entry, "caption", str, where))
        return Parsed(list(pictures.values()))


class CocoRawFormat:
    """`coco_raw.json`: a list of {file_path, id, captions[, split]}."""

    description = "coco_raw.json"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is a list whose first entry has `captions`."""
        if not isinstance(file.json, list) or not file.json:
            return False
        first = file.json[0]
        return isinstance(first, dict) and "captions" in first

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an entry."""
        pictures = []
        for index, entry in enumerate(file.json):
            where = f"{file.path}: entry {index}"
            captions = require(entry, "captions", list, where)
            if not all(isinstance(caption, str) for caption in captions):
                raise InputError(
                    f"{where}: 'captions' holds something but text"
                )
            split = entry.get("split")
            pictures.append(
                Picture(
                    require(entry, "id", (int, str), where),
                    require(entry, "file_path", str, where),
                    list(captions),
                    split=None if split is None else parse_split(split, where),
                    size=read_size(entry),
                )
            )
        return Parsed(pictures)
