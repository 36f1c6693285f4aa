"""The commands that README and docs show, and a folder they can run in."""

import itertools
import json
import shlex
import shutil
import tarfile

import numpy as np
from PIL import Image

from helpers.documents import PAGES, fences
from helpers.places import ROOT
from helpers.tiny_data import WORDS
from helpers.tiny_pairs import write_folder
from helpers.tiny_regions import region_row

IMAGES, TRAINING = 12, 8
SIZES = {
    "word_count_threshold": 0,
    "batch_size": 4,
    "lstm_dim": 13,
    "emb_dim": 8,
    "z_dim": 8,
    "num_layers": 1,
    "heads": 2,
    "ff_size": 16,
    "max_length": 3,  # every word of a recurrence is compiled on its own
    "max_epochs": 1,
}
MATCHING_SIZES = {
    "word_count_threshold": 0,
    "batch_size": 4,
    "embed_size": 8,
    "global_head": 8,
    "word_dim": 4,
    "max_epochs": 1,
}
# What makes a command quick, by the words it begins with. A flag that is
# given twice has its last value.
QUICK = {
    ("imcap", "demo"): {"images": 120, "held_out": 8, "epochs": 2},
    ("imcap", "extract"): {"image_size": 64},
    ("imcap", "match", "train"): MATCHING_SIZES,
    ("imcap", "train"): SIZES,
    ("imcap", "prepare"): {"word_count_threshold": 0},
}
MAKES = {
    "--output", "--output_h5", "--output_json", "--output_dir",
    "--checkpoint_path", "--out", "--output_pkl",
}  # fmt: skip


def shown():
    """Commands in ```bash blocks, each once: list of str."""
    found = {}
    for page in PAGES:
        if page.name == "adding_a_captioner.md":
            continue  # needs the captioner that it adds, as its own test does
        for block in fences(page.read_text(encoding="utf-8"), "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                line = " ".join(line.split())
                if line and not line.startswith("#"):
                    found.setdefault(meaning(line), line)
    return list(found.values())


def meaning(line):
    """A command without the name of the file that an export is put in."""
    if line.startswith("imcap export "):
        return line.rpartition(" ")[0]
    return line


def words_of(line):
    """The words of a command, and what makes it quick: list of str."""
    words = shlex.split(line, comments=True)
    for start, flags in QUICK.items():
        if tuple(words[: len(start)]) == start:
            for name, value in flags.items():
                words += [f"--{name}", str(value)]
    return words


def in_order(lines):
    """Commands, each behind those that make what it reads."""
    made = {line: made_by(shlex.split(line)) for line in lines}
    waiting, ordered = list(lines), []
    while waiting:
        ready = next(
            (
                line
                for line in waiting
                if not any(
                    reads(shlex.split(line), path)
                    for other in waiting
                    if other != line
                    for path in made[other]
                )
            ),
            None,
        )
        assert ready, f"commands that wait for one another: {waiting}"
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def parted(lines):
    """Commands in two parts that need nothing of one another, in order.

    Returns:
        The commands of the longest chain, and all others: lists of str.
    """
    ordered, chains = in_order(lines), []
    for line in ordered:
        words = shlex.split(line)
        joined = [
            chain
            for chain in chains
            if any(
                reads(words, path)
                for other in chain
                for path in made_by(shlex.split(other))
            )
        ]
        chains = [chain for chain in chains if chain not in joined]
        chains.append([*itertools.chain(*joined), line])
    longest = max(chains, key=len)
    return (
        [line for line in ordered if line in longest],
        [line for line in ordered if line not in longest],
    )


def made_by(words):
    """Paths that a command writes."""
    return {after for word, after in itertools.pairwise(words) if word in MAKES}


def reads(words, path):
    """Whether a command reads what another one writes at `path`."""
    own = made_by(words)
    begins = (path, f"{path}/", f"{path}.", f"{path}_")
    return any(
        word == path or word.startswith(begins[1:])
        for word in words
        if word not in own
    )


def write_workspace(folder, lines):
    """Fills a folder with small data under all the names that are shown.

    Returns:
        `folder`, with the networks too that these commands name.
    """
    write_networks(folder, " ".join(lines))
    rng = np.random.default_rng(0)
    (folder / "data").mkdir()
    for name in ("pictures", "images", "coco", "holiday", "test2014"):
        (folder / name).mkdir()
    captions = [
        " ".join(rng.choice(WORDS, rng.integers(3, 6)))
        for _ in range(2 * IMAGES)
    ]
    splits = ["train"] * TRAINING + ["val"] * 2 + ["test"] * 2
    table, images = ["image,caption,split"], []
    for number, split in enumerate(splits):
        noise = rng.integers(0, 256, (48, 64, 3), "uint8")
        for name in ("pictures", "images", "coco", "test2014"):
            Image.fromarray(noise).save(folder / name / f"{number}.jpg")
        said = captions[2 * number : 2 * number + 2]
        table += [f"{number}.jpg,{text},{split}" for text in said]
        sentences = [{"tokens": text.split(), "raw": text} for text in said]
        images.append(
            {
                "imgid": number,
                "cocoid": number,
                "filename": f"{number}.jpg",
                "split": split,
                "sentences": sentences,
            }
        )
    (folder / "captions.csv").write_text("\n".join(table) + "\n")
    for name in ("flickr8k", "coco"):
        path = folder / f"dataset_{name}.json"
        path.write_text(json.dumps({"images": images, "dataset": name}))
    unlabelled = [
        {"id": number, "file_name": f"{number}.jpg"} for number in range(3)
    ]
    (folder / "image_info_test2014.json").write_text(
        json.dumps({"images": unlabelled, "categories": []})
    )
    shutil.copytree(ROOT / "docs/pictures", folder / "docs/pictures")
    for name in (
        "photo.jpg",
        "holiday.jpg",
        "dog.jpg",
        "holiday/a.jpg",
        "holiday/b.jpg",
    ):
        noise = rng.integers(0, 256, (40, 60, 3), "uint8")
        Image.fromarray(noise).save(folder / name)
    with tarfile.open(folder / "photos.tar", "w") as archive:
        archive.add(folder / "photo.jpg", "photo.jpg")
    (folder / "lines.txt").write_text("\n".join(captions[:5]) + "\n")
    (folder / "data" / "bu_data").mkdir()
    rows = [region_row(number, 3 + number % 3) for number in range(IMAGES)]
    (folder / "data" / "bu_data" / "train.tsv").write_text("".join(rows))
    write_folder(folder / "data" / "f30k_precomp")
    return folder


def write_networks(folder, named):
    """Weights, random, of the networks that a text names."""
    import keras

    keras.utils.set_random_seed(0)
    for name, build, file in (
        ("mobilenetv2", keras.applications.MobileNetV2, "mobilenet_v2_no_top"),
        ("resnet50", keras.applications.ResNet50, "resnet50"),
        ("resnet101", keras.applications.ResNet101, "resnet101"),
    ):
        if name in named:
            network = build(
                weights=None, include_top=False, input_shape=(64, 64, 3)
            )
            network.save_weights(folder / f"{file}.weights.h5")
