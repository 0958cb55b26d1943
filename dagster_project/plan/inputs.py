"""What a plan is made from: the marts it reads and the figures a team sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from dagster_project.calendars import BusinessCalendar, month_end, month_start
from dagster_project.log_odds import DrawSettings
from dagster_project.plan.day.pattern import DayPattern, DefaultMinutes
from dagster_project.plan.input_frames import SCHEMAS, conformed, empty

# Beyond this an amount does not fit DECIMAL(18,4), the type of money.
LARGEST_MONEY = 9e13


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
        lowest_probability: below this chance of making quota the plan says plainly what is reachable instead.
        draws: how the chance of making quota is drawn; its month shock is the assumed one, drawn to what the past shows.
        months_ahead_probability: chance with which this month's meetings are to make the next months' quotas likely.
        pace_weight_days: how many days of this month the pace of the weeks before is worth.
        day: blocks of a full working day.
        minutes: of an activity where no calendar knows them.
        what_if: coefficients set by hand for a trial, for every rep (``what_if.NAMES``); rates as shares, cycle_days as
            the organisation's mean days to a win.
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
    lowest_probability: float = 0.1
    months_ahead_probability: float = 0.5
    pace_weight_days: float = 5.0
    draws: DrawSettings = field(default_factory=DrawSettings)
    day: DayPattern = field(default_factory=DayPattern)
    minutes: DefaultMinutes = field(default_factory=DefaultMinutes)
    what_if: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanInputs:
    """Marts as of one day, shaped like ``SCHEMAS``, and what the plan is for.

    Attributes:
        as_of_date: last complete day.
        plan_date: first day planned for; its month is the month planned.
        currency: of a rep without quota.
        reps: one row per rep (dim_rep, and ``rep_file``). Inactive ones, and those who leave before the plan date or
            come after its month, are left out of the plan. role is full, field or inside_sales; country_code and
            region null: the organisation's; working_share: of a full day, on each day worked; weekdays: those worked,
            as ``rep_file.WEEKDAYS`` (null: all of them); first_date and last_date: of the employment, null where
            outside the month or unknown.
        quotas: one row per rep, month and measure, from the planned month on (fct_quota, or
            ``quotas.with_quota_file``). measure is revenue, won_deals or revenue_velocity; quota_amount is a number of
            deals for won_deals, else money of the month: of a revenue velocity that of all its calendar days.
        opportunities: open ones, and those won in the last year (fct_opportunity).
        win_ahead: one row per open opportunity and month's end, the planned one and those after it (fct_win_ahead).
        activity_conversion, win_by_horizon, revenue_velocity: latest as-of date of the mart of that name.
        activity_to_date: one row per rep: done in the plan's month up to as_of_date; booked from then to its end; first
            meetings held in the ``pace.RECENT_DAYS`` days before the month.
        absences: one row per rep (null: everybody), date and part of the day off (day, morning or afternoon); rows
            may overlap.
        activity_minutes: one row per rep (null: the organisation) and kind of activity of ``capacity``, whose length
            is known, over the last 90 days.
        calendar_factors: one row per month of the quarter, where the chosen hazards have a calendar (fct_calendar_factor).
        activity_by_day: one row per rep, day and measure (touches, appointments, meetings as in ``activity_to_date``):
            how many were done, over the last ``warehouse.DAYS_LOOKED_BACK`` days.
        last_month: one row per scope and coefficient: its raw figure of the 30 days up to the month's eve, and of how
            many cases.
        past_months: one row per past month's eve: deals open then, wins expected of them in the month, and what came.
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
    activity_minutes: pl.DataFrame = field(default_factory=lambda: empty("activity_minutes"))
    activity_by_day: pl.DataFrame = field(default_factory=lambda: empty("activity_by_day"))
    last_month: pl.DataFrame = field(default_factory=lambda: empty("last_month"))
    past_months: pl.DataFrame = field(default_factory=lambda: empty("past_months"))
    calendar_factors: pl.DataFrame = field(default_factory=lambda: empty("calendar_factors"))

    def __post_init__(self) -> None:
        """Give every frame its declared columns and types.

        Raises:
            PlanInputError: a frame lacks a column, or a column cannot be read as its type.
        """
        for name, schema in SCHEMAS.items():
            object.__setattr__(self, name, conformed(name, getattr(self, name), schema))
        object.__setattr__(self, "reps", self._employed(self.reps))

    def _employed(self, reps: pl.DataFrame) -> pl.DataFrame:
        """Who leaves before the plan date, or comes after its month, is nobody to plan for."""
        has_left = pl.col("last_date").fill_null(date.max) < self.plan_date
        is_to_come = pl.col("first_date").fill_null(date.min) > self.month_end_date
        return reps.with_columns(is_active=pl.col("is_active").fill_null(True) & ~has_left & ~is_to_come)

    @property
    def month_start_date(self) -> date:
        """First day of the planned month."""
        return month_start(self.plan_date)

    @property
    def month_end_date(self) -> date:
        """Last day of the planned month."""
        return month_end(self.plan_date)
