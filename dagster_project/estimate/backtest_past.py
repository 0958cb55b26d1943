"""The past as it stood at each month's start: stays known by then, deals then open, and what came of the month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import polars as pl

CLOSED = ("won", "lost")


@dataclass(frozen=True)
class MonthOutcome:
    """One calendar month: deals open at its start, those of them won in it; all deals won and lost in it."""

    month: date
    open_deals: int
    open_won: int
    won: int
    lost: int


def next_month(day: date) -> date:
    """First day of the month after that of `day`."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def spells_known(spells: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The stays begun by the end of `as_of`; one that ended later is open then."""
    is_later = pl.col("last_date") > as_of
    return spells.filter(pl.col("started_date") <= as_of).with_columns(
        last_date=pl.when(is_later).then(pl.lit(as_of)).otherwise("last_date"),
        exit_name=pl.when(is_later).then(pl.lit("open")).otherwise("exit_name"),
        next_stage_name=pl.when(is_later).then(pl.lit(None, pl.String)).otherwise("next_stage_name"),
        units=pl.lit(1),
    )


def with_amounts(deals: pl.DataFrame, amounts: pl.DataFrame, as_of: date, end: date) -> pl.DataFrame:
    """Deals with amount, as it was at the end of `as_of`, and won_amount, as it was at the end of the won ones' month.

    `amounts`: opportunity_id, valid_from_date, amount, a row per change. Missing ones are no money.
    """
    dated = deals
    for name, day in (("amount", as_of), ("won_amount", end)):
        latest = (
            amounts.filter(pl.col("valid_from_date") <= day)
            .sort("valid_from_date", maintain_order=True)
            .unique("opportunity_id", keep="last")
            .select("opportunity_id", pl.col("amount").fill_null(0.0).alias(name))
        )
        dated = dated.join(latest, on="opportunity_id", how="left", maintain_order="left")
    return dated.with_columns(
        pl.col("amount").fill_null(0.0),
        won_amount=pl.when("is_won").then("won_amount").otherwise(0.0).fill_null(0.0),
    )


def open_deals(spells: pl.DataFrame, known: pl.DataFrame, as_of: date, end: date) -> pl.DataFrame:
    """One row per deal open at the end of `as_of` with its clock running, in order of its id.

    Columns: opportunity_id, stage_name, stage_age_days, deal_age_days, is_won (within the days up to `end`).
    """
    is_won = (pl.col("exit_name") == "won") & pl.col("last_date").is_between(as_of, end, closed="right")
    won = spells.filter(is_won)["opportunity_id"].unique()
    then_open = known.filter((pl.col("exit_name") == "open") & (pl.col("clock_started_date") <= as_of))
    latest = then_open.sort("opportunity_id", "spell_number").unique(
        "opportunity_id", keep="last", maintain_order=True
    )
    return latest.select(
        "opportunity_id",
        stage_name="series_name",
        stage_age_days=(pl.lit(as_of) - pl.col("started_date")).dt.total_days(),
        deal_age_days=(pl.lit(as_of) - pl.col("clock_started_date")).dt.total_days(),
        is_won=pl.col("opportunity_id").is_in(won.implode()),
    )


def deals_known(known: pl.DataFrame) -> pl.DataFrame:
    """One row per deal with a clock, from its start to its last exit known: started_date, last_date, exit_name, units."""
    timed = known.filter(pl.col("clock_started_date") <= pl.col("last_date"))
    latest = timed.sort("spell_number").unique("opportunity_id", keep="last", maintain_order=True)
    return latest.select(
        started_date="clock_started_date", last_date="last_date", exit_name="exit_name", units=pl.lit(1)
    )


def past_months(spells: pl.DataFrame, last_day: date) -> list[MonthOutcome]:
    """Every whole month from that of the first close to `last_day`; empty without a close."""
    first = spells.filter(pl.col("exit_name").is_in(CLOSED))["last_date"].min()
    if not isinstance(first, date):
        return []
    starts = [first.replace(day=1)]
    while next_month(starts[-1]) <= last_day + timedelta(days=1):
        starts.append(next_month(starts[-1]))
    return [_outcome(spells, start, end) for start, end in pairwise(starts)]


def _outcome(spells: pl.DataFrame, start: date, end: date) -> MonthOutcome:
    as_of, last = start - timedelta(days=1), end - timedelta(days=1)
    deals = open_deals(spells, spells_known(spells, as_of), as_of, last)
    closed = spells.filter(pl.col("last_date").is_between(start, last))["exit_name"]
    won, lost = ((closed == name).sum() for name in CLOSED)
    return MonthOutcome(start, deals.height, int(deals["is_won"].sum()), int(won), int(lost))
