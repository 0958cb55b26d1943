"""Each rep's month before anything is counted: goal, coefficients, open deals, activity and days side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.chances.next_months import meetings_for_next_months
from dagster_project.plan.chances.pace import held_so_far, meetings_at_pace
from dagster_project.plan.coefficients import average_cycles, rep_coefficients, share_won_by_day
from dagster_project.plan.counts import Situation, even_pace
from dagster_project.plan.day.pattern import FULL_DAY_UNITS
from dagster_project.plan.goals.rep_goals import credit_by_rep, deals_in_flight, in_goal_units, rep_goals
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.roles import FULL, working_roles
from dagster_project.plan.people.working_days import WorkingDays, working_days
from dagster_project.plan.steps import RemainingDays
from dagster_project.plan.tree import Coefficients

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class RepMonths:
    """Every planned rep's month, by rep id; arrays have one place per rep.

    Attributes:
        table: one row per rep: goal, coefficients with their origins, credit for open deals, activity, days, role.
        deals: ``goals.deals_in_flight``.
        remaining: the working days left.
        units_of_month: working units of the whole month.
        won_by_day: of the meetings ever won, the share won by the month's end, per remaining business day.
        for_next_months: meetings in the days left without which later months would not be made.
    """

    table: pl.DataFrame
    deals: pl.DataFrame
    remaining: RemainingDays
    units_of_month: IntArray
    won_by_day: FloatArray
    for_next_months: FloatArray

    @property
    def days_of_month(self) -> FloatArray:
        """Full working days of the whole month."""
        return self.units_of_month / FULL_DAY_UNITS

    @property
    def days_gone(self) -> FloatArray:
        """Full working days of the month before the plan date."""
        return (self.units_of_month - self.remaining.units_left) / FULL_DAY_UNITS


def months_of_reps(inputs: PlanInputs) -> RepMonths:
    """Put together what is known of every planned rep's month."""
    goals = rep_goals(inputs)
    coefficients = in_goal_units(rep_coefficients(inputs), goals, inputs).join(
        average_cycles(inputs), on="rep_id", how="left"
    )
    deals = deals_in_flight(inputs, goals, coefficients)
    table = _one_row_per_rep(inputs, goals, coefficients, deals)
    month = working_days(inputs, table["rep_id"].to_list(), inputs.month_start_date, inputs.month_end_date)
    remaining = _remaining(month, inputs)
    by_day = share_won_by_day(inputs, 31)[[(inputs.month_end_date - day).days for day in remaining.days]]
    given = table.select("rep_id").join(
        inputs.reps.select("rep_id", "role").unique("rep_id", keep="first"),
        on="rep_id",
        how="left",
        maintain_order="left",
    )
    roles = working_roles(
        given["role"].fill_null(FULL).to_list(), table["team_id"].to_list(), remaining.units_left
    )
    table = table.with_columns(
        business_days_left=remaining.days_left,
        days_left=remaining.units_left / FULL_DAY_UNITS,
        won_in_time_share=_won_in_time(by_day, remaining.weights),
        role=pl.Series(roles, dtype=pl.String),
    )
    units = np.asarray(month.units.sum(axis=1), dtype=np.int64)
    pace = even_pace(
        table["goal_amount"].fill_null(0.0).to_numpy(),
        table["days_left"].to_numpy(),
        units / FULL_DAY_UNITS,
        coefficients_of(table),
    )
    ahead = meetings_for_next_months(inputs, table, deals, remaining, pace)
    return RepMonths(table, deals, remaining, units, by_day, ahead)


def _one_row_per_rep(
    inputs: PlanInputs, goals: pl.DataFrame, coefficients: pl.DataFrame, deals: pl.DataFrame
) -> pl.DataFrame:
    """Goals, coefficients, open deals and activity to date side by side, by rep id."""
    assumed_price = pl.col("goal_amount") / inputs.parameters.default_deals_a_month
    filled = ("in_flight_deals", "open_other_currency", "open_without_forecast")
    activity = (
        "done_touches",
        "done_appointments",
        "done_meetings",
        "booked_appointments",
        "recent_meetings",
    )
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


def _remaining(month: WorkingDays, inputs: PlanInputs) -> RemainingDays:
    still = [place for place, day in enumerate(month.days) if day >= inputs.plan_date]
    days = [month.days[place] for place in still]
    return RemainingDays(inputs.plan_date, inputs.month_end_date, days, month.units[:, still])


def _won_in_time(by_day: FloatArray, weights: IntArray) -> FloatArray:
    """Mean over each rep's remaining days of the share won by the month's end; 0 without a day."""
    return np.asarray((weights @ by_day) / np.maximum(weights.sum(axis=1), 1), dtype=np.float64)


def situation(months: RepMonths) -> Situation:
    """Where each rep stands, for ``counts.count``."""
    table = months.table
    return Situation(
        goal_amount=table["goal_amount"].fill_null(0.0).to_numpy(),
        remaining_amount=table["remaining_amount"].fill_null(0.0).to_numpy(),
        gap_amount=table["gap_amount"].fill_null(0.0).to_numpy(),
        days_left=table["days_left"].to_numpy(),
        days_of_month=months.days_of_month,
        won_in_time=table["won_in_time_share"].to_numpy(),
        booked_appointments=table["booked_appointments"].to_numpy(),
        for_next_months=months.for_next_months,
    )


def meetings_going_on_as_before(inputs: PlanInputs, months: RepMonths) -> FloatArray:
    """New meetings of each rep until the month's end at today's pace; nan where it is not known."""
    days_left = months.table["days_left"].to_numpy()
    held = held_so_far(inputs, months.table, months.days_gone)
    return meetings_at_pace(held, days_left, inputs.parameters.pace_weight_days)


def coefficients_of(table: pl.DataFrame) -> Coefficients:
    """The tree's coefficients of every row."""
    return Coefficients(
        # Without a price there is no goal either, so that any price gives zero.
        average_price=table["average_price"].fill_null(1.0).to_numpy(),
        win_rate=table["win_rate"].to_numpy(),
        appointment_to_meeting=table["appointment_to_meeting"].to_numpy(),
        touch_to_appointment=table["touch_to_appointment"].to_numpy(),
    )
