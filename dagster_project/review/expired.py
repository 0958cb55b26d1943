"""Reviews nobody touched: gone by the next evening, as if never made, and on record as a fact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import polars as pl
import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD, INSTANT
from connectors.salesforce.writing.upserts import delete_tasks, read_where_in
from connectors.salesforce.writing.write_plan import LIVE_FIELDS, expired_untouched
from dagster_project.review.keys import REVIEW_PREFIX
from dagster_project.review.reasons import REVIEW_FIELD
from dagster_project.undone import frame

REVIEWS_EXPIRED: Final = "reviews_expired"
_OWN: dict[str, pa.DataType] = {"task_id": pa.string(), "plan_date": pa.date32()}
_TYPES: dict[str, pa.DataType] = {
    "record_id": pa.string(),
    "kind": pa.string(),
    "occurred_at": INSTANT,
    **_OWN,
}


@dataclass(frozen=True)
class Expired:
    """Tasks of earlier reviews that stood open and untouched, and how many of them are gone now (none in a dry run)."""

    untouched: int = 0
    deleted: int = 0


def delete_expired(
    client: SalesforceClient, log: EventLog, day: date, *, run_id: str, now: datetime, dry_run: bool
) -> Expired:
    """Delete our reviews of days before ``day`` that nobody edited, answered or finished; told by a read-back.

    Each is read directly before; the facts (``reviews_expired``: action key, task, day) name those that are gone.
    """
    known = open_reviews(log, day)
    columns = list(dict.fromkeys([*LIVE_FIELDS, ACTION_KEY_FIELD, REVIEW_FIELD]))
    live = read_where_in(client, "Id", known, columns)
    unanswered = live.filter(pa.compute.is_null(live[REVIEW_FIELD]))
    due = expired_untouched(unanswered, own_user_id=client.user_id, before_date=day)
    if dry_run or not due:
        return Expired(len(due))
    delete_tasks(client, due)
    standing = {
        row["Id"]
        for row in read_where_in(client, "Id", due, list(LIVE_FIELDS)).to_pylist()
        if row["IsDeleted"] != "true"
    }
    gone = [row for row in live.to_pylist() if row["Id"] in set(due) - standing]
    _record(log, gone, run_id, now)
    return Expired(len(due), len(gone))


def open_reviews(log: EventLog, day: date) -> list[str]:
    """Ids of the review tasks of earlier days that were open at the last pull."""
    tasks = frame(log.latest("task"))
    is_review = pl.col(ACTION_KEY_FIELD).str.starts_with(REVIEW_PREFIX).fill_null(False)
    is_open = ~pl.col("IsClosed").fill_null(False) & ~pl.col("kind").is_in(["deleted", "purged"])
    return tasks.filter(is_review & is_open & (pl.col("ActivityDate") < day))["record_id"].sort().to_list()


def _record(log: EventLog, gone: list[dict[str, str | None]], run_id: str, now: datetime) -> None:
    if not gone:
        return
    rows = [
        {
            "record_id": row[ACTION_KEY_FIELD],
            "kind": "deleted",
            "occurred_at": now,
            "task_id": row["Id"],
            "plan_date": date.fromisoformat(str(row["ActivityDate"])),
        }
        for row in gone
    ]
    log.evolve(REVIEWS_EXPIRED, pa.schema(_OWN))
    table = pa.Table.from_pylist(rows, schema=pa.schema(_TYPES))
    log.append_facts(REVIEWS_EXPIRED, table, run_id=run_id, observed_at=now, key=("record_id", "task_id"))
