"""Small hand-made marts for plans: by default the method's worked example, one rep, nothing in flight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import polars as pl

from dagster_project.calendars import BusinessCalendar
from dagster_project.log_odds import DrawSettings
from dagster_project.plan.input_frames import DEFAULTS, SCHEMAS, empty
from dagster_project.plan.inputs import PlanInputs, PlanParameters

# February 2027 begins on a Monday and has no holiday in Britain: four equal weeks of five days.
MONTH = date(2027, 2, 1)
MONTH_END = date(2027, 2, 28)
FOUR_WEEKS = BusinessCalendar("GB")
WORKED_RATES = {"meeting_to_won": 0.20, "appointment_to_meeting": 0.50, "touch_to_appointment": 1 / 3}
FEW_DRAWS = PlanParameters(draws=DrawSettings(draws=64))


def frame(name: str, rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """Rows as tuples in the order of the schema's columns, those with a default left out."""
    schema = {column: kind for column, kind in SCHEMAS[name].items() if column not in DEFAULTS.get(name, {})}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def reps(*ids: str, team: str | None = "team", language: str = "en") -> pl.DataFrame:
    return frame("reps", [(rep, team, language, True, f"{rep.lower()}@example.com") for rep in ids])


def quotas(amounts: dict[str, float | None], month: date = MONTH, currency: str = "JPY") -> pl.DataFrame:
    return frame(
        "quotas",
        [
            (rep, month, amount, currency, "forecasting_quota")
            for rep, amount in amounts.items()
            if amount is not None
        ],
    )


def conversions(
    rates: dict[str, float | None] = WORKED_RATES,
    scope: tuple[str, str] = ("organization", ""),
    window: str = "180d",
    entered: int = 500,
) -> pl.DataFrame:
    return frame(
        "activity_conversion",
        [(window, *scope, step, entered, rate, None, None, False) for step, rate in rates.items()],
    )


def win_curve(points: dict[int, float], window: str = "180d") -> pl.DataFrame:
    """The organisation's F_w by days."""
    return frame(
        "win_by_horizon",
        [(window, "organization", "", days, 500, share, None, False) for days, share in points.items()],
    )


def velocity(
    price: float | None = 100_000.0,
    scope: tuple[str, str] = ("organization", ""),
    won: int = 500,
    realised: float = 0.0,
) -> pl.DataFrame:
    return frame("revenue_velocity", [("180d", *scope, price, 0.5, 40.0, realised, won, 500)])


def open_deals(rep: str, *deals: tuple[float | None, float | None]) -> dict[str, pl.DataFrame]:
    """Open deals of (amount, chance to be won by the month's end); no chance, no forecast."""
    ids = [f"{rep}-{n}" for n in range(len(deals))]
    return {
        "opportunities": frame(
            "opportunities",
            [(i, rep, "open", amount, "JPY", None) for i, (amount, _) in zip(ids, deals, strict=True)],
        ),
        "win_ahead": frame(
            "win_ahead",
            [
                (i, MONTH_END, chance, None, None)
                for i, (_, chance) in zip(ids, deals, strict=True)
                if chance is not None
            ],
        ),
    }


def won_deals(rep: str, *deals: tuple[float, date], currency: str = "JPY") -> pl.DataFrame:
    return frame(
        "opportunities",
        [(f"{rep}-won-{n}", rep, "won", amount, currency, day) for n, (amount, day) in enumerate(deals)],
    )


def inputs(**changes: Any) -> PlanInputs:
    """The worked example, changed as named."""
    values: dict[str, Any] = {
        "as_of_date": date(2027, 1, 31),
        "plan_date": MONTH,
        "calendar": FOUR_WEEKS,
        "currency": "JPY",
        "reps": reps("A"),
        "quotas": quotas({"A": 1_000_000.0}),
        "opportunities": empty("opportunities"),
        "win_ahead": empty("win_ahead"),
        "activity_conversion": conversions(),
        "win_by_horizon": win_curve({0: 0.2}),
        "revenue_velocity": velocity(),
        "activity_to_date": empty("activity_to_date"),
        "absences": empty("absences"),
    }
    return PlanInputs(**(values | changes))
