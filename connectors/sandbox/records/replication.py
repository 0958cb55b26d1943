"""getUpdated and getDeleted: which ids changed or went between two instants, and how far that may be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject
from connectors.sandbox.soql.source import QueryContext
from connectors.sandbox.soql.sql import translate

START_DAYS = 30
DELETED_DAYS = 15
MAXIMUM_IDS = 600_000
_SETTING = "replication"


@dataclass(frozen=True)
class ReplicationSettings:
    """How an org's replication calls answer.

    `earliest_date_available` (naive UTC, ISO) moves the start of the delete log; `latest_date_covered_lag_seconds` is how
    far latestDateCovered stays behind the clock; `purge_stays_in_delete_log` keeps purged rows in getDeleted;
    `maximum_ids` is where EXCEEDED_ID_LIMIT begins.
    """

    earliest_date_available: str | None = None
    latest_date_covered_lag_seconds: int = 0
    purge_stays_in_delete_log: bool = False
    maximum_ids: int = MAXIMUM_IDS

    @classmethod
    def of(cls, org: Org) -> ReplicationSettings:
        """The org's settings."""
        return cls(**json.loads(org.setting(_SETTING) or "{}"))

    def put(self, org: Org) -> None:
        """Keeps them in the org's file."""
        org.put_setting(_SETTING, json.dumps(asdict(self)))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(each.name for each in fields(cls))


@dataclass(frozen=True)
class Span:
    """[start, end) of a replication call, naive UTC."""

    start: datetime
    end: datetime


def checked_span(start: datetime, end: datetime, now: datetime) -> Span:
    """The span with its seconds dropped, as Salesforce does; INVALID_REPLICATION_DATE when it may not be asked for."""
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if end - start < timedelta(minutes=1):
        raise _invalid("endDate must be at least one minute greater than the startDate")
    if start < now - timedelta(days=START_DAYS):
        raise _invalid(f"startDate cannot be more than {START_DAYS} days ago")
    return Span(start, end)


def _invalid(message: str) -> SalesforceError:
    return SalesforceError("INVALID_REPLICATION_DATE", message)


def check_replicateable(entity: SObject) -> None:
    """Objects without SystemModstamp and IsDeleted cannot be replicated."""
    if "SystemModstamp" not in entity.fields or "IsDeleted" not in entity.fields:
        raise SalesforceError("INVALID_TYPE", f"sObject type '{entity.name}' is not replicateable.")


def latest_date_covered(org: Org, span: Span) -> datetime:
    """The instant up to which the answer is whole: a transaction still under way holds it back."""
    lag = timedelta(seconds=ReplicationSettings.of(org).latest_date_covered_lag_seconds)
    oldest = org.transactions.oldest_start
    starts = [oldest.replace(tzinfo=None)] if oldest else []
    return min([span.end, org.stamp() - lag, *starts])


def earliest_date_available(org: Org) -> datetime:
    """The start of the delete log."""
    moved = ReplicationSettings.of(org).earliest_date_available
    oldest = (org.stamp() - timedelta(days=DELETED_DAYS)).replace(second=0)
    return max(oldest, datetime.fromisoformat(moved)) if moved else oldest


def updated_ids(org: Org, context: QueryContext, entity: SObject, span: Span) -> list[str]:
    """Ids of live records whose SystemModstamp lies in the span."""
    return [record_id for record_id, _ in _changed(org, context, entity, span, "false")]


def deleted_ids(org: Org, context: QueryContext, entity: SObject, span: Span) -> list[tuple[str, datetime]]:
    """Ids in the delete log and when they were deleted, oldest first."""
    kept = Span(max(span.start, earliest_date_available(org)), span.end)
    logged = org.fetch_rows(
        "select id, deleted_at from _delete_log where object = $1 and deleted_at >= $2 and deleted_at < $3",
        [entity.name, kept.start, kept.end],
    )
    purged = [(str(row["id"]), _instant(row["deleted_at"])) for row in logged]
    found = _changed(org, context, entity, kept, "true") + purged
    _check_count(org, found)
    return sorted(found, key=lambda each: (each[1], each[0]))


def _changed(
    org: Org, context: QueryContext, entity: SObject, span: Span, deleted: str
) -> list[tuple[str, datetime]]:
    soql = (
        f"select Id, SystemModstamp from {entity.name} where IsDeleted = {deleted} and "
        f"SystemModstamp >= {span.start.isoformat()}Z and SystemModstamp < {span.end.isoformat()}Z"
    )
    query = translate(soql, context)
    with org.cursor() as cursor:
        sql = f'select t0."Id", t0."SystemModstamp" from {query.body}'
        found = [(str(row[0]), _instant(row[1])) for row in cursor.execute(sql, query.parameters).fetchall()]
    _check_count(org, found)
    return found


def _instant(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value


def _check_count(org: Org, found: Sequence[tuple[str, datetime]]) -> None:
    if len(found) > ReplicationSettings.of(org).maximum_ids:
        raise SalesforceError(
            "EXCEEDED_ID_LIMIT", "too many ids: choose start and end dates that are closer together"
        )


def log_purged(org: Org, entity: SObject, record_ids: Sequence[str]) -> None:
    """Keeps purged rows in the delete log, where the org's settings say so."""
    if ReplicationSettings.of(org).purge_stays_in_delete_log and "IsDeleted" in entity.fields:
        stamp = (
            'case when "IsDeleted" then "SystemModstamp" end' if "SystemModstamp" in entity.fields else "null"
        )
        sql = f'insert into _delete_log select $1, "Id", coalesce({stamp}, $2) from "{entity.name}" where "Id" = any($3)'
        org.run(sql, [entity.name, org.stamp(), list(record_ids)])


def changed_settings(org: Org, given: Mapping[str, object]) -> ReplicationSettings:
    """The org's settings with some of them changed; INVALID_INPUT for what is none."""
    unknown = sorted(set(given) - set(ReplicationSettings.names()))
    if unknown:
        known = ", ".join(ReplicationSettings.names())
        raise SalesforceError("INVALID_INPUT", f"unknown setting {unknown[0]}; there are {known}")
    settings = ReplicationSettings(**{**asdict(ReplicationSettings.of(org)), **given})
    settings.put(org)
    return settings
