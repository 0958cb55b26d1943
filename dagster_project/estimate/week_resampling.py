"""Interval of money won a day, by resampling calendar weeks (method §3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.draws import exponentials
from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.incidence import Interval
from dagster_project.estimate.lexis import Windows

_DRAWS = 200
_SALT = "revenue velocity/weeks"


def realised_interval(
    day: IntArray, amount: FloatArray, scope: IntArray, scopes: int, windows: Windows, first_day: int
) -> Interval:
    """95 % interval of money a day, scopes × windows; amounts won on `day` count for `scope` (-1: for none).

    Bayesian bootstrap: every week carries one exponential weight, the same for all scopes and windows, so that figures of
    one night can be compared. Days before `first_day` do not count. NaN for windows that touch fewer than two weeks.
    """
    last_day = max(int(windows.to_day.max()), first_day)
    known = (day >= first_day) & (day <= last_day) & (scope >= 0)
    days = last_day - first_day + 1
    place = scope[known] * days + day[known] - first_day
    daily = np.bincount(place, amount[known], minlength=scopes * days).reshape(scopes, days)
    weeks = _Weeks.between(first_day, last_day)
    begin = np.clip(windows.from_day + 1 - first_day, 0, days)
    end = np.clip(windows.to_day + 1 - first_day, 0, days)
    weighted_days = weeks.weighted(np.ones(days), begin, end)
    touched = _week(windows.to_day) - _week(np.maximum(windows.from_day + 1, first_day)) + 1
    # Few weeks spread too little: the usual n / (n - 1) on the variance.
    widening = np.sqrt(divide(touched, touched - 1, otherwise=np.nan))[:, None]
    bounds = np.full((2, scopes, len(windows)), np.nan)
    for number, own in enumerate(daily):
        summed = np.concatenate([[0.0], np.cumsum(own)])
        middle = divide(summed[end] - summed[begin], end - begin)[:, None]
        drawn = divide(weeks.weighted(own.astype(np.float64, copy=False), begin, end), weighted_days)
        bounds[:, number] = np.quantile(middle + (drawn - middle) * widening, (0.025, 0.975), axis=-1)
    return Interval(np.maximum(bounds[0], 0), bounds[1])


@dataclass(frozen=True)
class _Weeks:
    """Weeks that days lie in: each week's weight in each draw, the week of each day and of the day after the last."""

    weight: FloatArray
    of_day: IntArray

    @classmethod
    def between(cls, first_day: int, last_day: int) -> _Weeks:
        week = _week(np.arange(first_day, last_day + 1))
        names = [str(each) for each in range(int(week[0]), int(week[-1]) + 1)]
        of_day = np.append(week, week[-1]) - week[0]
        return cls(exponentials(_SALT, names, _DRAWS), of_day)

    def weighted(self, daily: FloatArray, begin: IntArray, end: IntArray) -> FloatArray:
        """Sums of daily values times their week's weight over days begin … end - 1, windows × draws."""
        by_week = np.bincount(self.of_day[:-1], daily)
        whole_weeks = np.concatenate(
            [np.zeros((1, _DRAWS)), np.cumsum(by_week[:, None] * self.weight, axis=0)]
        )
        summed = np.concatenate([[0.0], np.cumsum(daily)])
        before_week = np.concatenate([[0.0], np.cumsum(by_week)])
        first, last = self.of_day[begin], self.of_day[end]
        sums: FloatArray = whole_weeks[last] - whole_weeks[first]
        sums += self.weight[last] * (summed[end] - before_week[last])[:, None]
        sums -= self.weight[first] * (summed[begin] - before_week[first])[:, None]
        return sums


def _week(day: IntArray) -> IntArray:
    """Number of the week, Monday to Sunday: 1970-01-01 was a Thursday."""
    return (day + 3) // 7
