"""HTML from the Jinja2 templates of `imcap/web`, always escaped."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Environment

WEB = Path(__file__).parents[1] / "web"


def render(template: str, **values: Any) -> Markup:
    """Fills in a template of `imcap/web/report`.

    Args:
        template: its file name.
        **values: what it speaks of. Text is escaped, `Markup` is not; a
            name that the template knows and `values` does not is an error.
    """
    return Markup(_environment().get_template(template).render(values))


def read_web_file(name: str) -> Markup:
    """A style sheet or script of `imcap/web`, to stand in a page as it is."""
    return Markup((WEB / name).read_text(encoding="utf-8"))


def format_score(value: float) -> str:
    """A score as a person reads it: whole numbers stay whole."""
    text = f"{value:d}" if isinstance(value, int) else f"{value:.3f}"
    return text.replace("-", "−")


@functools.cache
def _environment() -> "Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB / "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = format_score
    return environment
