"""The report of a captioner: what it says, and how good that is."""

import dataclasses
from pathlib import Path

import numpy as np

from imcap.errors import InputError
from imcap.reports.cards import are_located

SHOWN = ("CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE")


LOG = "log p"


@dataclasses.dataclass
class Captioned:
    """One picture that was captioned.

    Attributes:
        path: the picture.
        embedded: what `imcap.reports.cards.embed_picture` gave.
        captions: list of `Caption`, best first.
        places: where locations are, see `imcap.reports.cards.Card`.
        references: list of str.
        scores: dict of metric to float.
    """

    path: Path
    embedded: tuple
    captions: list
    places: dict
    references: list = dataclasses.field(default_factory=list)
    scores: dict = dataclasses.field(default_factory=dict)


def gather(config, refuse):
    """Captions what the flags name.

    Args:
        config: `ReportConfig`.
        refuse: function of (path, reason), for what cannot be read.

    Returns:
        A `Page` and a list of `Card`.
    """
    from imcap.captioning.run import CaptionerRun
    from imcap.reports.gathering import learning_curves
    from imcap.reports.page import Page

    run = CaptionerRun.open(config.model)
    if config.images:
        found = of_images(config, run, refuse)
    else:
        found = of_split(config, run, refuse)
    overall, notes = score(config, found)
    page = Page(
        title=run.path.resolve().name,
        kind="report of a captioner",
        about=about(config, run, len(found)),
        tiles={name: f"{value:.3f}" for name, value in overall.items()},
        above=learning_curves(run),
        notes=notes,
        sort_by="CIDEr" if "CIDEr" in overall else None,
    )
    return page, [as_card(one) for one in found]


def about(config, run, count):
    """The line that says what is shown."""
    method = {
        "greedy": "greedy",
        "beam": f"beams of {config.beam_size}",
        "sample": f"{config.sample_n} samples a picture",
    }[config.method]
    source = "given pictures" if config.images else f"split {config.split}"
    gate = " with a visual sentinel" if run.config.sgate else ""
    return (
        f"{run.config.caption_model.replace('_', ' ')}{gate} · {method} · "
        f"{source}, {count} shown"
    )


def of_images(config, run, refuse):
    """Captions --images; list of `Captioned`."""
    from imcap.data.pictures.listing import find_pictures

    paths, refused = find_pictures(config.images)
    for path, reason in refused:
        refuse(path, reason)
    if config.num_images > 0:
        paths = paths[: config.num_images]
    found = from_pixels(config, run, paths, refuse)
    if config.references:
        known = references_by_name(config.references)
        for one in found:
            one.references = known.get(one.path.name, [])
    return found


def references_by_name(path):
    """Sentences by file name, of any caption file."""
    from imcap.captioning.evaluation import references_of
    from imcap.data.captions.reading import read_captions

    captions = read_captions(path)
    sentences = references_of(captions)
    return {
        Path(name).name: sentences[image_id]
        for image_id, name in zip(
            captions.image_ids, captions.files, strict=True
        )
    }


def of_split(config, run, refuse):
    """Captions a split of the run's data; list of `Captioned`."""
    from imcap.captioning.data import with_references
    from imcap.captioning.evaluation import open_split, references_of
    from imcap.reports.gathering import picture_paths

    captions, read = open_split(run, config.evaluation.data)
    captions = with_references(
        captions, config.references or run.config.references
    )
    paths = picture_paths(config, run.config, captions.files)
    rows = {path: row for row, path in enumerate(paths)}
    if run.config.cnntrain:
        found = from_pixels(config, run, paths, refuse)
    else:
        found = from_features(config, run, captions, read, paths, refuse)
    sentences = references_of(captions)
    for one in found:
        one.references = sentences[captions.image_ids[rows[one.path]]]
    return found


def from_pixels(config, run, paths, refuse):
    """Captions pictures as `imcap caption` does."""
    from tqdm import tqdm

    from imcap.captioning.pictures import caption_pictures
    from imcap.reports.cards import embed_picture

    return [
        Captioned(path, embed_picture(path), captions, {"grid": list(grid)})
        for path, captions, grid in tqdm(
            caption_pictures(
                run, paths, config.decoding, config.checkpoint, refuse
            ),
            total=len(paths),
            unit="image",
        )
    ]


def from_features(config, run, captions, read, paths, refuse):
    """Captions pictures whose features are stored."""
    from tqdm import tqdm

    from imcap.captioning.generation import generate, make_generator
    from imcap.data.batches.readers import iterate_batches
    from imcap.reports.cards import embed_picture

    task = run.task(config.checkpoint)
    run.locate(read, task.captioner)
    generator = make_generator(task, run, config.decoding, config.checkpoint)
    pictures = {}
    for image_id, path in zip(captions.image_ids, paths, strict=True):
        try:
            pictures[image_id] = path, embed_picture(path)
        except InputError as error:
            refuse(path, str(error))
    places = Places(read.store, run.config)
    batches = iterate_batches(read, list(pictures), config.batch_size)
    said = tqdm(
        generate(generator, run.vocabulary, batches, keep_attention=True),
        total=len(pictures),
        unit="image",
    )
    return [
        Captioned(*pictures[image_id], of_image, places(image_id))
        for image_id, of_image in zip(pictures, said, strict=True)
    ]


class Places:
    """Says where the locations of a picture's features are.

    Args:
        store: the `FeatureStore`.
        config: of the training, for its --position_folder.
    """

    def __init__(self, store, config):
        self.store = store
        self.folder = config.position_folder

    def __call__(self, image_id):
        """A dict of grid or boxes; {} where it is not known."""
        from imcap.data.features.positions import PositionReader
        from imcap.reports.cards import round_digits

        grid = self.store.grid_of(image_id)
        if grid:
            return {"grid": list(grid)}
        count = int(self.store.read([image_id])[1].sum())
        try:
            reader = PositionReader(self.store, "boxes", folder=self.folder)
            return {"boxes": round_digits(reader.read(image_id, count))}
        except InputError:
            return {}


def score(config, found):
    """Scores the captions of pictures that have references.

    Returns:
        Dict of metrics of them all, and a tuple of notes.
    """
    from imcap.metrics.coco import score_captions

    for one in found:
        chances = one.captions[0].log_probabilities
        one.scores = {LOG: float(np.sum(chances))}
    known = {row: one for row, one in enumerate(found) if one.references}
    if not known or not config.metrics:
        return {}, ()
    scores = score_captions(
        {row: " ".join(one.captions[0].words) for row, one in known.items()},
        {row: one.references for row, one in known.items()},
        metrics=config.metrics,
    )
    for row, one in known.items():
        of_picture = scores.per_image[row]
        named = {name: of_picture[name] for name in SHOWN if name in of_picture}
        one.scores = named | one.scores
    return scores.overall, scores.notes


def as_card(one):
    """The `Card` of a `Captioned`."""
    from imcap.reports.cards import Card, Line, pack_attention

    lines = [
        Line(
            caption.words,
            pack_attention(caption.words, caption.attention),
            f"{LOG} {np.sum(caption.log_probabilities):.2f}" if rank else "",
        )
        for rank, caption in enumerate(one.captions)
    ]
    groups = [("", lines[:1])]
    if lines[1:]:
        groups.append(("also", lines[1:]))
    places = one.places if are_located(lines[0].attention, one.places) else {}
    return Card(
        one.path.name, one.embedded, groups, one.references, one.scores, places
    )
