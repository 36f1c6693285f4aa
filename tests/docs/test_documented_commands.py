"""Commands of README and docs run, on small data.

What reads features of Flickr8k has a file of its own beside this one, so
that two processes share the work.
"""

import pytest

from helpers.documented import in_order, parted, shown, write_workspace
from helpers.running_commands import run_as_shown

LINES = parted(shown())[1]

pytestmark = pytest.mark.slow


def test_a_command_waits_for_what_it_reads():
    lines = ["imcap evaluate --model runs/a", "imcap train --output runs/a"]
    assert in_order(lines) == lines[::-1]
    assert len(shown()) > 25


def test_what_is_parted_needs_nothing_of_the_other():
    chain = ["imcap caption --model runs/b", "imcap train --output runs/b"]
    both = [*chain, "imcap report --model runs/a", "imcap train --output a"]
    assert parted(both) == (chain[::-1], both[2:])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return write_workspace(tmp_path_factory.mktemp("documented"), LINES)


@pytest.mark.parametrize("line", LINES)
def test_command_runs_as_shown(workspace, monkeypatch, capfd, line):
    """In order: most read what others before them have written."""
    run_as_shown(line, workspace, monkeypatch, capfd)
