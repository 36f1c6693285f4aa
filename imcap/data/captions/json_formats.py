"""Readers of the JSON caption files people have, one function per format.

Each takes the path, for messages, and the parsed JSON, and returns a list
of `Picture`; `captions.read_captions` picks the right one.
"""

from pathlib import PurePosixPath

from imcap.data.captions.assembly import Picture, split_named
from imcap.errors import InputError


def value_of(entry, key, kind, where):
    """`entry[key]`, when it is there and of this kind.

    Args:
        entry: what stands in the file, expected to be a dict.
        key: str.
        kind: the type, or a tuple of types, that the value must have.
        where: str, file and entry for the message.

    Raises:
        InputError: otherwise.
    """
    if not isinstance(entry, dict) or key not in entry:
        raise InputError(f"{where}: {key!r} is missing; is the file complete?")
    value = entry[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"{where}: {key!r} has the wrong type ({type(value).__name__}); "
            "see the format in the documentation of read_captions"
        )
    return value


def read_karpathy(path, values):
    """`dataset_*.json`: images with split and tokenised sentences."""
    pictures = []
    for index, entry in enumerate(value_of(values, "images", list, path)):
        where = f"{path}: images[{index}]"
        name = value_of(entry, "filename", str, where)
        key = "cocoid" if "cocoid" in entry else "imgid"
        captions, tokens = _sentences(entry, where)
        pictures.append(
            Picture(
                value_of(entry, key, (int, str), where),
                str(PurePosixPath(entry.get("filepath", ""), name)),
                captions,
                tokens,
                split_named(value_of(entry, "split", str, where), where),
                _size(entry),
            )
        )
    return pictures


def _sentences(entry, where):
    """Raw captions and words; the words are None where one lacks them."""
    captions, tokens = [], []
    sentences = value_of(entry, "sentences", list, where)
    for index, sentence in enumerate(sentences):
        at = f"{where}.sentences[{index}]"
        if not isinstance(sentence, dict) or "tokens" not in sentence:
            captions.append(value_of(sentence, "raw", str, at))
            continue
        words = value_of(sentence, "tokens", list, at)
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


def _size(entry):
    if "width" in entry and "height" in entry:
        return (entry["width"], entry["height"])
    return None


def read_coco(path, values):
    """`captions_*.json`: images and annotations that point at them."""
    pictures = {}
    for index, entry in enumerate(value_of(values, "images", list, path)):
        where = f"{path}: images[{index}]"
        key = value_of(entry, "id", (int, str), where)
        if key in pictures:
            raise InputError(
                f"{where}: id {key} appears twice; give each image its own id"
            )
        pictures[key] = Picture(
            key,
            value_of(entry, "file_name", str, where),
            [],
            size=_size(entry),
        )
    annotations = value_of(values, "annotations", list, path)
    for index, entry in enumerate(annotations):
        where = f"{path}: annotations[{index}]"
        key = value_of(entry, "image_id", (int, str), where)
        if key not in pictures:
            raise InputError(
                f"{where}: caption for the unknown image {key}; add it to "
                "'images' or take the caption out"
            )
        pictures[key].captions.append(value_of(entry, "caption", str, where))
    return list(pictures.values())


def read_coco_raw(path, values):
    """`coco_raw.json`: a list of {file_path, id, captions[, split]}."""
    pictures = []
    for index, entry in enumerate(values):
        where = f"{path}: entry {index}"
        captions = value_of(entry, "captions", list, where)
        if not all(isinstance(caption, str) for caption in captions):
            raise InputError(f"{where}: 'captions' holds something but text")
        split = entry.get("split")
        pictures.append(
            Picture(
                value_of(entry, "id", (int, str), where),
                value_of(entry, "file_path", str, where),
                list(captions),
                split=None if split is None else split_named(split, where),
                size=_size(entry),
            )
        )
    return pictures


def json_reader(values):
    """The reader for parsed JSON, "talk" for cocotalk.json, or None."""
    if isinstance(values, list):
        rows = [row for row in values[:1] if isinstance(row, dict)]
        return read_coco_raw if rows and "captions" in rows[0] else None
    if not isinstance(values, dict):
        return None
    if "ix_to_word" in values:
        return "talk"
    if "annotations" in values:
        return read_coco
    return read_karpathy if "images" in values else None
