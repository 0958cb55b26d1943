"""What can be odd about loaded records: each oddity is a query of ids, counted and listed, never repaired."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

SAMPLE_SIZE = 5


@dataclass(frozen=True)
class Oddity:
    """One kind of oddity met in one object (or file): how many records, and the ids of the first few."""

    name: str
    object: str
    count: int
    sample_ids: tuple[str, ...]

    def line(self) -> str:
        """One line for people."""
        shown = f" ({', '.join(self.sample_ids)}{', …' if self.count > len(self.sample_ids) else ''})"
        return f"{self.object}: {self.count} × {self.name}{shown if self.sample_ids else ''}"


_ORDERED_HISTORY = """
select h."Id", h."OpportunityId", h."StageName", s."SortOrder" as stage_order,
    lag(h."StageName") over w as stage_before, lag(s."SortOrder") over w as order_before,
    row_number() over (partition by h."OpportunityId" order by h."CreatedDate" desc, h."Id" desc) as from_last
from "OpportunityHistory" h left join "OpportunityStage" s on s."ApiName" = h."StageName"
window w as (partition by h."OpportunityId" order by h."CreatedDate", h."Id")
"""
_HISTORY = frozenset({"Opportunity", "OpportunityHistory"})
_STAGED = 'from "Opportunity" o join "OpportunityStage" s on s."ApiName" = o."StageName"'

CHECKS: tuple[tuple[str, str, frozenset[str], frozenset[str], str], ...] = (
    (
        "closed stage with IsClosed false", "Opportunity", frozenset({"Opportunity"}), frozenset({"IsClosed"}),
        f'select o."Id" {_STAGED} where s."IsClosed" and not o."IsClosed"',
    ),
    (
        "open stage with IsClosed true", "Opportunity", frozenset({"Opportunity"}), frozenset({"IsClosed"}),
        f'select o."Id" {_STAGED} where not s."IsClosed" and o."IsClosed"',
    ),
    (
        "IsWon against the stage", "Opportunity", frozenset({"Opportunity"}), frozenset({"IsWon", "IsClosed"}),
        f'select o."Id" {_STAGED} where s."IsClosed" and o."IsClosed" and s."IsWon" <> o."IsWon"',
    ),
    (
        "created after last modified", "Opportunity", frozenset({"Opportunity"}),
        frozenset({"CreatedDate", "LastModifiedDate"}),
        'select "Id" from "Opportunity" where "CreatedDate" > "LastModifiedDate"',
    ),
    (
        "history before creation", "OpportunityHistory", _HISTORY, frozenset({"CreatedDate"}),
        'select h."Id" from "OpportunityHistory" h join "Opportunity" o on o."Id" = h."OpportunityId" '
        'where h."CreatedDate" < o."CreatedDate"',
    ),
    (
        "last history stage is not the current one", "Opportunity", _HISTORY, frozenset({"StageName"}),
        f'select o."Id" from ({_ORDERED_HISTORY}) h join "Opportunity" o on o."Id" = h."OpportunityId" '
        'where h.from_last = 1 and h."StageName" is distinct from o."StageName"',
    ),
    (
        "backward move", "OpportunityHistory", _HISTORY, frozenset({"StageName"}),
        f'select "Id" from ({_ORDERED_HISTORY}) where stage_order < order_before',
    ),
    (
        "same-stage repeat", "OpportunityHistory", _HISTORY, frozenset({"StageName"}),
        f'select "Id" from ({_ORDERED_HISTORY}) where "StageName" = stage_before',
    ),
    (
        "opportunity without history", "Opportunity", _HISTORY, frozenset({"Id"}),
        'select "Id" from "Opportunity" where "Id" not in '
        '(select "OpportunityId" from "OpportunityHistory" where "OpportunityId" is not null)',
    ),
    (
        "history of an opportunity that is not there", "OpportunityHistory", _HISTORY, frozenset({"Id"}),
        'select "Id" from "OpportunityHistory" where "OpportunityId" is null '
        'or "OpportunityId" not in (select "Id" from "Opportunity")',
    ),
    (
        "no amount", "Opportunity", frozenset({"Opportunity"}), frozenset({"Amount"}),
        'select "Id" from "Opportunity" where "Amount" is null',
    ),
    (
        "no stage", "Opportunity", frozenset({"Opportunity"}), frozenset({"StageName"}),
        'select "Id" from "Opportunity" where "StageName" is null',
    ),
    (
        "no close date", "Opportunity", frozenset({"Opportunity"}), frozenset({"CloseDate"}),
        'select "Id" from "Opportunity" where "CloseDate" is null',
    ),
)  # fmt: skip
"""Name, object, tables needed, columns needed in them, query of ids in the order to list."""


def samples(work: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, tuple[str, ...]]:
    """How many ids a query finds, and the first few in order."""
    row = work.execute(f"select count(*) from ({sql})").fetchone()
    first = work.execute(f"select * from ({sql}) order by 1 limit {SAMPLE_SIZE}").fetchall()
    return (int(row[0]) if row else 0), tuple(str(each[0]) for each in first)


def find_oddities(work: duckdb.DuckDBPyConnection, tables: set[str]) -> list[Oddity]:
    """Runs every check whose tables and columns are there; a check that finds nothing yields nothing."""
    found = []
    for name, object_name, needed, columns, sql in CHECKS:
        if needed <= tables and all(columns <= _columns(work, table) for table in needed):
            count, ids = samples(work, sql)
            if count:
                found.append(Oddity(name, object_name, count, ids))
    return found


def _columns(work: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {str(row[0]) for row in work.execute(f'describe "{table}"').fetchall()}
