"""Documented commands on features of Flickr8k run, on small data."""

import pytest

from helpers.documented import parted, shown, write_workspace
from helpers.running_commands import run_as_shown

LINES = parted(shown())[0]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return write_workspace(tmp_path_factory.mktemp("documented"), LINES)


@pytest.mark.parametrize("line", LINES)
def test_command_runs_as_shown(workspace, monkeypatch, capfd, line):
    """In order: most read what others before them have written."""
    run_as_shown(line, workspace, monkeypatch, capfd)
