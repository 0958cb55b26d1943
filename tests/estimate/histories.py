"""Deals as rows for the estimators: the Maven file, random histories, and a naive Aalen–Johansen to hold against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from dagster_project.estimate.lexis import COMPETING, STILL_OPEN, TARGET, Units, Windows

AS_OF = date(2017, 12, 31)
EPOCH = date(1970, 1, 1)
MAVEN_EXITS = {"Won": "won", "Lost": "lost", "Engaging": "open"}


@dataclass(frozen=True)
class Deal:
    """One deal in days since 1970-01-01; exit is STILL_OPEN, TARGET or COMPETING."""

    start: int
    last: int
    exit: int
    group: int = 0


def day(value: date) -> int:
    return (value - EPOCH).days


def read_maven(source: Path, as_of: date = AS_OF) -> pl.DataFrame:
    """Engaged deals as unit rows (deal and stage at once: Engaging is the only stage), as known at the end of `as_of`."""
    pipeline = pl.read_csv(source / "sales_pipeline.csv", try_parse_dates=True)
    teams = pl.read_csv(source / "sales_teams.csv")
    engaged = pipeline.filter(pl.col("engage_date") <= as_of).join(teams, on="sales_agent")
    is_closed = (pl.col("close_date") <= as_of).fill_null(False)
    return engaged.select(
        unit_kind=pl.lit("deal"),
        series_name=pl.lit("deal"),
        team_id="manager",
        rep_id="sales_agent",
        started_date="engage_date",
        last_date=pl.when(is_closed).then("close_date").otherwise(as_of),
        exit_name=pl.when(is_closed)
        .then(pl.col("deal_stage").replace_strict(MAVEN_EXITS))
        .otherwise(pl.lit("open")),
        next_stage_name=pl.lit(None, pl.String),
        horizon_limit_days=pl.lit(None, pl.Int32),
        units=pl.lit(1),
        first_units=pl.lit(1),
        amount=pl.col("close_value").fill_null(0),
        priced_units=pl.lit(1),
        opportunity_id="opportunity_id",
    )


def as_stage(deals: pl.DataFrame, name: str = "Engaging") -> pl.DataFrame:
    """The same rows as stays in one stage."""
    return deals.with_columns(unit_kind=pl.lit("stage"), series_name=pl.lit(name))


def window_rows(*spans: tuple[str, date, date]) -> pl.DataFrame:
    """Windows (from, to] as the estimators read them, as of their end."""
    return pl.DataFrame(
        {
            "as_of_date": [to for _, _, to in spans],
            "window_name": [name for name, _, _ in spans],
            "window_from_date": [begin for _, begin, _ in spans],
            "window_to_date": [to for _, _, to in spans],
            "is_last_night": [True] * len(spans),
        }
    )


def rolling(days: int, as_of: date = AS_OF) -> tuple[str, date, date]:
    return f"{days}d", as_of - timedelta(days=days), as_of


def units_of_deals(deals: Sequence[Deal]) -> Units:
    columns = [
        np.array([getattr(deal, name) for deal in deals], dtype=np.int64)
        for name in ("group", "start", "last", "exit")
    ]
    return Units(columns[0], columns[1], columns[2], columns[3], np.ones(len(deals), dtype=np.int64))


def one_window(begin: int, end: int) -> Windows:
    return Windows(np.array([begin]), np.array([end]))


def naive_counts(deals: Sequence[Deal], begin: int, end: int, ages: int) -> np.ndarray:
    """n_j, d_wj, d_lj straight from the definition (method §2), deal by deal and age by age."""
    counts = np.zeros((3, ages))
    for deal in deals:
        if deal.start > end or (deal.last <= begin and deal.exit != STILL_OPEN) or deal.last <= begin:
            continue
        entry = begin - deal.start if deal.start <= begin else -1
        is_exit = deal.exit != STILL_OPEN and deal.last <= end
        leaves = (deal.last if deal.last <= end else end) - deal.start
        for age in range(ages):
            if entry < age <= leaves:
                counts[0, age] += 1
        if is_exit and leaves < ages:
            counts[1 if deal.exit == TARGET else 2, leaves] += 1
    return counts


def naive_incidence(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F_w, F_l and S by age, one age after another."""
    target, competing, still_open = [], [], []
    won = lost = 0.0
    open_share = 1.0
    for at_risk, d_won, d_lost in counts.T:
        if at_risk:
            won += open_share * d_won / at_risk
            lost += open_share * d_lost / at_risk
            open_share *= 1 - (d_won + d_lost) / at_risk
        target.append(won)
        competing.append(lost)
        still_open.append(open_share)
    return np.array(target), np.array(competing), np.array(still_open)


def simulated_deals(
    seed: int, deals: int, win: float, loss: float, days: int, reps: int = 1, spread: float = 0.0
) -> list[Deal]:
    """Deals begun evenly over `days`, with constant daily hazards of winning (spread over reps, log scale) and losing."""
    random = np.random.default_rng(seed)
    ratio = np.exp(spread * random.standard_normal(reps) - spread**2 / 2)
    group = random.integers(reps, size=deals)
    start = random.integers(days, size=deals)
    total = win * ratio[group] + loss
    age = np.floor(random.exponential(1 / total)).astype(int)
    is_won = random.random(deals) < win * ratio[group] / total
    closed = start + age < days
    last = np.where(closed, start + age, days - 1)
    kind = np.where(closed, np.where(is_won, TARGET, COMPETING), STILL_OPEN)
    return [Deal(int(s), int(e), int(k), int(g)) for s, e, k, g in zip(start, last, kind, group, strict=True)]
