"""Files are whole or absent, whatever happens on the way."""

import codecs
import os

import pytest

from imcap import files
from imcap.errors import InputError
from imcap.files import (
    atomic_folder,
    atomic_write,
    escape,
    expand_wildcards,
    is_writable,
    read_json,
    read_text,
    write_json,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_gets_its_name_on_success(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
        assert partial.parent == path.parent
    assert path.read_text() == "whole"
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(error), atomic_write(path) as partial:
        partial.write_text("hal")
        raise error
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_the_data_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    path, told = tmp_path / "a.txt", []
    sync = os.fsync

    def spy(descriptor):
        told.append((os.fstat(descriptor).st_size, path.exists()))
        sync(descriptor)

    monkeypatch.setattr("imcap.files.os.fsync", spy)
    with atomic_write(path) as partial:
        partial.write_text("seven c")
    assert told == [(7, False)]
    with atomic_write(path, durable=False) as partial:
        partial.write_text("other")
    assert path.read_text() == "other"
    assert len(told) == 1


def test_the_suffix_ends_the_temporary_name(tmp_path):
    with atomic_write(tmp_path / "model", ".keras") as partial:
        assert partial.name.endswith(".keras")
        partial.touch()
    assert names(tmp_path) == ["model"]


def test_what_names_no_file_is_refused():
    with pytest.raises(InputError, match="give the name"), atomic_write("/"):
        pass


def test_json_comes_back(tmp_path):
    value = {"words": ["zoë", "犬"], "size": [1, None]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        (b'{"a": [1,', "line 1"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b'{"a": "\xe9"}', "cannot be read"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5000, "a number of thousands of digits"),
    ],
)
def test_json_that_cannot_be_read_is_one_line(tmp_path, content, why):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=why) as caught:
        read_json(path, "mend it")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("mend it")


def filled(folder, text):
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.txt").write_text(text)


def test_a_folder_is_whole_or_absent(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(ValueError), atomic_folder(path) as partial:
        filled(partial, "half")
        raise ValueError
    assert names(tmp_path) == []
    with atomic_folder(path) as partial:
        filled(partial, "whole")
        assert not path.exists()
    assert (path / "inner" / "a.txt").read_text() == "whole"
    assert names(tmp_path) == ["out"]


def test_a_folder_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "out"
    filled(path, "before")
    with (
        pytest.raises(InputError, match="other things in it"),
        atomic_folder(path),
    ):
        pass
    with pytest.raises(ValueError), atomic_folder(path, True) as partial:
        filled(partial, "half")
        raise ValueError
    assert (path / "inner" / "a.txt").read_text() == "before"
    with atomic_folder(path, True) as partial:
        filled(partial, "after")
    assert (path / "inner" / "a.txt").read_text() == "after"
    assert names(tmp_path) == ["out"]


def test_what_utf8_cannot_hold_is_escaped(tmp_path):
    path, name = tmp_path / "a.json", "caf\udce9 \ud83d é"
    write_json(path, {name: [name]})
    text = path.read_text(encoding="utf-8")
    assert r"caf\udce9 \ud83d é" in text
    assert read_json(path) == {name: [name]}
    assert escape(name) == r"caf\udce9 \ud83d é"


@pytest.mark.parametrize("text", ["1" * 5000, "[" * 100_000])
def test_json_that_python_gives_up_on(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.json: "):
        read_json(path)


def test_windows_waits_for_who_looks_at_a_file(tmp_path, monkeypatch):
    path, pauses, refusals = tmp_path / "a.txt", [], [PermissionError] * 2
    replace = os.replace

    def refuse(*paths):
        if refusals:
            raise refusals.pop()
        replace(*paths)

    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(files.time, "sleep", pauses.append)
    with atomic_write(path) as partial:
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert pauses == list(files.PAUSES[:2])


def test_windows_names_a_file_that_stays_open(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def refuse(*paths):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    with (
        pytest.raises(InputError, match=r"a\.txt: cannot be replaced; close"),
        atomic_write(path) as partial,
    ):
        partial.write_text("after")
    assert names(tmp_path) == ["a.txt"]
    assert path.read_text() == "before"


@pytest.mark.parametrize("name", ["a:b.txt", "what?.npz", "nul.txt", "Com1"])
def test_names_that_windows_lacks(tmp_path, monkeypatch, name):
    with atomic_write(tmp_path / name) as partial:
        partial.write_text("whole")
    monkeypatch.setattr(files, "WINDOWS", True)
    with (
        pytest.raises(InputError, match="Windows has no files of this name"),
        atomic_write(tmp_path / "new" / name),
    ):
        pass
    assert not (tmp_path / "new").exists()


def test_the_longest_names_can_be_written(tmp_path):
    path = tmp_path / f"{'漢' * 83}.txt"  # 253 bytes of 255
    with atomic_write(path) as partial:
        partial.write_text("whole")
    assert names(tmp_path) == [path.name]


def test_wildcards_become_files(tmp_path):
    for name in ("b.jpg", "a.jpg", "c.png", "[1].jpg"):
        (tmp_path / name).touch()
    found = expand_wildcards(
        [
            str(tmp_path / "?.jpg"),
            tmp_path / "[1].jpg",
            str(tmp_path / "*.gif"),
            "plain.jpg",
        ]
    )
    assert list(map(str, found)) == [
        str(tmp_path / "a.jpg"),
        str(tmp_path / "b.jpg"),
        str(tmp_path / "[1].jpg"),
        str(tmp_path / "*.gif"),
        "plain.jpg",
    ]


def test_whether_a_folder_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert is_writable(tmp_path)
    assert is_writable(tmp_path / "new" / "folder")
    assert not is_writable(tmp_path / "file" / "folder")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_text_and_json_with_any_mark(tmp_path, mark, encoding):
    path = tmp_path / "a.json"
    path.write_bytes(mark + '{"a":\r\n "é犬"}\r'.encode(encoding))
    assert read_text(path) == '{"a":\n "é犬"}\n'
    assert read_json(path) == {"a": "é犬"}


def test_marks_of_joined_files_are_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(2 * "\ufeffa\n".encode())
    assert read_text(tmp_path / "a.txt") == "a\na\n"


def test_other_encodings_are_named_by_line(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\ncaf\xe9\n")
    with pytest.raises(InputError, match=r"a.txt: .*line 2.*save it as UTF-8"):
        read_text(tmp_path / "a.txt")
