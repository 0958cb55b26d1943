"""A sandbox org with a million Tasks and a quarter of a million Opportunities, filled by DuckDB alone.

Made once and kept in the machine's folder for temporary files; each bench runs on a copy.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.sandbox.records import ids
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import Field
from connectors.sandbox.schema.standard_objects import STANDARD_OBJECTS

ROWS = {"Task": 1_000_000, "Opportunity": 250_000}
CHANGED_ROWS = 10_000
FILLED_AT = datetime(2026, 10, 1, tzinfo=UTC)
CHANGED_AT = datetime(2026, 10, 2, tzinfo=UTC)

_VERSION = 1
_CHUNK_ROWS = 250_000
_USERS, _ACCOUNTS = 200, 50_000
_FIRST_INSTANT = "timestamp '2023-10-01'"
_SECONDS = 3 * 365 * 86_400
_WORDS = (
    "called the buyer about the renewal", "sent the revised quote", "met purchasing and the plant manager",
    "asked for a decision by the end of the month", "no answer, left a message", "見積書を送付しました",
    "先方の決裁者と面談の日程を調整中", "said \"not before spring\"; try again", "trial goes well, legal has questions",
    "next: security review, then contract",
)  # fmt: skip
# Per field name, else per type: SQL over `row_number` n, `h` a hash of it.
_OWN_VALUES = {
    "IsDeleted": "n % 200 = 0",
    "Subject": "['Call', 'Email', 'Send quote', 'Follow up', '訪問'][1 + h % 5] || ' ' || n",
    "Name": "'Deal ' || n || ' ' || ['renewal', 'expansion', '新規', 'pilot'][1 + h % 4]",
    "Description": "case when h % 3 > 0 then replace(array_to_string([words[1 + (h >> (4 * k)::int) % len(words)] "
    "for k in range(1 + h % 4)], '; '), '; ', if(h % 7 = 0, chr(10), '; ')) end",
    "StageName": "['Prospecting', 'Qualification', 'Proposal', 'Negotiation', 'Closed Won', 'Closed Lost'][1 + h % 6]",
    "Status": "['Not Started', 'In Progress', 'Completed'][1 + h % 3]",
    "CurrencyIsoCode": "'JPY'",
    "RecordTypeId": "null",
}  # fmt: skip
_TYPE_VALUES = {
    "boolean": "h % 2 = 0",
    "int": "h % 600",
    "double": "(h % 10_000) / 8.0",
    "percent": "h % 101",
    "currency": "round((h % 900_000_000) / 100.0, 2)",
    "date": "({instant})::date",
    "datetime": "{instant}",
    "picklist": "['First', 'Second', 'Third'][1 + h % 3]",
    "textarea": "null",
    "string": "case when h % 4 = 0 then 'text ' || h % 10_000 end",
}
_REFERENCES = {
    "OwnerId": ("005", _USERS),
    "CreatedById": ("005", _USERS),
    "LastModifiedById": ("005", _USERS),
}


def cached_org() -> Path:
    """The org file, made when it is not there yet."""
    folder = Path(tempfile.gettempdir()) / "gyakusan-bench"
    path = folder / f"large-org-{_VERSION}.duckdb"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            fill(Path(aside) / "org.duckdb").replace(path)
    return path


def copied_org(folder: Path) -> Path:
    """A copy of the cached org that a bench may change."""
    return Path(shutil.copy(cached_org(), folder / "org.duckdb"))


def fill(path: Path) -> Path:
    """Write the org, a chunk at a time."""
    org = Org(path, lambda: FILLED_AT)
    org.prepare()
    for name, rows in ROWS.items():
        for first in range(1, rows + 1, _CHUNK_ROWS):
            org.insert_table(name, _records(name, first, min(first + _CHUNK_ROWS, rows + 1)))
    org.put_setting("loaded", "true")
    org.close()
    return path


def change_tasks(path: Path) -> None:
    """Give `CHANGED_ROWS` Tasks, spread over the file, a new status and modification stamp."""
    org = Org(path, lambda: CHANGED_AT)
    every = ROWS["Task"] // CHANGED_ROWS
    org.run(
        f"""update "Task" set "Status" = 'Deferred', "SystemModstamp" = $1, "LastModifiedDate" = $1
            where rowid % {every} = 0""",
        [datetime(2026, 10, 1, 12, tzinfo=UTC).replace(tzinfo=None)],
    )
    org.close()


def _records(object_name: str, first: int, after_last: int) -> pa.Table:
    words = "[" + ", ".join("'" + word.replace("'", "''") + "'" for word in _WORDS) + "]"
    entity = STANDARD_OBJECTS[object_name]
    columns = ", ".join(
        f'{_value(each, entity.key_prefix)} as "{each.name}"' for each in entity.stored_fields
    )
    sql = f"""select {columns} from (
        select n, (hash(n) >> 8)::bigint as h, {words} as words from range({first}, {after_last}) as numbers(n))"""
    return duckdb.sql(sql).to_arrow_table()


def _value(field: Field, key_prefix: str) -> str:
    if field.name == "Id":
        return _id(key_prefix, "n")
    if field.name in _OWN_VALUES:
        return _OWN_VALUES[field.name]
    # Each field its own draw, or columns would compress each other away.
    draw = f"((hash(n, '{field.name}') >> 8)::bigint)"
    if field.type in ("id", "reference"):
        prefix, count = _REFERENCES.get(field.name, ("001", _ACCOUNTS))
        return _id(prefix, f"1 + {draw} % {count}")
    instant = f"{_FIRST_INSTANT} + to_seconds(n * {_SECONDS} // {ROWS['Task']})"
    value = _TYPE_VALUES.get(field.type, _TYPE_VALUES["string"])
    return value.replace("{instant}", instant).replace("h ", f"{draw} ")


def _id(key_prefix: str, number: str) -> str:
    # With digits alone in the number, all ids of an object have one and the same suffix.
    suffix = ids.with_suffix(key_prefix + ids.POD + "0" * ids.NUMBER_LENGTH)[-3:]
    return f"'{key_prefix + ids.POD}' || lpad(({number})::varchar, {ids.NUMBER_LENGTH}, '0') || '{suffix}'"
