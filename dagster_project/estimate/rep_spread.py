"""Whether reps' win rates differ by more than chance (method §2: where they do not, say so and do not rank)."""

from __future__ import annotations

import polars as pl

from dagster_project.estimate.special import chi_square_tail

DISTINGUISHABLE_BELOW = 0.05


def rep_spread_table(reps: pl.DataFrame) -> pl.DataFrame:
    """One row per as_of_date × window: Pearson's χ² of won against lost over reps with a closed deal, and its p-value.

    `reps`: as_of_date, window_name, won, lost, one row per rep. Chi-square and p are null where fewer than two reps closed
    a deal, or all deals ended the same way.
    """
    keys = ["as_of_date", "window_name"]
    closed = reps.with_columns(closed=pl.col("won") + pl.col("lost")).filter(pl.col("closed") > 0)
    pooled = pl.col("won").sum().over(keys) / pl.col("closed").sum().over(keys)
    counted = closed.with_columns(rate=pl.col("won") / pl.col("closed"), pooled=pooled)
    deviation = (pl.col("won") - pl.col("closed") * pl.col("pooled")) ** 2
    variance = pl.col("closed") * pl.col("pooled") * (1 - pl.col("pooled"))
    table = counted.group_by(keys, maintain_order=True).agg(
        reps=pl.len().cast(pl.Int64),
        chi_square=(deviation / variance).sum(),
        degrees_of_freedom=(pl.len() - 1).cast(pl.Int64),
        lowest_rate=pl.col("rate").min(),
        highest_rate=pl.col("rate").max(),
        pooled_rate=pl.col("pooled").first(),
    )
    known = (pl.col("reps") > 1) & pl.col("pooled_rate").is_between(0, 1, closed="none")
    table = table.with_columns(chi_square=pl.when(known).then("chi_square"))
    statistic = table["chi_square"].fill_null(float("nan")).to_numpy()
    p_value = chi_square_tail(statistic, table["degrees_of_freedom"].to_numpy())
    return table.with_columns(p_value=pl.Series(p_value).fill_nan(None)).with_columns(
        is_distinguishable=(pl.col("p_value") < DISTINGUISHABLE_BELOW).fill_null(False)
    )
