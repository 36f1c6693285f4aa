"""Runs one documented command in this process, as far as that is quick."""

import argparse
import glob
import re
import runpy
import shlex
import sys
from pathlib import Path

import keras
import pytest

from helpers.documented import words_of
from helpers.places import ROOT
from imcap.cli.dispatch import main

PIP = re.compile(r"pip install (?:-q )?(?:-e )?'?\.(?:\[(\w+)\])?'?$")


class Understood(Exception):
    """A command line that was parsed, and need not do more."""


def run_as_shown(line, folder, monkeypatch, capfd):
    """Runs a command in a folder made by `write_workspace`."""
    run = kind(line)
    assert run, "how is this run?"
    monkeypatch.chdir(folder)
    status = run(line, monkeypatch)
    keras.utils.clear_session(free_memory=True)
    assert status == 0, capfd.readouterr().err[-500:]


def kind(line):
    """What runs a command: a function, or None."""
    words = line.split()
    if line.startswith("imcap serve"):
        return parsed
    if line.startswith("python benchmarks/"):
        return benchmark
    for start, run in (
        ("pip", installed), ("curl", asked), ("imcap", command),
        ("python utils/", script),
    ):  # fmt: skip
        if line.startswith(start) and words:
            return run
    return None


def command(line, monkeypatch):
    words = []
    for word in words_of(line)[1:]:
        words += sorted(glob.glob(word)) if "*" in word else [word]
    if words[0] == "extract" and "--weights" not in words:
        network = words[words.index("--model") + 1]
        words += ["--weights", f"{network}.weights.h5"]
    return main(words)


def script(line, monkeypatch):
    name, *words = shlex.split(line)[1:]
    monkeypatch.setattr(sys, "argv", [name, *words])
    try:
        runpy.run_path(str(ROOT / name), run_name="__main__")
    except SystemExit as stop:
        return stop.code
    return 0


def benchmark(line, monkeypatch):
    """Minutes each, so only their flags are read."""
    plain = argparse.ArgumentParser.parse_args

    def parse(*arguments, **options):
        plain(*arguments, **options)
        raise Understood

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", parse)
        patched.syspath_prepend(ROOT / "benchmarks")
        with pytest.raises(Understood):
            script(line, patched)
    return 0


def parsed(line, monkeypatch):
    """A server would not come back; others test that it serves."""
    from imcap.cli.parser import parse
    from imcap.cli.serve import ServeConfig
    from imcap.runs.pretrained import is_pretrained

    words = shlex.split(line)[2:]
    config = parse(ServeConfig, words)
    folders = [config.model, config.images]
    missing = [
        one
        for one in folders
        if one and not is_pretrained(one) and not Path(one).is_dir()
    ]
    return f"not made by any command: {missing}" if missing else 0


def installed(line, monkeypatch):
    """`.ci/run` installs in a fresh environment; here the rest is run."""
    first, *rest = line.split(" && ")
    found = PIP.match(first)
    assert found, line
    extra = found.group(1)
    assert extra is None or f'"{extra}": ' in (ROOT / "setup.py").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    for one in rest:
        if one not in ci:
            return f"{one}: not in .ci/run"
        if one.startswith("imcap") and command(one, monkeypatch):
            return one
    return 0


def asked(line, monkeypatch):
    """A request to a server: its path must be one that the server knows."""
    sources = "".join(
        path.read_text() for path in (ROOT / "imcap" / "serve").glob("*.py")
    )
    known = set(re.findall(r'Route\(\s*"(/[^"]*)"', sources))
    paths = re.findall(r"http://[\w.:]+(/[\w/]*)", line)
    return 0 if paths and set(paths) <= known else f"{paths}: {known}"
