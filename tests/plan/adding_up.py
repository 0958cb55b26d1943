"""What must hold of every night's plan: whole numbers that add up, promises kept."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from dagster_project.calendars import month_start, week_start
from dagster_project.plan.plan import PlanTables
from dagster_project.plan.rhythm.reset import EARLIER_PLAN_SCHEMA, EARLIER_STEP_SCHEMA, EarlierPlans
from dagster_project.plan.steps import MEASURES

SCOPE = ["scope_kind", "scope_id"]
MONDAY = pl.col("period_start").dt.truncate("1w")


def with_tonight(told: EarlierPlans, tables: PlanTables, days_kept: int = 45) -> EarlierPlans:
    """Tonight's plans beside the earlier ones, as the next night reads them from the log."""
    is_rep = pl.col("scope_kind") == "rep"
    plans = pl.concat([told.plans, tables.plans.filter(is_rep).select(list(EARLIER_PLAN_SCHEMA))])
    steps = pl.concat([told.steps, tables.steps.filter(is_rep).select(list(EARLIER_STEP_SCHEMA))])
    since = tables.plans["plan_date"].max() - timedelta(days=days_kept)
    resets = plans.filter(pl.col("plan_date") >= since)["reset_date"].unique()
    return EarlierPlans(
        plans.filter(pl.col("plan_date") >= since), steps.filter(pl.col("plan_date").is_in(resets.implode()))
    )


def sums(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return rows.group_by(keys).agg(pl.col("target").sum()).filter(pl.col("target") != 0).sort(keys)


def assert_adds_up(tables: PlanTables) -> None:
    """Days = week, weeks = month = the plan's own numbers, reps = team, teams and reps without one = organisation."""
    steps = tables.steps
    level = {name: steps.filter(pl.col("level") == name) for name in ("month", "week", "day")}
    assert (steps["target"] >= 0).all()
    by_measure = [*SCOPE, "measure"]
    month = sums(level["month"], by_measure)
    assert sums(level["week"], by_measure).equals(month)
    assert sums(level["day"], by_measure).equals(month)
    by_week = [*by_measure, "monday"]
    week, day = (sums(level[name].with_columns(monday=MONDAY), by_week) for name in ("week", "day"))
    assert week.equals(day)
    planned = tables.plans.unpivot(
        [f"planned_{measure}" for measure in MEASURES],
        index=SCOPE,
        variable_name="measure",
        value_name="target",
    ).with_columns(pl.col("measure").str.strip_prefix("planned_"))
    assert sums(planned, by_measure).equals(month)
    _assert_reps_make_the_organization(tables)


def _assert_reps_make_the_organization(tables: PlanTables) -> None:
    by_period = ["level", "period_start", "measure"]
    steps = tables.steps
    reps = sums(steps.filter(pl.col("scope_kind") == "rep"), by_period)
    assert sums(steps.filter(pl.col("scope_kind") == "organization"), by_period).equals(reps)
    for column in ("done_meetings", "in_flight_deals", "planned_touches"):
        kinds = dict(tables.plans.group_by("scope_kind").agg(pl.col(column).sum()).iter_rows())
        assert kinds.get("organization", 0) == kinds.get("rep", 0)
        assert kinds.get("team", 0) <= kinds.get("rep", 0)


def assert_teams_add_up(tables: PlanTables, teams: pl.DataFrame) -> None:
    """Every team's numbers are the sums of its reps', period by period (``teams``: rep_id, team_id)."""
    keys = ["scope_id", "level", "period_start", "measure"]
    reps = tables.steps.filter(pl.col("scope_kind") == "rep").join(teams, on="rep_id").drop_nulls("team_id")
    of_reps = sums(reps.with_columns(scope_id="team_id"), keys)
    assert sums(tables.steps.filter(pl.col("scope_kind") == "team"), keys).equals(of_reps)


def assert_promise_kept(tables: PlanTables, told: EarlierPlans) -> None:
    """Who was promised a week on an earlier day of it is held to exactly that: promise = done + left, or overfulfilled."""
    plan_date = tables.plans["plan_date"].max()
    assert plan_date is not None
    since = max(week_start(plan_date), month_start(plan_date))
    kept = tables.plans.filter(pl.col("scope_kind") == "rep", pl.col("reset_date") < plan_date)
    assert (kept["reset_date"] >= since).all()
    first = told.steps.filter(pl.col("level") == "week", week_start(plan_date) == MONDAY).join(
        kept.select("rep_id", plan_date="reset_date"), on=["rep_id", "plan_date"], how="semi"
    )
    tonight = tables.steps.filter(
        pl.col("scope_kind") == "rep", pl.col("level") == "week", week_start(plan_date) == MONDAY
    )
    both = first.join(tonight, on=["rep_id", "measure"], suffix="_tonight")
    assert (both["promised"] == both["target"]).all()
    # What moves in from a week without a day left comes on top of what is left.
    assert (both["target_tonight"] >= (both["promised"] - both["done"]).clip(lower_bound=0)).all()
    _assert_month_is_what_is_left_of_the_promise(tables, told, both)


def _assert_month_is_what_is_left_of_the_promise(
    tables: PlanTables, told: EarlierPlans, this_week: pl.DataFrame
) -> None:
    """The rest of the month = what is left of the week + the later weeks as promised, wherever it has moved."""
    key = ["rep_id", "measure"]
    monday = week_start(tables.plans["plan_date"].max())  # type: ignore[arg-type]
    left = this_week.select(*key, "plan_date", left=(pl.col("promised") - pl.col("done")).clip(lower_bound=0))
    later = told.steps.filter(pl.col("level") == "week", monday < MONDAY).group_by(*key, "plan_date")
    expected = left.join(later.agg(later=pl.col("target").sum()), on=[*key, "plan_date"], how="left")
    month = tables.steps.filter(pl.col("scope_kind") == "rep", pl.col("level") == "month")
    both = expected.join(month.select(*key, "target"), on=key)
    assert (both["target"] == both["left"] + both["later"].fill_null(0)).all()
