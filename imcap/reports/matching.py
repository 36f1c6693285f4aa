"""The report of image-text matching: which captions fit, word by word."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imcap.data.captions.pictures import picture_paths
from imcap.errors import InputError
from imcap.reports.cards import (
    Card,
    EmbeddedPicture,
    Line,
    are_located,
    embed_picture,
    pack_attention,
)
from imcap.reports.gathering import (
    Refuse,
    chosen_pictures,
    learning_curves,
)
from imcap.reports.page import Page

if TYPE_CHECKING:
    from imcap.captioning.split_data import SplitSettings
    from imcap.data.pairs.matching_set import MatchingSet, TokenRows
    from imcap.matching.run import MatchRun
    from imcap.matching.search import Searcher

# Scores by which cards are sorted; ranks count from 1.
OWN_RANK, PICTURE_RANK, BEST = (
    "rank of its captions", "rank of the picture", "best score",
)  # fmt: skip


@dataclasses.dataclass
class Pool:
    """The captions that pictures are compared with.

    Attributes:
        tokens: words of each of the M captions.
        rows: their `TokenRows`.
    """

    tokens: Sequence[Sequence[str]]
    rows: TokenRows

    def attend(
        self, searcher: Searcher, regions: np.ndarray, chosen: Sequence[int]
    ) -> list[dict[str, Any] | None]:
        """Packed attention of some captions over one picture.

        Args:
            searcher: the run.
            regions: float32 (K, E), embedded.
            chosen: which captions.
        """
        repeated = np.repeat(regions[None], len(chosen), axis=0)
        weights = searcher.attend(repeated, self.rows, chosen)
        return [
            pack_attention(self.tokens[row], {"weights": one})
            for row, one in zip(chosen, weights, strict=True)
        ]


def report_matching(
    searcher: Searcher,
    data: SplitSettings,
    refuse: Refuse,
    images: Sequence[str] = (),
    sentences: str | None = None,
    top: int = 5,
) -> tuple[Page, list[Card]]:
    """Compares pictures with captions for a page.

    Args:
        searcher: the run.
        data: the split.
        refuse: told of what cannot be read.
        images: pictures, or folders of them, instead of the split's.
        sentences: file of sentences, one a line, for `images`; None for the
            captions of the split.
        top: best captions of each picture.
    """
    run = searcher.run
    tiles: dict[str, str] = {}
    if images:
        pool = open_pool(searcher, data, sentences)
        embedded = searcher.embedder.embed_captions(
            pool.rows, np.arange(len(pool.rows))
        )
        paths = chosen_pictures(images, data.num_images, refuse)
        cards = [
            card
            for path in paths
            if (
                card := card_of_file(
                    searcher, pool, embedded, path, top, refuse
                )
            )
        ]
        source = "given pictures"
    else:
        cards, tiles = cards_of_split(searcher, data, top, refuse)
        source = f"split {data.split}"
    page = Page(
        title=run.path.resolve().name,
        kind="report of image-text matching",
        about=f"{describe_matcher(run)} · {source}, {len(cards)} shown",
        tiles=tiles,
        above=learning_curves(run),
        lower_is_better=(OWN_RANK, PICTURE_RANK),
        sort_by=BEST if images else OWN_RANK,
    )
    return page, cards


def describe_matcher(run: MatchRun) -> str:
    """What compares pictures and captions, in a few words."""
    if run.config.matcher == "ridge":
        return "ridge regression from features to words"
    looks = {"t2i": "words look at regions", "i2t": "regions look at words"}
    head = ", and a global head" if run.config.global_head else ""
    return f"stacked cross attention, {looks[run.config.cross_attn]}{head}"


def open_split_pairs(run: MatchRun, data: SplitSettings) -> MatchingSet:
    """The pairs of a split, of the training's data or of other files."""
    from imcap.matching.data import PairSource

    source = PairSource.of(run.config).replaced(
        input_json=data.input_json or None,
        input_h5=data.input_h5 or None,
        features=data.features or None,
    )
    name = {"val": "dev", "restval": "train"}.get(data.split, data.split)
    return source.open(name)


def open_pool(
    searcher: Searcher, data: SplitSettings, sentences: str | None
) -> Pool:
    """The captions of a file of sentences, or of the split."""
    from imcap.matching.search import read_sentences

    if sentences:
        tokens = searcher.tokenize(read_sentences(sentences))
    else:
        tokens = open_split_pairs(searcher.run, data).tokens
    return Pool(tokens, searcher.encode(tokens))


def cards_of_split(
    searcher: Searcher, data: SplitSettings, top: int, refuse: Refuse
) -> tuple[list[Card], dict[str, str]]:
    """Cards of a split's pictures, and recalls over all of it."""
    from imcap.matching.evaluation import (
        baseline_scores,
        check_features,
        ensemble_scores,
    )
    from imcap.metrics.recall import retrieval_ranks

    pairs = open_split_pairs(searcher.run, data)
    check_features(searcher.run, pairs)
    if pairs.files is None:
        raise InputError(
            f"{pairs.name}: these features do not name their pictures; give "
            "--images and --captions, or --input_json of the same ids"
        )
    paths = picture_paths(
        pairs.files,
        data.input_json or searcher.run.config.input_json,
        data.images_root,
        places=pairs.places,
    )
    scores = ensemble_scores(
        [searcher.run],
        [lambda: searcher.embedder],
        pairs,
        searcher.checkpoint,
    )
    to_text, to_image = retrieval_ranks(scores, pairs.image_of)
    pool = Pool(pairs.tokens, pairs.encode(searcher.run.vocabulary))
    last = len(paths) if data.num_images < 0 else data.num_images
    cards = []
    for row, path in enumerate(paths[:last]):
        try:
            picture = embed_picture(path)
        except InputError as error:
            refuse(path, str(error))
            continue
        own = np.flatnonzero(pairs.image_of == row).tolist()
        values = np.asarray(scores[row : row + 1])[0]
        regions = embed_regions(searcher, pairs.part(row, row + 1))
        groups = group_captions(
            searcher, pool, regions, values, top, own, to_image
        )
        ranks = {
            OWN_RANK: int(to_text[row]) + 1,
            PICTURE_RANK: float(np.mean(to_image[own]) + 1),
            BEST: float(values.max()),
        }
        grid = pairs.store.grid_of(pairs.image_ids[row])
        cards.append(make_card(path.name, picture, groups, ranks, grid))
    tiles = recall_tiles(to_text, to_image)
    line = baseline_scores(searcher.run, pairs)
    if line is not None:
        ranks_of_line = retrieval_ranks(line, pairs.image_of)
        tiles |= recall_tiles(ranks_of_line[0], ranks_of_line[1], "ridge, ")
    return cards, tiles


def recall_tiles(
    to_text: np.ndarray, to_image: np.ndarray, prefix: str = ""
) -> dict[str, str]:
    """Recalls of both directions as large figures."""
    from imcap.metrics.recall import recalls

    directions = {
        f"{prefix}image → text": to_text,
        f"{prefix}text → image": to_image,
    }
    return {
        f"{title} R@{level}": f"{recalls(ranks)[f'R@{level}']:.1f}"
        for title, ranks in directions.items()
        for level in (1, 5, 10)
    }


def embed_regions(searcher: Searcher, pair: MatchingSet) -> np.ndarray:
    """Embedded regions (K, E) of the one picture of `pair`."""
    regions, mask = searcher.embedder.embed_images(pair)
    return regions[0] if mask is None else regions[0][mask[0]]


def group_captions(
    searcher: Searcher,
    pool: Pool,
    regions: np.ndarray,
    values: np.ndarray,
    top: int,
    own: list[int],
    to_image: np.ndarray,
) -> list[tuple[str, list[Line]]]:
    """The groups of a card: the best captions, and the right ones.

    Args:
        searcher: the run.
        pool, values: all captions, and their scores (M,).
        regions: of the picture, (K, E).
        top: how many of the best.
        own: the right captions.
        to_image: (M,) ranks of each caption's own picture, from 0.
    """
    best = best_captions(values, top)
    chosen = best + own
    attention = pool.attend(searcher, regions, chosen)
    lines = []
    for place, (row, packed) in enumerate(zip(chosen, attention, strict=True)):
        note = f"{values[row]:.3f}"
        if place >= len(best):
            note += f" · its picture at rank {to_image[row] + 1}"
        mark = "right" if row in own and place < len(best) else ""
        lines.append(Line(pool.tokens[row], packed, note, mark))
    return [
        ("captions that fit best", lines[: len(best)]),
        ("its own captions", lines[len(best) :]),
    ]


def card_of_file(
    searcher: Searcher,
    pool: Pool,
    embedded: tuple[np.ndarray, np.ndarray],
    path: Path,
    top: int,
    refuse: Refuse,
) -> Card | None:
    """The card of a picture file; None where it cannot be read.

    Args:
        searcher: the run.
        pool, embedded: the captions, and what the run makes of their words.
        path: the picture.
        top: how many of the best captions.
        refuse: told why it cannot be read.
    """
    try:
        picture = embed_picture(path)
        regions = searcher.embed_pictures([path])
    except InputError as error:
        refuse(path, str(error))
        return None
    values = searcher.embedder.score(regions, None, *embedded)[0]
    best = best_captions(values, top)
    attention = pool.attend(searcher, regions[0], best)
    lines = [
        Line(pool.tokens[row], packed, f"{values[row]:.3f}")
        for row, packed in zip(best, attention, strict=True)
    ]
    groups = [("captions that fit best", lines)]
    scores = {BEST: float(values.max())}
    return make_card(path.name, picture, groups, scores, searcher.encoder.grid)


def best_captions(values: np.ndarray, count: int) -> list[int]:
    """Which captions score best, the best first."""
    from imcap.metrics.recall import top_k

    return top_k(values, count).tolist()


def make_card(
    name: str,
    picture: EmbeddedPicture,
    groups: list[tuple[str, list[Line]]],
    scores: dict[str, float],
    grid: Sequence[int] | None,
) -> Card:
    """A picture with groups of captions as a card."""
    locations = {"grid": list(grid)} if grid else {}
    if not are_located(groups[0][1][0].attention, locations):
        locations = {}
    return Card(name, picture, groups, [], scores, locations)
