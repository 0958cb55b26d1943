"""Formula and roll-up fields: their values move without SystemModstamp, so no cursor sees them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from connectors.event_log import EventLog
from connectors.event_log.canonical import identifier, literal
from connectors.event_log.contract import routes
from connectors.event_log.query import query


@dataclass(frozen=True)
class MovedUnstamped:
    """Values of calculated fields found changed under an unchanged stamp, and the records they belong to."""

    values: int
    records: int

    def sentence(self) -> str:
        """What the re-read brought, in words."""
        return (
            f"formula fields read again: {self.values:,} values of {self.records:,} records "
            "had moved without a stamp"
        )


def moved_unstamped(log: EventLog, stream: str, run_id: str, fields: Collection[str]) -> MovedUnstamped:
    """Compare the facts this run appended to a stream with the facts before them of the same records."""
    columns = routes(log.contract(stream))
    held = sorted(columns[name.lower()] for name in fields if name.lower() in columns)
    if not held:
        return MovedUnstamped(0, 0)
    differences = " + ".join(
        f"(({identifier(name)} is distinct from lag({identifier(name)}) over earlier)::int)" for name in held
    )
    scan = log.scan(stream)
    found = query(
        f"""select coalesce(sum(moved), 0)::bigint as values, count(*) filter (where moved > 0) as records
        from (
          select run_id, {differences} as moved,
            occurred_at = lag(occurred_at) over earlier as is_same_stamp
          from {scan}
          where record_id in (select record_id from {scan} where run_id = {literal(run_id)})
          window earlier as (partition by record_id order by sequence)
        ) where run_id = {literal(run_id)} and is_same_stamp""",
        log.root / stream,
    ).to_pylist()[0]
    return MovedUnstamped(found["values"], found["records"])
