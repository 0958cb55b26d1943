"""Every rep's plan for the rest of the month: goal → tree → whole numbers per week and day (method §5).

What counts as what:

* money won this month up to ``as_of_date`` is taken off the quota; what is left is ``remaining_amount``;
* open deals are credited with P(won by the month's end) × amount (``in_flight_expected_amount``);
* what is then still missing is ``gap_amount``; ``new_won_deals`` and ``needed_meetings``, ``needed_appointments``,
  ``needed_touches`` are the plain tree on it (``needed_won_deals``: on ``remaining_amount``, open deals included);
* ``planned_*`` is what is asked for from ``plan_date`` on: planned anew on a reset (see ``counts``), kept in between
  (see ``reset``), each role with its own part (see ``roles``), and laid over weeks and days in ``plan_steps``;
* meetings held earlier in the month are not subtracted from the plan: they are open deals now, or won, or lost;
* teams and the organisation have rows of their own beside the reps' (see ``scopes``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.plan.capacity.working_minutes import for_own_part
from dagster_project.plan.capacity.would_fit import (
    levers_of_plans,
    minutes_of_plans,
    month_capacity,
    with_levers,
)
from dagster_project.plan.chances.drawn_months import drawn_months
from dagster_project.plan.chances.scope_chances import MeetingsHeld, chances_by_scope
from dagster_project.plan.columns import MONEY, PLAN_SCHEMA, SCOPE_KEY, STEP_SCHEMA
from dagster_project.plan.counts import Counts, count, won_later
from dagster_project.plan.inputs import LARGEST_MONEY, PlanInputs
from dagster_project.plan.people.roles import INSIDE_SALES, moved_to_roles, own_part
from dagster_project.plan.rep_month import (
    RepMonths,
    coefficients_of,
    meetings_going_on_as_before,
    months_of_reps,
    situation,
)
from dagster_project.plan.rhythm.catch_up import with_catch_up
from dagster_project.plan.rhythm.reset import EarlierPlans, Promise, promise
from dagster_project.plan.rhythm.weeks import coefficient_table, last_weeks, week_table
from dagster_project.plan.scopes import as_rep_rows, scope_steps, scope_table
from dagster_project.plan.steps import MEASURES, by_rep_and_measure, rep_steps
from dagster_project.plan.words.remarks import plan_notes

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class PlanTables:
    """What is promised for the rest of the month; columns and keys in ``columns``.

    Attributes:
        plans: one row per plan_date and scope: each rep, each team, the organisation.
        steps: one row per plan_date, scope, level (month, week, day), period_start and measure. Periods are clipped to
            [plan_date, month end]; days sum to their week, weeks to the month, reps to their team and the organisation.
            The week of the plan date says what was promised on the reset and done since; its target is what is left.
        weeks: on a reset, one row per scope and measure: last week promised and done, this week promised.
        coefficients: on a reset, one row per scope and coefficient used, last month's figure beside.
        levers: one row per rep whose plan does not fit and lever: the value with which it would.
    """

    plans: pl.DataFrame
    steps: pl.DataFrame
    weeks: pl.DataFrame
    coefficients: pl.DataFrame
    levers: pl.DataFrame


def make_plans(inputs: PlanInputs, earlier: EarlierPlans | None = None) -> PlanTables:
    """Plan every active rep at once; a pure function of its inputs, equal to the bit when repeated.

    Args:
        earlier: what was promised on the days before; nothing by default, so that everybody is planned anew.
    """
    told = earlier or EarlierPlans()
    months = months_of_reps(inputs)
    capacity = month_capacity(inputs, months)
    own_part_only = for_own_part(capacity, months.table["role"].to_list())
    counts = count(situation(months), coefficients_of(months.table), inputs.parameters, own_part_only)
    kept = promise(_by_role(months, counts), months.table, months.remaining, told, inputs)
    counts = _as_promised(counts, kept, months)
    columns = [months.table, _columns(counts), minutes_of_plans(counts, capacity)]
    reps = pl.concat(columns, how="horizontal").with_columns(
        reset_date=pl.Series(kept.reset_dates, dtype=pl.Date),
        expected_amount=_expected(),
    )
    steps = _steps(months, kept)
    last = last_weeks(told, reps, inputs)
    reps = as_rep_rows(with_catch_up(reps, steps, last, told, inputs.plan_date))
    table = pl.concat([reps, scope_table(reps, inputs)], how="diagonal")
    chances = _chances(inputs, months, counts)
    levers = levers_of_plans(inputs, months, capacity, chances)
    known = table.join(chances, on=SCOPE_KEY, how="left", maintain_order="left")
    plans = _finished(inputs, with_levers(known, levers))
    return PlanTables(
        plans,
        _finished_steps(plans, steps, reps),
        week_table(last, reps, kept, inputs),
        coefficient_table(table, reps, inputs),
        levers,
    )


def _by_role(months: RepMonths, counts: Counts) -> dict[str, IntArray]:
    """The rest of the month as tonight would plan it, with each role's own part."""
    totals: Mapping[str, IntArray] = {measure: getattr(counts, f"planned_{measure}") for measure in MEASURES}
    roles, teams = months.table["role"].to_list(), months.table["team_id"].to_list()
    return moved_to_roles(totals, roles, teams, months.remaining.units_left)


def _as_promised(counts: Counts, kept: Promise, months: RepMonths) -> Counts:
    planned = {f"planned_{measure}": kept.weeks[measure].sum(axis=1) for measure in MEASURES}
    later = won_later(planned["planned_meetings"], months.table["won_in_time_share"].to_numpy())
    return replace(counts, **planned, meetings_for_next_months=later)


def _columns(counts: Counts) -> pl.DataFrame:
    return pl.DataFrame({item.name: getattr(counts, item.name) for item in fields(counts)})


def _expected() -> pl.Expr:
    """Money by the month's end when the plan is held, in the mean."""
    new = pl.col("planned_meetings") * pl.col("win_rate") * pl.col("won_in_time_share")
    in_hand = pl.col("won_amount_to_date") + pl.col("in_flight_expected_amount")
    return in_hand + new * pl.col("average_price").fill_null(0.0)


def _steps(months: RepMonths, kept: Promise) -> pl.DataFrame:
    """The reps' steps; those of the plan date's week with what was promised for it and what was done since."""
    ids, roles = months.table["rep_id"].to_list(), months.table["role"].to_list()
    own = {measure: own_part(measure, roles) for measure in MEASURES}
    steps = rep_steps(ids, kept.weeks, own, months.remaining)
    held = by_rep_and_measure(ids, promised=kept.promised, done=kept.done)
    this_week = (pl.col("level") == "week") & (pl.col("period_start") == months.remaining.plan_date)
    return steps.join(held, on=["rep_id", "measure"], how="left", maintain_order="left").with_columns(
        pl.when(this_week).then(pl.col("promised", "done"))
    )


def _chances(inputs: PlanInputs, months: RepMonths, counts: Counts) -> pl.DataFrame:
    """One row per scope; an inside sales rep has none alone: what the team's field reps win makes the quota."""
    held = MeetingsHeld(counts.planned_meetings, meetings_going_on_as_before(inputs, months))
    found = chances_by_scope(drawn_months(inputs, months), counts, held, inputs)
    inside = months.table.filter(pl.col("role") == INSIDE_SALES)["rep_id"].to_list()
    is_inside = (pl.col("scope_kind") == "rep") & pl.col("scope_id").is_in(inside)
    return found.with_columns(
        pl.when(~is_inside).then(pl.col(name)).alias(name) for name in found.columns if name not in SCOPE_KEY
    )


def _finished(inputs: PlanInputs, table: pl.DataFrame) -> pl.DataFrame:
    notes, codes = plan_notes(table, inputs.parameters)
    ids = [_plan_id(inputs, *scope) for scope in table.select(SCOPE_KEY).iter_rows()]
    money = [name for name, kind in PLAN_SCHEMA.items() if kind == MONEY]
    return table.with_columns(
        pl.col(money).clip(-LARGEST_MONEY, LARGEST_MONEY),
        plan_id=pl.Series(ids, dtype=pl.String),
        plan_date=pl.lit(inputs.plan_date),
        as_of_date=pl.lit(inputs.as_of_date),
        month_start_date=pl.lit(inputs.month_start_date),
        month_end_date=pl.lit(inputs.month_end_date),
        insurance_probability=pl.lit(inputs.parameters.insurance_probability),
        note=pl.Series(notes, dtype=pl.String),
        note_codes=pl.Series(codes, dtype=pl.String),
    ).select(pl.col(name).cast(kind) for name, kind in PLAN_SCHEMA.items())


def _plan_id(inputs: PlanInputs, scope_kind: str, scope_id: str) -> str:
    """One plan per scope and plan date, whenever it is computed."""
    name = f"plan\x1f{inputs.plan_date}\x1f{scope_kind}\x1f{scope_id}"
    return blake2b(name.encode(), digest_size=16).hexdigest()


def _finished_steps(plans: pl.DataFrame, steps: pl.DataFrame, reps: pl.DataFrame) -> pl.DataFrame:
    own = as_rep_rows(steps)
    both = pl.concat([own, scope_steps(own, reps)], how="diagonal")
    dated = both.join(plans.select("plan_id", "plan_date", *SCOPE_KEY), on=SCOPE_KEY)
    return dated.select(pl.col(name).cast(kind) for name, kind in STEP_SCHEMA.items()).sort(
        pl.col("scope_kind").cast(pl.Enum(["rep", "team", "organization"])),
        "scope_id",
        pl.col("level").cast(pl.Enum(["month", "week", "day"])),
        "period_start",
        pl.col("measure").cast(pl.Enum(MEASURES)),
    )
