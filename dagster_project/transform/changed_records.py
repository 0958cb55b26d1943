"""Which activities and opportunities may look different from what the last build made of them (design decision 8).

Read before dbt starts, from the log and the last warehouse. Never too few; too many only cost time. Three things change
a record: facts that landed since, dates that passed since (an event is over, a deal is a day older), and what it hangs
on: a lead that was converted, a contact's account or title, the team of its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.canonical import identifier, literal
from connectors.event_log.query import instant_sql
from dagster_project.gate.verdicts import GATE_VERDICTS
from dagster_project.transform.build_state import BuildState

CHANGED_SCHEMA = pa.schema([pa.field("record_id", pa.string())])

# Fields of other records by stream: what a changed record of it reaches.
_REACHES: Mapping[str, tuple[str, ...]] = {
    "opportunity": (),
    "opportunity_history": ("OpportunityId",),
    "opportunity_field_history": ("OpportunityId",),
    "opportunity_contact_role": ("OpportunityId", "ContactId"),
    "task": ("WhatId", "WhoId"),
    "event": ("WhatId", "WhoId"),
    "lead": ("ConvertedOpportunityId",),
    "contact": (),
    "user": ("UserRoleId",),
}
# A change here may reach every record.
_REACH_ALL = ("opportunity_stage", "record_type", "currency_type", "dated_conversion_rate")

_ACTIVITIES = """
    select record_id as activity_id from fresh_task union select record_id from fresh_event
    union
    select activities.activity_id from warehouse.intermediate.int_activities as activities
    cross join last_build
    where activities.activity_at >= last_build.end_at or activities.ends_at >= last_build.end_at
        or activities.who_id in (select record_id from fresh_lead union select record_id from fresh_contact)
        or activities.opportunity_id in (select record_id from fresh_opportunity)
        or activities.rep_id in (select rep_id from moved_reps)
"""

# Whom changed activities were with: their other appointments may be credited to other touches.
_PLACES = """
    select unnest([person_id, account_id]) from warehouse.intermediate.int_activities
    where activity_id in (select activity_id from changed_activities)
"""

# Opportunities that a changed activity was or may now be of.
_ACTIVE_OPPORTUNITIES = """
    select WhatId as opportunity_id from fresh_task union select WhatId from fresh_event
    union select ConvertedOpportunityId from facts_lead
        where record_id in (
            select record_id from fresh_lead union select WhoId from fresh_task union select WhoId from fresh_event
        )
    union select opportunity_id from warehouse.intermediate.int_activities
        where activity_id in (select activity_id from changed_activities)
"""

# Which meeting of a deal is its first depends on the others.
_APPOINTMENTS = """
    select activity_id from warehouse.intermediate.int_activities
    where is_appointment and opportunity_id in (select opportunity_id from active_opportunities)
"""

_OPPORTUNITIES = """
    select opportunity_id from active_opportunities
    union select record_id from fresh_opportunity
    union select OpportunityId from facts_opportunity_history
        where record_id in (select record_id from fresh_opportunity_history)
    union select OpportunityId from facts_opportunity_field_history
        where record_id in (select record_id from fresh_opportunity_field_history)
    union select OpportunityId from facts_opportunity_contact_role
        where record_id in (select record_id from fresh_opportunity_contact_role)
            or ContactId in (select record_id from fresh_contact)
    union select opportunity_id from warehouse.intermediate.int_activities
        where person_id in (select record_id from fresh_contact)
    union select opportunity_id from warehouse.main.fct_opportunity where status = 'open'
    union select opportunity_id from warehouse.staging.stg_opportunity cross join last_build
        where close_date > last_build.as_of_date
            or greatest(last_stage_change_at, last_modified_at, system_modified_at) >= last_build.end_at
    union select opportunity_id from warehouse.main.fct_crm_events
        where activity_id is null and rep_id in (select rep_id from moved_reps)
    union select opportunity_id from warehouse.intermediate.int_opportunity_owners
        where owner_id in (select rep_id from moved_reps)
"""

_MOVED_REPS = """
    select reps.rep_id from warehouse.main.dim_rep as reps
    inner join fresh_user on reps.rep_id = fresh_user.record_id
    where fresh_user.UserRoleId is distinct from reps.team_id
        -- Where one of a user's facts was refused, the team is that of another.
        or exists (select 1 from verdicts_since where stream = 'user' and event_id_judged is not null)
"""


def changed_records(log: EventLog, warehouse: Path, before: BuildState, time_zone: str) -> pa.Table | None:
    """One row per record of any object that may have changed, by its `record_id`; None when all may have.

    `before` is the build the warehouse holds, `time_zone` the organisation's, in which its as_of_date ended.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
        connection.execute(_last_build(before, time_zone))
        verdicts = log.scan(GATE_VERDICTS, after_sequence=before.verdicts)
        connection.execute(
            f"create table verdicts_since as select * from {verdicts} where sequence > {before.verdicts}"
        )
        if any(_has_landed(connection, log, before, stream) for stream in _REACH_ALL):
            return None
        for stream, fields in _REACHES.items():
            _read_stream(connection, log, before, stream, fields)
        connection.execute(f"create table moved_reps as {_MOVED_REPS}")
        connection.execute(f"create table changed_activities as {_ACTIVITIES}")
        connection.execute(f"create table active_opportunities as {_ACTIVE_OPPORTUNITIES}")
        changed: pa.Table = connection.sql(_all_changed(_REACHES)).to_arrow_table()
        return changed.cast(CHANGED_SCHEMA)


def _last_build(before: BuildState, time_zone: str) -> str:
    day = f"date '{before.as_of_date.isoformat()}'"
    return f"""create table last_build as
        select {day} as as_of_date, timezone({literal(time_zone)}, cast({day} + 1 as timestamp)) as end_at"""


def _has_landed(
    connection: duckdb.DuckDBPyConnection, log: EventLog, before: BuildState, stream: str
) -> bool:
    if stream not in log.streams():
        return False
    sql = f"select 1 from {log.scan(stream)} where {_is_fresh(connection, log, before, stream)} limit 1"
    return connection.execute(sql).fetchone() is not None


def _read_stream(
    connection: duckdb.DuckDBPyConnection,
    log: EventLog,
    before: BuildState,
    stream: str,
    fields: Iterable[str],
) -> None:
    """Declare `facts_<stream>` (all its facts) and `fresh_<stream>` (those the last build did not see as they are now)."""
    present = {field.name for field in log.contract(stream)}
    columns = [identifier(each) if each in present else f"null::varchar as {each}" for each in fields]
    chosen = ", ".join(["record_id", *columns])
    connection.execute(f"create view facts_{stream} as select {chosen} from {log.scan(stream)}")
    fresh = (
        f"select distinct {chosen} from {log.scan(stream)} where {_is_fresh(connection, log, before, stream)}"
    )
    connection.execute(f"create table fresh_{stream} as {fresh}")


def _is_fresh(connection: duckdb.DuckDBPyConnection, log: EventLog, before: BuildState, stream: str) -> str:
    conditions = [
        f"sequence > {before.built_to.get(stream, 0)}",
        f"observed_at > {instant_sql(before.known_at)}",
        "occurred_at >= (select end_at from last_build)",
    ]
    if "CreatedDate" in {field.name for field in log.contract(stream)}:
        conditions.append('"CreatedDate" >= (select end_at from last_build)')
    refused = f"from verdicts_since where stream = {literal(stream)} and event_id_judged is not null"
    if connection.execute(f"select 1 {refused} limit 1").fetchone():
        conditions.append(f"event_id in (select event_id_judged {refused})")
    return " or ".join(conditions)


def _all_changed(streams: Iterable[str]) -> str:
    parts = [
        "select activity_id as record_id from changed_activities",
        _APPOINTMENTS,
        _PLACES,
        f"select opportunity_id from ({_OPPORTUNITIES})",
        *(f"select record_id from fresh_{stream}" for stream in streams),
    ]
    return f"select record_id from ({' union '.join(parts)}) where record_id is not null"
