"""README and docs as tests read them: pages, code and command lines."""

import re
import shlex

from helpers.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page):
    """The page as a test is named after it."""
    return page.relative_to(ROOT).as_posix()


def fences(text, *languages):
    """The fenced blocks in some languages, as they stand."""
    return [body for kind, body in FENCE.findall(text) if kind in languages]


def prose(text):
    """The text without fenced blocks."""
    return FENCE.sub("", text)


def code(text):
    """All that is set as shell code: blocks and words in backticks."""
    return [
        *fences(text, "bash", "text"),
        *re.findall(r"`([^`]+)`", prose(text)),
    ]


def commands(text):
    """The commands of bash blocks, each a list of words."""
    found = []
    for block in fences(text, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words:
                    found.append(words)
    return found


def anchors(text):
    """What links to headings end in, as GitHub makes it of their words."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower().strip())
        found.add(plain.replace(" ", "-"))
    return found


def links(text):
    """Targets of all links and pictures that lead to no other site."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [t for t in targets if not re.match(r"[a-z]+:", t)]


def tables(text):
    """All tables, each a list of rows, each a list of cells."""
    found, rows = [], []
    for line in [*prose(text).splitlines(), ""]:
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([cell.strip() for cell in cells])
        elif rows:
            found.append(rows)
            rows = []
    return found
