"""What ``gyakusan plan`` does: shows a plan as a staircase, of today or as it was promised, or what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb

from connectors.event_log import EventLog
from dagster_project.errors import SettingsError
from dagster_project.plan.what_if import parse_what_if
from dagster_project.plan.words.page import PlanPage, plan_text
from dagster_project.publish.day_text import day_lines, day_of_date, read_day_of
from dagster_project.publish.plan_page import page_of_date, published_page, title_lines
from dagster_project.publish.safe_text import safe
from dagster_project.publish.scope import Scope, find_scope
from dagster_project.publish.tables import published_marts
from dagster_project.settings import Settings, load_settings_to_look_at
from dagster_project.wording import words

DEFAULT_LANGUAGE = "en"


def plan_page_text(
    named: str | None, *, plan_date: str = "", is_team: bool = False, what_if: Sequence[str] = ()
) -> str:
    """The page to print.

    Args:
        named: a rep's name or id, or a team's; the organisation for none.
        plan_date: the day as it was promised, in ISO; the last night's by default.
        is_team: the team of that name, or the team of the rep named.
        what_if: ``NAME=VALUE`` of coefficients to try; nothing is kept of a trial.

    Raises:
        SettingsError: nothing is published yet; nobody, or more than one, is meant; no plan for that day.
        WhatIfError: see ``what_if.parse_what_if``.
    """
    tried = parse_what_if(what_if)
    if tried and plan_date:
        raise SettingsError(
            "a trial starts from what is known today",
            where="--what-if with --date",
            remedy="leave one of the two out",
        )
    settings = load_settings_to_look_at()
    with published_marts(settings.published_file) as connection:
        scope = find_scope(connection, named, is_team=is_team)
        page = _page(settings, connection, scope, plan_date)
        today = [] if tried else _day_lines(settings, connection, scope, page, plan_date)
    language = _language(scope, page)
    title = title_lines(page, scope, language, words(language)["organization"])
    body = _trial(settings, scope, tried, language) if tried else plan_text(page, language, today)
    return "\n".join([*title, "", body])


def _page(
    settings: Settings, connection: duckdb.DuckDBPyConnection, scope: Scope, plan_date: str
) -> PlanPage:
    if plan_date:
        page = page_of_date(EventLog(settings.log_dir), scope, _day(plan_date))
    else:
        page = published_page(connection, scope)
    if page is None:
        raise SettingsError(
            f"{safe(scope.name) if scope.name else 'the organisation'} has no plan"
            + (f" for {plan_date}" if plan_date else ""),
            where="plans of the last night" if not plan_date else "plans in the log",
            remedy="only active reps, and teams that have one, are planned; gyakusan plan alone shows the organisation",
        )
    return page


def _language(scope: Scope, page: PlanPage) -> str:
    return str(scope.language or page.plan["language"] or DEFAULT_LANGUAGE)


def _day_lines(
    settings: Settings, connection: duckdb.DuckDBPyConnection, scope: Scope, page: PlanPage, plan_date: str
) -> list[str]:
    """A rep's blocks and lists; teams have none."""
    if scope.kind != "rep":
        return []
    if plan_date:
        day = day_of_date(EventLog(settings.log_dir), scope.scope_id, page.plan["plan_date"])
    else:
        day = read_day_of(connection, scope.scope_id)
    return day_lines(day, _language(scope, page), in_short=True)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not a date", where="--date", remedy="write it as 2026-10-15"
        ) from error


def _trial(settings: Settings, scope: Scope, tried: Mapping[str, float], language: str) -> str:
    from dagster_project.plan.words.change import change_text
    from dagster_project.publish.trial_plans import pages_with_and_without

    before, after = pages_with_and_without(settings, scope, tried)
    return change_text(before, after, tried, language)
