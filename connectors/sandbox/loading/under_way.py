"""What the steps of loading a folder share."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from connectors.sandbox.loading.mapping import FolderMapping
from connectors.sandbox.loading.oddities import Oddity, samples
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject


@dataclass
class Loading:
    """A load under way: tables of stored values in a DuckDB of its own, by object, and the oddities so far."""

    org: Org
    mapping: FolderMapping
    work: duckdb.DuckDBPyConnection
    entities: dict[str, SObject] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)

    def note(self, name: str, object_name: str, sql: str) -> None:
        """Records an oddity when a query of ids finds any."""
        count, ids = samples(self.work, sql)
        if count:
            self.oddities.append(Oddity(name, object_name, count, ids))
