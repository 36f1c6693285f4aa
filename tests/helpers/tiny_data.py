"""A data set small enough for tests: captions, features, a trained run."""

import json

import numpy as np

from imcap.data.features.writer import FeatureWriter

WORDS = ["a", "dog", "cat", "man", "runs", "sits", "jumps", "on", "grass"]
CHANNELS = 11


def write_captions(path, images=24, per_image=3, seed=0):
    """A Karpathy file: 20 images for training, 2 for val, 2 for test."""
    rng = np.random.default_rng(seed)
    entries = []
    for number in range(images):
        sentences = []
        for _ in range(per_image):
            count = int(rng.integers(3, 8))
            tokens = [str(word) for word in rng.choice(WORDS, count)]
            sentences.append({"tokens": tokens, "raw": " ".join(tokens)})
        split = "train" if number < 20 else "val" if number < 22 else "test"
        entries.append(
            {
                "imgid": number + 100,
                "filename": f"{number}.jpg",
                "split": split,
                "sentences": sentences,
            }
        )
    path.write_text(json.dumps({"images": entries, "dataset": "tiny"}))
    return path


def write_features(
    path, images=24, channels=CHANNELS, locations=7, seed=1, **known
):
    """Features of those images, in our HDF5; `known` joins the metadata."""
    rng = np.random.default_rng(seed)
    ids = [number + 100 for number in range(images)]
    files = [f"{number}.jpg" for number in range(images)]
    features = rng.normal(size=(images, locations, channels))
    metadata = {"name": "none", "channels": channels, "grid": [1, locations]}
    metadata.update(known)
    with FeatureWriter(
        path, ids, files, (locations, channels), metadata, "float32"
    ) as writer:
        rows = list(range(images))
        writer.write(rows, features.astype("float32"), features.mean(axis=1))
        writer.finish()
    return path


def write_crops(store, path, count=2, only=None, **known):
    """Features of crops: number v of a picture is the picture plus v + 1."""
    pictures = store.ids if only is None else only
    ids = [f"{name}#{v}" for name in pictures for v in range(count)]
    more = np.tile(np.arange(count) + 1.0, len(pictures))
    features = np.repeat(store.read(pictures)[0], count, axis=0)
    features = features + more[:, None, None]
    metadata = {**store.metadata, "augment": [count, 0], **known}
    with FeatureWriter(
        path, ids, ids, features.shape[1:], metadata, "float32"
    ) as writer:
        writer.write(range(len(ids)), features, features.mean(axis=1))
        writer.finish()
    return path


def settings(folder, **more):
    """Flags of a tiny training in `folder`, by name."""
    return {
        "input_json": folder / "captions.json",
        "features": folder / "features.h5",
        "checkpoint_path": folder / "run",
        "word_count_threshold": 0,
        "lstm_dim": 13,
        "emb_dim": 11,
        "z_dim": 17,
        "batch_size": 6,
        # Every word of an unrolled recurrence is compiled by itself.
        "max_length": 4,
        "seq_per_img": 2,
        "max_epochs": 2,
        "learning_rate": 0.01,
        "patience": 0,
        **more,
    }


def flags(folder, **more):
    """Command-line words of a tiny training in `folder`."""
    values = settings(folder, **more)
    return [word for key in values for word in (f"--{key}", str(values[key]))]


def prepare_folder(folder):
    """Writes captions and features into `folder`."""
    write_captions(folder / "captions.json")
    write_features(folder / "features.h5")
    return folder
