"""Flags from dataclasses, config.json, and how commands end."""

import dataclasses
import io
import json
import os
import sys

import pytest

from imcap.cli.parser import parse, parse_given, run_command
from imcap.cli.unexpected import TRACEBACK
from imcap.errors import InputError
from imcap.files import write_json
from imcap.options import REQUIRED, from_json, option, positional, to_json


@dataclasses.dataclass(frozen=True)
class Example:
    """An example of a command."""

    id: str = option(REQUIRED, "name of the run")
    sgate: bool = option(False, "use the sentinel", heading="The model")
    cache: bool = option(True, "keep in memory")
    batch_size: int = option(16, "images a batch", "bs", heading="Optimisation")
    learning_rate: float = option(5e-4, "rate, 100% of it", "lr")
    optim: str = option("adam", "optimizer", choices=("adam", "sgd"))
    es_patience: int | None = option(None, "epochs", "pat")
    sizes: tuple[int, ...] = option((), "several", many=True)
    images: tuple[str, ...] = option((), "pictures", many=True)
    nothing: int = option(0, "does nothing any more", old=True)


@dataclasses.dataclass(frozen=True)
class Further(Example):
    """A command with flags of its own beside shared ones."""

    cache: bool = option(False, "keep in memory")
    split: str = option("test", "which pictures", heading="Pictures")


@dataclasses.dataclass(frozen=True)
class Bare:
    """A command with words."""

    model: str = option("run", "the run")
    deep: bool = option(False, "look twice")
    images: tuple[str, ...] = positional("pictures")


def refused(capsys, config_class, arguments):
    """The one line printed when the arguments are refused."""
    with pytest.raises(SystemExit) as left:
        parse(config_class, arguments, "imcap example")
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("\n") and printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("dash", ["-", "--"])
def test_one_dash_or_two(dash):
    words = [f"{dash}id", "a", f"{dash}batch_size", "3"]
    config = parse(Example, [*words, f"{dash}learning_rate=1e-3"])
    assert (config.id, config.batch_size, config.learning_rate) == (
        "a",
        3,
        1e-3,
    )
    config = parse(Example, [f"{dash}id", "a", f"{dash}bs", "7", "-lr", "1"])
    assert (config.batch_size, config.learning_rate) == (7, 1.0)


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], (False, True)),
        (["--sgate"], (True, True)),
        (["-sgate"], (True, True)),
        (["--sgate", "True"], (True, True)),
        (["-sgate", "False"], (False, True)),
        (["--sgate=yes", "--cache", "no"], (True, False)),
        (["-cache", "0", "-sgate", "on"], (True, False)),
        (["--sgate", "--cache", "false"], (True, False)),
    ],
)
def test_booleans_with_and_without_value(words, expected):
    for arguments in (["--id", "a", *words], [*words, "--id", "a"]):
        config = parse(Example, arguments)
        assert (config.sgate, config.cache) == expected


def test_a_boolean_does_not_eat_a_picture():
    config = parse(Bare, ["--deep", "dog.jpg", "cat.jpg"])
    assert config == Bare(deep=True, images=("dog.jpg", "cat.jpg"))


def test_optional_values_and_tuples():
    config = parse(Example, ["--id", "a", "-pat", "5", "--sizes", "3", "5"])
    assert config.es_patience == 5
    assert config.sizes == (3, 5)
    assert parse(Example, ["--id", "a"]).es_patience is None
    assert parse(Example, ["--id", "a", "-pat", "-1"]).es_patience == -1


@dataclasses.dataclass(frozen=True)
class Sourced:
    data: str = option("none", "captions", "d", several=True)
    words: tuple[str, ...] = positional("words")


@pytest.mark.parametrize(
    ("line", "data", "words"),
    [
        ("--data a.json", "a.json", ()),
        ("--data a.json one two", "a.json", ("one", "two")),
        ("--data train=a.json val=b.json", "train=a.json\nval=b.json", ()),
        ("one -d train=a val=b", "train=a\nval=b", ("one",)),
        ("--data train=a val=b one", "train=a\nval=b", ("one",)),
        ("--data=train=a", "train=a", ()),
        ("a=b --data c", "c", ("a=b",)),
    ],
)
def test_several_files_of_a_flag(line, data, words):
    assert parse(Sourced, line.split()) == Sourced(data, words)


def test_only_what_was_given():
    given = parse_given(Example, ["--id", "a", "--sgate", "False"])
    assert given == {"id": "a", "sgate": False}


@pytest.mark.parametrize(
    "word, hint",
    [
        ("--batchsize", "did you mean --batch_size?"),
        ("-sgte", "did you mean -sgate?"),
        ("--zzzzzzzzz", "see --help"),
    ],
)
def test_an_unknown_flag_gets_a_suggestion(capsys, word, hint):
    line = refused(capsys, Example, ["--id", "a", word, "3"])
    assert f"unknown flag {word}" in line
    assert hint in line
    assert line.startswith("imcap example: error:")


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "give --id: name of the run"),
        (["--id", "a", "--batch_size", "many"], "a whole number, not 'many'"),
        (["--id", "a", "-bs", "1.5"], "--batch_size: give a whole number"),
        (["--id", "a", "--lr", "1,5"], "--learning_rate: give a number"),
        (["--id"], "--id: expected one argument; give a value"),
        (["--id", "a", "--sizes"], "--sizes: expected at least one"),
        (["--id", "a", "--optim", "adamm"], "'adam', 'sgd'"),
        (["--id", "a", "--optim", "adamm"], "adamm"),
        (["--id", "a", "--sgate=maybe"], "give True or False, not 'maybe'"),
        (["--id", "a", "--batch", "3"], "--batch"),  # no abbreviations
    ],
)
def test_what_does_not_fit_is_one_line(capsys, words, said):
    assert said in refused(capsys, Example, words)


def help_of(capsys, config_class, flag="--help"):
    """What a flag that asks for help prints."""
    with pytest.raises(SystemExit) as left:
        parse(config_class, [flag], "imcap example")
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--help", "-help", "-h"])
def test_help_names_flags_choices_and_defaults(capsys, flag):
    shown = help_of(capsys, Example, flag)
    for words in (
        "--batch_size N", "[16]", "100% of it", "An example", "{adam,sgd}",
        "--sgate [True|False]", "--quiet", "--log_file", "--help_all",
    ):  # fmt: skip
        assert words in shown
    for words in ("-bs", "-pat", "--nothing", "[None]", "-batch_size,"):
        assert words not in shown


@pytest.mark.parametrize("flag", ["--help_all", "-help_all"])
def test_older_names_are_in_help_all(capsys, flag):
    shown = help_of(capsys, Example, flag)
    for words in ("--batch_size, --bs N", "--es_patience, --pat", "--nothing"):
        assert words in shown


def test_help_groups_flags(capsys):
    shown = help_of(capsys, Further)
    places = [
        shown.index(words)
        for words in (
            "\nPictures:",
            "--split",
            "\nFlags:",
            "\n  --id",
            "\nThe model:",
            "--sgate",
            "--cache",
            "\nOptimisation:",
            "--batch_size",
            "\nOutput and help:",
            "--quiet",
        )
    ]
    assert places == sorted(places)
    assert parse(Further, ["--id", "a"]).cache is False


def test_patterns_that_no_shell_expanded(tmp_path):
    for name in ("b.jpg", "a.jpg", "c.png"):
        (tmp_path / name).touch()
    words = ["--id", "*.jpg", "--images", f"{tmp_path}/*.jpg", "what?"]
    found = parse(Example, words)
    assert found.id == "*.jpg"  # one word is no list of files
    names = [os.path.basename(path) for path in found.images]
    assert names == ["a.jpg", "b.jpg", "what?"]


def test_json_round_trip(tmp_path):
    config = Example("a", sgate=True, sizes=(3, 5))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(config)))
    assert from_json(Example, path) == config


@pytest.mark.parametrize(
    "text, said",
    [
        ('{"id": "a", "sgates": true}', "sgates"),
        ('{"sgate": true}', "id"),
        ("[]", "config.json"),
        ('{"id": ', "cut short"),
    ],
)
def test_a_json_that_does_not_fit(tmp_path, text, said):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as refusal:
        from_json(Example, path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_json_that_is_missing(tmp_path):
    with pytest.raises(InputError, match="directory of a run"):
        from_json(Example, tmp_path / "config.json")


@pytest.mark.parametrize(
    "error, status, said",
    [
        (None, 0, ""),
        (InputError("a.json: cut\nshort"), 2, "a.json: cut short"),
        (PermissionError(13, "denied", "/run"), 2, "denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("go on"), 130, "interrupted; go on"),
    ],
)
def test_how_a_command_ends(capsys, error, status, said):
    seen = []

    def body(config):
        seen.append(config)
        if error is not None:
            raise error

    found = run_command("example", Example, body, ["--id", "a"])
    assert found == status
    assert seen == [Example("a")]
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) == (1 if said else 0)


def test_our_own_mistakes_are_not_hidden():
    def body(config):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command("example", Example, body, ["--id", "a"])


def unexpected(error):
    """A body that fails with an error."""

    def body(config):
        raise error

    return body


@pytest.mark.parametrize(
    "error",
    [
        TypeError("'<' not supported"),
        OverflowError("too large"),
        UnicodeEncodeError("utf-8", "\udc80", 0, 1, "no surrogates"),
    ],
)
def test_values_of_another_kind_are_one_line(capsys, monkeypatch, error):
    monkeypatch.delenv(TRACEBACK)
    words = ["--id", __file__]
    assert run_command("example", Example, unexpected(error), words) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.startswith(f"imcap example: error: {__file__}: ")
    assert type(error).__name__ in printed and TRACEBACK in printed


def test_the_file_in_work_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(TRACEBACK)
    path = tmp_path / "out.json"

    def body(config):
        write_json(path, {1: {2}})

    assert run_command("example", Example, body, ["--id", "a"]) == 2
    assert f"error: {path}: " in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("error", [TypeError, OverflowError])
def test_developers_see_where_it_was(error):
    assert os.environ[TRACEBACK]  # as for all tests
    with pytest.raises(error):
        run_command("example", Example, unexpected(error), ["--id", "a"])


@pytest.mark.parametrize(
    ("encoding", "errors", "shown"),
    [
        ("cp1252", "strict", r"caf\udce9 \u6f22 é …"),
        ("ascii", "surrogateescape", r"caf\udce9 \u6f22 \xe9 \u2026"),
        ("utf-8", "surrogateescape", r"caf\udce9 漢 é …"),
        ("ascii", "replace", "caf? ? ? ?"),
    ],
)
def test_streams_escape_what_they_cannot_show(
    monkeypatch, encoding, errors, shown
):
    streams = [
        io.TextIOWrapper(io.BytesIO(), encoding, errors) for _ in range(2)
    ]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])

    def body(config):
        print("caf\udce9 漢 é …")
        raise InputError("caf\udce9 漢 é …")

    assert run_command("example", Example, body, ["--id", "a"]) == 2
    out, err = (
        (stream.flush(), stream.buffer.getvalue().decode(encoding))[1]
        for stream in streams
    )
    assert out.strip() == shown
    assert err.strip() == f"imcap example: error: {shown}"


def test_no_streams_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    failing = unexpected(InputError("nobody sees it"))
    assert run_command("example", Example, failing, ["--id", "a"]) == 2
    sys.stdout.close()
    sys.stderr.close()


def test_a_closed_pipe_ends_a_command_quietly(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back
    failing = unexpected(BrokenPipeError(32, "Broken pipe"))
    assert run_command("example", Example, failing, ["--id", "a"]) == 141
    assert capsys.readouterr().err == ""
    sys.stdout.close()
