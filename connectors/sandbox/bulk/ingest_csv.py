"""The CSV of Bulk ingest: reading what a client uploaded batch by batch, writing results row by row."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

DELIMITERS: Mapping[str, str] = {
    "COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`",
}  # fmt: skip
LINE_ENDINGS: Mapping[str, str] = {"LF": "\n", "CRLF": "\r\n"}
NULL_TEXT = "#N/A"
"""What stands for null in a cell; an empty cell says nothing about its field."""
_LONGEST_CELL = 1_000_000

Cells = Sequence[str]


class BadCsv(Exception):
    """Why Salesforce would not read the file any further, in its words."""


class UploadedCsv:
    """An uploaded file: `header` at once, rows as they are asked for.

    Raises BadCsv on opening for a file without a header line or with other line ends than the job was told of.
    """

    def __init__(self, path: Path, delimiter: str, line_ending: str) -> None:
        _check_line_end(path, line_ending)
        csv.field_size_limit(_LONGEST_CELL)
        self._file = path.open(encoding="utf-8-sig", newline="", errors="replace")
        self._reader = csv.reader(self._file, delimiter=DELIMITERS[delimiter], strict=True)
        self.header = [name.strip() for name in next(self._reader, [])]
        if not any(self.header):
            self.close()
            raise BadCsv("InvalidBatch : Records not found")

    def close(self) -> None:
        self._file.close()

    def batches(self, rows: int) -> Iterator[list[list[str]]]:
        """Rows in their order, at most so many at a time. Raises BadCsv where quotes make no sense."""
        whole = (each for each in self._reader if each)
        try:
            while batch := list(itertools.islice(whole, rows)):
                yield batch
        except csv.Error as error:
            raise BadCsv(
                f"InvalidBatch : Failed to parse CSV, line {self._reader.line_num}: {error}"
            ) from error

    def misfit(self, rows: Sequence[Cells]) -> str:
        """What is wrong with rows that have more or fewer cells than the header; empty when none has."""
        if all(len(each) == len(self.header) for each in rows):
            return ""
        message = "The number of columns of a row is not that of the header"
        return f"InvalidBatch : {message}, at or before line {self._reader.line_num}"


def _check_line_end(path: Path, line_ending: str) -> None:
    with path.open("rb") as file:
        first = file.readline(_LONGEST_CELL)
    found = "CRLF" if first.endswith(b"\r\n") else "LF"
    if first.endswith(b"\n") and found != line_ending:
        raise BadCsv(
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {line_ending}"
        )


def given_values(header: Cells, row: Cells) -> dict[str, object]:
    """What a row says: null where it says so, nothing about fields whose cell is empty.

    `Account.Key__c` (`What:Account.Key__c` where several objects are possible) names a parent by its external id.
    """
    cells = (each for each in zip(header, row, strict=True) if each[1] != "")
    return dict(_given(name, None if cell == NULL_TEXT else cell) for name, cell in cells)


def _given(name: str, value: str | None) -> tuple[str, object]:
    relationship, _, external = name.partition(".")
    relationship, _, told = relationship.partition(":")
    if not external or value is None:
        return relationship if external else name, value
    return relationship, {external: value, **({"attributes": {"type": told}} if told else {})}


class ResultCsv:
    """A file of results with a header, every cell quoted."""

    def __init__(self, path: Path, header: Cells, delimiter: str, line_ending: str) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(
            self._file,
            delimiter=DELIMITERS[delimiter],
            lineterminator=LINE_ENDINGS[line_ending],
            quoting=csv.QUOTE_ALL,
        )
        self._writer.writerow(header)

    def add(self, rows: Iterable[Cells]) -> None:
        self._writer.writerows(rows)

    def close(self) -> None:
        self._file.close()
