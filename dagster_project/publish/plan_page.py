"""The tables behind one plan's page: today's from the published file, an earlier day's from the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import duckdb
import polars as pl

from connectors.event_log import EventLog
from dagster_project.decisions import (
    PLAN_COEFFICIENTS,
    PLAN_STEPS,
    PLAN_WEEKS,
    PLANS,
    WITHDRAWN,
    decided_rows,
)
from dagster_project.errors import SettingsError
from dagster_project.plan.words.page import PlanPage
from dagster_project.publish.safe_text import safe
from dagster_project.publish.scope import Scope
from dagster_project.publish.tables import table
from dagster_project.wording import day

# What a night publishes under another name than its stream in the log.
PUBLISHED_AS = {PLANS: "plan_today"}
Read = Callable[[str], pl.DataFrame]


def published_page(connection: duckdb.DuckDBPyConnection, scope: Scope) -> PlanPage | None:
    """The page of the last night; none where this scope has no plan."""

    def read(stream: str) -> pl.DataFrame:
        return table(connection, PUBLISHED_AS.get(stream, stream))

    return _page(read, read, scope)


def page_of_date(log: EventLog, scope: Scope, plan_date: date) -> PlanPage | None:
    """The page as it was promised for ``plan_date``; none where this scope had no plan.

    Raises:
        SettingsError: nothing was planned for that day; says for which days something was.
    """
    dates = planned_dates(log)
    if plan_date not in dates:
        raise SettingsError(
            f"nothing was planned for {plan_date}",
            where="plans in the log",
            remedy=f"plans there are: {_listed(dates)}" if dates else "run gyakusan nightly first",
        )

    def on_its_reset(stream: str) -> pl.DataFrame:
        plans = _of(decided_rows(log, PLANS, plan_date), scope)
        return decided_rows(log, stream, plans["reset_date"][0]) if _has_reset(plans) else pl.DataFrame()

    return _page(lambda stream: decided_rows(log, stream, plan_date), on_its_reset, scope)


def planned_dates(log: EventLog) -> list[date]:
    """Days for which the log holds plans, in order."""
    if PLANS not in log.streams():
        return []
    found = pl.DataFrame(pl.from_arrow(log.latest(PLANS, ["plan_date"], where=f"kind <> '{WITHDRAWN}'")))
    dates: list[date] = found["plan_date"].unique().sort().to_list()
    return dates


def _listed(dates: list[date], most: int = 10) -> str:
    """The latest of them; the first where there are more."""
    if len(dates) <= most:
        return ", ".join(map(str, dates))
    return f"{dates[0]} … {', '.join(map(str, dates[-most:]))} ({len(dates):,} in all)"


def _has_reset(plans: pl.DataFrame) -> bool:
    return "reset_date" in plans.columns and plans.height > 0 and plans["reset_date"][0] is not None


def _page(read: Read, on_reset: Read, scope: Scope) -> PlanPage | None:
    plans = _of(read(PLANS), scope)
    if plans.is_empty():
        return None
    plan = plans.row(0, named=True)
    found = {
        "weeks": _latest(_of(on_reset(PLAN_WEEKS), scope), plan["plan_date"]),
        "coefficients": _latest(_of(on_reset(PLAN_COEFFICIENTS), scope), plan["plan_date"]),
    }
    known = {name: frame for name, frame in found.items() if frame.height}
    return PlanPage(plan, _of(read(PLAN_STEPS), scope), **known)


def _of(frame: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Rows of one scope; tables of reps alone, and those from before teams had plans, have no scope columns."""
    if frame.is_empty():
        return frame
    is_own = pl.col("rep_id") == scope.scope_id if scope.kind == "rep" else pl.lit(False)
    if "scope_kind" not in frame.columns:
        return frame.filter(is_own)
    is_scope = (pl.col("scope_kind") == scope.kind) & (pl.col("scope_id") == scope.scope_id)
    return frame.filter(is_scope | (pl.col("scope_kind").is_null() & is_own))


def _latest(frame: pl.DataFrame, plan_date: date) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    return frame.filter(pl.col("plan_date") <= plan_date).filter(
        pl.col("plan_date") == pl.col("plan_date").max()
    )


def title_lines(page: PlanPage, scope: Scope, language: str, organization: str) -> list[str]:
    """Whose plan, for which day, and when its week was promised."""
    name = safe(scope.name) if scope.name else organization
    team = f"  {safe(scope.team_name)}" if scope.team_name else ""
    return [f"{name}{team}", _dated(page, language)]


def _dated(page: PlanPage, language: str) -> str:
    plan_date, reset_date = page.plan["plan_date"], page.plan.get("reset_date")
    written = day(plan_date, language, with_weekday=True, with_year=True)
    since = "" if reset_date is None else day(reset_date, language, with_weekday=True)
    if language == "ja":
        return f"{written}の計画" + (f"(今週の約束は{since})" if since else "")
    return f"Plan of {written}" + (f" (week promised on {since})" if since else "")
