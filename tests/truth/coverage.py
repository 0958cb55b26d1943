"""Do intervals hold the truth as often as they say, and how wide are they: counted by organisation (method §8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats


@dataclass(frozen=True)
class Coverage:
    """Share of intervals that hold the truth, with its 95 % interval over organisations, and their mean width."""

    figure: str
    level: int
    organizations: int
    intervals: int
    fewest: int
    share: float
    lower: float
    upper: float
    width: float


def coverages(rows: pl.DataFrame) -> list[Coverage]:
    """Coverage per figure and level, from rows of organization, figure, truth, lower_80, upper_80, lower_95, upper_95.

    Intervals of one organisation share its chances, so that an organisation is one observation: the mean over its intervals.
    """
    found = []
    for (figure,), mine in rows.group_by("figure", maintain_order=True):
        for level in (80, 95):
            lower, upper = f"lower_{level}", f"upper_{level}"
            known = mine.filter(pl.col(lower).is_not_null())
            if known.is_empty():
                continue
            is_held = pl.col("truth").is_between(pl.col(lower), pl.col(upper))
            each = known.group_by("organization").agg(
                held=is_held.mean(), width=(pl.col(upper) - pl.col(lower)).mean(), intervals=pl.len()
            )
            share, deviation = (
                float(each["held"].to_numpy().mean()),
                float(each["held"].to_numpy().std(ddof=1)),
            )
            reach = float(stats.t.ppf(0.975, each.height - 1)) * deviation / np.sqrt(each.height)
            found.append(
                Coverage(
                    figure=str(figure),
                    level=level,
                    organizations=each.height,
                    intervals=known.height,
                    fewest=int(each["intervals"].to_numpy().min()),
                    share=share,
                    lower=share - reach,
                    upper=share + reach,
                    width=float(each["width"].to_numpy().mean()),
                )
            )
    return found


def checked(found: list[Coverage], conservative: Sequence[str] = (), near: Sequence[str] = ()) -> None:
    """Raise AssertionError unless every coverage's interval contains its level.

    `conservative` figures may hold up to .05 more, never less; `near` ones may miss the level by .01.
    """
    for each in found:
        level, slack = each.level / 100, 0.01 if each.figure in near else 0.0
        more = 0.05 if each.figure in conservative else slack
        assert each.lower <= level + more, printed([each])
        assert each.upper >= level - slack, printed([each])


def printed(found: list[Coverage]) -> str:
    """The table as text, one line per figure and level."""
    lines = [
        f"{'figure':<44}{'level':>6}{'covered':>9}{'95 % interval':>16}{'mean width':>12}"
        f"{'organisations':>15}{'intervals':>11}"
    ]
    lines += [
        f"{each.figure:<44}{each.level:>5}%{each.share:>9.3f}{each.lower:>9.3f}–{each.upper:<6.3f}{each.width:>12.3g}"
        f"{each.organizations:>15}{each.intervals:>11}"
        for each in found
    ]
    return "\n".join(lines)


def show(*paragraphs: str) -> None:
    """Print for `pytest -m slow -s`."""
    print("", *paragraphs, sep="\n")  # noqa: T201
