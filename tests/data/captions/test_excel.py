"""Workbooks: of any name, and damaged in any way."""

import zipfile

import pytest

from imcap.data.captions.reading import read_captions
from imcap.errors import InputError


@pytest.fixture
def book(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="imcap[excel] is absent")
    book = openpyxl.Workbook()
    for row in (["image", "caption"], ["a.jpg", "A dog"]):
        book.active.append(row)
    book.save(tmp_path / "c.xlsx")
    return tmp_path / "c.xlsx"


@pytest.mark.parametrize("name", ["c.bin", "captions", "c.xls", "c.zip"])
def test_a_workbook_is_known_by_its_content(name, book):
    captions = read_captions(book.rename(book.with_name(name)))
    assert captions.raw == [["A dog"]]


def replaced(book, name, text):
    """The workbook, with another text in one of its parts."""
    with zipfile.ZipFile(book) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with zipfile.ZipFile(book, "w") as archive:
        for part, data in (parts | {name: text}).items():
            archive.writestr(part, data)


@pytest.mark.parametrize(
    "part",
    ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"],
)
@pytest.mark.parametrize("text", ["<a", "", "<a/>", "no XML"])
def test_damaged_parts(part, text, book):
    replaced(book, part, text)
    with pytest.raises(InputError, match=r"c\.xlsx: (cannot|no sheet)"):
        read_captions(book)


def test_a_damaged_byte_anywhere(book):
    data = book.read_bytes()
    for place in range(4, len(data), 97):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        book.write_bytes(damaged)
        try:
            captions = read_captions(book)
        except InputError as error:
            assert str(book) in str(error)
        else:
            assert captions.files


def test_a_packing_that_is_unknown(book):
    data = book.read_bytes()
    # The method of packing stands 8 bytes into each header, and 10 in the
    # list at the end.
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = -1
        while (start := data.find(mark, start + 1)) >= 0:
            data = data[: start + at] + b"\x63\x00" + data[start + at + 2 :]
    book.write_bytes(data)
    with pytest.raises(InputError, match=r"c\.xlsx: cannot be read"):
        read_captions(book)
