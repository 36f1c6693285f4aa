"""Captions in a workbook of Excel, `.xlsx`."""

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imcap.data.captions.delimited import header_cells, read_table
from imcap.data.captions.fields import WHAT_WOULD_DO, describe_names
from imcap.data.captions.formats import CaptionFile, Parsed
from imcap.data.captions.tables import parse_table
from imcap.errors import InputError

ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class ExcelFormat:
    """A workbook: the first sheet that is a table of captions."""

    description = "Excel's .xlsx"

    def recognises(self, file: CaptionFile) -> bool:
        """Whether it is a workbook; InputError for one of before 2007."""
        if file.head.startswith(OLD_EXCEL):
            raise InputError(
                f"{file.path}: a workbook of before 2007; save it as .xlsx or "
                "as CSV"
            )
        if not file.head.startswith(ZIP):
            return False
        try:
            with zipfile.ZipFile(file.path) as archive:
                return "xl/workbook.xml" in archive.namelist()
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
            return False

    def parse(self, file: CaptionFile) -> Parsed:
        """One picture an image, whatever number of rows it has."""
        found: list[str] = []
        for text in _sheets(file.path):
            table = read_table(text) if text.strip() else None
            if table is not None:
                return parse_table(file.path, table, "row")
            found += header_cells(text) if text.strip() else []
        raise InputError(
            f"{file.path}: no sheet with captions; the columns are "
            f"{describe_names(found)}, and due is {WHAT_WOULD_DO}"
        )


def _sheets(path: Path) -> Iterator[str]:
    """Each sheet as text, one line a row, cells between tabs."""
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise InputError(
            f"{path}: a workbook needs openpyxl: pip install 'imcap[excel]'; "
            "or save it as CSV"
        ) from None
    try:
        # openpyxl judges files by their names, and streams by content.
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles it does not know
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                for sheet in book.worksheets:
                    yield _text_of(sheet)
            finally:
                book.close()
    except Exception as error:  # whatever it meets in a damaged file
        line = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: cannot be read as a workbook ({line}); save it again, "
            "or as CSV"
        ) from None


def _text_of(sheet: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    for row in sheet.iter_rows(values_only=True):
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Any) -> str:
    """A cell as a person sees it: 7 for the number 7.0."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())
