"""What reps were told on the days before, from the log of decisions."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from connectors.event_log import EventLog
from dagster_project.decisions import PLAN_STEPS, PLANS, decided_between
from dagster_project.plan.rhythm.reset import EARLIER_PLAN_SCHEMA, EARLIER_STEP_SCHEMA, EarlierPlans
from dagster_project.plan.warehouse import DAYS_LOOKED_BACK


def read_earlier(log: EventLog, plan_date: date) -> EarlierPlans:
    """Plans decided for the ``warehouse.DAYS_LOOKED_BACK`` days before, and the steps of their reset dates.

    Plans that an older version decided without scopes say nothing about resets, and are left out.
    """
    first = plan_date - timedelta(days=DAYS_LOOKED_BACK)
    plans = _of_reps(decided_between(log, PLANS, first, plan_date), EARLIER_PLAN_SCHEMA)
    resets = sorted(set(plans["reset_date"].drop_nulls()))
    steps = [
        _of_reps(decided_between(log, PLAN_STEPS, day, day + timedelta(days=1)), EARLIER_STEP_SCHEMA)
        for day in resets
    ]
    return EarlierPlans(plans, pl.concat([pl.DataFrame(schema=EARLIER_STEP_SCHEMA), *steps]))


def _of_reps(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    if not {"scope_kind", *schema} <= set(rows.columns):
        return pl.DataFrame(schema=schema)
    reps = rows.filter(pl.col("scope_kind") == "rep")
    return reps.select(pl.col(name).cast(kind) for name, kind in schema.items()).sort(list(schema))
