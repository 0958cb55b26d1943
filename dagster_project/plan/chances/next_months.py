"""What this month's meetings must do for the months after it (method §5): the marts, put as ``months_ahead`` needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.calendars import ONE_DAY, month_end
from dagster_project.plan.chances.months_ahead import (
    MOST_MONTHS,
    SHARE_COVERED,
    MonthsAhead,
    fewest_meetings_by_month,
)
from dagster_project.plan.chances.won_later import OpenWins
from dagster_project.plan.coefficients import share_won_by_day
from dagster_project.plan.counts import catch_up_limit
from dagster_project.plan.goals.rep_goals import quotas_by_measure
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.steps import RemainingDays
from dagster_project.plan.tree import whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LONGEST_DAYS = 31 * (MOST_MONTHS + 1)
# A mistyped quota asks for no more meetings than this; ``counts`` says so.
MOST_MEETINGS = 100_000


def meetings_for_next_months(
    inputs: PlanInputs,
    reps: pl.DataFrame,
    deals: pl.DataFrame,
    remaining: RemainingDays,
    even_pace: FloatArray,
) -> FloatArray:
    """Meetings of each rep in the rest of this month without which a later month's quota would be less likely than not.

    Later months are taken to hold the even pace of their quota (this month's goal where they have none), and to be made
    as surely as that pace makes them, at most with ``months_ahead_probability``. A later month asks for at most
    ``most_catch_up`` times the even pace, less the less of it is won in that month; zero where deals are won at once.

    Args:
        reps: one row per rep with rep_id, goal_amount, goal_unit, average_price, win_rate.
        deals: ``goals.deals_in_flight``.
        even_pace: meetings in the days left at which the quota is met month after month.
    """
    share = share_won_by_day(inputs, LONGEST_DAYS)
    ends = months_planned_together(inputs.month_end_date, share)
    if len(ends) == 1 or reps.is_empty():
        return np.zeros(len(reps))
    win_rate = reps["win_rate"].to_numpy()
    wanted = _won_deals_wanted(inputs, reps, ends)
    by_month = _share_by_month(inputs, remaining, ends, share)
    limits = np.repeat((wanted / win_rate[:, None])[:, :, None], len(ends), axis=2)
    limits[:, 0] = catch_up_limit(by_month[:, 0], inputs.parameters) * even_pace[:, None]
    needed = whole(np.minimum(wanted, MOST_MEETINGS))
    # This month's own quota is what the rest of the plan is about.
    needed[:, 0] = 0
    ahead = MonthsAhead(
        needed=needed,
        won_in_month=win_rate[:, None, None] * by_month,
        limits=whole(np.minimum(limits, MOST_MEETINGS)),
        chance=np.minimum(_chance_at_even_pace(wanted, needed), inputs.parameters.months_ahead_probability),
        open_deals=_open_wins(inputs, reps, deals, ends),
    )
    return fewest_meetings_by_month(ahead).meetings[:, 0].astype(np.float64)


def months_planned_together(month_end_date: date, share: FloatArray) -> list[date]:
    """Ends of the planned month and of those in which most of its last day's meetings are won; at most ``MOST_MONTHS``."""
    ends = [month_end_date]
    while share[(ends[-1] - month_end_date).days] < SHARE_COVERED and len(ends) < MOST_MONTHS:
        ends.append(month_end(ends[-1] + ONE_DAY))
    return ends


def _won_deals_wanted(inputs: PlanInputs, reps: pl.DataFrame, ends: Sequence[date]) -> FloatArray:
    """Quota ÷ average price of each rep and month; zero without either."""
    goal = reps.select(
        "rep_id", "average_price", "goal_unit", this_month=pl.col("goal_amount").fill_null(0.0)
    )
    later = quotas_by_measure(inputs)
    columns = [goal["this_month"].to_numpy()]
    for end in ends[1:]:
        quota = later.filter(pl.col("month_start_date") == end.replace(day=1))
        quota = quota.unique(["rep_id", "goal_unit"], keep="first", maintain_order=True)
        month = goal.join(quota, on=["rep_id", "goal_unit"], how="left", maintain_order="left")
        columns.append(month.select(pl.coalesce("quota_amount", "this_month"))["quota_amount"].to_numpy())
    price = goal["average_price"].fill_null(np.inf).to_numpy()
    return np.asarray(np.clip(np.stack(columns, axis=1), 0.0, None) / price[:, None])


def _chance_at_even_pace(wanted: FloatArray, needed: IntArray) -> FloatArray:
    """P(won ≥ needed) when so many are won in the mean, month after month (Poisson)."""
    from scipy.special import gammainc  # type: ignore[import-untyped, unused-ignore]

    return np.where(needed > 0, gammainc(np.maximum(needed, 1), wanted), 1.0)


def _share_by_month(
    inputs: PlanInputs, remaining: RemainingDays, ends: Sequence[date], share: FloatArray
) -> FloatArray:
    """Of the meetings ever won, the share won in month j when held in month t; (reps, months t, months j).

    The planned month's meetings are spread over each rep's own days left, those of later months over the calendar's.
    """
    found = np.zeros((len(remaining.weights), len(ends), len(ends)))
    first = _shares_of_days(remaining.days, ends, share)
    units = remaining.weights.sum(axis=1, keepdims=True)
    found[:, 0] = (remaining.weights @ first) / np.maximum(units, 1)
    for month in range(1, len(ends)):
        days = inputs.calendar.business_days(ends[month - 1] + ONE_DAY, ends[month])
        if days:
            found[:, month] = _shares_of_days(days, ends, share).mean(axis=0)
    return found


def _shares_of_days(days: Sequence[date], ends: Sequence[date], share: FloatArray) -> FloatArray:
    """Share won in each month of a meeting held on each day, (days, months)."""
    ages = np.array([[(end - day).days for end in ends] for day in days], dtype=np.int64).reshape(
        -1, len(ends)
    )
    by_end = np.where(ages >= 0, share[np.clip(ages, 0, len(share) - 1)], 0.0)
    return np.diff(by_end, axis=1, prepend=0.0)


def _open_wins(inputs: PlanInputs, reps: pl.DataFrame, deals: pl.DataFrame, ends: Sequence[date]) -> OpenWins:
    """Credited open deals with the chance to be won in each month."""
    rows = (
        deals.filter("is_credited")
        .join(reps.select("rep_id", "average_price", rep=pl.int_range(pl.len(), dtype=pl.Int64)), on="rep_id")
        .sort("rep", "opportunity_id")
    )
    by_end = [rows["chance"].to_numpy()]
    for end in ends[1:]:
        later = inputs.win_ahead.filter(pl.col("horizon_date") == end).unique("opportunity_id", keep="first")
        known = rows.select("opportunity_id").join(
            later.select("opportunity_id", pl.col("p_win").fill_nan(None).clip(0.0, 1.0)),
            on="opportunity_id",
            how="left",
            maintain_order="left",
        )
        by_end.append(np.maximum(known["p_win"].fill_null(0.0).to_numpy(), by_end[-1]))
    sizes = rows.select(pl.col("amount") / pl.col("average_price"))["amount"].fill_null(0.0).to_numpy()
    return OpenWins(rows["rep"].to_numpy(), np.diff(np.stack(by_end, axis=1), axis=1, prepend=0.0), sizes)
