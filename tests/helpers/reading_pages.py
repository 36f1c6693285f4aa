"""Reads what a page of `imcap report` holds, as a browser would."""

import html.parser
import json


class PageReader(html.parser.HTMLParser):
    """The parts of a page.

    Args:
        text: str, the HTML.

    Attributes:
        elements: list of (tag, dict of attributes).
        data: the page's numbers, from JSON.
        text: str, all that a person reads.
        cards: list of str, that of each card.
    """

    def __init__(self, text):
        super().__init__()
        self.elements, self.cards, self.text = [], [], ""
        self._inside, self._script = [], ""
        self.feed(text)
        self.close()
        self.data = json.loads(self._script)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside.append((tag, dict(attrs)))
        if tag == "article":
            self.cards.append("")
        if tag in ("img", "meta", "input"):
            self._inside.pop()

    def handle_endtag(self, tag):
        assert self._inside.pop()[0] == tag, f"{tag} closes another element"

    def handle_data(self, data):
        tag, attributes = self._inside[-1] if self._inside else ("", {})
        if attributes.get("id") == "data":
            self._script += data
        elif tag not in ("script", "style"):
            self.text += data
            if any(name == "article" for name, _ in self._inside):
                self.cards[-1] += data

    def count(self, tag, **attributes):
        """How many elements have these attributes."""
        return sum(
            name == tag
            and all(found.get(k) == v for k, v in attributes.items())
            for name, found in self.elements
        )
