"""A precomp folder small enough for tests."""

import numpy as np

WORDS = [
    "a", "dog", "cat", "man", "runs", "sits", "on", "green", "grass", ",",
    "in", "snow",
]  # fmt: skip


def write_split(
    folder, split, images=6, per_image=5, regions=3, channels=7, seed=0
):
    """SPLIT_ims.npy and SPLIT_caps.txt; returns the array and captions."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, images, len(split)])
    features = rng.normal(size=(images, regions, channels)).astype("float32")
    np.save(folder / f"{split}_ims.npy", features)
    captions = [
        " ".join(rng.choice(WORDS, rng.integers(3, 9)))
        for _ in range(images * per_image)
    ]
    (folder / f"{split}_caps.txt").write_text("\n".join(captions) + "\n")
    return features, captions


def write_folder(folder, **sizes):
    """All four splits; `sizes` are numbers of images."""
    counts = {"train": 12, "dev": 4, "test": 4, "testall": 10} | sizes
    for split, images in counts.items():
        write_split(folder, split, images)
    return folder
