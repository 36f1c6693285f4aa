"""One HTML file that holds everything it shows and asks no network."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from imcap.files import atomic_write
from imcap.reports.cards import Card, card_data
from imcap.reports.templates import read_web_file, render

# What would end a script block, or a line of one.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@dataclasses.dataclass(frozen=True)
class Page:
    """What stands above the cards.

    Args:
        title: the heading.
        kind: a word or two above it.
        about: a line below it.
        tiles: name to value of large figures.
        above: HTML below them; a plain str is escaped.
        notes: lines in small letters.
        lower_is_better: names of scores whose best is the lowest.
        sort_by: the score that cards are sorted by at first; None: as given.
    """

    title: str
    kind: str
    about: str
    tiles: dict[str, str]
    above: Markup | str = ""
    notes: Sequence[str] = ()
    lower_is_better: Sequence[str] = ()
    sort_by: str | None = None


def write_page(page: Page, cards: Sequence[Card], path: str | Path) -> None:
    """Writes a page, whole or not at all."""
    text = page_html(page, cards)
    with atomic_write(path) as partial:
        # A file name need not be valid Unicode.
        partial.write_text(text, encoding="utf-8", errors="replace")


def page_html(page: Page, cards: Sequence[Card]) -> str:
    """The HTML of a page."""
    attentions = [
        line.attention
        for card in cards
        for _, lines in card.groups
        for line in lines
        if line.attention
    ]
    data = {
        "cards": [card_data(card) for card in cards],
        "lowerIsBetter": list(page.lower_is_better),
    }
    text = render(
        "page.html",
        page=page,
        cards=cards,
        score_names=list(dict.fromkeys(n for c in cards for n in c.scores)),
        heads=max((len(a["peaks"][0]) for a in attentions if "peaks" in a),
                  default=1),
        share_names=next((a["names"] for a in attentions if "names" in a),
                         None),
        data=script_json(data),
        style=read_web_file("report/page.css"),
        attention_script=read_web_file("attention.js"),
        page_script=read_web_file("report/page.js"),
    )  # fmt: skip
    return str(text)


def script_json(value: Any) -> Markup:
    """JSON that stands safely inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.translate(ESCAPES))
