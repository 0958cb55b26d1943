"""The forecast's intervals: against every outcome counted, and against what generated organisations then won."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from dagster_project.estimate.forecast import forecast_table
from dagster_project.estimate.win_ahead import win_ahead_table
from dagster_project.log_odds import DrawSettings
from dagster_project.plan.chances.probability import poisson_binomial

TODAY = date(2026, 6, 30)
PERIODS = pl.DataFrame({"period_kind": ["month"], "period_start_date": [date(2026, 7, 1)]})
BOTH = pl.DataFrame({"period_kind": ["month", "quarter"], "period_start_date": [date(2026, 7, 1)] * 2})
NO_SHOCK = DrawSettings(draws=20_000, month_shock=0.0, salt="test")
ORGANIZATION = pl.col("scope_kind") == "organization"


def open_deals(
    chances: list[float | None],
    amounts: list[float | None],
    width: float = 0.0,
    reps: int = 1,
    kind: str = "month",
) -> pl.DataFrame:
    """Deals of reps in turn, their chances' 80 % intervals `width` wide to either side."""
    number = range(len(chances))
    p_win = pl.Series(chances, dtype=pl.Float64)
    return pl.DataFrame(
        {
            "opportunity_id": [f"006{each:03}" for each in number],
            "rep_id": [f"005{each % reps}" for each in number],
            "team_id": ["east" if each % reps % 2 else None for each in number],
            "period_kind": [kind] * len(chances),
            "amount": pl.Series(amounts, dtype=pl.Float64),
            "p_win": p_win,
            "lower_80": p_win - width,
            "upper_80": p_win + width,
        }
    )


def bounds(row: dict[str, float], measure: str) -> list[float]:
    return [row[f"{measure}_{level}"] for level in ("lower_95", "lower_80", "upper_80", "upper_95")]


def test_bounds_are_those_of_all_outcomes_counted() -> None:
    chances, amounts = [0.7, 0.4, 0.25, 0.5, 0.1, 0.33, 0.6, 0.8], [13.0, 200, 41, 7, 500, 90, 64, 21]
    sums, weights = [], []
    for outcome in product((0, 1), repeat=len(chances)):
        sums.append(np.dot(outcome, amounts))
        weights.append(np.prod([p if won else 1 - p for p, won in zip(chances, outcome, strict=True)]))
    order = np.argsort(sums)
    values, below = np.array(sums)[order], np.cumsum(np.array(weights)[order])
    row = forecast_table(open_deals([*chances], [*amounts]), PERIODS, NO_SHOCK).row(0, named=True)
    # A spread is never taken below .02, and draws have an error of their own: a quantile may be one outcome off.
    for level, bound in zip((0.025, 0.1, 0.9, 0.975), bounds(row, "amount"), strict=True):
        near = values[[np.searchsorted(below, level - 0.01), np.searchsorted(below, min(level + 0.01, 1.0))]]
        assert near[0] <= bound <= near[1]
    assert row["expected_amount"] == pytest.approx(np.dot(chances, amounts))


def test_deals_are_counted_as_by_the_poisson_binomial() -> None:
    chances = np.random.default_rng(3).beta(1, 3, size=60)
    row = forecast_table(open_deals(chances.tolist(), [1.0] * 60), PERIODS, NO_SHOCK).row(0, named=True)
    cumulative = np.cumsum(poisson_binomial(chances))
    exact = [int(np.searchsorted(cumulative, level)) for level in (0.025, 0.1, 0.9, 0.975)]
    assert bounds(row, "deals") == pytest.approx(exact, abs=1)
    assert bounds(row, "deals") == bounds(row, "amount")


def test_certain_impossible_and_unknown_deals() -> None:
    deals = open_deals([1.0, 0.0, None, 0.5], [100.0, 900.0, 50.0, None])
    row = forecast_table(deals, PERIODS).filter(ORGANIZATION).row(0, named=True)
    assert bounds(row, "amount") == [100] * 4
    assert bounds(row, "deals") == [1, 1, 2, 2]
    assert (row["open_deals"], row["open_deals_without_amount"], row["open_deals_without_chance"]) == (
        4,
        1,
        1,
    )
    assert (row["expected_deals"], row["expected_amount"], row["open_amount"]) == (1.5, 100, 1050)


def test_no_open_deals_no_rows() -> None:
    assert forecast_table(open_deals([], []), PERIODS).height == 0


def test_a_shared_shock_and_unsure_chances_widen_the_organisation_more_than_a_rep() -> None:
    chances, amounts = [0.3] * 400, [100.0] * 400

    def widths(width: float, shock: float) -> NDArray[np.float64]:
        settings = DrawSettings(draws=4096, month_shock=shock, salt="test")
        table = forecast_table(open_deals([*chances], [*amounts], width, reps=100), PERIODS, settings)
        by_kind = table.group_by("scope_kind").agg(
            (pl.col("amount_upper_80") - pl.col("amount_lower_80")).mean()
        )
        return by_kind.sort("scope_kind")["amount_upper_80"].to_numpy()

    alone, together, unsure = widths(0.0, 0.0), widths(0.0, 0.4), widths(0.1, 0.0)
    for wider in (together, unsure):
        assert wider[0] > 1.8 * alone[0]
        assert wider[1] < 1.3 * alone[1]


def test_draws_of_a_deal_depend_neither_on_order_nor_on_the_others() -> None:
    deals = open_deals([0.4, 0.5, 0.6, 0.2], [10.0, 20.0, 30.0, 40.0], reps=4)
    table = forecast_table(deals, PERIODS)
    assert table.equals(forecast_table(deals[::-1], PERIODS))
    fewer = forecast_table(deals.filter(pl.col("rep_id") != "0053"), PERIODS)
    of_reps = pl.col("scope_id").is_in(("0050", "0051", "0052"))
    assert fewer.filter(of_reps).equals(table.filter(of_reps))


def test_more_time_brings_no_less() -> None:
    deals = pl.concat(
        [
            open_deals([0.2, 0.1, 0.3], [5.0, 6.0, 7.0]),
            open_deals([0.5, 0.4, 0.6], [5.0, 6.0, 7.0], kind="quarter"),
        ]
    )
    month, quarter = forecast_table(deals, BOTH).filter(ORGANIZATION).sort("period_kind").to_dicts()
    assert all(
        early <= late for early, late in zip(bounds(month, "amount"), bounds(quarter, "amount"), strict=True)
    )


@dataclass(frozen=True)
class Organization:
    """A generated organisation at the end of TODAY, and what became of its open deals in the month after.

    Attributes:
        spells: stays in a stage until TODAY, as the estimators read them.
        deals: opportunity_id, rep_id, stage_name, stage_age_days, amount of the open deals.
        is_won: which of them were won in July.
    """

    spells: pl.DataFrame
    deals: pl.DataFrame
    is_won: NDArray[np.bool_]


# Days of history, deals a day; daily hazards (won, lost, on to the next stage) of the two stages.
HISTORY, DAILY_DEALS, REPS, SHOCK = 560, 2, 5, 0.2
HAZARDS = np.array([[0.004, 0.02, 0.04], [0.045, 0.02, 0.0]])
MONTH_DAYS = 31


def generated(seed: int) -> Organization:
    """Deals walked day by day; each month multiplies everybody's chance of winning by its own factor."""
    random = np.random.default_rng(seed)
    count = HISTORY * DAILY_DEALS
    start = np.repeat(np.arange(HISTORY), DAILY_DEALS)
    stage, entered, exit_kind = np.zeros(count, int), start.copy(), np.full(count, -1)
    first_day = TODAY - timedelta(days=HISTORY - 1)
    rows: list[pl.DataFrame] = []
    state: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]] | None = None
    factors: dict[tuple[int, int], float] = {}
    for now in range(HISTORY + MONTH_DAYS):
        if now == HISTORY:
            state = stage.copy(), entered.copy(), exit_kind < 0
        month = (first_day + timedelta(days=now)).timetuple()[:2]
        factor = factors.setdefault(month, float(np.exp(SHOCK * random.standard_normal())))
        alive = np.flatnonzero((start < now) & (exit_kind < 0))
        hazards = HAZARDS[stage[alive]] * [factor, 1.0, 1.0]
        leaves = random.random(alive.size) < -np.expm1(-hazards.sum(axis=1))
        gone, rates = alive[leaves], hazards[leaves]
        to = (random.random(gone.size)[:, None] > np.cumsum(rates, axis=1) / rates.sum(axis=1)[:, None]).sum(
            axis=1
        )
        if now < HISTORY:
            rows.append(spell_rows(stage[gone], entered[gone], np.full(gone.size, now), to))
        exit_kind[gone[to < 2]] = to[to < 2]
        stage[gone[to == 2]], entered[gone[to == 2]] = 1, now
    assert state is not None
    stage, entered, was_open = state
    last = np.full(was_open.sum(), HISTORY - 1)
    rows.append(spell_rows(stage[was_open], entered[was_open], last, np.full(last.size, 3)))
    dated = pl.concat(rows).with_columns(
        (pl.lit(first_day) + pl.duration(days=pl.col("started_date"))).alias("started_date"),
        (pl.lit(first_day) + pl.duration(days=pl.col("last_date"))).alias("last_date"),
    )
    deals = pl.DataFrame(
        {
            "opportunity_id": [f"006{number}" for number in np.flatnonzero(was_open)],
            "rep_id": [f"005{number % REPS}" for number in np.flatnonzero(was_open)],
            "stage_name": np.array(["first", "second"])[stage[was_open]],
            "stage_age_days": HISTORY - 1 - entered[was_open],
            "amount": random.lognormal(8.0, 1.0, int(was_open.sum())),
        }
    )
    return Organization(dated, deals, exit_kind[was_open] == 0)


def spell_rows(
    stage: NDArray[np.int64], entered: NDArray[np.int64], left: NDArray[np.int64], to: NDArray[np.int64]
) -> pl.DataFrame:
    exits = np.array(["won", "lost", "advanced", "open"])
    return pl.DataFrame(
        {
            "series_name": np.array(["first", "second"])[stage],
            "started_date": entered,
            "last_date": left,
            "exit_name": exits[to],
            "next_stage_name": np.where(to == 2, "second", ""),
            "units": np.ones(stage.size, dtype=np.int64),
        }
    )


def forecast_of(organization: Organization) -> pl.DataFrame:
    """The forecast for July, through the chances that the history until TODAY gives."""
    horizons = pl.DataFrame(
        {
            "as_of_date": [TODAY],
            "horizon_date": [TODAY + timedelta(days=MONTH_DAYS)],
            "horizon_kind": ["month_end"],
        }
    )
    choices = pl.DataFrame({"as_of_date": [TODAY], "window_name": ["365d"], "calendar": ["factor"]})
    open_then = organization.deals.with_columns(
        pl.col("stage_age_days").cast(pl.Int32), as_of_date=pl.lit(TODAY)
    )
    chances = win_ahead_table(organization.spells, open_then, choices, horizons)
    state = ["as_of_date", "stage_name", "stage_age_days"]
    deals = open_then.join(chances, on=state, maintain_order="left").with_columns(
        period_kind=pl.lit("month"), team_id=pl.lit(None, pl.String)
    )
    return forecast_table(deals, PERIODS)


@dataclass(frozen=True)
class Coverage:
    """Shares of realised amounts inside the intervals of the organisation, of its reps, and mean width ÷ expected."""

    organization_80: float
    organization_95: float
    rep_80: float
    width_80: float
    bias: float


def covered(seeds: range) -> Coverage:
    found, of_reps = [], []
    for seed in seeds:
        organization = generated(seed)
        realised = organization.deals.with_columns(
            amount=pl.when(pl.Series(organization.is_won)).then("amount").otherwise(0.0)
        )
        money = {"": float(realised["amount"].sum())}
        money |= dict(realised.group_by("rep_id").agg(pl.col("amount").sum()).iter_rows())
        for row in forecast_of(organization).to_dicts():
            lower_95, lower_80, upper_80, upper_95 = bounds(row, "amount")
            won = money[row["scope_id"]]
            inside = (lower_80 - 1e-6 <= won <= upper_80 + 1e-6, lower_95 - 1e-6 <= won <= upper_95 + 1e-6)
            figures = (*inside, (upper_80 - lower_80) / row["expected_amount"], won - row["expected_amount"])
            (of_reps if row["scope_id"] else found).append((*figures, row["expected_amount"]))
    means, rep_means = np.mean(found, axis=0), np.mean(of_reps, axis=0)
    return Coverage(means[0], means[1], rep_means[0], means[2], means[3] / means[4])


def check_coverage(organizations: int) -> None:
    shares = covered(range(1000, 1000 + organizations))
    sys.stdout.write(f"{organizations} organisations, realised amounts inside the intervals: {shares}\n")
    for share, level in ((shares.organization_80, 0.8), (shares.organization_95, 0.95)):
        # Three standard errors of the binomial to either side.
        assert abs(share - level) <= 3 * (level * (1 - level) / organizations) ** 0.5, shares
    # A rep's handful of deals makes steps, over which an interval can only be too wide.
    assert 0.77 <= shares.rep_80 <= 0.93, shares
    assert abs(shares.bias) < 0.1, shares
    assert shares.width_80 < 1.2, shares


def test_realised_amounts_fall_inside_the_interval_about_as_often_as_it_says() -> None:
    check_coverage(60)


@pytest.mark.slow
def test_coverage_of_three_hundred_organisations() -> None:
    check_coverage(300)


def test_the_worked_example_of_the_page() -> None:
    """docs/metrics/fct_forecast.md: 400,000 won, four deals open, one of them without an amount."""
    deals = open_deals([0.5, 0.2, 0.12, 0.4], [600_000.0, 300_000.0, 1_000_000.0, None]).with_columns(
        lower_80=pl.Series([0.45, 0.15, 0.08, 0.35]), upper_80=pl.Series([0.55, 0.26, 0.17, 0.45])
    )
    row = forecast_table(deals, PERIODS).filter(ORGANIZATION).row(0, named=True)
    assert (row["expected_deals"], row["expected_amount"]) == pytest.approx((1.22, 480_000))
    assert [400_000 + bound for bound in bounds(row, "amount")] == [400_000, 400_000, 1_400_000, 2_000_000]
