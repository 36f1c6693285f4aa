"""The report of image-text matching: which captions fit, word by word."""

import dataclasses

import numpy as np

from imcap.errors import InputError

# Scores by which cards are sorted; ranks count from 1.
OWN_RANK, PICTURE_RANK, BEST = (
    "rank of its captions", "rank of the picture", "best score",
)  # fmt: skip


@dataclasses.dataclass
class Pool:
    """The captions that pictures are compared with.

    Attributes:
        tokens: list (M) of lists of str.
        rows: their `TokenRows`.
    """

    tokens: list
    rows: object

    def looked(self, searcher, regions, chosen):
        """What `pack_attention` gives for some captions of one picture.

        Args:
            searcher: a `Searcher`.
            regions: float32 (K, E), embedded.
            chosen: list of n int, which captions.
        """
        from imcap.reports.cards import pack_attention

        repeated = np.repeat(regions[None], len(chosen), axis=0)
        weights = searcher.attend(repeated, self.rows, chosen)
        return [
            pack_attention(self.tokens[row], {"weights": one})
            for row, one in zip(chosen, weights, strict=True)
        ]


def gather(config, refuse):
    """Compares what the flags name.

    Args:
        config: `ReportConfig`.
        refuse: function of (path, reason), for what cannot be read.

    Returns:
        A `Page` and a list of `Card`.
    """
    from imcap.matching.search import Searcher
    from imcap.reports.gathering import learning_curves
    from imcap.reports.page import Page

    searcher = Searcher(config.model, config.checkpoint)
    run = searcher.run
    if config.images:
        cards, tiles = of_images(config, searcher, refuse), {}
        source = "given pictures"
    else:
        cards, tiles = of_split(config, searcher, refuse)
        source = f"split {config.split}"
    kind = {"t2i": "words look at regions", "i2t": "regions look at words"}
    page = Page(
        title=run.path.resolve().name,
        kind="report of image-text matching",
        about=f"stacked cross attention, {kind[run.config.cross_attn]} · "
        f"{source}, {len(cards)} shown",
        tiles=tiles,
        above=learning_curves(run),
        lower_is_better=(OWN_RANK, PICTURE_RANK),
        sort_by=BEST if config.images else OWN_RANK,
    )
    return page, cards


def split_pairs(config, run):
    """The pairs of the split, from the training's data or the flags'."""
    from imcap.matching.data import PairSource

    source = PairSource.of(run.config).replaced(
        input_json=config.input_json or None,
        input_h5=config.input_h5 or None,
        features=config.features or None,
    )
    name = {"val": "dev", "restval": "train"}.get(config.split, config.split)
    return source.open(name)


def of_split(config, searcher, refuse):
    """Cards of a split's pictures, and recalls over all of it."""
    from imcap.matching.evaluation import check_features, ensemble_scores
    from imcap.metrics.recall import recalls, retrieval_ranks
    from imcap.reports.cards import embed_picture
    from imcap.reports.gathering import picture_paths

    pairs = split_pairs(config, searcher.run)
    check_features(searcher.run, pairs)
    if pairs.files is None:
        raise InputError(
            f"{pairs.name}: these features do not name their pictures; give "
            "--images and --captions, or --input_json of the same ids"
        )
    paths = picture_paths(config, searcher.run.config, pairs.files)
    scores = ensemble_scores(
        [searcher.run],
        [lambda: searcher.embedder],
        pairs,
        config.checkpoint,
    )
    to_text, to_image = retrieval_ranks(scores, pairs.image_of)
    pool = Pool(pairs.tokens, pairs.encode(searcher.run.vocabulary))
    last = len(paths) if config.num_images < 0 else config.num_images
    cards = []
    for row, path in enumerate(paths[:last]):
        try:
            picture = embed_picture(path)
        except InputError as error:
            refuse(path, str(error))
            continue
        own = np.flatnonzero(pairs.image_of == row).tolist()
        values = np.asarray(scores[row : row + 1])[0]
        groups = compared(config, searcher, pairs.part(row, row + 1), pool,
                          values, own, to_image)  # fmt: skip
        found = {
            OWN_RANK: int(to_text[row]) + 1,
            PICTURE_RANK: float(np.mean(to_image[own]) + 1),
            BEST: float(values.max()),
        }
        grid = pairs.store.grid_of(pairs.image_ids[row])
        places = {"grid": list(grid)} if grid else {}
        cards.append(_card(path.name, picture, groups, found, places))
    tiles = {
        f"{title} R@{level}": f"{recalls(found)[f'R@{level}']:.1f}"
        for title, found in (
            ("image → text", to_text), ("text → image", to_image)
        )
        for level in (1, 5, 10)
    }  # fmt: skip
    return cards, tiles


def compared(config, searcher, one, pool, values, own, to_image):
    """The groups of a card: the best captions, and the right ones.

    Args:
        one: the `MatchingSet` of this picture alone.
        pool, values: all captions, and their scores (M,).
        own: list of int, the right ones.
        to_image: (M,) ranks of each caption's own picture, from 0.
    """
    from imcap.matching.search import top_k
    from imcap.reports.cards import Line

    regions, mask = searcher.embedder.embed_images(one)
    regions = regions[0] if mask is None else regions[0][mask[0]]
    best = top_k(values, config.top).tolist()
    chosen = best + own
    looked = pool.looked(searcher, regions, chosen)
    lines = []
    for place, (row, seen) in enumerate(zip(chosen, looked, strict=True)):
        note = f"{values[row]:.3f}"
        if place >= len(best):
            note += f" · its picture at rank {to_image[row] + 1}"
        mark = "right" if row in own and place < len(best) else ""
        lines.append(Line(pool.tokens[row], seen, note, mark))
    return [
        ("captions that fit best", lines[: len(best)]),
        ("its own captions", lines[len(best) :]),
    ]


def of_images(config, searcher, refuse):
    """Cards of --images with the captions that fit them best."""
    from imcap.data.pictures.listing import find_pictures
    from imcap.matching.search import top_k
    from imcap.reports.cards import Line, embed_picture

    pool = sentences(config, searcher)
    words, lengths = searcher.embedder.embed_captions(
        pool.rows, np.arange(len(pool.rows))
    )
    grid = searcher.encoder.grid
    paths, refused = find_pictures(config.images)
    for path, reason in refused:
        refuse(path, reason)
    last = len(paths) if config.num_images < 0 else config.num_images
    cards = []
    for path in paths[:last]:
        try:
            picture = embed_picture(path)
            regions = searcher.embed_pictures([path])
        except InputError as error:
            refuse(path, str(error))
            continue
        values = searcher.embedder.score(regions, None, words, lengths)[0]
        best = top_k(values, config.top).tolist()
        looked = pool.looked(searcher, regions[0], best)
        lines = [
            Line(pool.tokens[row], seen, f"{values[row]:.3f}")
            for row, seen in zip(best, looked, strict=True)
        ]
        groups = [("captions that fit best", lines)]
        places = {"grid": list(grid)}
        found = {BEST: float(values.max())}
        cards.append(_card(path.name, picture, groups, found, places))
    return cards


def sentences(config, searcher):
    """The `Pool` of --captions, or of the split."""
    from imcap.matching.search import read_sentences

    if config.captions:
        tokens = searcher.tokenize(read_sentences(config.captions))
    else:
        tokens = split_pairs(config, searcher.run).tokens
    return Pool(tokens, searcher.encode(tokens))


def _card(name, picture, groups, scores, places):
    from imcap.reports.cards import Card, are_located

    looked = groups[0][1][0].attention
    places = places if are_located(looked, places) else {}
    return Card(name, picture, groups, [], scores, places)
