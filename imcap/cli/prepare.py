"""`imcap prepare`: captions of any format to cocotalk.json and labels."""

from __future__ import annotations

import collections
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.cli.flags import PictureFlags
from imcap.cli.outputs import check_files
from imcap.cli.parser import run_command
from imcap.data.captions.sources import caption_files
from imcap.data.pictures.limits import STORED_SIZE
from imcap.data.words.dialects import DIALECTS
from imcap.files import write_json
from imcap.options import REQUIRED, option
from imcap.startup import quiet_start

if TYPE_CHECKING:
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.data.words.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class PrepareConfig(PictureFlags):
    """Reads captions and writes cocotalk.json with its label file."""

    input_json: str = option(
        REQUIRED,
        "captions: JSON, a table, a folder or an archive of any format of "
        "docs/data_formats.md; or SPLIT=FILE of several",
        several=True,
        heading="What is read and written",
    )
    output_json: str = option(REQUIRED, "cocotalk.json to write")
    output_h5: str = option(
        REQUIRED,
        "label file to write: PREFIX gives PREFIX_label.h5, a name that "
        "ends in .h5 is taken as it is",
    )
    max_length: int = option(
        16,
        "words of a caption that are kept",
        heading="Words",
    )
    word_count_threshold: int | None = option(
        None,
        "talk, sat_keras: keep words that occur more often than this; scan, "
        "sca_cnn: at least this often; default: 5, and 4 for scan; of less "
        "than 3,000 captions so few that 95% of their words are known",
    )
    images_root: str = option(
        "", "folder of the pictures; given, their sizes are stored"
    )
    vocabulary_from: str = option(
        "train",
        "count words in the training images (restval too), or in all",
        choices=("train", "all"),
    )
    dialect: str = option(
        "talk", "numbering of special words", choices=tuple(DIALECTS)
    )
    num_val: int | None = option(
        None,
        "val images to draw where the captions have no splits",
        heading="Splits",
    )
    num_test: int | None = option(
        None, "test images to draw; without both: 80, 10 and 10 %"
    )
    split_files: tuple[str, ...] = option(
        (), "lists of images, one per split, named after it", many=True
    )
    strict: bool = option(
        False, "refuse captions of which something would be left out"
    )
    store_images: bool = option(
        False,
        f"store the pictures too, {STORED_SIZE} pixels square",
        heading="Pictures",
    )
    replace: tuple[str, ...] = option(
        (), "id=path of pictures to use in place of broken ones", many=True
    )


@dataclasses.dataclass(frozen=True)
class PrepareResult:
    """Result of a preparation; as a path it is that of cocotalk.json.

    Attributes:
        path: the cocotalk.json.
        labels: the label file.
        images: how many pictures.
        captions: how many captions.
        splits: dict of split to how many pictures.
        vocabulary_size: ids, special words among them.
        unknown: share of words that are not in the vocabulary.
        cut: share of captions that are longer than what is kept.
        left_out: list of {"id", "file", "reason"} of pictures that cannot
            be read.
        notes: list of str, what a person should know.
    """

    path: Path
    labels: Path
    images: int
    captions: int
    splits: dict[str, int]
    vocabulary_size: int
    unknown: float
    cut: float
    left_out: list[dict[str, Any]]
    notes: list[str]

    def __fspath__(self) -> str:
        return str(self.path)


def label_path(name: str) -> Path:
    """The label file of PREFIX: PREFIX_label.h5; NAME.h5 stays."""
    return Path(name if name.endswith(".h5") else f"{name}_label.h5")


def prepare(config: PrepareConfig) -> PrepareResult:
    """Runs the command; prints and returns what came of it.

    Pictures that cannot be read are left out and listed in
    `bad_images.json` beside the JSON, with id, file and reason.
    """
    from imcap.data.captions.cocotalk import write_cocotalk
    from imcap.data.captions.reading import read_captions
    from imcap.data.pictures.files import PictureFiles

    h5_path = label_path(config.output_h5)
    inputs = [path for _, path in caption_files(config.input_json)]
    check_files(config.output_json, h5_path, inputs=inputs)
    with quiet_start():  # raw sentences go through TensorFlow
        captions = read_captions(
            config.input_json,
            split_files=config.split_files,
            num_val=config.num_val,
            num_test=config.num_test,
            strict=config.strict,
        )
    with_pictures = config.store_images or config.images_root != ""
    bad: list[dict[str, Any]] = []
    pixels = None
    if with_pictures or config.replace:
        files = PictureFiles.from_words(
            config.images_root, config.replace, captions
        )
        captions, bad = files.with_sizes(captions)
        pixels = files.pixels(STORED_SIZE) if config.store_images else None
    vocabulary = _vocabulary(config, captions)
    captions, undecoded = write_cocotalk(
        captions,
        vocabulary,
        config.output_json,
        h5_path,
        config.max_length,
        pixels,
    )
    bad += undecoded
    if with_pictures:
        bad_path = Path(config.output_json).with_name("bad_images.json")
        write_json(bad_path, bad, indent=1)
    result = summarize(captions, vocabulary, config, bad)
    print_result(result, room_of(config))
    return result


def _vocabulary(config: PrepareConfig, captions: CaptionSet) -> Vocabulary:
    from imcap.data.captions.splits import TRAINING_SPLITS
    from imcap.data.words.coverage import count_vocabulary

    counted = captions
    if config.vocabulary_from == "train":
        counted = captions.split(*TRAINING_SPLITS)
    found = count_vocabulary(
        [words for image in counted.tokens for words in image],
        config.word_count_threshold,
        config.dialect,
        config.input_json,
    )
    for note in found.notes:
        print(f"note: {note}")
    return found.vocabulary


def room_of(config: PrepareConfig) -> int:
    """How many words of a caption are kept."""
    return config.max_length - 2 * (config.dialect == "sat_keras")


def summarize(
    captions: CaptionSet,
    vocabulary: Vocabulary,
    config: PrepareConfig,
    bad: list[dict[str, Any]],
) -> PrepareResult:
    """Counts what a person would check."""
    captions_words = [w for image in captions.tokens for w in image]
    lengths = [len(words) for words in captions_words]
    known = set(vocabulary.words)
    unknown = sum(w not in known for words in captions_words for w in words)
    cut = sum(length > room_of(config) for length in lengths)
    return PrepareResult(
        path=Path(config.output_json),
        labels=label_path(config.output_h5),
        images=len(captions),
        captions=len(lengths),
        splits=dict(collections.Counter(captions.splits)),
        vocabulary_size=vocabulary.size,
        unknown=unknown / sum(lengths),
        cut=cut / len(lengths),
        left_out=bad,
        notes=list(captions.notes),
    )


def print_result(result: PrepareResult, room: int) -> None:
    """Prints the counts; captions of more than `room` words are cut."""
    splits = result.splits.items()
    counts = ", ".join(f"{name} {count}" for name, count in splits)
    print(f"{result.images} images ({counts}), {result.captions} captions")
    print(
        f"{result.vocabulary_size} ids; {result.unknown:.2%} of words are "
        f"unknown; {result.cut:.2%} of captions cut at {room} words"
    )
    for note in result.notes:
        print(f"note: {note}")
    bad = result.left_out
    if bad:
        print(
            f"note: {len(bad)} pictures left out, see bad_images.json "
            f"(first: {bad[0]['file']}); --replace id=path repairs one"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `imcap prepare`; returns the exit status."""
    return run_command("prepare", PrepareConfig, prepare, argv)


if __name__ == "__main__":
    sys.exit(main())
