"""When the rest of the month is planned anew, and what holds in between: the week's promise (method §5, Rhythm).

A *reset* is a rep's first plan of a week or month, or the night after the quota or the role changed. On it the rest of
the month is laid over the days left. Between resets the week's promise is kept: what is left of it, after what was
done since, goes over the days left of the week, and later weeks stay as promised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import month_start, week_start
from dagster_project.plan.columns import MONEY, Columns
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.roles import FULL
from dagster_project.plan.steps import MEASURES, REP_STEP_SCHEMA, RemainingDays, weeks_of_totals

IntArray = NDArray[np.int64]

_EARLIER_PLAN: Columns = {
    "plan_date": pl.Date,
    "rep_id": pl.String,
    "reset_date": pl.Date,
    "role": pl.String,
    "quota_amount": MONEY,
}
EARLIER_PLAN_SCHEMA = pl.Schema(_EARLIER_PLAN)
EARLIER_STEP_SCHEMA = pl.Schema({"plan_date": pl.Date(), **REP_STEP_SCHEMA})


@dataclass(frozen=True)
class EarlierPlans:
    """What reps were told before tonight; rehearsed plans are not among it.

    Attributes:
        plans: one row per plan date and rep, as ``EARLIER_PLAN_SCHEMA``.
        steps: those promised on the reset dates of these plans, as ``EARLIER_STEP_SCHEMA``.
    """

    plans: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_PLAN_SCHEMA))
    steps: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_STEP_SCHEMA))


@dataclass(frozen=True)
class Promise:
    """What each rep is held to tonight; arrays with one place per rep.

    Attributes:
        reset_dates: when it was promised; tonight's plan date where it is promised anew.
        weeks: per measure, reps × weeks left: what is still to be done.
        promised: per measure, for the week of the plan date.
        done: per measure, since the reset.
    """

    reset_dates: Sequence[date]
    weeks: Mapping[str, IntArray]
    promised: Mapping[str, IntArray]
    done: Mapping[str, IntArray]


def reset_dates(earlier: EarlierPlans, reps: pl.DataFrame, plan_date: date) -> list[date]:
    """When each rep's standing promise was made; ``plan_date`` where it is made anew.

    Args:
        reps: rep_id, team_id, role, quota_amount of tonight, one row per rep.
    """
    since = max(week_start(plan_date), month_start(plan_date))
    told = (
        earlier.plans.filter(pl.col("plan_date").is_between(since, plan_date, closed="left"))
        .sort("plan_date")
        .unique("rep_id", keep="last", maintain_order=True)
        .select("rep_id", told_on="reset_date", told_role="role", told_quota="quota_amount")
    )
    is_kept = (
        (pl.col("told_on") >= since)
        & pl.col("told_role").eq_missing(pl.col("role"))
        & pl.col("told_quota").eq_missing(pl.col("quota_amount").cast(MONEY))
    ).fill_null(False)
    # Numbers move between the roles of a team: when one of them is planned anew, all are.
    shares_work = (pl.col("role") != FULL) & pl.col("team_id").is_not_null()
    together = pl.when(shares_work).then("team_id").otherwise("rep_id")
    dates = reps.join(told, on="rep_id", how="left", maintain_order="left").select(
        reset_date=pl.when(is_kept.all().over(together)).then("told_on").otherwise(pl.lit(plan_date))
    )
    return dates["reset_date"].to_list()


def promise(
    totals: Mapping[str, IntArray],
    reps: pl.DataFrame,
    remaining: RemainingDays,
    earlier: EarlierPlans,
    inputs: PlanInputs,
) -> Promise:
    """Keep what stands, and lay the rest of the month anew for those who are reset tonight.

    Args:
        totals: per measure, whole numbers of the rest of the month as tonight would plan it.
        reps: rep_id, team_id, role, quota_amount, one row per rep in the order of the arrays.
    """
    dates = reset_dates(earlier, reps, inputs.plan_date)
    since = pl.DataFrame(
        {"rep_id": reps["rep_id"], "from_date": dates}, schema_overrides={"from_date": pl.Date}
    )
    is_reset = np.array([day == inputs.plan_date for day in dates], dtype=np.bool_)
    done = done_between(inputs, since.with_columns(to_date=pl.lit(inputs.as_of_date)))
    told = _promised_weeks(earlier, since, reps["rep_id"].to_list())
    monday = week_start(inputs.plan_date)
    weeks, promised = {}, {}
    for measure in MEASURES:
        anew = weeks_of_totals(totals[measure], remaining)
        this_week = anew[:, remaining.mondays.index(monday)] if monday in remaining.mondays else 0
        by_week = told[measure]
        promised[measure] = np.where(is_reset, this_week, by_week.get(monday, np.zeros(len(dates), np.int64)))
        kept = _kept_weeks(by_week, done[measure], monday, remaining)
        weeks[measure] = np.where(is_reset[:, None], anew, kept)
    zero_tonight = {measure: np.where(is_reset, 0, numbers) for measure, numbers in done.items()}
    return Promise(dates, weeks, promised, zero_tonight)


def _kept_weeks(
    told: Mapping[date, IntArray], done: IntArray, monday: date, remaining: RemainingDays
) -> IntArray:
    """What is left of the week, and later weeks as promised; what has no day left to it moves to the other weeks."""
    nobody = np.zeros(len(done), dtype=np.int64)
    left = {
        start: np.maximum(numbers - done, 0) if start == monday else numbers
        for start, numbers in told.items()
    }
    weeks = np.array([left.get(start, nobody) for start in remaining.mondays], dtype=np.int64)
    weeks = weeks.reshape(len(remaining.mondays), len(done)).T
    placed = np.where(remaining.week_weights > 0, weeks, 0)
    homeless = sum(left.values(), start=nobody) - placed.sum(axis=1)
    return np.asarray(placed + weeks_of_totals(homeless, remaining), dtype=np.int64)


def _promised_weeks(
    earlier: EarlierPlans, since: pl.DataFrame, rep_ids: Sequence[str]
) -> dict[str, dict[date, IntArray]]:
    """Per measure and Monday, what each rep promised for that week on the reset date of ``since``."""
    rows = (
        earlier.steps.filter(pl.col("level") == "week")
        .join(since, left_on=["rep_id", "plan_date"], right_on=["rep_id", "from_date"])
        .with_columns(monday=pl.col("period_start").dt.truncate("1w"))
    )
    found: dict[str, dict[date, IntArray]] = {measure: {} for measure in MEASURES}
    for (measure, monday), part in rows.partition_by("measure", "monday", as_dict=True).items():
        found[str(measure)][monday] = in_order(part.select("rep_id", number="target"), rep_ids)
    return found


def done_between(inputs: PlanInputs, spans: pl.DataFrame) -> dict[str, IntArray]:
    """Per measure, what each rep did from ``from_date`` to ``to_date``, both included, in the order of ``spans``.

    Args:
        spans: rep_id, from_date, to_date; one row per rep.
    """
    won = inputs.opportunities.filter(pl.col("status") == "won").select(
        "rep_id", activity_date="closed_date", measure=pl.lit("won_deals"), done=pl.lit(1, pl.Int64)
    )
    rows = (
        pl.concat([inputs.activity_by_day, won])
        .join(spans, on="rep_id")
        .filter(pl.col("activity_date").is_between(pl.col("from_date"), pl.col("to_date")))
        .group_by("rep_id", "measure")
        .agg(number=pl.col("done").sum())
    )
    ids = spans["rep_id"].to_list()
    return {measure: in_order(rows.filter(pl.col("measure") == measure), ids) for measure in MEASURES}


def in_order(rows: pl.DataFrame, rep_ids: Sequence[str]) -> IntArray:
    """Column ``number`` of rows with a rep_id, as an array in the order of the reps; zero where there is no row."""
    numbers = dict(rows.select("rep_id", "number").iter_rows())
    return np.array([numbers.get(rep_id, 0) for rep_id in rep_ids], dtype=np.int64)
