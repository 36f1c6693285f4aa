"""Templates: everything is escaped, nothing is missing, all are shipped."""

import re

import jinja2
import pytest

from helpers.places import ROOT
from imcap.reports.templates import WEB, format_score, read_web_file, render


def test_text_is_escaped():
    html = render("learning_curves.html", name='<b>&"', uri='"><script>')
    assert "<b>" not in html and "<script>" not in html
    assert "&lt;b&gt;&amp;&#34;" in html


def test_a_name_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="uri"):
        render("learning_curves.html", name="run")


def test_scripts_stand_in_a_page_as_they_are():
    script = read_web_file("attention.js")
    assert script.__html__() == (WEB / "attention.js").read_text("utf-8")
    assert "</script" not in script


@pytest.mark.parametrize(
    "value, text", [(3, "3"), (-3, "−3"), (0.25, "0.250"), (-1.0, "−1.000")]
)
def test_scores_as_a_person_reads_them(value, text):
    assert format_score(value) == text


def test_every_file_of_the_pages_is_shipped():
    patterns = re.findall(r'"(web/[^"]+)"', (ROOT / "setup.py").read_text())
    shipped = {
        path
        for pattern in patterns
        for path in (ROOT / "imcap").glob(pattern)
        if path.is_file()
    }
    assert shipped == {path for path in WEB.rglob("*") if path.is_file()}
