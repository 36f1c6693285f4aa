"""The page of a comparison: intervals above, captions side by side below."""

import html

from imcap.captioning.comparison import METEOR
from imcap.errors import InputError
from imcap.reports.cards import Card, Line, embedded, shown
from imcap.reports.page import Page, write_page

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
            picture = embedded(path)
        except InputError:
            picture = None  # the captions are worth showing all the same
    references = sides[0].references()[key]
    differences = {f"Δ {name}": rows[1][name] - rows[0][name] for name in names}
    name = path.name if path is not None else f"picture {key}"
    return Card(name, picture, groups, references, differences, large=2)


def intervals(found):
    """The table of differences as HTML, each interval drawn."""
    first, second = map(html.escape, found["runs"])
    rows = "".join(_row(name, one) for name, one in found["metrics"].items())
    return (
        '<div class="scroll"><table class="intervals"><thead><tr>'
        f"<th>metric</th><th>{first}</th><th>{second}</th><th>difference</th>"
        "<th>interval</th><th></th><th></th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(name, one):
    low, high = one["interval"]
    # Each has a scale of its own: what matters is which side of 0 it is on.
    widest = max(abs(low), abs(high), 1e-9)
    clear = one["excludes_zero"]

    def at(value):
        return f"{WIDTH / 2 * (1 + value / widest):.1f}"

    middle = HEIGHT / 2
    drawn = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        'aria-hidden="true">'
        f'<line class="zero" x1="{at(0)}" x2="{at(0)}" y1="0" y2="{HEIGHT}"/>'
        f'<line class="span" x1="{at(low)}" x2="{at(high)}" y1="{middle}" '
        f'y2="{middle}"/><line class="dot" x1="{at(one["difference"])}" '
        f'x2="{at(one["difference"])}" y1="3" y2="{HEIGHT - 3}"/></svg>'
    )
    said = "differs" if clear else "may be chance"
    return (
        f'<tr class="{"clear" if clear else "open"}"><td>{html.escape(name)}'
        f"</td><td>{shown(one['first'])}</td><td>{shown(one['second'])}</td>"
        f"<td>{one['difference']:+.3f}</td><td>{low:+.3f} … {high:+.3f}</td>"
        f'<td class="plot">{drawn}</td><td>{said}</td></tr>'
    )
