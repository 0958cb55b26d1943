"""An org on disk: one DuckDB file with a table per object, its custom fields, settings, clock and id counters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from connectors.sandbox.errors import SandboxError
from connectors.sandbox.records import ids
from connectors.sandbox.records.starting_rows import (
    INTEGRATION_USERNAME,
    Row,
    integration_user,
    organization,
    stages,
)
from connectors.sandbox.records.transactions import OpenTransaction, OpenTransactions
from connectors.sandbox.schema.definitions import DEFINITION_OBJECTS, refresh_definitions
from connectors.sandbox.schema.own_schema import OrgSchema, quoted
from connectors.sandbox.schema.picklists import DEFAULT_STAGES
from connectors.sandbox.schema.sobjects import Field, SObject
from connectors.sandbox.soql.source import QueryContext

_SETTINGS = """
create table if not exists _settings (name varchar primary key, value varchar);
create table if not exists _counters (object varchar primary key, next_number bigint);
create table if not exists _delete_log (object varchar, id varchar, deleted_at timestamp);
"""


class Org:
    """A sandbox org. All writes go through one connection under `lock`; reads use a cursor of their own.

    `system_clock` gives the instant when no clock is set. Raises SandboxError when the file cannot be opened.
    """

    def __init__(self, path: Path, system_clock: Callable[[], datetime]) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._system_clock = system_clock
        self._database = _open(path)
        # The connection written on: the database's own, or that of a late transaction while it is being written.
        self._connection = self._database
        self._is_writing = False
        self._writing_thread: int | None = None
        self.transactions = OpenTransactions()
        self.run("set TimeZone = 'UTC'")
        with self.transaction():
            self.run(_SETTINGS)
            self.schema = OrgSchema(self.run)

    def close(self) -> None:
        with self.lock:
            self.transactions.abandon()
            self._database.close()

    # objects

    @property
    def objects(self) -> Mapping[str, SObject]:
        """Objects by name, with the org's own fields and those it lacks the features for."""
        return self.schema.objects

    def find_object(self, name: str) -> SObject | None:
        """An object by name in any case, as the org's features leave it; None when the org has none."""
        found = self.schema.find(name)
        if found is not None and found.name in DEFINITION_OBJECTS and self.schema.is_stale:
            with self.lock:
                refresh_definitions(self)
        return found

    def object_of_id(self, record_id: str) -> SObject | None:
        """The object whose key prefix an id carries."""
        return next((each for each in self.objects.values() if each.key_prefix == record_id[:3]), None)

    def add_fields(self, object_name: str, fields: Sequence[Field]) -> None:
        """Adds fields to an object of this org, with empty columns for the rows there are."""
        with self.lock:
            self.schema.add(object_name, fields)

    # settings and clock

    def setting(self, name: str) -> str | None:
        """A persisted setting; None when it was never set."""
        row = self.fetch_one("select value from _settings where name = $1", [name])
        return str(row[0]) if row and row[0] is not None else None

    def put_setting(self, name: str, value: str | None) -> None:
        with self.lock:
            self.run("insert or replace into _settings values ($1, $2)", [name, value])
        self.__dict__.pop("time_zone", None)

    def set_clock(self, now: datetime | None) -> None:
        """Freezes the clock at an aware instant, or lets it run with the system's when None."""
        self.put_setting("clock", now.astimezone(UTC).isoformat() if now else None)
        self.__dict__.pop("_frozen_clock", None)

    @cached_property
    def _frozen_clock(self) -> datetime | None:
        text = self.setting("clock")
        return datetime.fromisoformat(text) if text else None

    @property
    def is_clock_frozen(self) -> bool:
        return self._frozen_clock is not None

    def now(self) -> datetime:
        """The org's current instant (aware, UTC, whole seconds as in SystemModstamp)."""
        return (self._frozen_clock or self._system_clock()).astimezone(UTC).replace(microsecond=0)

    def stamp(self) -> datetime:
        """The current instant in the form stored: naive UTC."""
        return self.now().replace(tzinfo=None)

    @cached_property
    def time_zone(self) -> ZoneInfo:
        row = self.fetch_one('select "TimeZoneSidKey" from "Organization" limit 1')
        return ZoneInfo(str(row[0])) if row and row[0] else ZoneInfo("UTC")

    @property
    def fiscal_start_month(self) -> int:
        row = self.fetch_one('select "FiscalYearStartMonth" from "Organization" limit 1')
        return int(str(row[0])) if row and row[0] else 1

    @property
    def currency(self) -> str:
        """The ISO code of the org's own currency."""
        row = self.fetch_one('select "DefaultCurrencyIsoCode" from "Organization" limit 1')
        return str(row[0]) if row and row[0] else "USD"

    @property
    def organization_id(self) -> str:
        row = self.fetch_one('select "Id" from "Organization" limit 1')
        return str(row[0]) if row else ids.numbered("00D", 1)

    @property
    def integration_user_id(self) -> str:
        row = self.fetch_one('select "Id" from "User" where "Username" = $1', [INTEGRATION_USERNAME])
        return str(row[0]) if row else ids.numbered("005", 1)

    def query_context(self, include_deleted: bool = False, version: str = "62.0") -> QueryContext:
        """What translating a SOQL query needs to know of this org."""
        return QueryContext(
            self.find_object, self.now(), self.time_zone, self.fiscal_start_month, include_deleted, version,
            history_expires="history_retention" in self.schema.features,
        )  # fmt: skip

    # reading and writing

    def fetch_one(self, sql: str, parameters: Sequence[object] = ()) -> tuple[object, ...] | None:
        """The first row of a query."""
        with self.cursor() as cursor:
            # Read to its end: inside a transaction the connection is needed for the next statement.
            return next(iter(cursor.execute(sql, list(parameters)).fetchall()), None)

    def fetch_rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Rows as dictionaries; for at most a few hundred rows."""
        with self.lock:
            relation = self._connection.sql(sql, params=list(parameters))
            rows: list[Row] = relation.to_arrow_table().to_pylist()
            return rows

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A reader's own connection to the file: sees what is committed, inside a transaction what that has written."""
        if self._writing_thread == threading.get_ident():
            yield self._connection
            return
        cursor = self._database.cursor()
        try:
            cursor.execute("set TimeZone = 'UTC'")
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The writing connection in a transaction: all or nothing. Inside another one, a part of that."""
        with self.lock:
            if self._is_writing:
                yield
                return
            self._connection.begin()
            self._is_writing, self._writing_thread = True, threading.get_ident()
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            finally:
                self._is_writing, self._writing_thread = False, None
            self._connection.commit()

    @contextmanager
    def late_transaction(self, commit_at: datetime | None) -> Iterator[OpenTransaction]:
        """A transaction that stays open when left, until `commit_late` is told or the clock passes `commit_at`."""
        with self.lock:
            opened = OpenTransaction(self._database.cursor(), self.now(), commit_at)
            opened.connection.execute("set TimeZone = 'UTC'")
            opened.connection.begin()
            self._connection, self._is_writing = opened.connection, True
            self.transactions.open.append(opened)
            try:
                yield opened
            except BaseException:
                self.transactions.open.remove(opened)
                opened.connection.close()
                raise
            finally:
                self._connection, self._is_writing = self._database, False

    def commit_late(self, everything: bool = False) -> int:
        """Commits the late transactions that are due, or all of them; returns how many."""
        if not self.transactions.open:
            return 0
        with self.lock:
            return self.transactions.commit(None if everything else self.now())

    def update_from(self, object_name: str, assignments: str, table: pa.Table) -> None:
        """Sets columns from an Arrow table known as `_changed` to the assignments, matched by Id."""
        with self.lock:
            self._connection.register("_changed", table)
            self.run(
                f'update "{object_name}" set {assignments} from _changed where "{object_name}"."Id" = _changed."Id"'
            )
            self._connection.unregister("_changed")
        if object_name == "Organization":
            self.__dict__.pop("time_zone", None)

    def delete_listed(self, object_name: str, ids_table: pa.Table) -> None:
        """Removes the rows whose Id stands in an Arrow table's column Id."""
        with self.lock:
            self._connection.register("_listed", ids_table)
            self.run(f'delete from "{object_name}" where "Id" in (select "Id" from _listed)')
            self._connection.unregister("_listed")

    def new_ids(self, object_name: str, count: int) -> list[str]:
        """The next `count` ids of an object, in order."""
        first = self.reserve_numbers(object_name, count)
        prefix = self.objects[object_name].key_prefix
        return [ids.numbered(prefix, number) for number in range(first, first + count)]

    def reserve_numbers(self, object_name: str, count: int) -> int:
        """Takes the numbers of the next `count` ids of an object; returns the first."""
        with self.lock:
            # Never on a late transaction's connection: numbers are taken at once and for good.
            sql = "select next_number from _counters where object = $1"
            rows = self._database.execute(sql, [object_name]).fetchall()
            first = int(str(rows[0][0])) if rows else 1
            sql = "insert or replace into _counters values ($1, $2)"
            self._database.execute(sql, [object_name, first + count]).fetchall()
        return first

    def run(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Runs a statement on the writing connection, inside the transaction if one is open; returns its rows."""
        # DuckDB refuses other work on a connection while a result is not read to its end.
        with self.lock:
            return self._connection.execute(sql, list(parameters)).fetchall()

    def insert_rows(self, object_name: str, rows: Sequence[Row]) -> None:
        """Adds a few rows given as dictionaries of stored values."""
        if not rows:
            return
        schema = arrow_schema(self.objects[object_name].stored_fields)
        with self.lock:
            self.insert_table(object_name, pa.Table.from_pylist(list(rows), schema=schema))

    def insert_table(self, object_name: str, table: pa.Table) -> None:
        """Adds the rows of an Arrow table whose columns are fields of the object, cast to their types."""
        fields = self.objects[object_name].fields
        given = [name for name in table.column_names if name in fields and fields[name].stored]
        missing = [name for name, each in fields.items() if each.type == "boolean" and name not in given]
        casts = ", ".join(
            [*(_cast(fields[name]) for name in given), *(_default(fields[name]) for name in missing)]
        )
        columns = ", ".join(f'"{quoted(name)}"' for name in (*given, *missing))
        with self.lock:
            self._connection.register("_incoming", table)
            self.run(f'insert into "{object_name}" ({columns}) select {casts} from _incoming')
            self._connection.unregister("_incoming")

    def prepare(self) -> None:
        """Gives an empty org what every org has: the organization itself, an integration user, opportunity stages."""
        with self.transaction():
            self._prepare()

    def _prepare(self) -> None:
        if not self.fetch_rows('select 1 from "Organization" limit 1'):
            self.insert_rows("Organization", [organization(self.new_ids("Organization", 1)[0])])
        if not self.fetch_rows('select 1 from "User" where "Username" = $1', [INTEGRATION_USERNAME]):
            zone = str(self.time_zone)
            self.insert_rows("User", [integration_user(self.new_ids("User", 1)[0], zone)])
        if not self.fetch_rows('select 1 from "OpportunityStage" limit 1'):
            stage_ids = self.new_ids("OpportunityStage", len(DEFAULT_STAGES))
            self.insert_rows("OpportunityStage", list(stages(stage_ids)))


def arrow_schema(fields: Iterable[Field]) -> pa.Schema:
    """Arrow types of stored values: datetimes are naive UTC microseconds."""
    types: dict[str, pa.DataType] = {
        "BOOLEAN": pa.bool_(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"), "VARCHAR": pa.string(),
    }  # fmt: skip
    return pa.schema([(each.name, types[each.column_type]) for each in fields])


def _cast(field: Field) -> str:
    column = f'"{quoted(field.name)}"'
    if field.column_type == "VARCHAR":
        return f"nullif({column}::varchar, '')"
    cast = f"{column}::{field.column_type}"
    return f"coalesce({cast}, {_default(field)})" if field.type == "boolean" else cast


def _default(field: Field) -> str:
    # A checkbox is never null in Salesforce.
    return "true" if field.default == "true" else "false"


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return duckdb.connect(str(path))
    except (OSError, duckdb.Error) as error:
        reason = str(error).splitlines()[0]
        raise SandboxError(
            f"cannot open the org file {path}: {reason}; stop what else uses it or name another"
        ) from error
