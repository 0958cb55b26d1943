"""SOQL over REST, page by page, into Arrow tables of text; the log casts them, as it does for Bulk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import HalfPage
from connectors.salesforce.reading.scratch import scratch_cursor

# Longer statements do not fit into the address of a REST call.
LONGEST_REST_STATEMENT = 12_000


@dataclass(frozen=True)
class Page:
    """Rows as text, all columns asked for; `total_rows` is the totalSize of the whole query."""

    rows: pa.Table
    total_rows: int
    next_path: str | None


class PageParser:
    """Parses query replies inside DuckDB, so that no row becomes a Python object."""

    def __init__(self) -> None:
        self._connection = scratch_cursor()

    def page(self, body: str, columns: Sequence[str]) -> Page:
        """One reply. Raises HalfPage when it is not a whole one."""
        try:
            envelope = self._connection.execute(_ENVELOPE, [body]).fetchall()
            rows = self._connection.sql(_records(columns), params=[body]).to_arrow_table()
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            raise HalfPage(
                "a page of a query is not whole JSON", where="query", remedy="run again; nothing is lost"
            ) from error
        ((total_rows, next_path),) = envelope
        if total_rows is None:
            raise HalfPage("a page of a query lacks its totalSize", where="query", remedy="run again")
        return Page(rows, int(total_rows), next_path)


_ENVELOPE = """
    SELECT (document->>'$.totalSize')::BIGINT, document->>'$.nextRecordsUrl'
    FROM (SELECT $1::JSON AS document)"""


def _records(columns: Sequence[str]) -> str:
    shape = json.dumps([dict.fromkeys(columns, "VARCHAR")])
    picked = ", ".join(f"""nullif(record."{name}", '') AS "{name}\"""" for name in columns)
    records = f"from_json(json_extract($1::JSON, '$.records'), '{shape}')"
    return f"SELECT {picked} FROM (SELECT unnest({records}) AS record)"


def count_rows(client: SalesforceClient, object_name: str, condition: str) -> int:
    """COUNT() at the source, deleted and archived rows included."""
    reply = client.call("GET", "queryAll", params={"q": f"SELECT COUNT() FROM {object_name}{condition}"})
    return int(reply.json()["totalSize"])


def read_pages(
    client: SalesforceClient,
    parser: PageParser,
    soql: str,
    columns: Sequence[str],
    *,
    with_deleted: bool = True,
) -> Iterator[Page]:
    """All pages of a query. Raises HalfPage for a broken one; a missing one shows in the row count."""
    reply = client.call("GET", "queryAll" if with_deleted else "query", params={"q": soql})
    while True:
        page = parser.page(reply.content.decode(), columns)
        yield page
        if page.next_path is None:
            return
        reply = client.call("GET", page.next_path)


def read_table(
    client: SalesforceClient, soql: str, columns: Sequence[str], *, with_deleted: bool = True
) -> pa.Table:
    """A whole small query as text. Raises HalfPage when rows are missing."""
    pages = list(read_pages(client, PageParser(), soql, columns, with_deleted=with_deleted))
    table = pa.concat_tables([page.rows for page in pages])
    if table.num_rows != pages[0].total_rows:
        raise HalfPage(
            f"a query gave {table.num_rows} of {pages[0].total_rows} rows", where="query", remedy="run again"
        )
    return table
