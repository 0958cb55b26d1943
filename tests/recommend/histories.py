"""Simulated histories with a known effect of acting, for the trial: one trigger per deal, hazards per day by cell.

Deals that are likelier to win are worked on more (confounding by cell), and only a deal that is still open can be
acted on (immortal time): what fools acted-against-not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

AS_OF = date(2026, 6, 30)
DAYS = 240
NEVER = 10_000
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """Hazards per day: of acting, winning and losing."""

    act: float
    win: float
    lose: float


CELLS = (Cell(act=0.08, win=0.008, lose=0.006), Cell(act=0.02, win=0.002, lose=0.012))


@dataclass(frozen=True)
class Lives:
    """Day after onset of acting, and of the end; won or not."""

    acted: Ints
    ended: Ints
    won: NDArray[np.bool_]


def live(
    cell: Cell,
    deals: int,
    effect: float,
    random: np.random.Generator,
    *,
    act_on: int | None = None,
    not_before: int = 0,
    days: int = DAYS,
) -> Lives:
    """`effect` multiplies the winning hazard from the day after acting. `act_on`, `not_before` force the acting."""
    acted = np.full(deals, NEVER)
    ended = np.full(deals, NEVER)
    won = np.zeros(deals, dtype=bool)
    for day in range(days):
        is_open = ended == NEVER
        hazard = cell.win * np.where(acted < day, effect, 1.0)
        draw = random.random(deals)
        wins = is_open & (draw < hazard)
        closes = is_open & (draw < hazard + cell.lose)
        chance = float(day == act_on) if act_on is not None else cell.act * (day >= not_before)
        acts = is_open & ~closes & (acted == NEVER) & (random.random(deals) < chance)
        acted[acts] = day
        ended[closes] = day
        won |= wins
    return Lives(acted, ended, won)


def truth(cell: Cell, effect: float, left_alone_days: int, random: np.random.Generator) -> float:
    """P(won in 90 days | acts today) − P(… | leaves it alone so many days); hazards have no memory, so day 0 is any day."""
    deals = 100_000
    now = live(cell, deals, effect, random, act_on=0, days=92)
    later = live(cell, deals, effect, random, not_before=left_alone_days + 1, days=92)
    return _won_by_90(now) - _won_by_90(later)


def history(deals: int, effect: float, seed: int) -> pl.DataFrame:
    """One row per deal: the columns the trial reads, `cell`, and none of the truth."""
    random = np.random.default_rng(seed)
    parts = [live(cell, deals // len(CELLS), effect, random) for cell in CELLS]
    acted, ended, won = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("acted", "ended", "won")
    )
    onset = np.datetime64(AS_OF) - random.integers(0, 500, len(acted)).astype("timedelta64[D]")
    rows = pl.DataFrame(
        {
            "opportunity_id": [f"deal{number}" for number in range(len(acted))],
            "cell": np.repeat([f"cell{number}" for number in range(len(CELLS))], deals // len(CELLS)),
            "onset_date": onset.astype("datetime64[D]"),
            "acted": acted,
            "ended": ended,
            "won": np.where(won, ended, NEVER),
        }
    )
    return rows.with_columns(_known_date("acted"), _known_date("ended"), _known_date("won"))


def acted_against_not(rows: pl.DataFrame, within_days: int = 14) -> float:
    """The naive comparison: acted within two weeks of onset against not, both clocks at onset."""
    ripe = rows.filter(pl.col("onset_date") <= AS_OF - pl.duration(days=90))
    won = (pl.col("won_date") - pl.col("onset_date")).dt.total_days() <= 90
    acted = ((pl.col("acted_date") - pl.col("onset_date")).dt.total_days() <= within_days).fill_null(False)
    shares = ripe.group_by(acted.alias("acted")).agg(share=won.fill_null(False).mean()).sort("acted")["share"]
    return float(shares[1] - shares[0])


def _known_date(name: str) -> pl.Expr:
    day = pl.col("onset_date").cast(pl.Date) + pl.duration(days=pl.col(name))
    return pl.when((pl.col(name) < NEVER) & (day <= AS_OF)).then(day).alias(f"{name}_date")


def _won_by_90(lives: Lives) -> float:
    # Both arms are open at the end of day 0: the trial asks the same of them.
    entered = lives.ended > 0
    return float((lives.won & (lives.ended <= 90))[entered].mean())
