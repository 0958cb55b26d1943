"""What the estimators say of an organisation's history, beside what is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl

from dagster_project.estimate.scoped_incidence import incidence_table
from dagster_project.estimate.velocity import velocity_table
from tests.truth.expectation import Span, curve_table, expected_counts, win_rate_table
from tests.truth.organization import FIRST_DATE, Organization, simulate, unit_table

BOUNDS = ("lower_80", "upper_80", "lower_95", "upper_95")
KEYS = ["window_name", "scope_kind", "scope_id"]
HORIZONS = (14, 30, 60, 90, 120, 180)
# Below thirty deals a mart shows "too few".
_LEAST = 30


def window_table(spans: Sequence[Span]) -> pl.DataFrame:
    """Windows as the estimators read them."""
    return pl.DataFrame(
        {
            "as_of_date": [FIRST_DATE + timedelta(days=end) for _, _, end in spans],
            "window_name": [name for name, _, _ in spans],
            "window_from_date": [FIRST_DATE + timedelta(days=begin) for _, begin, _ in spans],
            "window_to_date": [FIRST_DATE + timedelta(days=end) for _, _, end in spans],
            "is_last_night": [False] * len(spans),
        }
    )


def is_enough() -> pl.Expr:
    """What the marts do not call "too few": thirty at risk to the last, of teams and reps thirty in all; in the window's length."""
    counted = pl.when(scope_kind=pl.lit("organization")).then("at_risk").otherwise("units")
    length = (pl.col("window_to_date") - pl.col("window_from_date")).dt.total_days()
    return (counted >= _LEAST) & (pl.col("horizon_days") < length)


def deal_intervals(
    organization: Organization, random: np.random.Generator, spans: Sequence[Span]
) -> pl.DataFrame:
    """Intervals of one history of an organisation of one stage, each with its truth.

    Win by horizon and win rate of organisation, teams and reps, and the organisation's money won a day: figure, truth, lower
    and upper bounds at 80 and 95 % (money: of its mean, 95 % only).
    """
    units = unit_table(organization, simulate(organization, random), random)
    expected = expected_counts(organization, spans)
    windows = window_table(spans)
    curves = incidence_table(units, windows).filter(pl.col("horizon_days").is_in(HORIZONS))
    wins = curves.filter(is_enough()).join(
        curve_table(organization, expected, spans), on=[*KEYS, "horizon_days"]
    )
    velocity = velocity_table(units, windows).join(win_rate_table(organization, expected, spans), on=KEYS)
    rates = velocity.rename({f"win_rate_{bound}": bound for bound in BOUNDS})
    money = velocity.filter(scope_kind="organization").select(
        scope_kind=pl.lit("organization"),
        truth=pl.lit(1.0),
        lower_95=pl.col("rv_realised_lower_95") / pl.col("won_per_day"),
        upper_95=pl.col("rv_realised_upper_95") / pl.col("won_per_day"),
    )
    parts = {"win by horizon": wins, "win rate": rates, "money won a day (of its mean)": money}
    return pl.concat(
        [
            part.select(
                pl.format("{}, {}", pl.lit(name), "scope_kind").alias("figure"),
                "truth",
                *(bound for bound in BOUNDS if bound in part.columns),
            )
            for name, part in parts.items()
        ],
        how="diagonal",
    )


def stage_intervals(
    organization: Organization, random: np.random.Generator, spans: Sequence[Span]
) -> pl.DataFrame:
    """Intervals of the conversion of every stage, window and scope at the longest stay with an exit, with their truths."""
    units = unit_table(organization, simulate(organization, random), random, kind="stage")
    expected = expected_counts(organization, spans)
    table = incidence_table(units, window_table(spans))
    found = [
        table.filter(series_name=f"stage{stage}").join(
            curve_table(organization, expected, spans, stage), on=[*KEYS, "horizon_days"]
        )
        for stage in range(organization.stages)
    ]
    return pl.concat(found).select(
        pl.format("stage conversion, {}", "scope_kind").alias("figure"), "truth", *BOUNDS
    )
