"""--quiet and --log_file, which every command has."""

import dataclasses
import sys

from imcap.cli.parser import run_command
from imcap.errors import InputError
from imcap.options import option
from imcap.progress import progress


@dataclasses.dataclass(frozen=True)
class Example:
    """An example of a command."""

    count: int = option(2, "how many")


def body(config):
    for number in progress(range(config.count), unit="numbers"):
        print(number)
    print("note: all of them", file=sys.stderr)
    if not config.count:
        raise InputError("there is none; give --count")


def run(*words):
    return run_command("example", Example, body, [*map(str, words)])


def test_a_log_file_has_all_that_is_printed(tmp_path, capsys):
    log = tmp_path / "logs" / "a.log"
    assert run("--log_file", log) == 0
    said = capsys.readouterr()
    assert said.out == "0\n1\n"
    first, *_, last = said.err.splitlines()
    assert (first, last) == ("2 numbers", "note: all of them")
    logged = log.read_text().splitlines()
    assert sorted(logged) == sorted((said.out + said.err).splitlines())
    # Another command adds to it, errors too; then nothing does.
    assert run("--log_file", log, "--count", 0) == 2
    assert "imcap example: error: there is none" in log.read_text()
    before = log.read_text()
    assert run() == 0
    assert log.read_text() == before


def test_quiet_shows_results_alone(capsys):
    assert run("--quiet") == 0
    assert capsys.readouterr() == ("0\n1\n", "note: all of them\n")
    assert run("--quiet", "False") == 0
    assert "2 numbers" in capsys.readouterr().err


def test_a_log_file_that_cannot_be_is_one_line(tmp_path, capsys):
    assert run("--log_file", tmp_path) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"error: --log_file {tmp_path}: Is a directory" in said.err
    assert said.err.count("\n") == 1
