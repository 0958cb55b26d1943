"""Planning a month for 200 reps with 500 open deals each: seconds of one core, beside the limit.

Run by ``make bench-plan``; prints a table and judges nothing. The marts are generated in memory; reading them from the
warehouse is not part of the time. Processor seconds over all threads are what one core alone would take.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dagster_project.calendars import BusinessCalendar, month_end
from dagster_project.plan.chances.drawn_months import drawn_months
from dagster_project.plan.input_frames import empty
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.plan import make_plans
from dagster_project.plan.rep_month import months_of_reps

REPS, DEALS_PER_REP, TEAMS = 200, 500, 20
LIMIT_SECONDS = 5.0
TIMES = 3
PLAN_DATE = date(2026, 11, 2)
WINDOW = "180d"
Made = TypeVar("Made")


def organization(reps: int = REPS, deals_per_rep: int = DEALS_PER_REP) -> PlanInputs:
    """Marts of so many reps; chances by 200 states of stage and age, amounts all different."""
    random = np.random.default_rng(1)
    ids = [f"005{number:05}" for number in range(reps)]
    deals = reps * deals_per_rep
    opportunities = pl.DataFrame(
        {
            "opportunity_id": np.char.add("006", np.arange(deals).astype(str)),
            "rep_id": np.repeat(ids, deals_per_rep),
            "amount": np.round(random.lognormal(11.0, 1.0, deals)),
        }
    ).with_columns(status=pl.lit("open"), currency=pl.lit("JPY"), closed_date=pl.lit(None, pl.Date))
    return PlanInputs(
        as_of_date=PLAN_DATE - timedelta(days=1),
        plan_date=PLAN_DATE,
        calendar=BusinessCalendar(),
        currency="JPY",
        reps=pl.DataFrame(
            {"rep_id": ids, "team_id": [f"T{n % TEAMS:02}" for n in range(reps)], "email": ids}
        ).with_columns(language=pl.lit("ja"), is_active=True, role=pl.lit("full")),
        quotas=pl.concat(
            pl.DataFrame({"rep_id": ids, "quota_amount": random.uniform(0.5e6, 3e6, reps)}).with_columns(
                month_start_date=pl.lit(start), currency=pl.lit("JPY"), source=pl.lit("forecasting_quota")
            )
            for start in (date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1))
        ),
        opportunities=opportunities,
        win_ahead=_win_ahead(random, opportunities["opportunity_id"].to_list()),
        activity_to_date=pl.DataFrame({"rep_id": ids}).with_columns(
            done_touches=90, done_appointments=30, done_meetings=10, booked_appointments=2, recent_meetings=40
        ),
        absences=empty("absences"),
        **_coefficients(random, ids),
    )


def _win_ahead(random: np.random.Generator, opportunity_ids: list[str]) -> pl.DataFrame:
    """Six months' ends; a deal's chance is that of its state and rises with every month."""
    state = random.integers(200, size=len(opportunity_ids))
    by_month = np.cumsum(random.beta(0.4, 20.0, (200, 6)), axis=1).clip(max=0.95)
    ends, tables = [month_end(PLAN_DATE)], []
    for month in range(6):
        chance = by_month[state, month]
        tables.append(
            pl.DataFrame(
                {
                    "opportunity_id": opportunity_ids,
                    "p_win": chance,
                    "lower_80": 0.85 * chance,
                    "upper_80": 1.15 * chance,
                }
            ).with_columns(horizon_date=pl.lit(ends[-1]))
        )
        ends.append(month_end(ends[-1] + timedelta(days=1)))
    return pl.concat(tables)


def _coefficients(random: np.random.Generator, ids: list[str]) -> dict[str, pl.DataFrame]:
    rates = {"meeting_to_won": 0.2, "appointment_to_meeting": 0.5, "touch_to_appointment": 1 / 3}
    scopes = [("organization", ""), *(("rep", rep) for rep in ids)]
    conversion = [
        (WINDOW, *scope, step, 60, value, 0.8 * value, 1.2 * value, False)
        for scope in scopes
        for step, rate in rates.items()
        for value in (rate * random.uniform(0.8, 1.2),)
    ]
    curve = [(WINDOW, "organization", "", d, 9_000, 0.2 * d / 90, None, False) for d in range(91)]
    velocity = [
        (WINDOW, *scope, 120_000.0 * random.uniform(0.7, 1.4), 0.5, 40.0, 9_000.0, 25, 25) for scope in scopes
    ]
    past = [
        (date(2026, month, 28), 90_000, 1_800.0, int(random.normal(1_800, 250))) for month in range(1, 11)
    ]
    rows = {
        "activity_conversion": conversion,
        "win_by_horizon": curve,
        "revenue_velocity": velocity,
        "past_months": past,
    }
    return {name: pl.DataFrame(each, schema=empty(name).schema, orient="row") for name, each in rows.items()}


@dataclass(frozen=True)
class Spent:
    """Best of several runs, in seconds."""

    wall: float
    processor: float


def measured(work: Callable[[], Made]) -> tuple[Made, Spent]:
    """What the work made, and the least time of several runs of it."""
    runs = []
    for _ in range(TIMES):
        wall, processor = time.perf_counter(), time.process_time()
        made = work()
        runs.append((time.perf_counter() - wall, time.process_time() - processor))
    return made, Spent(min(wall for wall, _ in runs), min(processor for _, processor in runs))


def main() -> None:
    """Print seconds of the parts and the whole, and their ratio to the limit."""
    inputs = organization()
    months, before = measured(lambda: months_of_reps(inputs))
    _, prepared = measured(lambda: drawn_months(inputs, months))
    tables, whole = measured(lambda: make_plans(inputs))
    print(
        f"{REPS} reps with {DEALS_PER_REP} open deals each: {tables.plans.height} plans, {tables.steps.height} steps"
    )
    print(f"{'what':<44}{'wall s':>8}{'one core s':>12}{'÷ limit':>9}")
    for what, spent in (
        ("every rep's month, several months ahead", before),
        ("chances of open deals and new meetings", prepared),
        ("the whole plan", whole),
    ):
        ratio = spent.processor / LIMIT_SECONDS
        print(f"{what:<44}{spent.wall:>8.2f}{spent.processor:>12.2f}{ratio:>9.2f}")
    print(f"limit: {LIMIT_SECONDS:g} s on one core")


if __name__ == "__main__":
    main()
