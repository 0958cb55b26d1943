"""Won against lost: against scipy, brute force, and traits planted with a known odds ratio."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact, hypergeom  # type: ignore[import-untyped,unused-ignore]

from dagster_project.estimate.detectable import deals_needed, detectable_odds_ratio
from dagster_project.estimate.drivers import (
    FEATURES,
    adjusted_p_values,
    driver_table,
    fisher_p_value,
    information_value,
    odds_ratios,
)

PARAMETERS = pl.DataFrame({"as_of_date": [date(2026, 6, 30)], "minimum_at_risk": [30]})
CELLS = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda cells: sum(cells) > 0)


def closed_deals(count: int, seed: int = 0, **columns: Any) -> pl.DataFrame:
    """Deals of the last three months, still open at day 14, all features alike unless given."""
    random = np.random.default_rng(seed)
    kinds: dict[str, Any] = {
        "touches": 1, "meetings_held": 0, "contacts": 1, "size_band": "small", "deal_type": None,
        "lead_source": None, "business_kind": "new",
    }  # fmt: skip
    frame = pl.DataFrame({"is_won": random.random(count) < 0.5}).with_columns(
        is_in_last_three_months=pl.lit(True),
        was_open_at_landmark=pl.lit(True),
        **{
            each.name: pl.lit(
                kinds.get(each.name, False), pl.String if kinds.get(each.name, 0) is None else None
            )
            for each in FEATURES
        },
    )
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def planted(count: int, ratio: float, seed: int, share: float = 0.5, base: float = 0.4) -> dict[str, Any]:
    """A trait of some deals and who is won, its odds multiplied by the ratio."""
    random = np.random.default_rng(seed)
    has = random.random(count) < share
    odds = base / (1 - base) * np.where(has, ratio, 1.0)
    return {"is_won": random.random(count) < odds / (1 + odds), "has": has}


@given(CELLS)
def test_fisher_is_scipys(cells: tuple[int, int, int, int]) -> None:
    expected = fisher_exact([[cells[0], cells[1]], [cells[2], cells[3]]]).pvalue
    assert fisher_p_value(*cells) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.5))
def test_adjusted_p_values_call_what_the_step_up_procedure_calls(p_values: list[float], rate: float) -> None:
    ordered = sorted(p_values)
    passed = [value for rank, value in enumerate(ordered, 1) if value <= rate * rank / len(ordered)]
    limit = max(passed, default=-1.0)
    called = adjusted_p_values(np.array(p_values)) <= rate
    # At the very border the two divide in another order.
    border = [
        any(abs(value - rate * rank / len(ordered)) < 1e-12 for value in ordered) for rank in range(1, 31)
    ]
    assert any(border) or called.tolist() == [value <= limit for value in p_values]


def test_adjusted_p_values_of_the_paper() -> None:
    # Benjamini and Hochberg (1995), table of 15 tests: four are called at .05.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
                0.6528, 0.7590, 1.0]  # fmt: skip
    assert int((adjusted_p_values(np.array(p_values)) <= 0.05).sum()) == 4


def test_odds_ratio_by_hand() -> None:
    found = odds_ratios(np.array([[20.0, 10.0, 8.0, 22.0], [0.0, 5.0, 5.0, 0.0]]))
    assert found["odds_ratio"][0] == pytest.approx(20.5 * 22.5 / (10.5 * 8.5))
    error = (1 / 20.5 + 1 / 10.5 + 1 / 8.5 + 1 / 22.5) ** 0.5
    assert found["odds_ratio_upper_95"][0] / found["odds_ratio"][0] == pytest.approx(np.exp(1.959964 * error))
    assert found["odds_ratio"][0] / found["odds_ratio_lower_80"][0] == pytest.approx(np.exp(1.281552 * error))
    assert found["odds_ratio"][1] == pytest.approx(0.25 / 30.25)
    assert np.isfinite(found["odds_ratio_upper_95"]).all()


@pytest.mark.parametrize(("deals", "base", "ratio"), [(60, 0.4, 3.0), (200, 0.1, 2.0), (400, 0.5, 1.0)])
def test_intervals_hold_the_true_odds_ratio_as_often_as_they_say(
    deals: int, base: float, ratio: float
) -> None:
    random = np.random.default_rng(5)
    half = deals // 2
    odds = base / (1 - base) * ratio
    with_it = random.binomial(half, odds / (1 + odds), 4000)
    without = random.binomial(half, base, 4000)
    found = odds_ratios(np.stack([with_it, half - with_it, without, half - without], axis=1).astype(float))
    for level in (80, 95):
        inside = (found[f"odds_ratio_lower_{level}"] <= ratio) & (ratio <= found[f"odds_ratio_upper_{level}"])
        assert level / 100 - 0.02 <= inside.mean() <= level / 100 + 0.05


@pytest.mark.parametrize(("deals", "base", "printed"), [(60, 0.5, 5), (300, 0.5, 2), (60, 0.11, None)])
def test_detectable_odds_ratios_of_the_method(deals: int, base: float, printed: int | None) -> None:
    found = detectable_odds_ratio(deals, base)
    assert found is None if printed is None else found is not None and round(found) == printed


@pytest.mark.parametrize(("deals", "base", "share"), [(60, 0.5, 0.5), (120, 0.3, 0.5), (120, 0.4, 0.3)])
def test_the_detectable_odds_ratio_is_shown_in_four_of_five_trials(
    deals: int, base: float, share: float
) -> None:
    """All outcomes of Fisher's test counted: power at the detectable ratio about 80 %."""
    ratio = detectable_odds_ratio(deals, base, share)
    assert ratio is not None
    with_it = round(deals * share)
    without = deals - with_it
    rates = np.linspace(1e-6, 1 - 1e-6, 200_001)
    others = (base - share * rates) / (1 - share)
    valid = (others > 0) & (others < 1)
    odds = rates[valid] / (1 - rates[valid]) / (others[valid] / (1 - others[valid]))
    place = int(np.argmin(np.abs(odds - ratio)))
    rate, other = rates[valid][place], others[valid][place]
    power = sum(
        binom.pmf(won, with_it, rate) * binom.pmf(won_without, without, other)
        for won in range(with_it + 1)
        for won_without in range(without + 1)
        if fisher_p_value(won, with_it - won, won_without, without - won_without) <= 0.05
    )
    assert power == pytest.approx(0.80, abs=0.06)


def test_sixty_deals_at_eleven_percent_show_nothing_at_all() -> None:
    # Even were every deal without the trait lost: the test calls six wins of thirty against none, and no fewer.
    assert hypergeom.pmf(6, 60, 6, 30) * 2 < 0.05 < hypergeom.pmf(5, 60, 5, 30) * 2
    assert binom.sf(5, 30, 0.22) < 0.8


def test_more_deals_show_smaller_ratios() -> None:
    found = [detectable_odds_ratio(deals, 0.3) for deals in (100, 300, 1000, 10_000)]
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
    assert deals_needed(0.3, 0.3, 0.5) == float("inf")


def test_information_value_by_hand() -> None:
    holds = np.array([True] * 30 + [False] * 30)
    is_won = np.array([True] * 20 + [False] * 10 + [True] * 10 + [False] * 20)
    won, lost = 20.5 / 31, 10.5 / 31
    by_hand = (won - lost) * np.log(won / lost) + (lost - won) * np.log(lost / won)
    assert information_value([holds, ~holds], is_won) == pytest.approx(by_hand)


def test_a_planted_trait_is_found_and_is_the_one_suggestion() -> None:
    trait = planted(400, 4.0, seed=1)
    deals = closed_deals(400, is_won=trait["is_won"], has_next_meeting=trait["has"])
    row = driver_table(deals, PARAMETERS).row(0, named=True)
    assert (row["feature"], row["level"], row["window_months"]) == ("has_next_meeting", "yes", 3)
    assert row["odds_ratio_lower_95"] < 4 < row["odds_ratio_upper_95"]
    assert row["is_distinguishable"]
    assert (row["is_suggestion"], row["suggestion_evidence"]) == (True, "association")
    assert row["won_with"] + row["won_without"] == row["won"] == int(trait["is_won"].sum())


def test_what_is_no_action_is_never_suggested_nor_what_lost_deals_had_more_of() -> None:
    trait, other = planted(400, 6.0, seed=2), planted(400, 0.3, seed=3)
    deals = closed_deals(400, is_won=trait["is_won"], has_inbound=trait["has"])
    assert not driver_table(deals, PARAMETERS)["is_suggestion"].any()
    less = closed_deals(400, is_won=other["is_won"], has_decision_maker=other["has"])
    table = driver_table(less, PARAMETERS)
    assert table["is_distinguishable"].all()
    assert not table["is_suggestion"].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_never_more_than_one_suggestion(seed: int) -> None:
    random = np.random.default_rng(20_000 + seed)
    count = int(random.integers(1, 120))
    flags = {
        name: random.random(count) < 0.4
        for name in ("has_next_meeting", "has_decision_maker", "has_amount", "has_inbound")
    }
    numbers = {name: random.poisson(2, count) for name in ("touches", "contacts", "meetings_held")}
    table = driver_table(closed_deals(count, seed, **flags, **numbers), PARAMETERS)
    suggested = table.filter("is_suggestion")
    could = table.filter(pl.col("is_action") & (pl.col("odds_ratio") > 1)).height
    assert suggested.height == min(could, 1)
    assert suggested["is_action"].all()
    assert (suggested["odds_ratio"] > 1).all()
    assert suggested["suggestion_evidence"].null_count() == 0


def test_traits_that_mean_nothing_are_seldom_called() -> None:
    """Forty organisations of pure noise: a suggestion is made and says that it is within chance."""
    evidence = []
    for seed in range(40):
        random = np.random.default_rng(5000 + seed)
        flags = {
            name: random.random(200) < 0.5
            for name in ("has_next_meeting", "has_decision_maker", "has_amount")
        }
        numbers = {name: random.poisson(3, 200) for name in ("touches", "contacts", "meetings_held")}
        table = driver_table(closed_deals(200, seed, **flags, **numbers), PARAMETERS)
        evidence.extend(table.filter("is_suggestion")["suggestion_evidence"].to_list())
    assert len(evidence) >= 38
    # At most one in ten is called in the long run; three standard errors above that is a quarter.
    assert np.mean([each == "association" for each in evidence]) <= 0.25


def test_a_number_is_cut_above_its_own_median() -> None:
    deals = closed_deals(
        8, touches=[0, 1, 1, 2, 2, 3, 4, 9], is_won=[False, False, True, False, True, True, True, True]
    )
    row = driver_table(deals, PARAMETERS).filter(feature="touches").row(0, named=True)
    assert row["level"] == "at least 3"
    assert (row["won_with"], row["lost_with"], row["won_without"], row["lost_without"]) == (3, 0, 2, 3)


def test_rare_values_are_shown_together_and_unknown_ones_not_at_all() -> None:
    source = ["Web"] * 10 + ["Partner"] * 6 + ["Fair"] * 2 + ["Mail"] * 2 + [None] * 5
    table = driver_table(closed_deals(25, lead_source=source), PARAMETERS).filter(feature="lead_source")
    assert sorted(table["level"]) == ["Partner", "Web", "other"]
    assert table["deals"].to_list() == [20] * 3
    assert table["basis"].unique().to_list() == ["as_of_date"]
    counts = dict(table.select("level", pl.col("won_with") + pl.col("lost_with")).iter_rows())
    assert counts == {"Partner": 6, "Web": 10, "other": 4}


def test_the_same_partition_is_not_tested_twice() -> None:
    kinds = ["new", "renewal"] * 20
    same = driver_table(closed_deals(40, deal_type=["A", "B"] * 20, business_kind=kinds), PARAMETERS)
    assert same["feature"].unique().to_list() == ["deal_type"]
    other = driver_table(closed_deals(40, deal_type=["A"] * 20 + ["B"] * 20, business_kind=kinds), PARAMETERS)
    assert other.select("feature", "level").rows() == [("deal_type", "A"), ("business_kind", "new")]


def test_deals_closed_before_the_landmark_are_left_out_and_counted() -> None:
    deals = closed_deals(100, has_amount=[True, False] * 50, was_open_at_landmark=[False] * 30 + [True] * 70)
    row = driver_table(deals, PARAMETERS).row(0, named=True)
    assert (row["deals"], row["closed_before_landmark"]) == (70, 30)


@pytest.mark.parametrize(("won", "months"), [(30, 3), (29, 12)])
def test_twelve_months_where_three_hold_too_few_of_either(won: int, months: int) -> None:
    is_won = [True] * won + [False] * (100 - won) + [True] * 50
    deals = closed_deals(
        150, is_won=is_won, has_amount=[True, False] * 75, is_in_last_three_months=[True] * 100 + [False] * 50
    )
    row = driver_table(deals, PARAMETERS).row(0, named=True)
    assert (row["window_months"], row["deals"]) == (months, 100 if months == 3 else 150)


def test_no_closed_deals_and_deals_all_alike_give_no_rows() -> None:
    assert driver_table(closed_deals(0), PARAMETERS).height == 0
    assert driver_table(closed_deals(50), PARAMETERS).height == 0


def test_all_won_gives_no_detectable_ratio() -> None:
    deals = closed_deals(40, is_won=[True] * 40, has_amount=[True, False] * 20)
    row = driver_table(deals, PARAMETERS).row(0, named=True)
    assert (row["p_value"], row["detectable_odds_ratio"], row["is_distinguishable"]) == (1.0, None, False)
