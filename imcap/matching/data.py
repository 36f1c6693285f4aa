"""What image-text matching reads: pairs, vocabulary, features."""

import dataclasses
from pathlib import Path

from imcap.data.batches.readers import StoredFeatures
from imcap.data.captions.reading import read_captions
from imcap.data.features.store import FeatureStore
from imcap.data.pairs.matching_set import MatchingSet
from imcap.data.pairs.precomp import open_precomp
from imcap.data.words.vocabulary import Vocabulary
from imcap.errors import InputError
from imcap.files import read_json
from imcap.matching.run import MatchRun
from imcap.runs.resume import taken_up

# SCAN's names of splits in ours.
SPLITS = {
    "train": ("train", "restval"),
    "dev": ("val",),
    "test": ("test",),
    "testall": ("test",),
}


@dataclasses.dataclass(frozen=True)
class MatchData:
    """Pairs to learn from and to validate on, as `MatchingSet`s."""

    training: MatchingSet
    validation: MatchingSet | None
    vocabulary: Vocabulary
    notes: tuple


def open_data(config):
    """Opens a run and its data as a `MatchConfig` says.

    Returns:
        A `MatchRun` whose directory is begun, or one to be continued, and
        `MatchData`.
    """
    earlier, continues = taken_up(config, MatchRun)
    splits, notes = open_splits(config)
    vocabulary, more = choose_vocabulary(config, earlier, splits)
    training = splits["train"]
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
        run.begin(store.metadata.get("weights_path"))
    data = MatchData(training, splits.get("dev"), vocabulary, notes + more)
    return run, data


def open_splits(config):
    """Training and, unless switched off, validation pairs, with notes.

    Returns:
        Dict of "train" and perhaps "dev" to `MatchingSet`, and a tuple.
    """
    names = ("train",) if config.train_only else ("train", "dev")
    if config.input_json is None:
        splits = {name: open_pairs(config, name) for name in names}
        return splits, ()
    captions = read_captions(config.input_json, h5_path=config.input_h5)
    there = [name for name in names if len(captions.split(*SPLITS[name]))]
    store = open_store(config)
    splits = {
        name: pairs_of_captions(config, captions, store, name)
        for name in dict.fromkeys(("train", *there))
    }
    notes = list(captions.notes)
    absent = sum(key not in store for key in captions.image_ids)
    if absent:
        notes.append(
            f"{absent} of {len(captions)} pictures with captions have no "
            "features and are left out"
        )
    return splits, tuple(notes)


def open_pairs(config, split):
    """The `MatchingSet` of one split that a config's flags name.

    Args:
        config: has input_json, input_h5, features, data_path, data_name.
        split: "train", "dev", "test" or "testall".
    """
    if config.input_json is None:
        return open_precomp(Path(config.data_path) / config.data_name, split)
    captions = read_captions(config.input_json, h5_path=config.input_h5)
    return pairs_of_captions(config, captions, open_store(config), split)


def pairs_of_captions(config, captions, store, split):
    """The `MatchingSet` of one split of a `CaptionSet`."""
    chosen = captions.split(*SPLITS[split])
    if not len(chosen):
        raise InputError(
            f"{config.input_json}: no image is in split "
            f"{SPLITS[split][0]!r}; take another --split, or give splits"
        )
    return MatchingSet.from_captions(chosen, store, str(config.input_json))


def open_store(config):
    """The features of --input_json's pictures."""
    if config.features is not None:
        return FeatureStore.open(config.features)
    beside = Path(config.input_json).with_name("features.h5")
    if beside.exists():
        return FeatureStore.open(beside)
    raise InputError(
        "give --features (made by `imcap extract`); without the flag, "
        "features.h5 beside --input_json is read"
    )


def vocabulary_file(config):
    """Where SCAN's vocabulary of this data would lie."""
    path = Path(config.vocab_path)
    if path.is_file() or path.suffix == ".json":
        return path
    return path / f"{config.data_name}_vocab.json"


def read_vocabulary(path):
    """A vocabulary as SCAN's vocab.py writes it."""
    values = read_json(path, "make it with utils/vocab.py")
    try:
        return Vocabulary.from_scan(values)
    except InputError as error:
        raise InputError(
            f"{path}: {error}; make it with utils/vocab.py"
        ) from None


def choose_vocabulary(config, earlier, splits):
    """The earlier run's words, SCAN's file, or those counted here.

    Returns:
        A `Vocabulary`, and a tuple of notes.
    """
    path = vocabulary_file(config)
    found = None
    if config.input_json is None and path.exists():
        found = read_vocabulary(path)
    if earlier is not None:
        words = earlier.vocabulary
        if found is not None and found.fingerprint != words.fingerprint:
            raise InputError(
                f"{path}: not the vocabulary that {earlier.path} was trained "
                "with; give its own as --vocab_path, or train anew"
            )
        return words, ()
    if found is not None:
        return found, ()
    counted = Vocabulary.build(
        (words for pairs in splits.values() for words in pairs.tokens),
        threshold=config.word_count_threshold,
        dialect="scan",
    )
    return counted, (f"{counted.size} words were counted in the captions",)
