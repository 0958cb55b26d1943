"""Chances that move together, as the forecast and the plan draw them (method §5).

What a month does to everybody's chances, and the error of the coefficients, shift log-odds; the centre of each log-odds is
set so that its chance keeps its mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.draws import hashed_key, stratified_normals

FloatArray = NDArray[np.float64]

_SMALLEST_CHANCE = 1e-9
_QUADRATURE_NODES = 21
_NEWTON_STEPS = 6
# Distance between the 10 % and 90 % points of a standard normal distribution.
_WIDTH_OF_80_PERCENT = 2 * 1.2815515655446004
_SMALLEST_SPREAD, _LARGEST_SPREAD = 0.02, 1.5


@dataclass(frozen=True)
class DrawSettings:
    """How months are drawn.

    Attributes:
        draws: months drawn; the standard error of a chance is at most .5 / √draws.
        month_shock: standard deviation, in log-odds, of what a month does to everybody's chances.
        salt: changes every draw.
    """

    draws: int = 1024
    month_shock: float = 0.2
    salt: str = "gyakusan"


def month_shocks(settings: DrawSettings, month: str) -> FloatArray:
    """The shock everybody shares, per draw, in log-odds."""
    return settings.month_shock * stratified_normals(
        hashed_key(settings.salt, month, "shock"), settings.draws
    )


def shared_errors(settings: DrawSettings, month: str) -> FloatArray:
    """The error of the organisation's coefficients, which everybody shares, per draw; standard normal."""
    return stratified_normals(hashed_key(settings.salt, month, "coefficients"), settings.draws)


def log_odds_centres(chances: FloatArray, spreads: FloatArray) -> FloatArray:
    """Centres c with E[1 / (1 + exp(−(c + spread · Z)))] = chance, Z standard normal; same shape as ``chances``.

    Newton's method on Gauss–Hermite quadrature, begun at the probit approximation.
    """
    chance = np.clip(chances, _SMALLEST_CHANCE, 1.0 - _SMALLEST_CHANCE)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE_NODES)
    weights = weights / weights.sum()
    centres = np.log(chance / (1.0 - chance)) * np.sqrt(1.0 + np.pi * spreads**2 / 8.0)
    for _ in range(_NEWTON_STEPS):
        curve = 1.0 / (1.0 + np.exp(-(centres[:, None] + spreads[:, None] * nodes)))
        slope = (curve * (1.0 - curve)) @ weights
        centres = centres - np.clip((curve @ weights - chance) / np.maximum(slope, 1e-300), -1.0, 1.0)
    return centres


def log_odds_spread(lower_80: pl.Expr, upper_80: pl.Expr) -> pl.Expr:
    """Standard deviation of the log-odds of a rate with this 80 % interval; null where there is none."""

    def log_odds(rate: pl.Expr) -> pl.Expr:
        inside = rate.clip(1e-4, 1.0 - 1e-4)
        return (inside / (1.0 - inside)).log()

    width = log_odds(upper_80) - log_odds(lower_80)
    return (width / _WIDTH_OF_80_PERCENT).clip(_SMALLEST_SPREAD, _LARGEST_SPREAD)


def interval_80(rates: pl.Series, spreads: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Lower and upper bound of rates whose log-odds have these standard deviations; the inverse of ``log_odds_spread``."""
    half = spreads * (_WIDTH_OF_80_PERCENT / 2)
    log_odds = (rates / (1.0 - rates).clip(lower_bound=_SMALLEST_CHANCE)).log()
    lower, upper = (1.0 / (1.0 + (-(log_odds + shift)).exp()) for shift in (-half, half))
    return lower, upper
