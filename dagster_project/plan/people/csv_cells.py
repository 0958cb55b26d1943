"""Strict reading of the CSV files a team writes: what people write is read, what cannot be read is named by its cell."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

import polars as pl

from dagster_project.errors import GyakusanError

# Excel in Japan saves CSV in the second encoding unless told otherwise.
ENCODINGS = ("utf-8-sig", "cp932")
# Spreadsheets add midnight to a date now and then.
DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]0{1,2}:00(?::00)?)?")


class CsvFileError(GyakusanError):
    """A CSV of the team cannot be read; says file, line, column and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class CsvShape:
    """What a file must look like.

    Attributes:
        setting: name of the setting that leads to it; what it is called in messages, too.
        required, optional: its columns; others are not read.
    """

    setting: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One value as written, in NFKC and without spaces around it; empty where the line ends before it."""

    path: Path
    line: int
    column: str
    value: str

    def refuse(self, what: str, remedy: str) -> CsvFileError:
        """The error that names this cell."""
        return CsvFileError(
            f"{what}: {self.value!r}",
            where=f"{self.path}, line {self.line}, column {self.column}",
            remedy=remedy,
        )


@dataclass(frozen=True)
class Record:
    """One line that is not empty."""

    path: Path
    line: int
    values: Mapping[str, str | None]

    def cell(self, column: str) -> Cell:
        """The value of a column; empty where the file has no such column."""
        value = normalize("NFKC", self.values.get(column) or "").strip()
        return Cell(self.path, self.line, column, value)


def read_records(path: Path, shape: CsvShape) -> Iterator[Record]:
    """The lines of a file, in order.

    Raises:
        CsvFileError: the file is missing, in an unknown encoding or no CSV, or a required column is missing, or
            another one's name is nearly that of an optional column.
    """
    reader = csv.DictReader(io.StringIO(_text(path, shape), newline=""), strict=True)
    try:
        _check_header(path, reader.fieldnames, shape)
        for values in reader:
            if any(value for value in values.values()):
                yield Record(path, reader.line_num, values)
    except csv.Error as error:
        raise CsvFileError(
            f"not a well-formed CSV: {error}",
            where=f"{path}, line {reader.line_num}",
            remedy="mend the quotes",
        ) from error


def _text(path: Path, shape: CsvShape) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CsvFileError(
            f"cannot read the {shape.setting.replace('_', ' ')}: {error.strerror}",
            where=str(path),
            remedy=f"check setting {shape.setting}",
        ) from error
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CsvFileError("neither UTF-8 nor Shift JIS text", where=str(path), remedy="save it as CSV UTF-8")


def _check_header(path: Path, header: Sequence[str] | None, shape: CsvShape) -> None:
    missing = [column for column in shape.required if column not in (header or ())]
    where = f"{path}, line 1"
    if missing:
        also = f" (and {', '.join(shape.optional)}, if you like)" if shape.optional else ""
        raise CsvFileError(
            f"no column {', '.join(missing)}",
            where=where,
            remedy=f"begin the file with the line {','.join(shape.required)}{also}",
        )
    known = (*shape.required, *shape.optional)
    for column in header or ():
        # A misspelt optional column would be left out without a word.
        meant = get_close_matches(column or "", set(known) - set(header or ()), n=1, cutoff=0.8)
        if column not in known and meant:
            raise CsvFileError(f"unknown column {column!r}", where=where, remedy=f"did you mean {meant[0]}?")


def rep_ids(reps: pl.DataFrame) -> dict[str, list[str]]:
    """Rep ids by lower-case email and by id; an email of several users leads to all of them.

    Args:
        reps: rep_id and email, one row per rep.
    """
    found: dict[str, list[str]] = {}
    for rep_id, email in reps.select("rep_id", "email").iter_rows():
        for name in {rep_id, (email or "").strip().lower()} - {""}:
            found.setdefault(name, []).append(rep_id)
        # Salesforce shows 15 characters of an id in places; they name the same record.
        if len(rep_id) == 18:
            found.setdefault(rep_id[:15], []).append(rep_id)
    return found


def rep_of(cell: Cell, ids: Mapping[str, list[str]]) -> str:
    """The rep that an email or id names.

    Args:
        ids: from ``rep_ids``.

    Raises:
        CsvFileError: no such rep, or several.
    """
    found = ids.get(cell.value) or ids.get(cell.value.lower()) or []
    if len(found) == 1:
        return found[0]
    if found:
        raise cell.refuse(
            "several users have this email", f"use the id instead: {' or '.join(sorted(found))}"
        )
    close = get_close_matches(cell.value.lower(), list(ids), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise cell.refuse("no such rep", f"give the email or the Salesforce id of a user{hint}")


def date_of(cell: Cell) -> date | None:
    """A date as people write it (2026-11-03, 2026/11/3, 2026年11月3日); None where the cell is empty.

    Raises:
        CsvFileError: it is none.
    """
    if not cell.value:
        return None
    match = DATE.fullmatch(cell.value)
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as error:
        raise cell.refuse(f"not a date ({error})", "write it as 2026-11-03") from error
    raise cell.refuse("not a date", "write it as 2026-11-03")


def word_of(cell: Cell, words: Mapping[str, str]) -> str | None:
    """What a word stands for, whatever its case; None where the cell is empty.

    Args:
        words: lower-case word → what it stands for.

    Raises:
        CsvFileError: an unknown word.
    """
    if not cell.value:
        return None
    found = words.get(cell.value.lower())
    if found is None:
        close = get_close_matches(cell.value.lower(), list(words), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise cell.refuse(
            f"not a {cell.column.replace('_', ' ')}",
            f"write {' or '.join(dict.fromkeys(words.values()))}{hint}",
        )
    return found


def check_once(
    record: Record, column: str, key: tuple[object, ...], what: str, lines: dict[object, int]
) -> None:
    """Keep the line of each key.

    Args:
        what: the thing there may be one of, with whom it is for.
        lines: key → line it was first seen on; added to.

    Raises:
        CsvFileError: the key was there before.
    """
    first = lines.setdefault(key, record.line)
    if first != record.line:
        raise CsvFileError(
            f"a second {what} (the first is on line {first})",
            where=f"{record.path}, line {record.line}, column {column}",
            remedy="keep one of the two",
        )
