"""Progress: lines where there is no terminal, a bar where there is one."""

import io
import os
import sys

import pytest

from imcap import progress as module
from imcap.progress import BYTES, Meter, duration, progress, silenced


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set: a list of one time."""
    now = [100.0]
    monkeypatch.setattr(module, "clock", lambda: now[0])
    return now


def test_a_line_at_the_start_every_half_minute_and_at_the_end(clock, capsys):
    done = []
    for item in progress(range(100), what="captioning", unit="pictures"):
        done.append(item)
        clock[0] += 1.0
    assert done == list(range(100))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "captioning: 100 pictures",
        "captioning: 30 pictures of 100 pictures, 1.0 pictures a second, "
        "1:10 left",
        "captioning: 60 pictures of 100 pictures, 1.0 pictures a second, "
        "40 s left",
        "captioning: 90 pictures of 100 pictures, 1.0 pictures a second, "
        "10 s left",
        "captioning: 100 pictures in 1:40",
    ]


def test_what_was_done_before_is_no_rate(clock, capsys):
    with Meter(10, "", "steps", initial=8) as meter:
        meter.tell("epoch 5/5", "loss 0.1000")
        clock[0] += 40.0
        meter.update()
        meter.write("epoch 5/5: loss 0.1000")
    assert capsys.readouterr().err.splitlines() == [
        "10 steps, 8 steps done before",
        "epoch 5/5, 9 steps of 10 steps, 0.025 steps a second, 40 s left, "
        "loss 0.1000",
        "epoch 5/5: loss 0.1000",
        "1 steps in 40 s",
    ]


def test_bytes_are_said_in_megabytes(clock, capsys):
    with Meter(4_000_000, "reading", BYTES) as meter:
        clock[0] += 30
        meter.update(3_000_000)
    assert "3.0 MB of 4.0 MB, 0.1 MB a second" in capsys.readouterr().err


def test_a_length_that_is_not_known(clock, capsys):
    assert list(progress(iter("ab"), unit="lines")) == ["a", "b"]
    assert capsys.readouterr().err == "lines\n2 lines in 0 s\n"


def test_a_terminal_has_a_bar(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Meter(3, "captioning", "pictures") as meter:
        meter.update(3)
        meter.print("a dog")
    assert "100%" in screen.getvalue() and "captioning" in screen.getvalue()
    assert capsys.readouterr().out == "a dog\n"


def test_a_bar_is_lines_in_a_log(monkeypatch, clock):
    screen, log = Terminal(), io.StringIO()
    screen.log, screen.screen = log, screen
    monkeypatch.setattr(sys, "stderr", screen)
    with Meter(3, "captioning", "pictures") as meter:
        meter.update(3)
        meter.write("epoch 1/1")
    assert log.getvalue().splitlines() == [
        "captioning: 3 pictures",
        "epoch 1/1",
        "captioning: 3 pictures in 0 s",
    ]
    assert "100%" in screen.getvalue() and "epoch 1/1" in screen.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_shows_nothing(monkeypatch, capsys, terminal):
    screen = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with silenced():
        assert list(progress([1, 2])) == [1, 2]
        with Meter(1) as meter:
            meter.update()
            meter.write("epoch 1/1")
            meter.print("an alarm")
    assert screen.getvalue() == ""
    assert capsys.readouterr().out == "an alarm\n"
    assert list(progress([1, 2])) == [1, 2]
    assert screen.getvalue() != ""


@pytest.mark.parametrize(
    "seconds, said",
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1:00"), (3599, "59:59"),
     (3661, "1:01:01")],
)  # fmt: skip
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_a_bar_is_seen_in_a_terminal_without_a_size(monkeypatch):
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    master, slave = pty.openpty()  # no lines, no columns
    os.set_blocking(master, False)  # fails where there is nothing
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with Meter(3, "reading"):
            shown = os.read(master, 10_000).decode()
    os.close(master)
    assert "reading: " in shown and "0/3" in shown
