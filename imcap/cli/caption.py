"""`imcap caption`: captions of your own pictures, and where they looked.

imcap caption beach.jpg holiday/
imcap caption --model runs/adaptive beach.jpg holiday/
imcap caption --input_json image_info_test2014.json --results results.json
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.results import (
    Destinations,
    as_entry,
    check_in_folders,
    check_metadata_writer,
    has_alt_text,
    is_sure,
    write_csv,
    write_metadata,
    write_sidecar,
)
from imcap.cli.drawer import Drawer
from imcap.cli.flags import DecodingFlags, part
from imcap.cli.outputs import check_files, check_outputs
from imcap.cli.parser import run_command
from imcap.data.captions.sources import parse_sources
from imcap.data.captions.splits import SPLITS
from imcap.errors import InputError
from imcap.files import read_json, write_json
from imcap.options import option, positional
from imcap.progress import Meter
from imcap.runs.pretrained import LITERT, is_pretrained
from imcap.startup import load_keras

if TYPE_CHECKING:
    from imcap.captioning.caption import Caption
    from imcap.captioning.listed import ListedPictures
    from imcap.captioning.local_files import LocalFiles
    from imcap.captioning.run import CaptionerRun

    Refuse = Callable[[Path, str], None]
    Captioned = Iterator[tuple[Path, list[Caption], tuple[int, ...]]]

COPIES = "captioned"  # folder in --output of copies with metadata
FEW = 16  # pictures that need no bar of progress


@dataclasses.dataclass(frozen=True)
class CaptionConfig(DecodingFlags):
    """Captions pictures and draws, word by word, where each looked.

    Prints `path: caption  (confidence)`, or the log-probability where the
    run was not calibrated. With a run of your own, or
    with --output, it writes one PNG a picture. What cannot be read is
    reported and left out. A picture in an archive is called ARCHIVE/NAME.

    Without --model, the captioner that ships answers through LiteRT: greedy,
    fast, without TensorFlow. A .tflite file of `imcap export` does so too.
    Flags of decoding take the full road.
    """

    images: tuple[str, ...] = positional(
        "pictures, URLs, or folders or archives (.tar, .parquet, .tfrecord) "
        "of pictures"
    )
    input_json: str | None = option(
        None, "instead: a file that lists pictures, with captions or without, "
        "or several", several=True, heading="Pictures of a data set",
    )  # fmt: skip
    images_root: str | None = option(
        None, "folder of its pictures; default: that of the file"
    )
    split: str | None = option(
        None, "which of its pictures; default: all",
        choices=SPLITS,
    )  # fmt: skip
    model: str = option(
        "pretrained",
        "directory of a run, or a .tflite file; default: the captioner that "
        "ships",
        "run",
    )
    beam_size: int | None = option(  # type: ignore[assignment]
        None, "beams; 1: greedy; default: 5, and 1 through LiteRT"
    )
    output: str | None = option(
        None,
        "folder for attention pictures; default: RUN/attention",
        heading="What is written",
    )
    no_draw: bool = option(False, "draw nothing")
    draw_heads: bool = option(
        False, "draw each attention head by itself, below their mean"
    )
    json: str | None = option(None, "also write everything to this file")
    csv: str | None = option(None, "also write a table to this file")
    results: str | None = option(
        None, "also write [{image_id, caption}] to this file, as evaluation "
        "servers want it; without --output nothing is drawn",
    )  # fmt: skip
    sidecar: bool = option(
        False, "write each caption beside its picture: photo.txt of photo.jpg"
    )
    write_metadata: bool = option(
        False, "write captions as alternative text (XMP) into copies of the "
        "pictures, in OUTPUT/captioned",
    )  # fmt: skip
    in_place: bool = option(
        False, "with --write_metadata: into the pictures themselves"
    )
    keep_unsure: bool = option(
        False, "with --sidecar and --write_metadata: write captions that the "
        "run is not sure of, too",
    )  # fmt: skip
    skip_done: bool = option(
        False, "leave out pictures that --json, --sidecar or --write_metadata "
        "did before",
    )  # fmt: skip

    @property
    def decoding(self) -> DecodingSettings:
        """How captions are decoded on the full road."""
        if self.beam_size is not None:
            return part(self, DecodingSettings)
        return part(
            dataclasses.replace(self, beam_size=DecodingSettings.beam_size),
            DecodingSettings,
        )

    @property
    def copies(self) -> Path | None:
        """Folder of the copies that hold their captions; None without any."""
        if not self.write_metadata or self.in_place:
            return None
        return Path(self.output or "") / COPIES

    @property
    def draws(self) -> bool:
        """Whether a run's directory gets drawings where --output is absent."""
        return not (
            self.no_draw
            or self.results
            or self.litert
            or is_pretrained(self.model)
        )

    @property
    def litert(self) -> Path | None:
        """The LiteRT file that answers; None on the full road."""
        greedy = dataclasses.replace(self, beam_size=1)
        plain = greedy.decoding == DecodingSettings(beam_size=1)
        plain = plain and self.beam_size in (None, 1)
        if self.model.endswith(".tflite"):
            if not plain:
                raise InputError(
                    f"{self.model}: decodes greedily, as it was exported; "
                    "leave flags of decoding out"
                )
            return Path(self.model)
        plain = plain and self.checkpoint == "best"
        return LITERT if plain and is_pretrained(self.model) else None

    def check(self) -> None:
        """Refuses flags that do not belong together."""
        if not self.images and not self.input_json:
            raise InputError(
                "give at least one picture, a folder of them, or --input_json"
            )
        if self.images and self.input_json:
            raise InputError("give either pictures or --input_json")
        if not self.input_json and (self.images_root or self.split):
            raise InputError("--images_root and --split go with --input_json")
        if self.in_place and not self.write_metadata:
            raise InputError("--in_place goes with --write_metadata")
        if self.write_metadata:
            check_metadata_writer()
            if not self.output and not self.in_place:
                raise InputError(
                    "--write_metadata: give --output FOLDER for the copies, "
                    "or --in_place"
                )
        if self.skip_done and not (
            self.json or self.sidecar or self.write_metadata
        ):
            raise InputError(
                "--skip_done goes with --json, --sidecar or --write_metadata"
            )


def caption(config: CaptionConfig) -> list[dict[str, Any]]:
    """Runs the command; returns the list that --json would write."""
    config.check()
    from imcap.captioning.local_files import local_files

    with local_files(config.images) as local:
        return caption_files(config, local)


def caption_files(
    config: CaptionConfig, local: LocalFiles
) -> list[dict[str, Any]]:
    """Runs the command on pictures that are files, or copied into such.

    Args:
        config: of the command.
        local: the `LocalFiles` of its pictures.
    """
    from imcap.captioning.confidence import threshold_of
    from imcap.captioning.litert import LiteRTCaptioner

    check_copies(config, local)
    check_places(config, local)
    pictures, refused = find(config, local)
    paths = pictures.paths
    entries = known_entries(config)
    places = Destinations(paths, config.copies)
    waiting = find_waiting(config, paths, local, entries, places)

    def refuse(path: Path, reason: str) -> None:
        refused.append((path, reason.replace(str(path), local.name(path))))

    captioned: Captioned = iter(())
    folder = Path(config.output) if config.output else None
    threshold = None
    if config.litert:
        captioner = LiteRTCaptioner(config.litert)
        captioned = captioner.caption_many(waiting, refuse)
        threshold = captioner.threshold
    elif waiting:
        run, captioned = caption_with_run(config, waiting, refuse)
        threshold = threshold_of(run.path)
        if config.draws:
            folder = folder or run.outputs / "attention"
    drawer = None if config.no_draw else Drawer(folder, config.draw_heads)
    total = len(waiting)
    tried = total + len(refused)
    with Meter(total, "captioning", "pictures", shown=total > FEW) as meter:
        for path, captions, grid in captioned:
            drawing = None
            if drawer is not None:
                drawing = drawer.draw(path, captions[0], grid)
            entry = as_entry(local.name(path), captions, drawing, threshold)
            entries.append(entry)
            for line in lines(entry):
                meter.print(line)
            try:
                if config.keep_unsure or is_sure(captions[0], threshold):
                    save_beside(config, path, captions[0], places)
            except InputError as error:
                refuse(path, str(error))
            meter.update()
    finish(config, entries, refused, tried)
    if config.results:
        write_results(config.results, pictures, entries)
    if drawer:
        drawer.report()
    return entries


def check_copies(config: CaptionConfig, local: LocalFiles) -> None:
    """Refuses to write beside, or into, pictures that are no files here."""
    if local.names and (config.sidecar or config.in_place):
        flag = "--sidecar" if config.sidecar else "--in_place"
        raise InputError(
            f"{next(iter(local.names.values()))}: no file here, so there is "
            f"no place for {flag}; download it, or take --json"
        )


def check_places(config: CaptionConfig, local: LocalFiles) -> None:
    """Refuses what cannot be written; says where drawings go instead."""
    check_outputs(
        config.model if config.draws else None,
        config.output,
    )
    listed = parse_sources(config.input_json) if config.input_json else []
    check_files(
        config.json, config.csv, config.results,
        inputs=[*local.paths, *(one.path for one in listed)],
    )  # fmt: skip


def find(
    config: CaptionConfig, local: LocalFiles
) -> tuple[ListedPictures, list[tuple[Path, str]]]:
    """The pictures to caption, and those refused with the reason."""
    from imcap.captioning.listed import ListedPictures

    if not config.input_json:
        from imcap.data.pictures.listing import find_pictures

        paths, refused = find_pictures(local.paths)
        pictures = ListedPictures.from_paths(paths, local.names)
        return pictures, local.refused + refused
    pictures = ListedPictures.from_file(
        config.input_json, config.images_root, config.split
    )
    for note in pictures.notes:
        print(f"note: {note}", file=sys.stderr)
    return pictures, []


def write_results(
    path: str, pictures: ListedPictures, entries: list[dict[str, Any]]
) -> None:
    """Writes --results, and says what it lacks."""
    lacking = pictures.write_results(path, entries)
    if lacking:
        print(
            f"note: {path} lacks {lacking} pictures that have no caption; "
            "evaluation servers want all",
            file=sys.stderr,
        )


def finish(
    config: CaptionConfig,
    entries: list[dict[str, Any]],
    refused: Sequence[tuple[Path, str]],
    tried: int,
) -> None:
    """Says what failed, and writes --json and --csv."""
    for _, reason in refused:
        print(f"left out: {' '.join(reason.split())}", file=sys.stderr)
    if refused and tried > 1:
        print(f"{len(refused)} of {tried} failed", file=sys.stderr)
    if not entries and refused:
        raise InputError(
            f"no picture could be captioned ({len(refused)} left out)"
        )
    if config.json:
        write_json(config.json, entries, indent=1)
    if config.csv:
        write_csv(config.csv, entries)


def caption_with_run(
    config: CaptionConfig, paths: Sequence[Path], refuse: Refuse
) -> tuple[CaptionerRun, Captioned]:
    """The run, and captions of it through Keras."""
    load_keras()
    from imcap.captioning.pictures import caption_pictures
    from imcap.captioning.run import CaptionerRun

    run = CaptionerRun.open(config.model)
    return run, caption_pictures(
        run, paths, config.decoding, config.checkpoint, refuse
    )


def known_entries(config: CaptionConfig) -> list[dict[str, Any]]:
    """What --json holds already, with --skip_done."""
    if not config.skip_done or not config.json:
        return []
    if not Path(config.json).exists():
        return []
    entries = read_json(config.json)
    if not isinstance(entries, list) or not all(
        isinstance(one, dict) and {"image", "captions"} <= set(one)
        for one in entries
    ):
        raise InputError(f"{config.json}: not written by `imcap caption`")
    return entries


def find_waiting(
    config: CaptionConfig,
    paths: Sequence[Path],
    local: LocalFiles,
    entries: Sequence[dict[str, Any]],
    places: Destinations,
) -> list[Path]:
    """The pictures that were not done before; says how many were."""
    if config.sidecar or config.in_place:
        check_in_folders(paths)
    done = {entry["image"] for entry in entries}
    waiting = [
        path
        for path in paths
        if not is_done(config, path, local.name(path), done, places)
    ]
    if len(waiting) < len(paths):
        print(f"{len(paths) - len(waiting)} done before", file=sys.stderr)
    return waiting


def is_done(
    config: CaptionConfig,
    path: Path,
    name: str,
    done: set[str],
    places: Destinations,
) -> bool:
    """Whether everything that a picture is to get is there already."""
    if not config.skip_done:
        return False
    if config.json and name not in done:
        return False
    if config.sidecar and not places.sidecar(path).exists():
        return False
    if not config.write_metadata:
        return True
    if config.in_place:
        return has_alt_text(path)
    return places.copy(path).exists()


def save_beside(
    config: CaptionConfig, path: Path, first: Caption, places: Destinations
) -> None:
    """Writes a picture's caption where --sidecar and --write_metadata say."""
    text = " ".join(first.words)
    if config.sidecar:
        write_sidecar(places.sidecar(path), text)
    if config.write_metadata:
        write_metadata(path, places.copy(path), text)


def lines(entry: dict[str, Any]) -> list[str]:
    """What is printed for one picture: a line a caption."""
    found = []
    for one in entry["captions"]:
        said = f"{one['caption']}  ({one['log_probability']:.2f})"
        if "confidence" in one:
            said = f"{one['caption']}  (confidence {one['confidence']:.2f})"
        if not one.get("sure", True):
            said = f"not sure what this shows; perhaps: {said}"
        found.append(f"{entry['image']}: {said}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Runs `imcap caption`; returns the exit status."""
    return run_command("caption", CaptionConfig, caption, argv)


if __name__ == "__main__":
    sys.exit(main())
