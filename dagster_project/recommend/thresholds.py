"""How long is too long: quantiles of the team's own won deals, with a stated figure until there are enough of them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from dagster_project.recommend.facts import Facts

MINIMUM_WON = 20


def usual_days(
    rows: pl.DataFrame,
    samples: pl.DataFrame,
    *,
    quantile: float,
    levels: Sequence[Sequence[str]],
    stated_days: int,
    fixed_days: int | None = None,
    minimum: int = MINIMUM_WON,
) -> pl.DataFrame:
    """`rows` with `usual_days` (whole days) and `usual_n` (won-deal samples behind it; 0 when stated or set).

    `samples` holds one column `days` plus the columns of `levels`. The first level with `minimum` samples counts;
    an empty level is everything together; without any, `stated_days`. `fixed_days`, a team's own setting, outranks all.
    """
    if fixed_days is not None:
        return rows.with_columns(usual_days=pl.lit(fixed_days, pl.Int64), usual_n=pl.lit(0, pl.Int64))
    found = rows.with_columns(usual_days=pl.lit(None, pl.Int64), usual_n=pl.lit(None, pl.Int64))
    for level in levels:
        found = _fill(found, samples, list(level), quantile, minimum)
    return found.with_columns(
        usual_days=pl.col("usual_days").fill_null(stated_days), usual_n=pl.col("usual_n").fill_null(0)
    )


def gaps_on_won_deals(facts: Facts, dates: pl.DataFrame) -> pl.DataFrame:
    """Samples for `usual_days` by team: whole days from one `date` to the next of a won deal, the same day left out.

    `dates` has one row per `opportunity_id` and `date`, in any order.
    """
    teams = facts.opportunities.select("opportunity_id", "team_id")
    gap = (pl.col("date") - pl.col("date").shift(1).over("opportunity_id")).dt.total_days()
    return (
        dates.join(facts.won_ids(), on="opportunity_id", how="semi")
        .sort("opportunity_id", "date")
        .select("opportunity_id", days=gap)
        .filter(pl.col("days") > 0)
        .join(teams, on="opportunity_id", how="left")
    )


def _fill(
    rows: pl.DataFrame, samples: pl.DataFrame, level: list[str], quantile: float, minimum: int
) -> pl.DataFrame:
    figures = [
        pl.col("days").quantile(quantile, interpolation="linear").ceil().cast(pl.Int64).alias("level_days"),
        pl.col("days").count().cast(pl.Int64).alias("level_n"),
    ]
    found = samples.group_by(level).agg(figures) if level else samples.select(figures)
    found = found.filter(pl.col("level_n") >= minimum)
    joined = rows.join(found, on=level, how="left", maintain_order="left") if level else _beside(rows, found)
    return joined.with_columns(
        usual_days=pl.coalesce("usual_days", "level_days"), usual_n=pl.coalesce("usual_n", "level_n")
    ).drop("level_days", "level_n")


def _beside(rows: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    days, n = figures.row(0) if figures.height else (None, None)
    return rows.with_columns(level_days=pl.lit(days, pl.Int64), level_n=pl.lit(n, pl.Int64))
