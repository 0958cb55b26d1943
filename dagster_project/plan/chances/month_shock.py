"""How much a month moves everybody's chances at once, learned from the months forecast so far (method §5).

Each past month was forecast on its eve from n open deals with E wins expected, and o came. Given the month's shock z,
wins are about Binomial(n, p) with logit p = centre + σ z, the centre such that n E[p] is what was expected. σ has a
lognormal prior around the assumed figure, so that few months leave it there and many speak for themselves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.log_odds import DrawSettings, log_odds_centres
from dagster_project.plan.inputs import PlanInputs

FloatArray = NDArray[np.float64]

# Half of all organisations are assumed to lie within a factor of 1.4 of the assumed shock.
PRIOR_SPREAD_OF_LOG = 0.5
_GRID_POINTS, _GRID_WIDTH = 49, 3.0
# What a month says of its own shock is narrow where deals are many: nodes lie close, and more deals say no more.
_NODES, _NODE_WIDTH = 401, 5.0
_MOST_DEALS = 10_000.0
# A month of less than this expects nothing that could be moved.
FEWEST_EXPECTED = 1.0


def draw_settings(inputs: PlanInputs) -> DrawSettings:
    """How this organisation's months are drawn: the settings, with the month shock its own past shows."""
    settings = inputs.parameters.draws
    return replace(settings, month_shock=estimated_month_shock(inputs.past_months, settings.month_shock))


def estimated_month_shock(past_months: pl.DataFrame, assumed: float) -> float:
    """Standard deviation, in log-odds, of the shared month shock: the geometric mean of its posterior.

    Args:
        past_months: one row per past month with open_deals, expected_deals and realised_deals (of those open deals).
        assumed: centre of the prior, and the answer where no month is known; zero is taken as certain.
    """
    months = past_months.drop_nulls(["open_deals", "expected_deals", "realised_deals"]).filter(
        pl.col("expected_deals").is_between(FEWEST_EXPECTED, pl.col("open_deals") - 0.5)
    )
    if months.is_empty() or assumed <= 0.0:
        return assumed
    deals, expected, realised = (
        months[name].cast(pl.Float64).to_numpy()
        for name in ("open_deals", "expected_deals", "realised_deals")
    )
    kept = np.minimum(_MOST_DEALS / deals, 1.0)
    realised = np.minimum(realised, deals)
    steps = np.linspace(-_GRID_WIDTH, _GRID_WIDTH, _GRID_POINTS)
    shocks = assumed * np.exp(PRIOR_SPREAD_OF_LOG * steps)
    log_weight = -(steps**2) / 2 + np.array(
        [_log_likelihood(shock, kept * deals, kept * expected, kept * realised) for shock in shocks]
    )
    weight = np.exp(log_weight - log_weight.max())
    return float(np.exp(np.log(shocks) @ weight / weight.sum()))


def _log_likelihood(shock: float, deals: FloatArray, expected: FloatArray, won: FloatArray) -> float:
    """Σ over months of ln P(won | σ = shock), up to a constant."""
    nodes = np.linspace(-_NODE_WIDTH, _NODE_WIDTH, _NODES)
    weights = np.exp(-(nodes**2) / 2)
    centres = log_odds_centres(expected / deals, np.full(len(deals), shock))
    log_odds = centres[:, None] + shock * nodes
    # ln p = −ln(1 + e^−x), ln(1 − p) = −ln(1 + e^x)
    terms = -won[:, None] * np.logaddexp(0.0, -log_odds) - (deals - won)[:, None] * np.logaddexp(
        0.0, log_odds
    )
    highest = terms.max(axis=1)
    return float((highest + np.log(np.exp(terms - highest[:, None]) @ (weights / weights.sum()))).sum())
