"""The page of a comparison: intervals above, captions side by side below."""

from typing import Any

from markupsafe import Markup

from imcap.captioning.comparison import METEOR
from imcap.errors import InputError
from imcap.reports.cards import Card, Line, embed_picture
from imcap.reports.page import Page, write_page
from imcap.reports.templates import render

SHOWN = ("CIDEr", "Bleu_4", "METEOR", "ROUGE_L", "SPICE")


WIDTH, HEIGHT = 200, 18  # of the drawing of an interval


def write_comparison(config, sides, found, path):
    """Writes the page.

    Args:
        config: `CompareConfig`.
        sides: two `Side`s.
        found: what `imcap.captioning.comparison.compared` gave.
        path: the HTML file.
    """
    paths, notes = picture_paths(config, sides)
    if "METEOR" in found["metrics"]:
        notes.append(METEOR)
    main = next(iter(found["metrics"]))
    page = Page(
        title=" and ".join(found["runs"]),
        kind="comparison of two captioners",
        about=f"{found['decoding']} · split {found['split']}, "
        f"{found['images']} pictures · differences are the second run's "
        f"score less the first's, with {found['level']:.0%} intervals of "
        f"{found['resamples']} resamples of the pictures",
        tiles={},
        above=intervals(found),
        notes=notes,
        sort_by=f"Δ {main}",
    )
    chosen = most_different(sides, main, config.shown)
    write_page(page, [card(sides, key, paths.get(key)) for key in chosen], path)


def picture_paths(config, sides):
    """Dict of picture to path, and a list of notes."""
    from imcap.reports.gathering import picture_paths

    side = sides[0]
    try:
        paths = picture_paths(config, side.run.config, side.captions.files)
    except InputError as error:
        return {}, [f"without pictures: {error}"]
    ids = map(str, side.captions.image_ids)
    return dict(zip(ids, paths, strict=True)), []


def most_different(sides, name, count):
    """Ids of the pictures whose score differs most, in the split's order."""
    first, second = (dict(zip(s.ids, s.rows, strict=True)) for s in sides)
    order = sorted(
        first, key=lambda key: -abs(second[key][name] - first[key][name])
    )
    kept = set(order if count < 0 else order[:count])
    return [key for key in first if key in kept]


def card(sides, key, path):
    """The `Card` of one picture."""
    rows = [dict(zip(s.ids, s.rows, strict=True))[key] for s in sides]
    names = [name for name in SHOWN if all(name in row for row in rows)]
    groups = []
    for side, row in zip(sides, rows, strict=True):
        note = " · ".join(f"{name} {row[name]:.3f}" for name in names[:2])
        groups.append((side.name, [Line(row["caption"].split(), None, note)]))
    picture = None
    if path is not None:
        try:
            picture = embed_picture(path)
        except InputError:
            picture = None  # the captions are worth showing all the same
    references = sides[0].references()[key]
    differences = {f"Δ {name}": rows[1][name] - rows[0][name] for name in names}
    name = path.name if path is not None else f"picture {key}"
    return Card(name, picture, groups, references, differences, large=2)


def intervals(found: dict[str, Any]) -> Markup:
    """The table of differences as HTML, each interval drawn."""
    return render(
        "intervals.html",
        runs=found["runs"],
        metrics=found["metrics"],
        width=WIDTH,
        height=HEIGHT,
    )
