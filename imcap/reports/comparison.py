"""The page of a comparison: intervals above, captions side by side below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from imcap.captioning.comparison import METEOR, Side
from imcap.data.captions.pictures import picture_paths
from imcap.errors import InputError
from imcap.reports.cards import Card, EmbeddedPicture, Line, embed_picture
from imcap.reports.page import Page, write_page
from imcap.reports.templates import render

SHOWN = ("CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE")


WIDTH, HEIGHT = 200, 18  # of the drawing of an interval


def write_comparison(
    sides: Sequence[Side],
    results: dict[str, Any],
    path: str | Path,
    shown: int = 100,
    input_json: str | None = None,
    images_root: str | None = None,
) -> None:
    """Writes the page of two runs on the same pictures.

    Args:
        sides: the two.
        results: what `imcap.captioning.comparison.compare_sides` gave.
        path: the HTML file.
        shown: pictures, those that differ most; all where it is negative.
        input_json, images_root: see `picture_paths`.
    """
    notes, paths = [], {}
    first = sides[0]
    try:
        files = picture_paths(
            first.captions.files,
            input_json or first.run.config.input_json,
            images_root,
            first.run.config.images_root,
            first.captions.places,
        )
        ids = map(str, first.captions.image_ids)
        paths = dict(zip(ids, files, strict=True))
    except InputError as error:
        notes.append(f"without pictures: {error}")
    if "METEOR" in results["metrics"]:
        notes.append(METEOR)
    main = next(iter(results["metrics"]))
    page = Page(
        title=" and ".join(results["runs"]),
        kind="comparison of two captioners",
        about=f"{results['decoding']} · split {results['split']}, "
        f"{results['images']} pictures · differences are the second run's "
        f"score less the first's, with {results['level']:.0%} intervals of "
        f"{results['resamples']} resamples of the pictures",
        tiles={},
        above=intervals(results),
        notes=notes,
        sort_by=f"Δ {main}",
    )
    rows = [dict(zip(side.ids, side.rows, strict=True)) for side in sides]
    references = first.references()
    cards = [
        make_card(
            [side.name for side in sides],
            [of_side[key] for of_side in rows],
            references[key],
            paths.get(key),
        )
        for key in most_different(rows, main, shown)
    ]
    write_page(page, cards, path)


def most_different(
    rows: Sequence[dict[str, dict[str, Any]]], name: str, count: int
) -> list[str]:
    """Ids of the pictures whose score differs most, in the split's order.

    Args:
        rows: of both sides, the results of each picture by its id.
        name: of the score.
        count: pictures; all where it is negative.
    """
    first, second = rows
    order = sorted(
        first, key=lambda key: -abs(second[key][name] - first[key][name])
    )
    kept = set(order if count < 0 else order[:count])
    return [key for key in first if key in kept]


def make_card(
    titles: Sequence[str],
    rows: Sequence[dict[str, Any]],
    references: Sequence[str],
    path: Path | None,
) -> Card:
    """One picture with the captions of both sides as a card.

    Args:
        titles: what the sides are called.
        rows: results of the picture on each side.
        references: what people wrote.
        path: of the picture; None where it is not known.
    """
    names = [name for name in SHOWN if all(name in row for row in rows)]
    groups = []
    for title, row in zip(titles, rows, strict=True):
        note = " · ".join(f"{name} {row[name]:.3f}" for name in names[:2])
        groups.append((title, [Line(row["caption"].split(), None, note)]))
    picture: EmbeddedPicture | None = None
    if path is not None:
        try:
            picture = embed_picture(path)
        except InputError:
            picture = None  # the captions are worth showing all the same
    differences = {f"Δ {name}": rows[1][name] - rows[0][name] for name in names}
    name = path.name if path is not None else f"picture {rows[0]['image_id']}"
    return Card(name, picture, groups, references, differences, large=2)


def intervals(results: dict[str, Any]) -> Markup:
    """The table of differences as HTML, each interval drawn."""
    return render(
        "intervals.html",
        runs=results["runs"],
        metrics=results["metrics"],
        width=WIDTH,
        height=HEIGHT,
    )
