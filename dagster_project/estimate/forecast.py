"""What the open deals will bring by the end of a period, with interval (method §5, W_inflight with unequal amounts).

Drawn as the plan draws a rep's month: one shock of the period and one error of the coefficients
shift every deal's log-odds together, centred so that each chance keeps its mean; given the two, deals are independent.
The coefficients are the whole organisation's, so their error is shared by all its deals: errors drawn per rep would
cancel out over many reps and leave the organisation's interval too narrow. Every scope adds up the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.draws import hashed_key, stratified_normals, uniforms
from dagster_project.estimate.arrays import FloatArray, IntArray
from dagster_project.estimate.scopes import ScopeIndex, Scopes, scope_index
from dagster_project.log_odds import DrawSettings, log_odds_centres, log_odds_spread, month_shocks

SETTINGS = DrawSettings(salt="forecast")
# Past forecasts are many, and are only held against what came.
PAST_SETTINGS = DrawSettings(draws=256, salt="forecast")
LEVELS = {"lower_80": 0.1, "upper_80": 0.9, "lower_95": 0.025, "upper_95": 0.975}
# Of a (deals × draws) block: tens of thousands of open deals stay within some tens of megabytes.
_CELLS_AT_ONCE = 1 << 18
_MEASURES = ("deals", "amount")
_SCHEMA: dict[str, type[pl.DataType]] = {
    "scope_kind": pl.String,
    "scope_id": pl.String,
    "period_kind": pl.String,
    "open_deals": pl.Int64,
    "open_deals_without_amount": pl.Int64,
    "open_deals_without_chance": pl.Int64,
    "open_amount": pl.Float64,
    **{f"expected_{measure}": pl.Float64 for measure in _MEASURES},
    **{f"{measure}_{level}": pl.Float64 for measure in _MEASURES for level in LEVELS},
}


def forecasts_table(deals: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """`forecast_table` of every as_of_date, which both tables have beside its columns; `periods` says is_last_night."""
    dates = periods.select("as_of_date", "is_last_night").unique().sort("as_of_date")
    tables = [
        forecast_table(
            deals.filter(as_of_date=day),
            periods.filter(as_of_date=day),
            SETTINGS if is_last_night else PAST_SETTINGS,
        ).select(pl.lit(day, pl.Date).alias("as_of_date"), *_SCHEMA)
        for day, is_last_night in dates.rows()
    ]
    return pl.concat([pl.DataFrame(schema={"as_of_date": pl.Date, **_SCHEMA}), *tables])


@dataclass(frozen=True)
class OpenChances:
    """Open deals, one place per deal, in order of their (team, rep) group.

    Attributes:
        opportunity_id: names the deal's own draws.
        group: number of its group, rising.
        amounts: money; zero where it is missing.
        chances: P(won by the period's end), periods × deals.
        spreads: standard deviation of the chance's log-odds, periods × deals.
    """

    opportunity_id: list[str]
    group: IntArray
    amounts: FloatArray
    chances: FloatArray
    spreads: FloatArray


def forecast_table(
    deals: pl.DataFrame, periods: pl.DataFrame, settings: DrawSettings = SETTINGS
) -> pl.DataFrame:
    """One row per scope with open deals × period_kind: expected deals and amount, and their 80 and 95 % intervals.

    `deals`: opportunity_id, rep_id, team_id, period_kind, amount (null when missing, which counts as no money), p_win
    (null where none is known, which counts as no chance), lower_80, upper_80; a row per deal and period. `periods`:
    period_kind, period_start_date.
    """
    if deals.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    order = [pl.col("team_id").fill_null(""), pl.col("rep_id").fill_null(""), pl.col("opportunity_id")]
    kinds = periods.sort("period_kind").select("period_kind", "period_start_date").rows()
    rows = [deals.filter(pl.col("period_kind") == kind).sort(order) for kind, _ in kinds]
    index = scope_index(rows[0])
    drawn = draw_periods(
        _open_chances(rows, index), index.groups, ["/".join(map(str, each)) for each in kinds], settings
    )
    return pl.concat(
        _scope_rows(scopes, str(kind), _group_sums(of_period, index), draws)
        for (kind, _), of_period, draws in zip(kinds, rows, drawn, strict=True)
        for scopes in index.all_scopes()
        if len(scopes)
    )


def _open_chances(rows: list[pl.DataFrame], index: ScopeIndex) -> OpenChances:
    spread = log_odds_spread(pl.col("lower_80"), pl.col("upper_80")).fill_null(0.0)
    return OpenChances(
        rows[0]["opportunity_id"].to_list(),
        index.group,
        rows[0]["amount"].fill_null(0.0).to_numpy(),
        np.stack([_chance(each) for each in rows]),
        np.stack([each.select(spread=spread)["spread"].to_numpy() for each in rows]),
    )


def _chance(rows: pl.DataFrame) -> FloatArray:
    return rows["p_win"].fill_null(0.0).clip(0.0, 1.0).to_numpy()


def draw_periods(
    chances: OpenChances, groups: int, keys: Sequence[str], settings: DrawSettings
) -> FloatArray:
    """Deals and money won by each period's end, periods × 2 × groups × draws; a deal's luck depends on its id only.

    Args:
        keys: names each period, and with it its shock and its coefficients' error.
    """
    errors = [
        stratified_normals(hashed_key(settings.salt, key, "coefficients"), settings.draws) for key in keys
    ]
    shocks = [month_shocks(settings, key) for key in keys]
    centres = _centres(chances.chances, chances.spreads, settings)
    drawn = np.zeros((len(keys), len(_MEASURES), groups, settings.draws))
    at_once = max(_CELLS_AT_ONCE // settings.draws, 1)
    for start in range(0, len(chances.group), at_once):
        rows = slice(start, start + at_once)
        group, amount = chances.group[rows], chances.amounts[rows, None]
        luck = _logistic_luck(chances.opportunity_id[rows], settings)
        for period, (centre, spread) in enumerate(zip(centres, chances.spreads, strict=True)):
            moved = np.multiply.outer(spread[rows], errors[period]) + shocks[period]
            won = luck < centre[rows, None] + moved
            _add_by_group(drawn[period, 0], won.astype(np.float64), group)
            _add_by_group(drawn[period, 1], won * amount, group)
    return drawn


def _logistic_luck(opportunity_id: list[str], settings: DrawSettings) -> FloatArray:
    """Log-odds below which a deal is lost, deals × draws: the same for every period, month won is quarter won."""
    uniform = uniforms(settings.salt, opportunity_id, settings.draws)
    return np.asarray(np.log(uniform / (1.0 - uniform)))


def _centres(chance: FloatArray, spread: FloatArray, settings: DrawSettings) -> FloatArray:
    # Deals of one stage and age are alike: there are far fewer chances than deals.
    (chances, spreads), each = np.unique(
        np.stack([chance.ravel(), spread.ravel()]), axis=1, return_inverse=True
    )
    centres = log_odds_centres(chances, np.hypot(spreads, settings.month_shock))
    # A deal without any chance is not one in a billion: it is never won.
    return np.where(chances > 0.0, centres, -np.inf)[each].reshape(chance.shape)


def _add_by_group(totals: FloatArray, values: FloatArray, group: IntArray) -> None:
    """Add rows of `values` to the rows of `totals` that their rising group numbers name."""
    present, first = np.unique(group, return_index=True)
    totals[present] += np.add.reduceat(values, first, axis=0)


def _group_sums(rows: pl.DataFrame, index: ScopeIndex) -> dict[str, FloatArray]:
    amount, chance = rows["amount"].fill_null(0.0).to_numpy(), _chance(rows)
    per_deal = {
        "open_deals": np.ones(rows.height),
        "open_deals_without_amount": rows["amount"].is_null().to_numpy(),
        "open_deals_without_chance": rows["p_win"].is_null().to_numpy(),
        "open_amount": amount,
        "expected_deals": chance,
        "expected_amount": chance * amount,
    }
    return {
        name: np.bincount(index.group, values, index.groups).astype(np.float64)
        for name, values in per_deal.items()
    }


def _scope_rows(scopes: Scopes, kind: str, sums: dict[str, FloatArray], drawn: FloatArray) -> pl.DataFrame:
    """Each scope's own sums and quantiles; the n-th smallest of the draws, so that a number of deals stays whole."""
    columns = {name: scopes.membership @ values for name, values in sums.items()}
    for measure, values in zip(_MEASURES, drawn, strict=True):
        ascending = np.sort(scopes.membership @ values, axis=-1)
        places = {name: int(np.ceil(level * ascending.shape[-1])) - 1 for name, level in LEVELS.items()}
        columns |= {f"{measure}_{name}": ascending[..., place] for name, place in places.items()}
    frame = pl.DataFrame(columns).with_columns(
        scope_kind=pl.lit(scopes.kind),
        scope_id=pl.Series(scopes.ids, dtype=pl.String),
        period_kind=pl.lit(kind),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
