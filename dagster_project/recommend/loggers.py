"""Does this rep log at all? Rules that fire on absence ask this first: the best sellers log little (method §6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from dagster_project.recommend.facts import Facts

LOOK_BACK_DAYS: Final = 90
QUIET_SHARE: Final = 0.5


def quiet_reps(facts: Facts) -> pl.DataFrame:
    """One row per owner of open deals: `rep_id`, `logged_per_deal` (contacts in 90 days per open deal), `is_quiet`.

    Quiet: nothing logged, or below half of the median over the owners of the team (of everybody, when alone).
    """
    deals = (
        facts.open_opportunities()
        .drop_nulls("rep_id")
        .group_by("rep_id")
        .agg(pl.col("team_id").first(), open_deals=pl.len())
    )
    rates = deals.join(_logged(facts), on="rep_id", how="left").with_columns(
        logged_per_deal=pl.col("logged").fill_null(0) / pl.col("open_deals")
    )
    everybody = pl.col("logged_per_deal").median()
    has_team = pl.len().over("team_id") > 1
    usual = pl.when(has_team).then(everybody.over("team_id")).otherwise(everybody)
    quiet = (pl.col("logged_per_deal") == 0) | (pl.col("logged_per_deal") < QUIET_SHARE * usual)
    return rates.select("rep_id", "logged_per_deal", is_quiet=quiet).sort("rep_id")


def _logged(facts: Facts) -> pl.DataFrame:
    since = facts.as_of_date - timedelta(days=LOOK_BACK_DAYS)
    recent = facts.happened.filter(pl.col("activity_date") > since)
    return recent.group_by("rep_id").agg(logged=pl.len())
