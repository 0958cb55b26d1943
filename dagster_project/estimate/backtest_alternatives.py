"""What a team would use instead: a share of the open deals, or the CRM's own figure, from one or more past months."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dagster_project.estimate.backtest_past import MonthOutcome
from dagster_project.estimate.backtest_scores import Guess

# One quarter back: the same month of the quarter before.
_QUARTER = 3


def months_used(before: Sequence[MonthOutcome]) -> Mapping[str, Sequence[MonthOutcome]]:
    """Which of the months before, newest last, each alternative takes; those that would take none are left out."""
    chosen = {
        "last_month": before[-1:],
        "last_3_months": before[-_QUARTER:],
        "same_month_of_quarter": before[-_QUARTER : len(before) - _QUARTER + 1],
        "all_time": before,
    }
    return {name: months for name, months in chosen.items() if months and len(before) >= _least(name)}


def _least(name: str) -> int:
    return _QUARTER if name in ("same_month_of_quarter", "last_3_months") else 1


def share_guesses(before: Sequence[MonthOutcome], deals: int) -> Iterator[Guess]:
    """One chance for every open deal: the share won in the months used, or last month's won ÷ (won + lost)."""
    for name, months in months_used(before).items():
        won, total = sum(each.open_won for each in months), sum(each.open_deals for each in months)
        yield Guess(f"share_{name}", probability=np.full(deals, _share(won, total)))
    last = before[-1]
    yield Guess("close_month_rate", probability=np.full(deals, _share(last.won, last.won + last.lost)))


def close_rate_guesses(before: Sequence[MonthOutcome]) -> Iterator[Guess]:
    """The month's won ÷ (won + lost) as that of the months used together."""
    for name, months in months_used(before).items():
        won, lost = sum(each.won for each in months), sum(each.lost for each in months)
        if won + lost:
            yield Guess(f"close_rate_{name}", probability=np.array([won / (won + lost)]))


def _share(hits: int, total: int) -> float:
    """Half a hit added, so that a month without any does not promise that there never will be one."""
    return (hits + 0.5) / (total + 1)
