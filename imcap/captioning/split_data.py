"""Which pictures and captions of a split a run is evaluated on."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from imcap.data.captions.splits import SPLITS
from imcap.errors import InputError
from imcap.options import option

if TYPE_CHECKING:
    from imcap.captioning.run import CaptionerRun
    from imcap.captioning.train_settings import TrainConfig
    from imcap.data.batches.readers import Pixels, StoredFeatures
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.data.features.store import FeatureStore


@dataclasses.dataclass(frozen=True)
class SplitSettings:
    """Which pictures and captions; what is None is that of the training."""

    split: str = option(
        "test",
        "which pictures",
        choices=SPLITS,
        heading="Which pictures",
    )
    input_json: str | None = option(
        None, "captions, or SPLIT=FILE of several; default: those of the "
        "training", several=True,
    )  # fmt: skip
    input_h5: str | None = option(None, "label file of cocotalk.json")
    features: str | None = option(
        None, "feature file; default: that of the training",
        "input_img_feat_dir",
    )  # fmt: skip
    images_root: str | None = option(
        None, "folder of the pictures, for runs with --cnntrain"
    )
    references: str | None = option(
        None,
        "full captions to compare with; default: those of the training",
    )
    num_images: int = option(-1, "pictures; -1: all", "val_images_use")
    strict: bool = option(
        False, "refuse captions of which something would be left out"
    )


def check_sources(run: CaptionerRun, data: SplitSettings) -> None:
    """Refuses captions or features of the training that are not here.

    As those of the captioner that ships.
    """
    from imcap.data.captions.sources import caption_files

    names = ["input_json"] + ["features"] * (not run.config.cnntrain)
    for name in names:
        path = getattr(run.config, name)
        if getattr(data, name) is not None or not path:
            continue
        here = all(os.path.exists(file) for _, file in caption_files(path))
        if not here:
            raise InputError(
                f"{run.path}: {path}, {name} of its training, is not here; "
                f"give --{name}"
            )


def open_split(
    run: CaptionerRun, data: SplitSettings, unlabelled: bool = False
) -> tuple[CaptionSet, StoredFeatures | Pixels]:
    """The captions of a split and what reads their features.

    Args:
        run: the `CaptionerRun`.
        data: `SplitSettings`.
        unlabelled: whether pictures may have no captions to compare with,
            as those of a test set; with `data.references` they may anyway.

    Raises:
        InputError: no such pictures, or none of them with features.
    """
    from imcap.data.batches.readers import Pixels, StoredFeatures
    from imcap.data.features.store import FeatureStore

    trained = run.config
    check_sources(run, data)
    everything = _read_all(trained, data, unlabelled)
    captions = _choose(trained, data, everything)
    if trained.cnntrain:
        root = data.images_root or trained.images_root
        paths = captions.picture_paths(root)
        by_id = dict(zip(captions.image_ids, paths, strict=True))
        return captions, Pixels(by_id, run.encoder_metadata["image_size"])
    path = data.features or trained.features
    if path is None:
        raise InputError(f"{run.path}: it names no features; give --features")
    store = FeatureStore.open(path)
    read = StoredFeatures(store, run.channels)
    store.match_files(everything.image_ids, everything.files)
    return _with_features(captions, store), read


def _with_features(captions: CaptionSet, store: FeatureStore) -> CaptionSet:
    """The captions of pictures that have features; says what it finds."""
    from imcap.data.ids import show_ids

    for note in store.notes:
        print(f"note: {note}")
    readable = captions.filter(store.known(captions.image_ids))
    if len(readable) < len(captions):
        print(
            f"note: {len(captions) - len(readable)} pictures of the split have "
            "no features and are left out"
        )
    if not len(readable):
        raise InputError(
            f"{store.path}: holds none of the split's pictures; ids of "
            f"captions are {show_ids(captions.image_ids)}, of features "
            f"{show_ids(store.ids)}; give those that belong together"
        )
    return readable


def _read_all(
    trained: TrainConfig, data: SplitSettings, unlabelled: bool
) -> CaptionSet:
    """The captions of all splits; see `open_split`."""
    from imcap.data.captions.reading import read_captions

    return read_captions(
        data.input_json or trained.input_json,
        h5_path=data.input_h5
        or (None if data.input_json else trained.input_h5),
        strict=data.strict,
        unlabelled=unlabelled or data.references is not None,
    )


def _choose(
    trained: TrainConfig, data: SplitSettings, everything: CaptionSet
) -> CaptionSet:
    """The captions of the split; says what is left out."""
    from imcap.data.captions.sources import is_same_source

    captions, note = everything.to_score(
        data.split,
        same_file=is_same_source(data.input_json, trained.input_json),
    )
    if note:
        print(f"note: {data.input_json or trained.input_json}: {note}")
    if not len(captions):
        raise InputError(
            f"{data.input_json or trained.input_json}: no image is in "
            f"split {data.split!r}"
        )
    captions = without_bare(captions, data)
    if data.num_images >= 0:
        return captions.filter(set(captions.image_ids[: data.num_images]))
    return captions


def without_bare(captions: CaptionSet, data: SplitSettings) -> CaptionSet:
    """The pictures with captions, where any has some or none needs them."""
    pairs = zip(captions.image_ids, captions.tokens, strict=True)
    full = {key for key, texts in pairs if texts}
    bare = len(captions) - len(full)
    if data.references is not None or not full or not bare:
        return captions
    text = f"{bare} pictures of split {data.split} have no captions"
    if data.strict:
        raise InputError(f"{text}; mend it, or leave out --strict")
    print(f"note: {text} and are left out")
    return captions.filter(full)


def add_references(
    run: CaptionerRun, data: SplitSettings, captions: CaptionSet
) -> CaptionSet:
    """The captions with the words of `references_file`, if there is one."""
    from imcap.captioning.data import with_references

    return with_references(captions, references_file(run, data))


def references_file(run: CaptionerRun, data: SplitSettings) -> str | None:
    """The file of full captions: the given one, or the training's.

    Other captions than those of the training are their own references.
    """
    from imcap.data.captions.sources import is_same_source

    trained = run.config
    if data.references or trained.references is None:
        return data.references
    if not is_same_source(data.input_json, trained.input_json):
        return None
    return trained.references
