"""Running SOQL: whole answers as JSON texts, and answers longer than a page kept on disk for nextRecordsUrl."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.store import Org
from connectors.sandbox.soql.answer import Translated

MAXIMUM_PAGE = 2000
MINIMUM_PAGE = 200
OPEN_CURSORS = 100


@dataclass(frozen=True)
class Page:
    """Records (JSON texts) of one page; `next_start` is None on the last one. total_size counts all pages."""

    records: Sequence[str]
    total_size: int
    query_id: str
    next_start: int | None


@dataclass(frozen=True)
class Spooled:
    """An open cursor: the file of its records, where each page starts in it, and the query it answers."""

    soql: str
    object_name: str
    path: Path
    offsets: tuple[int, ...]
    page_size: int
    total_size: int

    def page(self, number: int) -> list[str]:
        """The records of a page, as JSON texts."""
        with self.path.open("rb") as file:
            file.seek(self.offsets[number])
            text = file.read(self.offsets[number + 1] - self.offsets[number]).decode()
        return text.rstrip("\n").split("\n")


class QueryPages:
    """The org's open query cursors. Pages are read from what the query saw when it ran."""

    def __init__(self, org: Org, folder: Path) -> None:
        self._org = org
        self._folder = folder
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._spooled: OrderedDict[str, Spooled] = OrderedDict()

    def run(self, query: Translated, page_size: int) -> Page:
        """The first page of a query's answer."""
        with self._org.cursor() as cursor:
            if query.is_count:
                row = cursor.execute(query.count_sql(), query.parameters).fetchall()[0]
                return Page((), int(row[0]), "", None)
            table = cursor.sql(query.json_sql(), params=query.parameters).to_arrow_table()
        records: list[str] = table.column("record").to_pylist()
        if len(records) <= page_size:
            return Page(records, len(records), "", None)
        return self._spool(query, records, page_size)

    def cursor(self, query_id: str) -> Spooled:
        """An open cursor; INVALID_QUERY_LOCATOR when there is none."""
        with self._lock:
            spooled = self._spooled.get(query_id)
        if spooled is None:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return spooled

    def more(self, query_id: str, start: int, shifted: bool = False) -> Page:
        """The page of an open cursor that starts at record number `start` (from 0); one record early when shifted."""
        spooled = self.cursor(query_id)
        if start % spooled.page_size or not 0 <= start < spooled.total_size:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        number = start // spooled.page_size
        records = spooled.page(number)
        if shifted and number:
            records = [spooled.page(number - 1)[-1], *records[1:]]
        end = start + spooled.page_size
        return Page(records, spooled.total_size, query_id, end if end < spooled.total_size else None)

    def _spool(self, query: Translated, records: list[str], page_size: int) -> Page:
        query_id = numbered("01g", next(self._numbers))
        path = self._folder / f"{query_id}.jsonl"
        offsets = [0]
        with path.open("wb") as file:
            for start in range(0, len(records), page_size):
                offsets.append(offsets[-1] + file.write(_lines(records[start : start + page_size])))
        with self._lock:
            source = query.source
            self._spooled[query_id] = Spooled(
                source.query, source.entity.name, path, tuple(offsets), page_size, len(records)
            )
            if len(self._spooled) > OPEN_CURSORS:
                self._spooled.popitem(last=False)[1].path.unlink(missing_ok=True)
        return Page(records[:page_size], len(records), query_id, page_size)


def _lines(records: list[str]) -> bytes:
    # to_json escapes line ends inside texts, so one record is one line.
    return ("\n".join(records) + "\n").encode()
