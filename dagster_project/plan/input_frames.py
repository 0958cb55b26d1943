"""The frames a plan reads: their columns and types, and what a missing one holds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from dagster_project.errors import GyakusanError

SCHEMAS: Mapping[str, pl.Schema] = MappingProxyType(
    {
        "reps": pl.Schema(
            {
                "rep_id": pl.String,
                "team_id": pl.String,
                "language": pl.String,
                "is_active": pl.Boolean,
                "email": pl.String,
                "role": pl.String,
                "time_zone": pl.String,
                "country_code": pl.String,
                "region": pl.String,
                "working_share": pl.Float64,
                "weekdays": pl.String,
                "first_date": pl.Date,
                "last_date": pl.Date,
            }
        ),
        "quotas": pl.Schema(
            {
                "rep_id": pl.String,
                "month_start_date": pl.Date,
                "quota_amount": pl.Float64,
                "currency": pl.String,
                "source": pl.String,
                "measure": pl.String,
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
                "recent_meetings": pl.Int64,
            }
        ),
        "calendar_factors": pl.Schema({"month_of_quarter": pl.Int64, "win_factor": pl.Float64}),
        "past_months": pl.Schema(
            {
                "as_of_date": pl.Date,
                "open_deals": pl.Int64,
                "expected_deals": pl.Float64,
                "realised_deals": pl.Int64,
            }
        ),
        "activity_minutes": pl.Schema(
            {
                "rep_id": pl.String,
                "kind": pl.String,
                "activities": pl.Int64,
                "median_minutes": pl.Float64,
                "mean_minutes": pl.Float64,
                "total_minutes": pl.Float64,
                "first_activity_date": pl.Date,
            }
        ),
        "activity_by_day": pl.Schema(
            {"rep_id": pl.String, "activity_date": pl.Date, "measure": pl.String, "done": pl.Int64}
        ),
        "last_month": pl.Schema(
            {
                "scope_kind": pl.String,
                "scope_id": pl.String,
                "measure": pl.String,
                "last_month_value": pl.Float64,
                "last_month_n": pl.Int64,
            }
        ),
        "absences": pl.Schema({"rep_id": pl.String, "absence_date": pl.Date, "part": pl.String}),
    }
)
# Columns a frame may come without, and what they then hold, as does a null in them: most reps are like the others.
DEFAULTS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "reps": MappingProxyType(
            {
                "role": "full",
                "time_zone": None,
                "country_code": None,
                "region": None,
                "working_share": 1.0,
                "weekdays": None,
                "first_date": None,
                "last_date": None,
            }
        ),
        "quotas": MappingProxyType({"measure": "revenue"}),
        "absences": MappingProxyType({"part": "day"}),
    }
)


class PlanInputError(GyakusanError):
    """A mart a plan needs is missing or lacks a column."""


def conformed(name: str, frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame with exactly the columns and types of ``schema``, in one order whatever order it came in.

    Columns of ``DEFAULTS`` may be missing.

    Raises:
        PlanInputError: naming the frame and column.
    """
    frame = frame.with_columns(
        (pl.col(column).fill_null(value) if column in frame.columns else pl.lit(value)).alias(column)
        for column, value in DEFAULTS.get(name, {}).items()
        if value is not None or column not in frame.columns
    )
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
