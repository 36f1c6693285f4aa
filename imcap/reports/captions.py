"""The report of a captioner: what it says, and how good that is."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.captions.pictures import picture_paths
from imcap.errors import InputError
from imcap.progress import progress
from imcap.reports.cards import (
    Card,
    EmbeddedPicture,
    Line,
    are_located,
    embed_picture,
    pack_attention,
    round_digits,
)
from imcap.reports.gathering import (
    Refuse,
    chosen_pictures,
    learning_curves,
)
from imcap.reports.page import Page

if TYPE_CHECKING:
    from imcap.captioning.evaluation import Evaluation
    from imcap.captioning.generation import Caption
    from imcap.captioning.run import CaptionerRun
    from imcap.data.captions.caption_set import CaptionSet
    from imcap.data.features.store import FeatureStore

SHOWN = ("CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE")
LOG = "log p"


@dataclasses.dataclass
class CaptionedPicture:
    """One picture that was captioned.

    Attributes:
        path: the picture.
        picture: as the page shows it.
        captions: best first.
        locations: see `imcap.reports.cards.Card`.
        image_id: of the caption file; None for pictures that were given.
        references: what people wrote.
        scores: metrics of the first caption.
    """

    path: Path
    picture: EmbeddedPicture
    captions: list[Caption]
    locations: dict[str, list]
    image_id: Any = None
    references: list[str] = dataclasses.field(default_factory=list)
    scores: dict[str, float] = dataclasses.field(default_factory=dict)


def report_captions(
    run: CaptionerRun,
    evaluation: Evaluation,
    refuse: Refuse,
    images: Sequence[str] = (),
) -> tuple[Page, list[Card]]:
    """Captions pictures for a page.

    Args:
        run: the captioner's.
        evaluation: the split, how its captions are decoded, the metrics.
        refuse: told of what cannot be read.
        images: pictures, or folders of them, instead of the split.
    """
    if images:
        pictures = caption_images(run, evaluation, refuse, images)
    else:
        pictures = caption_split(run, evaluation, refuse)
    overall, notes = score_pictures(pictures, evaluation.metrics)
    source = f"split {evaluation.data.split}"
    if images:
        source = "given pictures"
    page = Page(
        title=run.path.resolve().name,
        kind="report of a captioner",
        about=f"{describe_method(run, evaluation)} · {source}, "
        f"{len(pictures)} shown",
        tiles={name: f"{value:.3f}" for name, value in overall.items()},
        above=learning_curves(run),
        notes=notes,
        sort_by="CIDEr" if "CIDEr" in overall else None,
    )
    entries = collections.Counter(picture.path for picture in pictures)
    return page, [
        make_card(picture, entries[picture.path] > 1) for picture in pictures
    ]


def describe_method(run: CaptionerRun, evaluation: Evaluation) -> str:
    """The captioner, and how its captions are decoded, in a few words."""
    decoding = evaluation.decoding
    method = {
        "greedy": "greedy",
        "beam": f"beams of {decoding.beam_size}",
        "sample": f"{decoding.sample_n} samples a picture",
    }[decoding.method]
    gate = " with a visual sentinel" if run.config.sgate else ""
    return f"{run.config.caption_model.replace('_', ' ')}{gate} · {method}"


def caption_images(
    run: CaptionerRun,
    evaluation: Evaluation,
    refuse: Refuse,
    images: Sequence[str],
) -> list[CaptionedPicture]:
    """Captions given pictures; finds their references by file name."""
    data = evaluation.data
    paths = chosen_pictures(images, data.num_images, refuse)
    pictures = caption_files(run, evaluation, paths, refuse)
    if data.references:
        named = references_by_name(data.references)
        for picture in pictures:
            files = named.get(picture.path.name, {})
            picture.references = find_references(picture.path, files)
    return pictures


def references_by_name(path: str) -> dict[str, dict[PurePath, list[str]]]:
    """Sentences by file name and file, of any caption file.

    The sentences of several entries of one file are joined.
    """
    from imcap.captioning.evaluation import references_of
    from imcap.data.captions.reading import read_captions

    captions = read_captions(path)
    sentences = references_of(captions)
    named: dict[str, dict[PurePath, list[str]]] = {}
    for image_id, name in zip(captions.image_ids, captions.files, strict=True):
        file = PurePath(name)
        files = named.setdefault(file.name, {})
        files.setdefault(file, []).extend(sentences[image_id])
    return named


def find_references(
    picture: Path, files: dict[PurePath, list[str]]
) -> list[str]:
    """The sentences of a picture, among files of its name.

    Args:
        picture: its path.
        files: sentences by file; of several files, the one whose folders
            are most like the picture's counts.

    Returns:
        [] where no file does, or two do equally.
    """
    parts = picture.resolve().parts[::-1]

    def shared(file: PurePath) -> int:
        pairs = zip(parts, file.parts[::-1], strict=False)
        return sum(
            1 for _ in itertools.takewhile(lambda p: p[0] == p[1], pairs)
        )

    best = max(map(shared, files), default=0)
    likely = [file for file in files if shared(file) == best]
    return files[likely[0]] if len(likely) == 1 else []


def caption_split(
    run: CaptionerRun, evaluation: Evaluation, refuse: Refuse
) -> list[CaptionedPicture]:
    """Captions a split of the run's data."""
    from imcap.captioning.evaluation import references_of
    from imcap.captioning.split_data import add_references, open_split

    data = evaluation.data
    captions, read = open_split(run, data)
    captions = add_references(run, data, captions)
    paths = picture_paths(
        captions.files,
        data.input_json or run.config.input_json,
        data.images_root,
        run.config.images_root,
        captions.places,
    )
    if run.config.cnntrain:
        pictures = caption_files(run, evaluation, paths, refuse)
        # In the order of the paths, without those that cannot be read. Two
        # entries may be of one file, so the path alone says no id.
        entries = zip(paths, captions.image_ids, strict=True)
        for picture in pictures:
            picture.image_id = next(
                image_id for path, image_id in entries if path == picture.path
            )
    else:
        pictures = caption_features(
            run, evaluation, captions, read, paths, refuse
        )
    sentences = references_of(captions)
    for picture in pictures:
        picture.references = sentences[picture.image_id]
    return pictures


def caption_files(
    run: CaptionerRun,
    evaluation: Evaluation,
    paths: Sequence[Path],
    refuse: Refuse,
) -> list[CaptionedPicture]:
    """Captions picture files as `imcap caption` does."""
    from imcap.captioning.pictures import caption_pictures

    return [
        CaptionedPicture(
            path, embed_picture(path), captions, {"grid": list(grid)}
        )
        for path, captions, grid in progress(
            caption_pictures(
                run, paths, evaluation.decoding, evaluation.checkpoint, refuse
            ),
            len(paths),
            "captioning",
            "pictures",
        )
    ]


def caption_features(
    run: CaptionerRun,
    evaluation: Evaluation,
    captions: CaptionSet,
    read: Any,
    paths: Sequence[Path],
    refuse: Refuse,
) -> list[CaptionedPicture]:
    """Captions pictures whose features are stored.

    Args:
        captions, read: as `imcap.captioning.split_data.open_split` gives.
        paths: of the pictures, to show them.
    """
    from imcap.captioning.generation import generate, make_generator
    from imcap.data.batches.readers import iterate_batches

    task = run.task(evaluation.checkpoint)
    run.set_positions(read, task.captioner)
    generator = make_generator(
        task, run, evaluation.decoding, evaluation.checkpoint
    )
    embedded = {}
    for image_id, path in zip(captions.image_ids, paths, strict=True):
        try:
            embedded[image_id] = path, embed_picture(path)
        except InputError as error:
            refuse(path, str(error))
    batches = iterate_batches(read, list(embedded), evaluation.batch_size)
    generated = progress(
        generate(generator, run.vocabulary, batches, keep_attention=True),
        len(embedded),
        "captioning",
        "pictures",
    )
    folder = run.config.position_folder
    return [
        CaptionedPicture(
            *embedded[image_id],
            of_image,
            feature_locations(read.store, image_id, folder),
            image_id,
        )
        for image_id, of_image in zip(embedded, generated, strict=True)
    ]


def feature_locations(
    store: FeatureStore, image_id: Any, position_folder: str | None
) -> dict[str, list]:
    """Where the locations of a picture's features are: grid or boxes.

    Args:
        store: of the features.
        image_id: of the picture.
        position_folder: where the training found positions, or None.

    Returns:
        See `imcap.reports.cards.Card`; {} where it is not known.
    """
    from imcap.data.features.positions import PositionReader

    grid = store.grid_of(image_id)
    if grid:
        return {"grid": list(grid)}
    count = int(store.read([image_id])[1].sum())
    try:
        reader = PositionReader(store, "boxes", folder=position_folder)
        return {"boxes": round_digits(reader.read(image_id, count))}
    except InputError:
        return {}


def score_pictures(
    pictures: Sequence[CaptionedPicture], metrics: Sequence[str]
) -> tuple[dict[str, float], Sequence[str]]:
    """Scores the captions of pictures that have references.

    Returns:
        Dict of metrics of them all, and notes.
    """
    from imcap.metrics.coco import score_captions

    for picture in pictures:
        log_probs = picture.captions[0].log_probabilities
        picture.scores = {LOG: float(np.sum(log_probs))}
    known = {
        row: picture
        for row, picture in enumerate(pictures)
        if picture.references
    }
    if not known or not metrics:
        return {}, ()
    scores = score_captions(
        {row: " ".join(one.captions[0].words) for row, one in known.items()},
        {row: one.references for row, one in known.items()},
        metrics=metrics,
    )
    for row, picture in known.items():
        values = scores.per_image[row]
        named = {name: values[name] for name in SHOWN if name in values}
        picture.scores = named | picture.scores
    return scores.overall, scores.notes


def make_card(picture: CaptionedPicture, shared: bool = False) -> Card:
    """A captioned picture as a card.

    Args:
        picture: the picture.
        shared: whether it is one of several entries of its file, which are
            told apart by their ids.
    """
    lines = [
        Line(
            caption.words,
            pack_attention(caption.words, caption.attention),
            f"{LOG} {np.sum(caption.log_probabilities):.2f}" if rank else "",
        )
        for rank, caption in enumerate(picture.captions)
    ]
    groups = [("", lines[:1])]
    if lines[1:]:
        groups.append(("also", lines[1:]))
    located = are_located(lines[0].attention, picture.locations)
    name = picture.path.name
    return Card(
        f"{name} ({picture.image_id})" if shared else name,
        picture.picture,
        groups,
        picture.references,
        picture.scores,
        picture.locations if located else {},
    )
