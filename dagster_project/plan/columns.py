"""Columns of what a night plans: one table per stream of the log, published under the names in the docs."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

MONEY: pl.DataType = pl.Decimal(18, 4)
Columns = Mapping[str, pl.DataType | type[pl.DataType]]

SCOPE_KINDS = ("rep", "team", "organization")
SCOPE_KEY = ("scope_kind", "scope_id")
# Whose row it is: the id of the rep or the team, '' for the organisation; rep_id is null for both of these.
SCOPE_COLUMNS: Columns = {"scope_kind": pl.String, "scope_id": pl.String, "rep_id": pl.String}

PLAN_COLUMNS: Columns = {
    "plan_id": pl.String,
    "plan_date": pl.Date,
    "as_of_date": pl.Date,
    **SCOPE_COLUMNS,
    "role": pl.String,
    "reset_date": pl.Date,
    "month_start_date": pl.Date,
    "month_end_date": pl.Date,
    "quota_amount": MONEY,
    "goal_amount": MONEY,
    "goal_measure": pl.String,
    "won_amount_to_date": MONEY,
    "remaining_amount": MONEY,
    "average_price": MONEY,
    "win_rate": pl.Float64,
    "appointment_to_meeting": pl.Float64,
    "touch_to_appointment": pl.Float64,
    "average_cycle_days": pl.Float64,
    "won_in_time_share": pl.Float64,
    "needed_won_deals": pl.Int64,
    "in_flight_deals": pl.Int64,
    "in_flight_expected_amount": MONEY,
    "gap_amount": MONEY,
    "expected_amount": MONEY,
    "new_won_deals": pl.Int64,
    "needed_meetings": pl.Int64,
    "needed_appointments": pl.Int64,
    "needed_touches": pl.Int64,
    "planned_won_deals": pl.Int64,
    "planned_meetings": pl.Int64,
    "planned_appointments": pl.Int64,
    "planned_touches": pl.Int64,
    "meetings_for_next_months": pl.Int64,
    "planned_minutes": pl.Int64,
    "working_minutes": pl.Int64,
    "done_won_deals": pl.Int64,
    "done_meetings": pl.Int64,
    "done_appointments": pl.Int64,
    "done_touches": pl.Int64,
    "booked_appointments": pl.Int64,
    "insurance_meetings": pl.Int64,
    "insurance_probability": pl.Float64,
    "probability_of_quota": pl.Float64,
    "probability_at_pace": pl.Float64,
    "business_days_left": pl.Int64,
    "days_left": pl.Float64,
    "note": pl.String,
    "note_codes": pl.String,
    "currency": pl.String,
    "goal_source": pl.String,
    "language": pl.String,
}
PLAN_SCHEMA = pl.Schema(PLAN_COLUMNS)

STEP_COLUMNS: Columns = {
    "plan_id": pl.String,
    "plan_date": pl.Date,
    **SCOPE_COLUMNS,
    "level": pl.String,
    "period_start": pl.Date,
    "period_end": pl.Date,
    "measure": pl.String,
    "target": pl.Int64,
    "promised": pl.Int64,
    "done": pl.Int64,
}
STEP_SCHEMA = pl.Schema(STEP_COLUMNS)

LEVER_COLUMNS: Columns = {
    "plan_date": pl.Date,
    "rep_id": pl.String,
    "target": pl.String,
    "lever": pl.String,
    "now": pl.Float64,
    "needed": pl.Float64,
    "is_reachable": pl.Boolean,
}

WEEK_COLUMNS: Columns = {
    "plan_date": pl.Date,
    **SCOPE_COLUMNS,
    "measure": pl.String,
    "last_week_start": pl.Date,
    "last_week_end": pl.Date,
    "last_week_promised": pl.Int64,
    "last_week_done": pl.Int64,
    "week_start": pl.Date,
    "week_end": pl.Date,
    "promised": pl.Int64,
}
WEEK_SCHEMA = pl.Schema(WEEK_COLUMNS)

COEFFICIENT_COLUMNS: Columns = {
    "plan_date": pl.Date,
    **SCOPE_COLUMNS,
    "measure": pl.String,
    "value": pl.Float64,
    "lower_80": pl.Float64,
    "upper_80": pl.Float64,
    "origin": pl.String,
    "last_month_value": pl.Float64,
    "last_month_n": pl.Int64,
}
COEFFICIENT_SCHEMA = pl.Schema(COEFFICIENT_COLUMNS)

PLAN_KEY = ("plan_date", *SCOPE_KEY)
STEP_KEY = (*PLAN_KEY, "level", "period_start", "measure")
LEVER_KEY = ("plan_date", "rep_id", "lever")
WEEK_KEY = (*PLAN_KEY, "measure")
COEFFICIENT_KEY = (*PLAN_KEY, "measure")
