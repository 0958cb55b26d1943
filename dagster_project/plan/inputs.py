"""What a plan is made from: the marts it reads and the figures a team sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import polars as pl

from dagster_project.errors import GyakusanError
from dagster_project.log_odds import DrawSettings
from dagster_project.plan.calendars import BusinessCalendar, month_end, month_start

# Beyond this an amount does not fit DECIMAL(18,4), the type of money.
LARGEST_MONEY = 9e13

SCHEMAS: Mapping[str, pl.Schema] = MappingProxyType(
    {
        "reps": pl.Schema(
            {
                "rep_id": pl.String,
                "team_id": pl.String,
                "language": pl.String,
                "is_active": pl.Boolean,
                "email": pl.String,
            }
        ),
        "quotas": pl.Schema(
            {
                "rep_id": pl.String,
                "month_start_date": pl.Date,
                "quota_amount": pl.Float64,
                "currency": pl.String,
                "source": pl.String,
            }
        ),
        "opportunities": pl.Schema(
            {
                "opportunity_id": pl.String,
                "rep_id": pl.String,
                "status": pl.String,
                "amount": pl.Float64,
                "currency": pl.String,
                "closed_date": pl.Date,
            }
        ),
        "win_ahead": pl.Schema(
            {
                "opportunity_id": pl.String,
                "horizon_date": pl.Date,
                "p_win": pl.Float64,
                "lower_80": pl.Float64,
                "upper_80": pl.Float64,
            }
        ),
        "activity_conversion": pl.Schema(
            {
                "window_name": pl.String,
                "scope_kind": pl.String,
                "scope_id": pl.String,
                "step": pl.String,
                "entered": pl.Int64,
                "rate_shrunk": pl.Float64,
                "lower_80": pl.Float64,
                "upper_80": pl.Float64,
                "is_too_few": pl.Boolean,
            }
        ),
        "win_by_horizon": pl.Schema(
            {
                "window_name": pl.String,
                "scope_kind": pl.String,
                "scope_id": pl.String,
                "horizon_days": pl.Int64,
                "deals": pl.Int64,
                "win_incidence": pl.Float64,
                "win_incidence_shrunk": pl.Float64,
                "is_too_few": pl.Boolean,
            }
        ),
        "revenue_velocity": pl.Schema(
            {
                "window_name": pl.String,
                "scope_kind": pl.String,
                "scope_id": pl.String,
                "average_price": pl.Float64,
                "win_rate": pl.Float64,
                "average_cycle_days": pl.Float64,
                "rv_realised": pl.Float64,
                "won": pl.Int64,
                "lost": pl.Int64,
            }
        ),
        "activity_to_date": pl.Schema(
            {
                "rep_id": pl.String,
                "done_touches": pl.Int64,
                "done_appointments": pl.Int64,
                "done_meetings": pl.Int64,
                "booked_appointments": pl.Int64,
            }
        ),
        "absences": pl.Schema({"rep_id": pl.String, "absence_date": pl.Date}),
    }
)


class PlanInputError(GyakusanError):
    """A mart a plan needs is missing or lacks a column."""


@dataclass(frozen=True)
class PlanParameters:
    """Figures a team can set.

    Attributes:
        window_name: rolling window of the coefficients; ``all`` steps in where it holds too few.
        insurance_probability: chance of making quota that the insurance number gives the team.
        most_meetings_a_day, most_appointments_a_day, most_touches_a_day: what fits in one rep's working day.
        most_catch_up: a plan asks at most this many times the quota's own even pace, and less the less of it can still
            be won in time (``counts.catch_up_limit``); 1 or more.
        price_prior_deals: weight of the team's price against a rep's own won deals.
        default_win_rate, default_appointment_to_meeting, default_touch_to_appointment: where no mart has a figure;
            the worked example of method §5.
        default_deals_a_month: quota ÷ this is the price where no amount is known anywhere.
        default_cycle_days: mean days to a win where none was ever won.
        default_spread: standard deviation of a win rate's log-odds where no interval is known: that of Beta(10, 40).
        draws: how the chance of making quota is drawn.
    """

    window_name: str = "180d"
    insurance_probability: float = 0.8
    most_meetings_a_day: int = 6
    most_appointments_a_day: int = 15
    most_touches_a_day: int = 100
    most_catch_up: float = 2.0
    price_prior_deals: float = 10.0
    default_win_rate: float = 0.2
    default_appointment_to_meeting: float = 0.5
    default_touch_to_appointment: float = 1 / 3
    default_deals_a_month: float = 10.0
    default_cycle_days: float = 30.0
    default_spread: float = 0.354
    draws: DrawSettings = field(default_factory=DrawSettings)


@dataclass(frozen=True)
class PlanInputs:
    """Marts as of one day, shaped like ``SCHEMAS``, and what the plan is for.

    Attributes:
        as_of_date: last complete day.
        plan_date: first day planned for; its month is the month planned.
        currency: of a rep without quota.
        reps: one row per rep (dim_rep); inactive ones are left out of the plan.
        quotas: one row per rep and month (fct_quota, or ``quotas.with_quota_file``).
        opportunities: open ones, and those won in the last year (fct_opportunity).
        win_ahead: one row per open opportunity and horizon date (fct_win_ahead).
        activity_conversion, win_by_horizon, revenue_velocity: latest as-of date of the mart of that name.
        activity_to_date: one row per rep: done in the plan's month up to as_of_date; booked from then to its end.
        absences: one row per rep and day off.
    """

    as_of_date: date
    plan_date: date
    calendar: BusinessCalendar
    currency: str
    reps: pl.DataFrame
    quotas: pl.DataFrame
    opportunities: pl.DataFrame
    win_ahead: pl.DataFrame
    activity_conversion: pl.DataFrame
    win_by_horizon: pl.DataFrame
    revenue_velocity: pl.DataFrame
    activity_to_date: pl.DataFrame
    absences: pl.DataFrame
    parameters: PlanParameters = field(default_factory=PlanParameters)

    def __post_init__(self) -> None:
        """Give every frame its declared columns and types.

        Raises:
            PlanInputError: a frame lacks a column, or a column cannot be read as its type.
        """
        for name, schema in SCHEMAS.items():
            object.__setattr__(self, name, conformed(name, getattr(self, name), schema))

    @property
    def month_start_date(self) -> date:
        """First day of the planned month."""
        return month_start(self.plan_date)

    @property
    def month_end_date(self) -> date:
        """Last day of the planned month."""
        return month_end(self.plan_date)


def conformed(name: str, frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame with exactly the columns and types of ``schema``, in one order whatever order it came in.

    Raises:
        PlanInputError: naming the frame and column.
    """
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise PlanInputError(
            f"{name} has no column {', '.join(missing)}",
            where="inputs of the plan",
            remedy="rebuild the marts",
        )
    try:
        # A parallel scan returns rows in any order, and sums of doubles differ by it in their last bits.
        return frame.select(pl.col(column).cast(kind) for column, kind in schema.items()).sort(list(schema))
    except pl.exceptions.PolarsError as error:
        raise PlanInputError(
            f"{name}: {error}", where="inputs of the plan", remedy="rebuild the marts"
        ) from error


def empty(name: str) -> pl.DataFrame:
    """An empty frame of that name in ``SCHEMAS``."""
    return pl.DataFrame(schema=SCHEMAS[name])
