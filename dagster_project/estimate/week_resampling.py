"""Interval of money won a day, by resampling calendar weeks (method §3)."""

from __future__ import annotations

import numpy as np

from dagster_project.draws import exponentials
from dagster_project.estimate.arrays import FloatArray, IntArray, divide
from dagster_project.estimate.incidence import Interval
from dagster_project.estimate.lexis import Windows

_DRAWS = 200
_SALT = "revenue velocity/weeks"


def realised_interval(
    day: IntArray, amount: FloatArray, belongs: FloatArray, windows: Windows, first_day: int
) -> Interval:
    """95 % interval of money a day, scopes × windows; amounts won on `day` count for a scope where `belongs` is 1.

    Bayesian bootstrap: every week carries one exponential weight, the same for all scopes and windows, so that figures of
    one night can be compared. Days before `first_day` do not count. NaN for windows that touch fewer than two weeks.
    """
    last_day = max(int(windows.to_day.max()), first_day)
    days = np.arange(first_day, last_day + 1)
    weight = _day_weights(days)
    begin = np.clip(windows.from_day + 1 - first_day, 0, days.size)
    end = np.clip(windows.to_day + 1 - first_day, 0, days.size)
    weighted_days = _between(weight, begin, end)
    weeks = _week(windows.to_day) - _week(np.maximum(windows.from_day + 1, first_day)) + 1
    lower, upper = (
        np.full((len(belongs), len(windows)), np.nan),
        np.full((len(belongs), len(windows)), np.nan),
    )
    known = (day >= first_day) & (day <= last_day)
    for scope, mine in enumerate(belongs):
        daily = np.bincount(day[known] - first_day, (amount * mine)[known], minlength=days.size)
        middle = divide(_between(daily[:, None], begin, end), (end - begin)[:, None])
        drawn = divide(_between(daily[:, None] * weight, begin, end), weighted_days)
        # Few weeks spread too little: the usual n / (n - 1) on the variance.
        widened = middle + (drawn - middle) * np.sqrt(divide(weeks, weeks - 1, otherwise=np.nan))[:, None]
        lower[scope], upper[scope] = np.quantile(widened, (0.025, 0.975), axis=-1)
    return Interval(np.maximum(lower, 0), upper)


def _day_weights(days: IntArray) -> FloatArray:
    """Weight of each day in each draw: its week's."""
    weeks, position = np.unique(_week(days), return_inverse=True)
    weights: FloatArray = exponentials(_SALT, [str(week) for week in weeks.tolist()], _DRAWS)[position]
    return weights


def _week(day: IntArray) -> IntArray:
    """Number of the week, Monday to Sunday: 1970-01-01 was a Thursday."""
    return (day + 3) // 7


def _between(values: FloatArray | IntArray, begin: IntArray, end: IntArray) -> FloatArray:
    summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return np.asarray(summed[end] - summed[begin], dtype=np.float64)
