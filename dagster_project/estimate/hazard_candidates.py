"""The hazards among which the backtest chooses: a window of the past, and how the month of the quarter enters (method §2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.draws import uniforms
from dagster_project.estimate.arrays import FloatArray, divide
from dagster_project.estimate.calendar_factor import MONTHS_OF_QUARTER, CalendarFactor
from dagster_project.estimate.month_hazards import month_intensities
from dagster_project.estimate.past_exits import WINDOW_DAYS, ExitsAsOf
from dagster_project.estimate.special import gamma_quantile
from dagster_project.estimate.stage_hazards import LOST, WON, StageIntensities, stage_intensities

CALENDARS = ("none", "factor", "age_and_month")
_SALT = "win ahead"


@dataclass(frozen=True)
class Choice:
    """A window of WINDOW_DAYS, and the calendar: no month of the quarter, one factor of it for all ages, or age × month."""

    window_name: str
    calendar: str


CANDIDATES = tuple(Choice(window, calendar) for window in WINDOW_DAYS for calendar in CALENDARS)
# Without a quarter of backtest behind it: a year of history, which holds every month once, with the factor of the month.
FIRST_CHOICE = Choice("365d", "factor")


class Hazards:
    """The candidates' intensities as of one day; what the candidates of a window share is worked out once."""

    def __init__(self, exits: ExitsAsOf) -> None:
        """From the counts as of the day."""
        self._exits = exits
        self._pooled: dict[str, StageIntensities] = {}

    def by_month(self, choice: Choice, draws: int = 0) -> list[FloatArray]:
        """Intensities a day in each month of the quarter, draws × stages × ages × destinations; the means for no draws."""
        pooled = self._of_window(choice.window_name)
        if choice.calendar == "age_and_month":
            return [
                _drawn(self._of_month(choice.window_name, month), f"/{month}", draws)
                for month in range(MONTHS_OF_QUARTER)
            ]
        every_month = _drawn(pooled, "", draws)
        if choice.calendar == "none":
            return [every_month] * MONTHS_OF_QUARTER
        won = factor_draws(self._exits.win_factor, "won", draws)
        lost = factor_draws(self._exits.loss_factor, "lost", draws)
        return [_scaled(every_month, won[:, month], lost[:, month]) for month in range(MONTHS_OF_QUARTER)]

    def _of_window(self, window_name: str) -> StageIntensities:
        if window_name not in self._pooled:
            self._pooled[window_name] = stage_intensities(self._exits.every_month(window_name))
        return self._pooled[window_name]

    def _of_month(self, window_name: str, month: int) -> StageIntensities:
        return month_intensities(self._of_window(window_name), self._exits.of_month(window_name, month))


def factor_draws(factor: CalendarFactor, name: str, draws: int) -> FloatArray:
    """A factor by month of quarter from its gamma posterior, draws × 3; the means themselves for no draws."""
    if not draws:
        return factor.factor[None]
    shape = divide(factor.factor**2, factor.variance, otherwise=1e8)
    keys = [f"{name}/{month}" for month in range(MONTHS_OF_QUARTER)]
    return gamma_quantile(shape, uniforms(_SALT, keys, draws).T) * divide(factor.factor, shape)


def _drawn(posterior: StageIntensities, salt: str, draws: int) -> FloatArray:
    return posterior.drawn(_SALT + salt, draws) if draws else posterior.mean()


def _scaled(intensity: FloatArray, win_factor: FloatArray, loss_factor: FloatArray) -> FloatArray:
    scaled = intensity.copy()
    scaled[..., WON] *= win_factor[:, None, None]
    scaled[..., LOST] *= loss_factor[:, None, None]
    return np.asarray(scaled)
