"""P(win by a date): against a naive simulation day by day, with one stage, with stages never seen, with the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dagster_project.estimate.calendar_factor import calendar_factor_table, calendar_months, month_of_quarter
from dagster_project.estimate.stage_hazards import age_bands, stage_exits, stage_intensities
from dagster_project.estimate.win_ahead import (
    calendar_draws,
    pooling_windows,
    win_ahead_table,
    win_probabilities,
)
from tests.estimate.histories import day

TODAY = date(2026, 6, 30)
NEUTRAL = pl.DataFrame(
    {
        "month_of_quarter": [1, 2, 3],
        "win_factor": [1.0] * 3,
        "loss_factor": [1.0] * 3,
        "win_factor_variance": [0.0] * 3,
        "loss_factor_variance": [0.0] * 3,
    }
)


def spell(
    stage: str, start: date, days: int, exit_name: str, following: str | None = None, units: int = 1
) -> dict[str, object]:
    return {
        "series_name": stage,
        "started_date": start,
        "last_date": start + timedelta(days=days),
        "exit_name": exit_name,
        "next_stage_name": following,
        "units": units,
    }


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema_overrides={"next_stage_name": pl.String}, infer_schema_length=None)


def horizons(*days_ahead: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "as_of_date": [TODAY] * len(days_ahead),
            "horizon_date": [TODAY + timedelta(days=ahead) for ahead in days_ahead],
            "horizon_kind": [str(ahead) for ahead in days_ahead],
        }
    )


def open_deals(*deals: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "opportunity_id": [f"006{number}" for number in range(len(deals))],
            "stage_name": [stage for stage, _ in deals],
            "stage_age_days": [age for _, age in deals],
        }
    )


def simulated_spells(seed: int, deals: int = 3000) -> pl.DataFrame:
    """Two stages with constant daily hazards: first → second .04, lost .02; second → won .05, lost .02, back .01."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(deals):
        stage, at = "first", TODAY - timedelta(days=int(random.integers(1, 360)))
        while True:
            rates = (
                {"advanced": 0.04, "lost": 0.02}
                if stage == "first"
                else {"won": 0.05, "lost": 0.02, "moved_back": 0.01}
            )
            total = sum(rates.values())
            days = int(random.geometric(-np.expm1(-total)))
            exit_name = str(random.choice(list(rates), p=np.array(list(rates.values())) / total))
            following = {"advanced": "second", "moved_back": "first"}.get(exit_name)
            if at + timedelta(days=days) > TODAY:
                rows.append(spell(stage, at, (TODAY - at).days, "open"))
                break
            rows.append(spell(stage, at, days, exit_name, following))
            if following is None:
                break
            stage, at = following, at + timedelta(days=days)
    return frame(rows)


def chances_of_the_chain(days: int) -> tuple[float, float]:
    """P(won within so many days) from either stage, by powers of the daily transition matrix."""
    leave = {"first": -np.expm1(-0.06), "second": -np.expm1(-0.08)}
    matrix = np.zeros((4, 4))
    matrix[0, :] = [1 - leave["first"], leave["first"] * 4 / 6, 0, leave["first"] * 2 / 6]
    matrix[1, :] = [
        leave["second"] / 8,
        1 - leave["second"],
        leave["second"] * 5 / 8,
        leave["second"] * 2 / 8,
    ]
    matrix[2, 2] = matrix[3, 3] = 1
    reached = np.linalg.matrix_power(matrix, days)
    return float(reached[0, 2]), float(reached[1, 2])


@pytest.mark.parametrize("seed", [1, 2])
def test_chances_agree_with_the_chain_they_come_from(seed: int) -> None:
    table = win_ahead_table(
        simulated_spells(seed), open_deals(("first", 3), ("second", 5)), NEUTRAL, horizons(30, 90)
    )
    for ahead in (30, 90):
        first, second = table.filter(horizon_kind=str(ahead)).sort("opportunity_id")["p_win"]
        expected = chances_of_the_chain(ahead)
        assert first == pytest.approx(expected[0], abs=0.035)
        assert second == pytest.approx(expected[1], abs=0.035)
    assert (table["lower_80"] <= table["p_win"]).all()
    assert (table["p_win"] <= table["upper_80"]).all()


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(10, 22):
        table = win_ahead_table(
            simulated_spells(seed, 500), open_deals(("first", 3), ("second", 5)), NEUTRAL, horizons(60)
        )
        for row, truth in zip(table.sort("opportunity_id").to_dicts(), chances_of_the_chain(60), strict=True):
            held.append(row["lower_80"] <= truth <= row["upper_80"])
    assert np.mean(held) >= 0.55


def test_walking_backwards_equals_walking_forwards() -> None:
    random = np.random.default_rng(0)
    intensity = random.uniform(0, 0.08, size=(1, 3, 20, 4))
    factors = random.uniform(0.5, 1.5, size=(1, 3, 2))
    today = day(TODAY)
    found = win_probabilities(intensity, factors, today, np.array([today + 12]))
    assert found[0, 0, 4, 0] == pytest.approx(
        forward_chance(intensity[0], factors[0], today, 0, 4, 12), abs=1e-12
    )
    assert found[0, 1, 0, 0] == pytest.approx(
        forward_chance(intensity[0], factors[0], today, 1, 0, 12), abs=1e-12
    )


def forward_chance(
    intensity: np.ndarray, factors: np.ndarray, today: int, stage: int, age: int, days: int
) -> float:
    """P(won) by carrying the mass of every (stage, age) forward, exits at age 0 on the day of entry included."""
    mass, won = {(stage, age): 1.0}, 0.0
    for number in range(today + 1, today + days + 1):
        factor = factors[int(month_of_quarter(np.array([number]))[0])]
        later: dict[tuple[int, int], float] = {}
        todo = [(at, min(old + 1, 19), share) for (at, old), share in mass.items()]
        while todo:
            at, old, share = todo.pop()
            rate = intensity[at, old] * np.array([factor[0], factor[1], 1, 1])
            leaves = -np.expm1(-rate.sum())
            later[at, old] = later.get((at, old), 0.0) + share * (1 - leaves)
            won += share * leaves * rate[0] / rate.sum()
            moved = [(to, 0, share * leaves * rate[2 + to] / rate.sum()) for to in range(2)]
            todo.extend(each for each in moved if each[2] > 1e-15)
        mass = later
    return won


def test_one_stage_only() -> None:
    rows = [
        spell("Engaging", TODAY - timedelta(days=200 - start), age, "won", units=3)
        for start, age in ((0, 20), (10, 30), (20, 40))
    ]
    rows += [spell("Engaging", TODAY - timedelta(days=190), 60, "lost", units=9)]
    table = win_ahead_table(
        frame(rows), open_deals(("Engaging", 1), ("Engaging", 150)), NEUTRAL, horizons(100)
    )
    young, old = table.sort("opportunity_id")["p_win"]
    assert young == pytest.approx(0.5, abs=0.1)
    assert old < 0.05


def test_a_deal_older_than_any_exit_is_as_good_as_dead() -> None:
    rows = [spell("s", TODAY - timedelta(days=300), 10 + age, "won", units=4) for age in range(20)]
    rows += [spell("s", TODAY - timedelta(days=300), 300, "open", units=60)]
    table = win_ahead_table(frame(rows), open_deals(("s", 300)), NEUTRAL, horizons(30))
    assert table["p_win"][0] < 0.01


def test_a_stage_nobody_was_seen_in_behaves_as_the_others_together() -> None:
    table = win_ahead_table(
        simulated_spells(5, 400), open_deals(("new stage", 2), ("first", 2)), NEUTRAL, horizons(90)
    )
    unknown, first = table.sort("opportunity_id")["p_win"]
    assert 0.1 < unknown < 0.9
    assert first > 0


def test_a_stage_seldom_left_lately_is_counted_over_all_time() -> None:
    rows = [
        spell("s", date(2024, 1, 1), 30, "won", units=40),
        spell("s", TODAY - timedelta(days=20), 20, "open"),
    ]
    windows = pooling_windows(frame(rows), day(TODAY))
    assert stage_exits(frame(rows), windows).exits[0].sum() == 40


def test_no_open_deals_and_no_history_give_no_rows() -> None:
    history = simulated_spells(6, 20)
    assert win_ahead_table(history, open_deals().clear(), NEUTRAL, horizons(30)).height == 0
    assert win_ahead_table(history.clear(), open_deals(("first", 1)), NEUTRAL, horizons(30)).height == 0


def test_a_quarter_end_brings_more_than_a_quarter_start() -> None:
    calendar = NEUTRAL.with_columns(win_factor=pl.Series([0.5, 1.0, 2.0]))
    table = win_ahead_table(
        simulated_spells(7, 1500), open_deals(("second", 1)), calendar, horizons(31, 92)
    ).sort("days_ahead")
    july, quarter = table["p_win"]
    plain = win_ahead_table(
        simulated_spells(7, 1500), open_deals(("second", 1)), NEUTRAL, horizons(31, 92)
    ).sort("days_ahead")
    assert july < 0.75 * plain["p_win"][0]
    assert quarter > july


def test_bands_hold_about_ten_exits_and_end_with_the_last() -> None:
    at_risk, exits = np.full(60, 100.0), np.zeros(60)
    exits[:30] = 3
    band = age_bands(at_risk, exits)
    assert band[0] == band[3] == 0
    assert (np.diff(band) >= 0).all()
    assert len(set(band[31:])) <= 2


def test_posterior_means_reproduce_shares_of_exits() -> None:
    spells = simulated_spells(8, 4000)
    posterior = stage_intensities(stage_exits(spells, pooling_windows(spells, day(TODAY))))
    first = posterior.mean()[0, posterior.stages.index("first"), 5]
    assert first[2 + posterior.stages.index("second")] == pytest.approx(0.04, abs=0.012)


def test_calendar_draws_centre_on_the_factors() -> None:
    calendar = NEUTRAL.with_columns(
        win_factor=pl.Series([0.5, 1.0, 2.0]), win_factor_variance=pl.Series([0.01] * 3)
    )
    assert calendar_draws(calendar, 400)[:, :, 0].mean(axis=0) == pytest.approx([0.5, 1.0, 2.0], rel=0.05)
    assert (calendar_draws(calendar, 0)[0, :, 0] == [0.5, 1.0, 2.0]).all()


def test_calendar_factor_finds_what_was_planted() -> None:
    random = np.random.default_rng(4)
    planted = np.array([0.6, 1.0, 1.5])
    rows = []
    for start in random.integers(day(date(2024, 1, 1)), day(TODAY), size=4000):
        number = int(start)
        while number < day(TODAY):
            number += 1
            win = 0.02 * planted[int(month_of_quarter(np.array([number]))[0])]
            drawn = random.random()
            if drawn < win + 0.015:
                rows.append(
                    spell(
                        "s",
                        date(1970, 1, 1) + timedelta(days=int(start)),
                        number - int(start),
                        "won" if drawn < win else "lost",
                    )
                )
                break
        else:
            rows.append(
                spell("s", date(1970, 1, 1) + timedelta(days=int(start)), number - int(start), "open")
            )
    factor = calendar_factor_table(frame(rows)).sort("month_of_quarter")
    ratio = np.array(factor["win_factor"]) / factor["win_factor"][1]
    assert ratio == pytest.approx(planted, rel=0.15)
    assert factor["loss_factor"].to_list() == pytest.approx([1, 1, 1], abs=0.12)


def test_one_quarter_of_history_leaves_the_factors_at_one() -> None:
    rows = [spell("s", date(2026, 4, 1), age, "won") for age in range(1, 85)]
    assert calendar_factor_table(frame(rows))["win_factor"].to_list() == [1, 1, 1]


def test_no_closed_deals_leave_the_factors_at_one() -> None:
    assert calendar_factor_table(frame([spell("s", TODAY, 0, "open")]))["loss_factor"].to_list() == [1, 1, 1]


def test_calendar_months_are_cut_at_both_ends() -> None:
    windows, kind = calendar_months(day(date(2026, 2, 10)), day(date(2026, 4, 5)))
    assert (windows.to_day - windows.from_day).tolist() == [19, 31, 5]
    assert kind.tolist() == [1, 2, 0]
