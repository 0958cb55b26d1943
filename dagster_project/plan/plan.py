"""Every rep's plan for the rest of the month: goal → tree → whole numbers per week and day (method §5).

What counts as what:

* money won this month up to ``as_of_date`` is taken off the quota; what is left is ``remaining_amount``;
* open deals are credited with P(won by the month's end) × amount (``in_flight_expected_amount``);
* what is then still missing is ``gap_amount``; ``new_won_deals`` and ``needed_meetings``, ``needed_appointments``,
  ``needed_touches`` are the plain tree on it (``needed_won_deals``: on ``remaining_amount``, open deals included);
* ``planned_*`` is what is asked for from ``plan_date`` on
  (see ``counts``), and is what ``plan_steps`` lays over weeks and days;
* meetings held earlier in the month are not subtracted from the plan: they are open deals now, or won, or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b

import numpy as np
import polars as pl

from dagster_project.plan.chances import RepMonth, chances_of_quota, open_deals, size_factors
from dagster_project.plan.coefficients import rep_coefficients, share_won_by_day
from dagster_project.plan.counts import Counts, FloatArray, IntArray, Situation, count
from dagster_project.plan.goals import credit_by_rep, deals_in_flight, rep_goals
from dagster_project.plan.inputs import LARGEST_MONEY, PlanInputs
from dagster_project.plan.remarks import plan_notes
from dagster_project.plan.simulation import NewMeetings, OpenDeals
from dagster_project.plan.steps import MEASURES, RemainingDays, plan_steps
from dagster_project.plan.tree import Coefficients

MONEY: pl.DataType = pl.Decimal(18, 4)
PLAN_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "plan_id": pl.String,
    "plan_date": pl.Date,
    "as_of_date": pl.Date,
    "rep_id": pl.String,
    "month_start_date": pl.Date,
    "month_end_date": pl.Date,
    "quota_amount": MONEY,
    "goal_amount": MONEY,
    "won_amount_to_date": MONEY,
    "remaining_amount": MONEY,
    "average_price": MONEY,
    "win_rate": pl.Float64,
    "appointment_to_meeting": pl.Float64,
    "touch_to_appointment": pl.Float64,
    "won_in_time_share": pl.Float64,
    "needed_won_deals": pl.Int64,
    "in_flight_deals": pl.Int64,
    "in_flight_expected_amount": MONEY,
    "gap_amount": MONEY,
    "new_won_deals": pl.Int64,
    "needed_meetings": pl.Int64,
    "needed_appointments": pl.Int64,
    "needed_touches": pl.Int64,
    "planned_meetings": pl.Int64,
    "planned_appointments": pl.Int64,
    "planned_touches": pl.Int64,
    "done_won_deals": pl.Int64,
    "done_meetings": pl.Int64,
    "done_appointments": pl.Int64,
    "done_touches": pl.Int64,
    "booked_appointments": pl.Int64,
    "insurance_meetings": pl.Int64,
    "insurance_probability": pl.Float64,
    "probability_of_quota": pl.Float64,
    "business_days_left": pl.Int64,
    "note": pl.String,
    "note_codes": pl.String,
    "currency": pl.String,
    "goal_source": pl.String,
    "language": pl.String,
}
PLAN_SCHEMA = pl.Schema(PLAN_COLUMNS)
STEP_COLUMNS = ("plan_id", "plan_date", "rep_id", "level", "period_start", "period_end", "measure", "target")


@dataclass(frozen=True)
class PlanTables:
    """What is promised for the rest of the month.

    Attributes:
        plans: one row per plan_date and rep, columns of ``PLAN_SCHEMA``.
        steps: one row per plan_date, rep, level (month, week, day), period_start and measure. Periods are clipped to
            [plan_date, month end]; days sum to their week, weeks to the month.
    """

    plans: pl.DataFrame
    steps: pl.DataFrame


def make_plans(inputs: PlanInputs) -> PlanTables:
    """Plan every active rep at once; a pure function of its inputs, equal to the bit when repeated."""
    coefficients = rep_coefficients(inputs)
    goals = rep_goals(inputs)
    deals = deals_in_flight(inputs, goals, coefficients)
    reps = _one_row_per_rep(inputs, goals, coefficients, deals)
    remaining, days_of_month = _days(inputs, reps["rep_id"].to_list())
    by_day = share_won_by_day(inputs, 31)[[(inputs.month_end_date - day).days for day in remaining.days]]
    reps = reps.with_columns(
        business_days_left=remaining.weights.sum(axis=1),
        won_in_time_share=_won_in_time(by_day, remaining.weights),
    )
    counts = count(_situation(reps, days_of_month), _coefficients(reps), inputs.parameters)
    months = _rep_months(inputs, reps, deals, by_day, remaining.weights)
    table = pl.concat([reps, _columns(counts), chances_of_quota(months, counts, inputs)], how="horizontal")
    plans = _finished(inputs, table)
    return PlanTables(plans, _steps(plans, counts, remaining))


def _one_row_per_rep(
    inputs: PlanInputs, goals: pl.DataFrame, coefficients: pl.DataFrame, deals: pl.DataFrame
) -> pl.DataFrame:
    """Goals, coefficients, open deals and activity to date side by side, by rep id."""
    assumed_price = pl.col("goal_amount") / inputs.parameters.default_deals_a_month
    filled = ("in_flight_deals", "open_other_currency", "open_without_forecast")
    activity = ("done_touches", "done_appointments", "done_meetings", "booked_appointments")
    return (
        goals.join(coefficients, on="rep_id", how="left")
        .join(credit_by_rep(deals), on="rep_id", how="left")
        .join(inputs.activity_to_date.group_by("rep_id").sum(), on="rep_id", how="left")
        .with_columns(
            pl.col(*filled, *activity).fill_null(0),
            pl.col("in_flight_expected_amount").fill_null(0.0),
            pl.coalesce("average_price", pl.when(assumed_price > 0).then(assumed_price)).alias(
                "average_price"
            ),
            remaining_amount=(pl.col("goal_amount") - pl.col("won_amount_to_date")).clip(lower_bound=0.0),
        )
        .with_columns(
            gap_amount=(pl.col("remaining_amount") - pl.col("in_flight_expected_amount")).clip(
                lower_bound=0.0
            )
        )
        .sort("rep_id")
    )


def _days(inputs: PlanInputs, rep_ids: Sequence[str]) -> tuple[RemainingDays, IntArray]:
    """What is left of the month per rep, and each rep's business days of the whole month."""
    absences = {
        str(rep_id): set(rows["absence_date"])
        for (rep_id,), rows in inputs.absences.partition_by("rep_id", as_dict=True).items()
    }
    month = inputs.calendar.business_days(inputs.month_start_date, inputs.month_end_date)
    works = np.array([[day not in absences.get(rep, ()) for day in month] for rep in rep_ids], dtype=np.int64)
    works = works.reshape(len(rep_ids), len(month))
    still = [place for place, day in enumerate(month) if day >= inputs.plan_date]
    days = [month[place] for place in still]
    remaining = RemainingDays(inputs.plan_date, inputs.month_end_date, days, works[:, still])
    return remaining, works.sum(axis=1)


def _won_in_time(by_day: FloatArray, weights: IntArray) -> FloatArray:
    """Mean over each rep's remaining days of the share won by the month's end; 0 without a day."""
    return np.asarray((weights @ by_day) / np.maximum(weights.sum(axis=1), 1), dtype=np.float64)


def _situation(reps: pl.DataFrame, days_of_month: IntArray) -> Situation:
    return Situation(
        goal_amount=reps["goal_amount"].fill_null(0.0).to_numpy(),
        remaining_amount=reps["remaining_amount"].fill_null(0.0).to_numpy(),
        gap_amount=reps["gap_amount"].fill_null(0.0).to_numpy(),
        days_left=reps["business_days_left"].to_numpy(),
        days_of_month=days_of_month,
        won_in_time=reps["won_in_time_share"].to_numpy(),
        booked_appointments=reps["booked_appointments"].to_numpy(),
    )


def _coefficients(reps: pl.DataFrame) -> Coefficients:
    return Coefficients(
        # Without a price there is no goal either, so that any price gives zero.
        average_price=reps["average_price"].fill_null(1.0).to_numpy(),
        win_rate=reps["win_rate"].to_numpy(),
        appointment_to_meeting=reps["appointment_to_meeting"].to_numpy(),
        touch_to_appointment=reps["touch_to_appointment"].to_numpy(),
    )


def _rep_months(
    inputs: PlanInputs, reps: pl.DataFrame, deals: pl.DataFrame, by_day: FloatArray, weights: IntArray
) -> list[RepMonth]:
    no_deals = OpenDeals(np.zeros(0), np.zeros(0), np.zeros(0))
    deals_of = open_deals(deals)
    sizes = size_factors(inputs.opportunities)
    return [
        RepMonth(
            rep_id=row["rep_id"],
            team=row["team_id"] or "",
            missing=(row["goal_amount"] or 0.0) - row["won_amount_to_date"],
            has_quota=row["quota_amount"] is not None,
            deals=deals_of.get(row["rep_id"], no_deals),
            new=NewMeetings(
                row["win_rate"] * by_day[works > 0],
                row["win_rate_spread"],
                row["average_price"] or 0.0,
                sizes,
            ),
        )
        for row, works in zip(reps.iter_rows(named=True), weights, strict=True)
    ]


def _columns(counts: Counts) -> pl.DataFrame:
    return pl.DataFrame({item.name: getattr(counts, item.name) for item in fields(counts)})


def _finished(inputs: PlanInputs, table: pl.DataFrame) -> pl.DataFrame:
    notes, codes = plan_notes(table, inputs.parameters)
    ids = [_plan_id(inputs, rep_id) for rep_id in table["rep_id"]]
    money = [name for name, kind in PLAN_SCHEMA.items() if kind == MONEY]
    return table.with_columns(
        pl.col(money).clip(upper_bound=LARGEST_MONEY),
        plan_id=pl.Series(ids, dtype=pl.String),
        plan_date=pl.lit(inputs.plan_date),
        as_of_date=pl.lit(inputs.as_of_date),
        month_start_date=pl.lit(inputs.month_start_date),
        month_end_date=pl.lit(inputs.month_end_date),
        insurance_probability=pl.lit(inputs.parameters.insurance_probability),
        note=pl.Series(notes, dtype=pl.String),
        note_codes=pl.Series(codes, dtype=pl.String),
    ).select(pl.col(name).cast(kind) for name, kind in PLAN_SCHEMA.items())


def _plan_id(inputs: PlanInputs, rep_id: str) -> str:
    """One plan per rep and plan date, whenever it is computed."""
    return blake2b(f"plan\x1f{inputs.plan_date}\x1f{rep_id}".encode(), digest_size=16).hexdigest()


def _steps(plans: pl.DataFrame, counts: Counts, remaining: RemainingDays) -> pl.DataFrame:
    has_day = remaining.weights.sum(axis=1) > 0
    totals: Mapping[str, IntArray] = {
        measure: np.where(has_day, getattr(counts, f"planned_{measure}"), 0) for measure in MEASURES
    }
    steps = plan_steps(plans["rep_id"].to_list(), totals, remaining)
    return steps.join(
        plans.select("rep_id", "plan_id", "plan_date"), on="rep_id", maintain_order="left"
    ).select(STEP_COLUMNS)
