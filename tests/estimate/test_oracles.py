"""Cumulative incidence against other people's programs, on the Maven data and on random histories (method §2)."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.estimate.incidence import aalen_johansen
from dagster_project.estimate.lexis import COMPETING, STILL_OPEN, TARGET, every_age, window_counts
from dagster_project.estimate.scoped_incidence import incidence_table
from tests.estimate.histories import (
    AS_OF,
    Deal,
    day,
    one_window,
    read_maven,
    rolling,
    units_of_deals,
    window_rows,
)

SPANS = {
    name: (begin, to)
    for name, begin, to in (
        ("all", date(2016, 10, 19), AS_OF),
        ("since first close", date(2017, 2, 28), AS_OF),
        *(rolling(days) for days in (90, 180, 365)),
    )
}
CODES = {"open": STILL_OPEN, "won": TARGET, "lost": COMPETING}


def lifelines_incidence(
    age: np.ndarray, kind: np.ndarray, entry: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Times and P(target by then); lifelines wants positive times and spreads ties at random: seeded."""
    from lifelines import AalenJohansenFitter

    fitter = AalenJohansenFitter(calculate_variance=False, seed=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Someone who enters at an age is not at risk at it; everyone enters before age 0.
        fitter.fit(age + 2.0, kind, event_of_interest=TARGET, entry=entry + 2.4)
    found = fitter.cumulative_density_.iloc[:, 0]
    return found.index.to_numpy() - 2.0, found.to_numpy()


def seen_in_window(
    start: np.ndarray, last: np.ndarray, kind: np.ndarray, begin: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Age at exit, kind of exit and age at entry of units that were there after `begin`."""
    inside = last > begin
    entry = np.where(start <= begin, begin - start, -1)
    return (last - start)[inside].astype(float), kind[inside], entry[inside].astype(float)


@pytest.fixture(scope="module")
def maven(maven_source: Path) -> pl.DataFrame:
    return read_maven(maven_source)


@pytest.fixture(scope="module")
def ours(maven: pl.DataFrame) -> pl.DataFrame:
    windows = window_rows(*((name, begin, to) for name, (begin, to) in SPANS.items()))
    return incidence_table(maven, windows).filter(scope_kind="organization")


def columns(maven: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    start, last = (
        maven[name].cast(pl.Int32).cast(pl.Int64).to_numpy() for name in ("started_date", "last_date")
    )
    kind = maven["exit_name"].replace_strict(CODES, return_dtype=pl.Int64).to_numpy()
    return start, last, kind


@pytest.mark.parametrize("window", SPANS)
def test_lifelines_agrees_on_maven(maven: pl.DataFrame, ours: pl.DataFrame, window: str) -> None:
    age, kind, entry = seen_in_window(*columns(maven), day(SPANS[window][0]))
    times, theirs = lifelines_incidence(age, kind, entry)
    rows = ours.filter(window_name=window).filter(pl.col("horizon_days").is_in((7, 30, 60, 90, 120, 138)))
    place = np.searchsorted(times, rows["horizon_days"].to_numpy() + 0.5) - 1
    # Spreading a day's ties orders its wins and losses by chance: that moves the fourth digit, not more.
    np.testing.assert_allclose(rows["rate_raw"].to_numpy(), theirs[place], atol=3e-4)


def test_scikit_survival_agrees_on_maven(maven: pl.DataFrame, ours: pl.DataFrame) -> None:
    competing_risks = pytest.importorskip("sksurv.nonparametric").cumulative_incidence_competing_risks
    start, last, kind = columns(maven)
    times, theirs = competing_risks(kind, (last - start).astype(float))
    rows = ours.filter(window_name="all").filter(pl.col("horizon_days").is_in(times.astype(int)))
    place = np.searchsorted(times, rows["horizon_days"].to_numpy())
    assert rows.height > 100
    np.testing.assert_allclose(rows["rate_raw"].to_numpy(), theirs[TARGET][place], atol=1e-12)
    np.testing.assert_allclose(1 - rows["still_open"].to_numpy(), theirs[0][place], atol=1e-12)


without_ties = st.lists(
    st.tuples(
        st.integers(0, 200), st.integers(0, 150), st.sampled_from([STILL_OPEN, TARGET, TARGET, COMPETING])
    ),
    min_size=4,
    max_size=60,
    unique_by=lambda deal: deal[1],
)
with_ties = st.lists(
    st.builds(
        lambda start, age, kind: Deal(start, start + age, kind),
        st.integers(0, 40),
        st.integers(0, 30),
        st.sampled_from([STILL_OPEN, TARGET, COMPETING]),
    ),
    min_size=3,
    max_size=60,
)


@settings(max_examples=50, deadline=None)
@given(without_ties, st.integers(20, 150))
def test_lifelines_agrees_on_random_histories(found: list[tuple[int, int, int]], begin: int) -> None:
    """Delayed entry, competing exits, no ties: to the last digits."""
    # Lifelines refuses a risk set that runs empty.
    patient = [Deal(begin + 1, begin + 1 + age, STILL_OPEN) for age in range(151, 154)]
    deals = [*patient, *(Deal(start, start + age, kind) for start, age, kind in found)]
    start, last, kind = (
        np.array([getattr(each, name) for each in deals]) for name in ("start", "last", "exit")
    )
    age, kind, entry = seen_in_window(start, last, kind, begin)
    if not (kind == TARGET).any():
        return
    counts = window_counts(units_of_deals(deals), one_window(begin, 400), 1, every_age(160))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing).target[0, 0]
    times, theirs = lifelines_incidence(age, kind, entry)
    known = times >= 0
    np.testing.assert_allclose(curve[np.round(times[known]).astype(int)], theirs[known], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(with_ties)
def test_scikit_survival_agrees_on_random_histories(deals: list[Deal]) -> None:
    """Competing exits with ties, everyone seen from the first day."""
    competing_risks = pytest.importorskip("sksurv.nonparametric").cumulative_incidence_competing_risks
    kind = np.array([deal.exit for deal in deals])
    if not {TARGET, COMPETING} <= set(kind.tolist()):
        return
    counts = window_counts(units_of_deals(deals), one_window(-1, 100), 1, every_age(30))
    curve = aalen_johansen(counts.at_risk, counts.target, counts.competing)
    times, theirs = competing_risks(kind, np.array([float(deal.last - deal.start) for deal in deals]))
    place = times.astype(int)
    np.testing.assert_allclose(curve.target[0, 0, place], theirs[TARGET], atol=1e-12)
    np.testing.assert_allclose(curve.competing[0, 0, place], theirs[COMPETING], atol=1e-12)
