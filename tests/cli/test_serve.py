"""`imcap serve` as a command: start, end, and one line for a mistake."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from helpers.tiny_runs import make_match_run, make_picture_run
from imcap.cli.serve import main

pytest.importorskip("starlette", reason="imcap[serve] is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "pictures"
    return make_picture_run(path)


def test_from_start_to_interrupt(run):
    words = ["-m", "imcap", "serve", "--model", str(run.path), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            said = server.stdout.readline()
            address = said.split()[2]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{address}/api/health") as answer:
                assert json.load(answer)["model"] == "pictures"
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0


def test_a_port_in_use(run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--model", str(run.path), "--port", port]) == 2
    assert "give another --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words,reason",
    [
        (["--model", "{}/else"], "no such run"),
        (["--model", "{}", "--images", "."], "leave it out"),
        (["--model", "{}", "--max_waiting", "0"], "must be more than 0"),
        (["--model", "{}", "--port", "70000"], "0 to 65535"),
        (["--model", "{}", "--host", "256.1.1.1"], "--host 256.1.1.1"),
    ],
)
def test_one_line_for_a_mistake(run, capsys, words, reason):
    words = [word.format(run.path) for word in words]
    assert main(["--port", "0", *words]) == 2
    error = capsys.readouterr().err
    assert reason in error and "Traceback" not in error


def test_a_matching_run_needs_a_folder(tmp_path, capsys):
    path = make_match_run(tmp_path).path
    assert main(["--model", str(path), "--port", "0"]) == 2
    assert "--images FOLDER" in capsys.readouterr().err
    words = ["--images", os.path.join(tmp_path, "nowhere")]
    assert main(["--model", str(path), "--port", "0", *words]) == 2
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("absent", ["starlette", "uvicorn"])
def test_what_to_install(run, capsys, monkeypatch, absent):
    monkeypatch.setitem(sys.modules, absent, None)
    assert main(["--model", str(run.path), "--port", "0"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{absent} is not installed" in error
    assert "pip install '.[serve]'" in error
