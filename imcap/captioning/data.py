"""Training data: captions, vocabulary, features or pictures."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from imcap.captioning.run import CaptionerRun
from imcap.captioning.train_settings import TrainConfig, validate_config
from imcap.data.batches.readers import (
    AugmentedFeatures,
    Pixels,
    StoredFeatures,
    open_crops,
    readable_ids,
)
from imcap.data.captions.caption_set import NO_VALIDATION, CaptionSet
from imcap.data.captions.reading import read_captions
from imcap.data.captions.splits import TRAINING_SPLITS
from imcap.data.features.store import FeatureStore
from imcap.data.ids import IdIndex, show_ids
from imcap.data.pictures.files import BAD_IMAGES, unreadable_pictures
from imcap.data.words.coverage import count_vocabulary, coverage_line
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import write_json
from imcap.runs.resume import encoder_weights, open_earlier_run


class Reader(Protocol):
    """What reads a task's inputs of pictures, as `StoredFeatures` does."""

    def __call__(self, image_ids: Sequence) -> dict[str, Any]:
        """Inputs of these pictures, side by side."""

    def __contains__(self, image_id: object) -> bool:
        """Whether a picture can be read."""

    def locate(self, *args: Any) -> None:
        """Has it say where locations are, see `CaptionerRun.set_positions`."""


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """Training data: captions, and the functions that read what goes with them.

    Attributes:
        training, validation: captions of pictures that can be read.
        vocabulary: `Vocabulary`.
        read: function of image ids to a task's inputs.
        notes: lines to be said about the data.
        augmented: an `AugmentedFeatures`, or None.
    """

    training: CaptionSet
    validation: CaptionSet
    vocabulary: Vocabulary
    read: Reader
    notes: tuple[str, ...]
    augmented: AugmentedFeatures | None = None


def open_data(config: TrainConfig) -> tuple[CaptionerRun, TrainingData]:
    """Opens a run and its data as a `TrainConfig` says.

    Returns:
        A `CaptionerRun` whose directory is begun, or one to be continued, and
        `TrainingData`.
    """
    config = validate_config(config)
    path = Path(config.checkpoint_path)
    earlier, continues = open_earlier_run(
        CaptionerRun, path, config.start_from, config.force
    )
    captions, vocabulary = captions_and_vocabulary(config, earlier)
    in_files = None in (captions.places or [None])
    if config.cnntrain and not config.images_root and in_files:
        # Said, so that the run finds its pictures from other folders too.
        config = dataclasses.replace(config, images_root=".")
    store = open_store(config)
    metadata, channels = describe_encoder(earlier, store)
    run = CaptionerRun(path, config, vocabulary, metadata, channels)
    read: Reader
    stored = None
    bad: list[dict[str, Any]] = []
    if store is None or config.cnntrain:
        paths = captions.picture_paths(config.images_root)
        files = dict(zip(captions.image_ids, paths, strict=True))
        used = captions.split(*TRAINING_SPLITS, "val")
        bad = unreadable_pictures(used, files)
        for entry in bad:
            del files[entry["id"]]
        read = Pixels(files, metadata["image_size"])
    else:
        expected = earlier.channels if earlier else None
        read = stored = StoredFeatures(store, expected, config.cache)
    data = split(config, captions, vocabulary, read)
    if stored is not None and config.augmented_features is not None:
        crops, notes = open_crops(
            config.augmented_features, stored, data.training.image_ids
        )
        data = dataclasses.replace(
            data, augmented=crops, notes=(*data.notes, *notes)
        )
    if continues:
        run.write_config()
    else:
        run.begin(encoder_weights(earlier, metadata))
    listed = run.path / BAD_IMAGES
    listed.unlink(missing_ok=True)  # of an earlier start
    if bad:
        write_json(listed, bad, indent=1)
    return run, data


def captions_and_vocabulary(
    config: TrainConfig, earlier: CaptionerRun | None
) -> tuple[CaptionSet, Vocabulary]:
    """All captions, and the words of an earlier run or of these."""
    captions = read_captions(
        config.input_json, h5_path=config.input_h5, strict=config.strict
    )
    training = captions.split(*TRAINING_SPLITS)
    vocabulary = captions.vocabulary if earlier is None else earlier.vocabulary
    notes = captions.notes
    if vocabulary is None:
        everything = config.vocabulary_from == "all"
        counted = captions if everything else training
        found = count_vocabulary(
            list(itertools.chain.from_iterable(counted.tokens)),
            config.word_count_threshold,
            source=config.input_json,
        )
        vocabulary, notes = found.vocabulary, notes + found.notes
    words = itertools.chain.from_iterable(training.tokens)
    notes = (*notes, coverage_line(vocabulary, words))
    return dataclasses.replace(captions, notes=notes), vocabulary


def open_store(config: TrainConfig) -> FeatureStore | None:
    """The features, where the flags name any."""
    if config.features is not None:
        return FeatureStore.open(config.features)
    if config.cnntrain:
        return None
    raise InputError(
        "give --features (made by `imcap extract`), or --cnntrain with "
        "--images_root to train from pictures; without the flag, "
        "features.h5 beside --input_json is read"
    )


def describe_encoder(
    earlier: CaptionerRun | None, store: FeatureStore | None
) -> tuple[dict[str, Any], int]:
    """Metadata of the picture network, and D."""
    if store is not None:
        return store.metadata, store.channels
    if earlier is not None and earlier.encoder_metadata:
        return earlier.encoder_metadata, earlier.channels
    raise InputError(
        "--cnntrain needs to know the CNN: give --features made with it, or "
        "--start_from a run trained on such features"
    )


def split(
    config: TrainConfig,
    captions: CaptionSet,
    vocabulary: Vocabulary,
    read: StoredFeatures | Pixels,
) -> TrainingData:
    """Training and validation captions, only of images that can be read."""
    notes = list(captions.notes)
    if isinstance(read, StoredFeatures):
        read.store.match_files(captions.image_ids, captions.files)
        notes += read.store.notes
    readable = captions.filter(readable_ids(read, captions.image_ids))
    missing = len(captions) - len(readable)
    if missing:
        why = "have no features and are left out"
        if isinstance(read, Pixels):
            path = Path(config.checkpoint_path, BAD_IMAGES)
            why = f"cannot be read and are left out, see {path}"
        notes.append(
            f"{missing} of {len(captions)} pictures with captions {why}"
        )
    training = readable.split(*TRAINING_SPLITS)
    if not len(training):
        theirs = ""
        if isinstance(read, StoredFeatures):
            theirs = f", of features {show_ids(read.store.ids)}"
        raise InputError(
            f"{config.input_json}: none of its training images has "
            f"features; ids of captions are {show_ids(captions.image_ids)}"
            f"{theirs}; give those that belong together"
        )
    validation = with_references(readable.split("val"), config.references)
    if config.val_images_use >= 0:
        keep = validation.image_ids[: config.val_images_use]
        validation = validation.filter(set(keep))
    if not len(validation) and not config.train_only:
        notes.append(NO_VALIDATION)
    return TrainingData(training, validation, vocabulary, read, tuple(notes))


def with_references(captions: CaptionSet, path: str | None) -> CaptionSet:
    """The captions with the words of another file, where one is given."""
    if path is None:
        return captions
    others = read_captions(path)
    index = IdIndex(others.image_ids)
    known = index.known(captions.image_ids)
    absent = [key for key in captions.image_ids if key not in known]
    if absent:
        raise InputError(
            f"{path}: no captions of image {absent[0]!r}; its ids are "
            f"{show_ids(others.image_ids)}; give the file that the prepared "
            "captions were made from"
        )
    rows = [index.get(key) or 0 for key in captions.image_ids]
    return dataclasses.replace(
        captions,
        tokens=[others.tokens[row] for row in rows],
        raw=[others.raw[row] for row in rows] if others.raw else None,
    )
