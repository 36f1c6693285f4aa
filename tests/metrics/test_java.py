"""Java in any locale, and the reason where it fails."""

import gc
import shutil
import stat

import pytest
from pycocoevalcap.spice import spice

from imcap.metrics import coco, java
from imcap.metrics.coco import score_captions

CANDIDATES = {1: "a dog runs on grass", 2: "two men"}
REFERENCES = {1: ["a dog is running on the grass"], 2: ["two men sit"]}
needs_java = pytest.mark.skipif(
    shutil.which("java") is None, reason="no java on this machine's PATH"
)


def meteor():
    return score_captions(CANDIDATES, REFERENCES, ("METEOR",))


@pytest.fixture
def fake_java(tmp_path, monkeypatch):
    """A java that runs a script; returns what writes the script."""
    program = tmp_path / "java"
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    def write(script):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return write


@needs_java
@pytest.mark.parametrize(
    "variable, options",
    [
        ("JAVA_TOOL_OPTIONS", "-Duser.language=de"),
        ("JDK_JAVA_OPTIONS", "-Duser.language=pt -Duser.country=BR"),
        ("_JAVA_OPTIONS", "-Duser.language=fr"),
        ("JAVA_TOOL_OPTIONS", "-Duser.language.format=de"),
        ("_JAVA_OPTIONS", "-Duser.language=ar -Duser.country=EG"),
    ],
)
def test_meteor_is_the_same_under_every_locale(monkeypatch, variable, options):
    expected = meteor()
    assert expected.overall["METEOR"] > 0.1
    monkeypatch.setenv(variable, options)
    assert meteor() == expected
    gc.collect()


def test_options_of_the_environment_stay(fake_java, monkeypatch, tmp_path):
    monkeypatch.setenv("_JAVA_OPTIONS", "-Xss4m -Duser.language=de")
    fake_java(f'echo "$_JAVA_OPTIONS" > {tmp_path}/said; exit 1')
    meteor()
    said = (tmp_path / "said").read_text().split()
    assert said[0] == "-Xss4m"
    assert said.index("-Duser.language=en") > said.index("-Duser.language=de")
    gc.collect()


@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"])
def test_the_exception_is_the_reason(fake_java, variable):
    fake_java(
        f"echo 'Picked up {variable}: -Dx=y' >&2\n"
        "echo 'OpenJDK 64-Bit Server VM warning: slow' >&2\n"
        "echo 'Exception in thread \"main\" java.io.IOException: full' >&2\n"
        "echo '\tat Meteor.main(Meteor.java:1)' >&2\nexit 1"
    )
    assert meteor().notes == (
        "METEOR left out: java failed (java.io.IOException: full)",
    )
    gc.collect()


def test_without_an_exception_of_java_ours_is_the_reason(fake_java):
    fake_java(
        "echo 'Picked up JAVA_TOOL_OPTIONS: -Dx=y' >&2\n"
        "while read line; do echo 0,5; done"
    )
    (note,) = meteor().notes
    assert "0,5" in note and "Picked up" not in note
    gc.collect()


@pytest.mark.parametrize(
    "said, reason",
    [
        (b"", "else"),
        (b"NOTE: Picked up JDK_JAVA_OPTIONS: -Xmx1m\n", "else"),
        (b"Invalid maximum heap size: -Xmx2G\nError: no VM.\n",
         "Invalid maximum heap size: -Xmx2G; Error: no VM."),
        (b"Exception in thread \"main\" A: b\n\tat C\nCaused by: D: e\n\tat F",
         "D: e"),
        (b"\xff" * 999, "\ufffd" * java.LONGEST),
    ],
)  # fmt: skip
def test_reasons(said, reason):
    assert java.reason_of_failure(said, "else") == reason


def test_spice_gives_its_reason(fake_java, monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(coco, "SPICE_JARS", ())
    monkeypatch.setattr(spice, "get_stanford_models", lambda: None)
    for name in ("TEMP_DIR", "CACHE_DIR"):
        monkeypatch.setattr(spice, name, str(tmp_path / name))
    fake_java("echo words; echo 'Error: no memory' >&2; exit 1")
    scores = score_captions(CANDIDATES, REFERENCES, ("SPICE",))
    assert scores.notes == ("SPICE left out: java failed (Error: no memory)",)
    assert capfd.readouterr() == ("", "")
