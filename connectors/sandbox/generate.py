"""Whole sales organisations from a seed: the tables a Salesforce org would hold, with true parameters known (method §8)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from connectors.sandbox.generator.accounts import account_keys, accounts_table, contacts_table
from connectors.sandbox.generator.activities import EventDraft, TaskDraft, deal_activities
from connectors.sandbox.generator.crm_activities import (
    activity_figures,
    events_table,
    known_events,
    known_tasks,
    tasks_table,
)
from connectors.sandbox.generator.crm_contact_roles import contact_roles_table
from connectors.sandbox.generator.crm_opportunities import (
    Ledger,
    field_history_table,
    history_table,
    ledger,
    opportunities_table,
)
from connectors.sandbox.generator.extracts import bare_deals, bare_spells, hidden_deals
from connectors.sandbox.generator.leads import all_leads, lead_tasks, lead_touches, leads_table
from connectors.sandbox.generator.own_calendar import days_off, past_customer_touches, team_meetings
from connectors.sandbox.generator.people import organization_table, roles_table, stages_table, users_table
from connectors.sandbox.generator.pipeline import Prompted, simulate
from connectors.sandbox.generator.quotas import periods_table, quotas_table
from connectors.sandbox.generator.spec import ACTION_TYPES, OrganizationSpec, SegmentSpec, StageSpec
from connectors.sandbox.generator.truth import (
    Truth,
    benchmark_lifts,
    period_win_incidence,
    rep_truth,
    truth,
)

__all__ = [
    "ACTION_TYPES",
    "OrganizationSpec",
    "Prompted",
    "SegmentSpec",
    "StageSpec",
    "Truth",
    "benchmark_lifts",
    "generate",
    "generate_hidden",
    "generate_spells",
    "period_win_incidence",
    "rep_truth",
    "truth",
    "write_csv",
]

DAYS_AHEAD = 30


@dataclass(frozen=True)
class _Known:
    """What exists by the clock."""

    spec: OrganizationSpec
    now: int
    book: Ledger
    events: EventDraft
    tasks: TaskDraft


def _known(spec: OrganizationSpec, prompted: Prompted | None) -> _Known:
    """Runs some days past the clock: appointments made by now lie ahead."""
    now = int(spec.now.timestamp())
    pipeline = simulate(spec, days_after_today=DAYS_AHEAD, prompted=prompted)
    book = ledger(pipeline, now)
    events, tasks = deal_activities(pipeline)
    return _Known(spec, now, book, known_events(events, book, now), known_tasks(tasks, book, now))


def generate(spec: OrganizationSpec, *, prompted: Prompted | None = None) -> dict[str, pa.Table]:
    """Tables by Salesforce object name, one row per record, as the org stands at `spec.now` (deleted rows included).

    `prompted` adds actions done because somebody asked for them; they have the spec's true effects.
    """
    known = _known(spec, prompted)
    return {**_setup(known), **_customers(known), **_deals(known), **_activities(known)}


def generate_hidden(spec: OrganizationSpec) -> dict[str, pa.Table]:
    """What estimators must not see: `deals` per opportunity, `notes` per written note, `reps` per seller."""
    known = _known(spec, None)
    notes = [
        tasks_table(known.book, known.tasks, known.now)[1],
        events_table(known.book, known.events, known.now)[1],
    ]
    return {"deals": hidden_deals(known.book), "notes": pa.concat_tables(notes), "reps": rep_truth(spec)}


def generate_spells(spec: OrganizationSpec, *, prompted: Prompted | None = None) -> dict[str, pa.Table]:
    """The fast path: `deals` and `stage_spells` to the end of the last complete day, as bare numbers without activities."""
    pipeline = simulate(spec, days_after_today=-1, prompted=prompted)
    return {"deals": bare_deals(pipeline), "stage_spells": bare_spells(pipeline)}


def _setup(known: _Known) -> dict[str, pa.Table]:
    spec, calendar = known.spec, known.book.pipeline.calendar
    return {
        "Organization": organization_table(spec, calendar),
        "UserRole": roles_table(spec, calendar),
        "User": users_table(spec, calendar),
        "OpportunityStage": stages_table(spec, calendar),
        "Period": periods_table(spec, calendar),
        "ForecastingQuota": quotas_table(spec, calendar, known.now),
    }


def _customers(known: _Known) -> dict[str, pa.Table]:
    spec, calendar = known.spec, known.book.pipeline.calendar
    accounts = account_keys(spec, calendar, known.now)
    return {
        "Account": accounts_table(spec, calendar, accounts),
        "Contact": contacts_table(spec, calendar, accounts),
    }


def _deals(known: _Known) -> dict[str, pa.Table]:
    book = known.book
    figures = activity_figures(book, known.events, known.tasks, known.now)
    return {
        "Opportunity": opportunities_table(book, figures.last_day, figures.has_open, figures.has_overdue),
        "OpportunityHistory": history_table(book),
        "OpportunityFieldHistory": field_history_table(book),
        "OpportunityContactRole": contact_roles_table(book, known.now),
    }


def _activities(known: _Known) -> dict[str, pa.Table]:
    book, now, pipeline = known.book, known.now, known.book.pipeline
    leads = all_leads(pipeline)
    touches = lead_touches(pipeline, leads)
    tasks = (
        tasks_table(book, known.tasks, now)[0],
        lead_tasks(book, leads, touches, now),
        past_customer_touches(pipeline, now),
    )
    events = events_table(book, known.events, now)[0], team_meetings(pipeline, now), days_off(pipeline, now)
    return {
        "Lead": leads_table(book, leads, touches, now),
        "Task": _together(tasks),
        "Event": _together(events),
    }


def _together(parts: tuple[pa.Table, ...]) -> pa.Table:
    """All rows; columns that a part lacks are null."""
    return pa.concat_tables(parts, promote_options="default").combine_chunks()


def write_csv(tables: dict[str, pa.Table], folder: Path) -> None:
    """One CSV file per object, named after it, with Salesforce's column names. Raises OSError if it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        pa_csv.write_csv(rows, folder / f"{name}.csv")
