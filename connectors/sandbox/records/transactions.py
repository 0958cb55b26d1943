"""Transactions that are written but not committed yet: stamped when they started, seen only once they commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import duckdb


@dataclass
class OpenTransaction:
    """One transaction under way. Instants are aware UTC; `commit_at` None waits until told.

    Others who want to write `record_ids`, or a unique value in `keys` (object, field, value as it counts), meet a lock.
    """

    connection: duckdb.DuckDBPyConnection = field(repr=False)
    started_at: datetime
    commit_at: datetime | None
    record_ids: set[str] = field(default_factory=set)
    keys: set[tuple[str, str, str]] = field(default_factory=set)


@dataclass
class OpenTransactions:
    """The open transactions of an org, oldest first."""

    open: list[OpenTransaction] = field(default_factory=list)

    def holds(self, record_id: str) -> bool:
        """Whether one of them has written this record."""
        return any(record_id in each.record_ids for each in self.open)

    def holds_key(self, object_name: str, field_name: str, value: str) -> bool:
        """Whether one of them has written this value of a unique field."""
        return any((object_name, field_name, value) in each.keys for each in self.open)

    def note(self, record_ids: Iterable[str]) -> None:
        """Adds records to what the newest one has written."""
        self.open[-1].record_ids.update(record_ids)

    @property
    def oldest_start(self) -> datetime | None:
        """When the oldest one started; None when there is none."""
        return min((each.started_at for each in self.open), default=None)

    def commit(self, now: datetime | None) -> int:
        """Commits those due at `now` (all of them when None), oldest first; returns how many."""
        due = [each for each in self.open if now is None or (each.commit_at and each.commit_at <= now)]
        for each in due:
            # Whatever becomes of it, it is not tried again with every request to come.
            self.open.remove(each)
            each.connection.commit()
            each.connection.close()
        return len(due)

    def abandon(self) -> None:
        """Rolls all of them back."""
        for each in self.open:
            each.connection.close()
        self.open.clear()
