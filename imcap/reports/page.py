"""One HTML file that holds everything it shows and asks no network."""

import dataclasses
import html
import json
import string
from pathlib import Path

from imcap.files import atomic_write
from imcap.reports.cards import as_html, numbers

WEB = Path(__file__).parents[1] / "web"


# What would end a script block, or a line of one.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@dataclasses.dataclass(frozen=True)
class Page:
    """What stands above the cards.

    Args:
        title: str, the heading.
        kind: str, a word or two above it.
        about: str, a line below it.
        tiles: dict of name to value (str), large figures.
        above: str of HTML below them, escaped already.
        notes: list of str.
        lower_is_better: names of scores whose best is the lowest.
        sort_by: the score that cards are sorted by at first; None: as given.
    """

    title: str
    kind: str
    about: str
    tiles: dict
    above: str = ""
    notes: tuple = ()
    lower_is_better: tuple = ()
    sort_by: str | None = None


def write_page(page, cards, path):
    """Writes a page, whole or not at all.

    Args:
        page: a `Page`.
        cards: list of `imcap.reports.cards.Card`.
        path: the HTML file.
    """
    text = page_html(page, cards)
    with atomic_write(path) as partial:
        # A file name need not be valid Unicode.
        partial.write_text(text, encoding="utf-8", errors="replace")


def page_html(page, cards):
    """The page as a str."""
    names = dict.fromkeys(name for card in cards for name in card.scores)
    looked = [
        line.looked for card in cards for _, g in card.groups for line in g
    ]
    heads = [len(one["peaks"][0]) for one in looked if one and "peaks" in one]
    data = {
        "cards": [numbers(card) for card in cards],
        "lowerIsBetter": list(page.lower_is_better),
    }
    return _template("page.html").substitute(
        title=html.escape(page.title),
        kind=html.escape(page.kind),
        about=html.escape(page.about),
        tiles=_tiles(page.tiles),
        above=page.above,
        notes="".join(f"<li>{html.escape(note)}</li>" for note in page.notes),
        legend=_legend(looked),
        sorts=_choices(names, page.sort_by),
        heads=_choices(range(1, max(heads, default=1) + 1)),
        one_head="hidden" if max(heads, default=1) < 2 else "",
        no_scores="" if names else "hidden",
        cards="\n".join(as_html(card, row) for row, card in enumerate(cards)),
        data=script_json(data),
        style=(WEB / "page.css").read_text(encoding="utf-8"),
        drawing=(WEB / "attention.js").read_text(encoding="utf-8"),
        script=(WEB / "page.js").read_text(encoding="utf-8"),
    )


def script_json(value):
    """JSON that stands safely inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.translate(ESCAPES)


def _template(name):
    return string.Template((WEB / name).read_text(encoding="utf-8"))


def _tiles(tiles):
    return "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in tiles.items()
    )


def _choices(names, chosen=None):
    return "".join(
        f'<option value="{html.escape(str(name))}"'
        f"{' selected' if name == chosen else ''}>"
        f"{html.escape(str(name))}</option>"
        for name in names
    )


def _legend(looked):
    """What the bars below words mean, where there are any."""
    for one in looked:
        if one and "names" in one:
            visual, rest = map(html.escape, one["names"])
            return (
                f'<span class="key visual"></span>{visual} '
                f'<span class="key rest"></span>{rest}'
            )
    return ""
