"""Data of image-text matching: pairs, vocabulary, features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imcap.data.batches.readers import (
    AugmentedFeatures,
    StoredFeatures,
    open_crops,
)
from imcap.data.captions.caption_set import NO_VALIDATION, CaptionSet
from imcap.data.captions.reading import read_captions
from imcap.data.captions.sources import first_file, is_same_source
from imcap.data.features.store import FeatureStore
from imcap.data.pairs.matching_set import MatchingSet
from imcap.data.pairs.precomp import open_precomp
from imcap.data.words.coverage import count_vocabulary, coverage_line
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import read_json
from imcap.matching.run import MatchRun
from imcap.matching.settings import MatchConfig, validate_config
from imcap.runs.resume import encoder_weights, open_earlier_run

# SCAN's names of splits in ours.
SPLITS = {
    "train": ("train", "restval"),
    "dev": ("val",),
    "test": ("test",),
    "testall": ("test",),
}


@dataclasses.dataclass(frozen=True)
class PairSource:
    """Where pairs of images and captions are read from.

    Args:
        data_path: folder of SCAN's *_precomp folders.
        data_name: the one of them to read.
        input_json: captions in any known format, instead of these two.
        input_h5: label file that belongs to a cocotalk.json.
        features: features of input_json's images; None for features.h5
            beside it.
        same_file: whether the captions are those of the training.
        strict: whether captions of which something is left out are refused.

    Example:
        >>> source = PairSource.of(run.config).replaced(features="other.h5")
        >>> pairs = source.open("test")
    """

    data_path: str
    data_name: str
    input_json: str | None = None
    input_h5: str | None = None
    features: str | None = None
    same_file: bool = True
    strict: bool = False

    @classmethod
    def of(cls, config: MatchConfig) -> PairSource:
        """The source that a training reads."""
        names = [field.name for field in dataclasses.fields(cls)]
        names.remove("same_file")
        return cls(**{name: getattr(config, name) for name in names})

    def replaced(self, **given: str | None) -> PairSource:
        """The source with other data; None leaves what there is."""
        changes: dict[str, Any] = {
            name: path for name, path in given.items() if path is not None
        }
        if "input_json" in changes:
            changes.setdefault("input_h5", None)
            changes["same_file"] = is_same_source(
                changes["input_json"], self.input_json
            )
        elif "data_path" in changes or "data_name" in changes:
            changes["input_json"] = None
        return dataclasses.replace(self, **changes)

    def open(self, split: str) -> MatchingSet:
        """The pairs of "train", "dev", "test" or "testall".

        Raises:
            InputError: what is not there, or does not belong together.
        """
        if self.input_json is None:
            pairs = open_precomp(Path(self.data_path) / self.data_name, split)
        else:
            pairs = self._open_captions(self.input_json, split)
        for note in pairs.store.notes:
            print(f"note: {note}")
        return pairs

    def _open_captions(self, input_json: str, split: str) -> MatchingSet:
        captions = self.read_captions()
        _, note = captions.to_score(*SPLITS[split], same_file=self.same_file)
        if note:
            print(f"note: {input_json}: {note}")
        store = self.open_store()
        store.match_files(captions.image_ids, captions.files)
        return self.select(captions, store, split)

    def read_captions(self) -> CaptionSet:
        """The captions of input_json, of all splits."""
        return read_captions(
            str(self.input_json), h5_path=self.input_h5, strict=self.strict
        )

    def open_store(self) -> FeatureStore:
        """The features of input_json's images."""
        if self.features is not None:
            return FeatureStore.open(self.features)
        beside = first_file(str(self.input_json)).with_name("features.h5")
        if beside.exists():
            return FeatureStore.open(beside)
        raise InputError(
            "give --features (made by `imcap extract`); without the flag, "
            "features.h5 beside --input_json is read"
        )

    def select(
        self, captions: CaptionSet, store: FeatureStore, split: str
    ) -> MatchingSet:
        """The pairs of one split of all captions."""
        chosen, _ = captions.to_score(*SPLITS[split], same_file=self.same_file)
        if not len(chosen):
            raise InputError(
                f"{self.input_json}: no image is in split "
                f"{SPLITS[split][0]!r}; take another --split, or give splits"
            )
        return MatchingSet.from_captions(chosen, store, str(self.input_json))


@dataclasses.dataclass(frozen=True)
class MatchData:
    """Pairs to learn from and to validate on, as `MatchingSet`s, and crops."""

    training: MatchingSet
    validation: MatchingSet | None
    vocabulary: Vocabulary
    notes: tuple[str, ...]
    augmented: AugmentedFeatures | None = None


def open_data(config: MatchConfig) -> tuple[MatchRun, MatchData]:
    """Opens the data of a training, and begins or continues its run.

    Returns:
        A `MatchRun` whose directory is begun, or one to be continued, and
        `MatchData`.
    """
    config = validate_config(config)
    earlier, continues = open_earlier_run(
        MatchRun, config.checkpoint_path, config.start_from, config.force
    )
    splits, notes = open_splits(PairSource.of(config), config.train_only)
    vocabulary, more = choose_vocabulary(config, earlier, splits)
    training = splits["train"]
    more += (coverage_line(vocabulary, training.tokens),)
    if earlier is not None:
        StoredFeatures(training.store, earlier.channels)
    store = training.store
    run = MatchRun(
        config.checkpoint_path,
        config,
        vocabulary,
        store.metadata,
        store.channels,
    )
    run.check_width(config.img_dim)
    if continues:
        run.write_config()
    else:
        run.begin(encoder_weights(earlier, store.metadata))
    crops = None
    if config.augmented_features is not None:
        read = StoredFeatures(store, run.channels, config.cache)
        crops, lacking = open_crops(
            config.augmented_features, read, training.image_ids
        )
        more += lacking
    validation = splits.get("dev")
    if validation is None and not config.train_only:
        more += (NO_VALIDATION,)
    data = MatchData(training, validation, vocabulary, notes + more, crops)
    return run, data


def open_splits(
    source: PairSource, train_only: bool = False
) -> tuple[dict[str, MatchingSet], tuple[str, ...]]:
    """Opens training and, unless switched off, validation pairs.

    Returns:
        Dict of "train" and perhaps "dev" to `MatchingSet`, and notes.
    """
    names = ("train",) if train_only else ("train", "dev")
    if source.input_json is None:
        return {name: source.open(name) for name in names}, ()
    captions = source.read_captions()
    present = [name for name in names if len(captions.split(*SPLITS[name]))]
    store = source.open_store()
    store.match_files(captions.image_ids, captions.files)
    splits = {
        name: source.select(captions, store, name)
        for name in dict.fromkeys(("train", *present))
    }
    notes = [*captions.notes, *store.notes]
    absent = len(captions) - len(store.known(captions.image_ids))
    if absent:
        notes.append(
            f"{absent} of {len(captions)} pictures with captions have no "
            "features and are left out"
        )
    return splits, tuple(notes)


def vocabulary_file(config: MatchConfig) -> Path:
    """Where SCAN's vocabulary of this data would lie."""
    path = Path(config.vocab_path)
    if path.is_file() or path.suffix == ".json":
        return path
    return path / f"{config.data_name}_vocab.json"


def read_vocabulary(path: str | Path) -> Vocabulary:
    """Reads a vocabulary as SCAN's vocab.py writes it."""
    values = read_json(path, "make it with utils/vocab.py")
    try:
        return Vocabulary.from_scan(values)
    except InputError as error:
        raise InputError(
            f"{path}: {error}; make it with utils/vocab.py"
        ) from None


def choose_vocabulary(
    config: MatchConfig,
    earlier: MatchRun | None,
    splits: Mapping[str, MatchingSet],
) -> tuple[Vocabulary, tuple[str, ...]]:
    """The earlier run's words, SCAN's file, or those counted here.

    Returns:
        A `Vocabulary`, and notes.
    """
    path = vocabulary_file(config)
    of_file = None
    if config.input_json is None and path.exists():
        of_file = read_vocabulary(path)
    if earlier is not None:
        words = earlier.vocabulary
        if of_file is not None and of_file.fingerprint != words.fingerprint:
            raise InputError(
                f"{path}: not the vocabulary that {earlier.path} was trained "
                "with; give its own as --vocab_path, or train anew"
            )
        return words, ()
    if of_file is not None:
        return of_file, ()
    counted = count_vocabulary(
        [words for pairs in splits.values() for words in pairs.tokens],
        config.word_count_threshold,
        "scan",
        splits["train"].name,
    )
    return counted.vocabulary, counted.notes
