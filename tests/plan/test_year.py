"""A year of nights on the generated organisation: everything adds up every day, and Monday's promises are kept."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from dagster_project.calendars import month_start, week_start
from dagster_project.plan.people.roles import PARTS
from dagster_project.plan.plan import PlanTables, make_plans
from dagster_project.plan.rhythm.reset import EarlierPlans
from tests.plan.adding_up import assert_adds_up, assert_promise_kept, assert_teams_add_up, with_tonight
from tests.plan.generated_year import RAISED, RAISED_ON, GeneratedYear, generated_year


def assert_night_holds(tables: PlanTables, told: EarlierPlans, teams: pl.DataFrame) -> None:
    assert_adds_up(tables)
    assert_teams_add_up(tables, teams)
    assert_promise_kept(tables, told)
    by_role = tables.steps.join(tables.plans.select("plan_id", "role"), on="plan_id").drop_nulls("role")
    for role, measures in by_role.group_by("role").agg(pl.col("measure").unique()).iter_rows():
        assert set(measures) == set(PARTS[role])
    money = tables.plans.drop_nulls("goal_amount").filter(pl.col("scope_kind") == "rep")
    short = money.filter(pl.col("won_amount_to_date") < pl.col("goal_amount"))
    assert (short["won_amount_to_date"] + short["remaining_amount"] == short["goal_amount"]).all()


def run_days(year: GeneratedYear, days: list[date]) -> tuple[dict[date, dict[str, date]], EarlierPlans]:
    """Every night of these days, each told what the nights before promised; reset dates by day and rep."""
    told, resets = EarlierPlans(), {}
    teams = year.people.select("rep_id", "team_id")
    for day in days:
        tables = make_plans(year.night(day), told)
        assert_night_holds(tables, told, teams)
        told = with_tonight(told, tables)
        reps = tables.plans.filter(pl.col("scope_kind") == "rep")
        resets[day] = dict(reps.select("rep_id", "reset_date").iter_rows())
    return resets, told


def test_two_weeks_of_nights_on_the_generated_organisation() -> None:
    year = generated_year()
    days = [day for day in year.days() if date(2026, 2, 16) <= day <= date(2026, 2, 25)]
    resets, told = run_days(year, days)
    raised = year.people["rep_id"][RAISED]
    assert resets[RAISED_ON][raised] == week_start(RAISED_ON)
    the_next_day = min(day for day in days if day > RAISED_ON)
    assert resets[the_next_day][raised] == the_next_day
    # Monday the 23rd is a holiday: that week begins on Tuesday.
    assert set(told.plans["reset_date"]) == {days[0], the_next_day, date(2026, 2, 24)}


@pytest.mark.slow
def test_a_year_of_nights_on_the_generated_organisation() -> None:
    year = generated_year()
    days = year.days()
    assert 235 <= len(days) <= 250
    resets, _ = run_days(year, days)
    seen: set[tuple[date, date]] = set()
    for day in days:
        period = (week_start(day), month_start(day))
        if period not in seen:
            assert set(resets[day].values()) == {day}
        seen.add(period)
    kept = sum(reset < day for day, of_reps in resets.items() for reset in of_reps.values())
    assert kept > 0.6 * sum(len(of_reps) for of_reps in resets.values())
