"""Dagster's record of a run, written over connections that stay open while the run lasts.

Its own SQLite storage opens and closes a database for each of a night's six hundred events: four seconds of a night.
The files are the same, and the pages of ``gyakusan serve`` read them as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine

_NAMED_STORAGE = re.compile(r"^(\w+_)?storage:", re.MULTILINE)
_SECONDS_TO_WAIT_FOR_A_LOCK = 60


class KeptOpenEventLog(SqliteEventLogStorage):
    """Dagster's event log in SQLite, one engine for each of its files as long as the run lasts."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        """``base_dir``: the folder of the files."""
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> KeptOpenEventLog:
        """As Dagster makes it: ``config_value`` holds ``base_dir``."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            waiting = {"timeout": _SECONDS_TO_WAIT_FOR_A_LOCK}
            self._engines[shard] = create_engine(self.conn_string_for_shard(shard), connect_args=waiting)
        if shard not in self._initialized_dbs:
            self._initdb(self._engines[shard])
            self._initialized_dbs.add(shard)
        return self._engines[shard]

    def dispose(self) -> None:
        """Close every file."""
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()


def instance_for_a_run(home: Path) -> dg.DagsterInstance:
    """Dagster's instance in its folder; a storage that its ``dagster.yaml`` names is left as it is."""
    if _NAMED_STORAGE.search((home / "dagster.yaml").read_text()):
        return dg.DagsterInstance.get()
    event_log = {
        "module": KeptOpenEventLog.__module__,
        "class": KeptOpenEventLog.__name__,
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    # Nothing of it is temporary: the folder is given.
    return dg.DagsterInstance.local_temp(str(home), overrides={"event_log_storage": event_log})
