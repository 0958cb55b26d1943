"""From the trial to an expected gain: priors that give way, an interval that stays wide, cells for few episodes."""

from __future__ import annotations

from datetime import date, timedelta
from math import nan

import numpy as np
import polars as pl
import pytest

from dagster_project.recommend.gain import Effect, GainSettings, posterior, with_cell
from dagster_project.recommend.rules import ActionType
from dagster_project.recommend.trial import RiskDifference, risk_difference
from dagster_project.recommend.types import ACTION_TYPES
from dagster_project.recommend.value import average_price, revenue_per_minute, with_gain
from tests.recommend.frames import ago, facts, night, opportunity, spell, touch, win_ahead
from tests.recommend.histories import AS_OF as HISTORY_AS_OF
from tests.recommend.histories import history

SETTINGS = GainSettings()


def rule(name: str = "break_silence") -> ActionType:
    return next(one for one in ACTION_TYPES if one.name == name)


def test_too_few_acted_leave_the_stated_prior() -> None:
    effect = posterior(rule(), RiskDifference(0.5, 0.01, 29, 900), SETTINGS)
    assert (effect.evidence, effect.mean, effect.acted) == ("prior", rule().prior_gain, 0)


def test_a_trial_without_an_error_leaves_the_stated_prior() -> None:
    assert posterior(rule(), RiskDifference(nan, nan, 900, 900), SETTINGS).evidence == "prior"


def test_a_large_null_trial_ends_near_zero_with_the_error_of_an_association() -> None:
    effect = posterior(rule(), RiskDifference(0.0, 0.001, 100_000, 900_000), SETTINGS)
    assert effect.evidence == "association"
    assert effect.mean == pytest.approx(0.0, abs=1e-4)
    # Confounding does not shrink with n: about ±1.28 × .028 whatever the size of the trial.
    assert effect.upper - effect.lower == pytest.approx(2 * 1.2816 * 0.0283, rel=0.01)


def test_an_effect_is_shrunk_towards_zero() -> None:
    effect = posterior(rule(), RiskDifference(0.05, 0.02, 5_000, 50_000), SETTINGS)
    assert 0.015 < effect.mean < 0.03
    assert effect.lower < effect.mean < effect.upper


def test_cells_with_few_episodes_are_joined_with_wider_ones() -> None:
    rows = pl.DataFrame(
        {
            "rep_id": ["many"] * 30 + ["few"] * 20 + ["new"] * 10 + ["lone"],
            "team_id": ["team"] * 60 + [None],
            "stage_name": ["Demo"] * 60 + ["Close"],
            "band": [1] * 61,
        }
    )
    cells = with_cell(rows, 30)["cell"].to_list()
    assert cells == ["0|Demo|1|many"] * 30 + ["1|Demo|1|team"] * 30 + ["rest"]


def test_many_reps_with_few_deals_each_do_not_make_an_effect_of_nothing() -> None:
    """Five deals a rep: a cell per rep would report about +6 points where the truth is 0."""
    found, by_rep = [], []
    for seed in range(12):
        rows = history(2_000, 1.0, seed).rename({"cell": "stage_name"})
        deals = pl.int_range(0, pl.len())
        rows = rows.with_columns(
            rep_id=pl.format("rep{}", deals % 400), team_id=pl.lit("team"), band=pl.lit(1)
        )
        joined, split = with_cell(rows, SETTINGS.few_episodes), with_cell(rows, 1)
        for cells, results in ((joined, found), (split, by_rep)):
            trial = risk_difference(cells, as_of_date=HISTORY_AS_OF, trial_days=14, left_alone_days=7)
            results.append(trial.difference)
    assert np.mean(by_rep) > 0.03
    assert abs(np.mean(found)) < 2.5 * np.std(found, ddof=1) / np.sqrt(len(found))


def test_money_comes_from_the_difference_the_headroom_and_the_amount() -> None:
    known = facts(
        [opportunity(opportunity_id="006a"), opportunity(opportunity_id="006b", amount=2_000_000)],
        win=[win_ahead(0.5, "006a"), win_ahead(0.1, "006b")],
    )
    candidates = pl.DataFrame({"opportunity_id": ["006a", "006b"], "action_type": ["break_silence"] * 2})
    effect = Effect("break_silence", 0.02, -0.01, 0.05, 40, "association", 0.03, 0.01)
    gains = with_gain(known, candidates, [rule()], [effect])
    mean_room = (0.25 + 0.09) / 2
    assert gains["gain_amount"].to_list() == pytest.approx(
        [0.02 * 0.25 / mean_room * 1_000_000, 0.02 * 0.09 / mean_room * 2_000_000]
    )
    assert gains["evidence"].to_list() == ["association"] * 2
    assert gains["gain_n"].to_list() == [40, 40]


def test_disqualifying_is_worth_the_time_it_frees_less_the_chance_given_up() -> None:
    won = opportunity(opportunity_id="006won", status="won", amount=11_520_000, closed_date=ago(5))
    known = facts(
        [opportunity(amount=50_000, clock_started_date=ago(400)), won],
        [spell(400)],
        [touch(30)],
        [win_ahead(0.01)],
    )
    assert revenue_per_minute(known) == pytest.approx(100.0)
    card = night(known).candidates.filter(pl.col("action_type") == "disqualify").row(0, named=True)
    # 15 minutes of review and one contact of 10 minutes, at 100 a minute, less 1 % of 50,000.
    assert float(card["gain_amount"]) == pytest.approx(25 * 100 - 500)
    assert card["evidence"] == "prior"


def test_price_is_the_mean_of_the_last_years_wins() -> None:
    def won(amount: int, days_ago: int) -> dict[str, object]:
        return opportunity(
            opportunity_id=f"006{amount}", status="won", amount=amount, closed_date=ago(days_ago)
        )

    assert average_price(facts([won(100, 10), won(300, 20), won(9_000, 400)])) == pytest.approx(200)
    assert average_price(facts([won(9_000, 400)])) == pytest.approx(9_000)
    assert average_price(facts([opportunity()])) == 0


def test_own_history_becomes_an_association_with_its_n() -> None:
    """A simulated year of silences, fed through the marts' shape: the type stops saying prior."""
    as_of = date(2026, 6, 30)
    rows = history(1_200, 1.0, 7).filter(
        pl.col("acted_date").is_not_null() | pl.col("ended_date").is_not_null()
    )
    deals, spells, touches = [], [], []
    for number, row in enumerate(rows.head(500).iter_rows(named=True)):
        deal, begun = f"006{number:015}", row["onset_date"] - timedelta(days=15)
        closed, won = row["ended_date"], row["won_date"] is not None
        status = "open" if closed is None else "won" if won else "lost"
        deals.append(opportunity(opportunity_id=deal, status=status, closed_date=closed, created_date=begun))
        stay = spell(0, opportunity_id=deal)
        left = None if closed is None else stay["entered_at"] + (closed - ago(0))
        spells.append(stay | {"entered_at": stay["entered_at"] + (begun - ago(0)), "left_at": left})
        if row["acted_date"] is not None:
            touches.append(
                touch(0, f"00T{number:015}", opportunity_id=deal) | {"activity_date": row["acted_date"]}
            )
    known = facts(
        deals, spells, touches, as_of_date=as_of, plan_date=date(2026, 7, 1), thresholds={"break_silence": 14}
    )
    effect = next(one for one in night(known).effects if one.action_type == "break_silence")
    assert effect.evidence == "association"
    assert effect.acted > 100
    assert abs(effect.raw_difference) < 3 * effect.raw_standard_error
