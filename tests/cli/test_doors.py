"""Three doors, one `main`: python train.py, python -m imcap, imcap."""

import os
import re
import subprocess
import sys

import pytest

from helpers.places import ROOT

DOORS = {
    "python train.py": (["train.py"], ROOT / "imcap"),
    "python -m imcap train": (["-m", "imcap", "train"], ROOT),
    "imcap train": (
        # What the installed command does, as setup.py declares it.
        ["-c", "import sys; from imcap.__main__ import main; sys.exit(main())"]
        + ["train"],
        ROOT,
    ),
}


def answer(door, *words):
    """Status, output and errors of a door in a process of its own."""
    start, folder = DOORS[door]
    done = subprocess.run(
        [sys.executable, *start, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("door", DOORS)
def test_every_door_leads_to_one_main(door):
    status, out, err = answer(door, "--help")
    assert (status, err) == (0, "")
    assert out.startswith("usage: imcap train ")
    assert "--sgate" in out and "--self_critical_after" in out
    refused = answer(door, "--sgate", "--lstm")
    assert refused[:2] == (2, "")
    assert refused[2].startswith("imcap train: error: --lstm turns attention")
    assert refused[2].count("\n") == 1


def test_the_installed_command_is_that_main():
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert re.search(r'"imcap=imcap\.__main__:main"', text)


def test_the_doors_are_short():
    for name in ("train", "__main__"):
        lines = (ROOT / "imcap" / f"{name}.py").read_text().splitlines()
        assert len(lines) <= 9
