"""P(win by a date): against a naive simulation day by day, with one stage, with stages never seen, with the calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dagster_project.estimate.calendar_factor import (
    CalendarFactor,
    calendar_factor_table,
    calendar_months,
    month_of_quarter,
)
from dagster_project.estimate.hazard_candidates import Choice, Hazards, factor_draws
from dagster_project.estimate.past_exits import ExitsAsOf, exits_as_of
from dagster_project.estimate.stage_hazards import age_bands, stage_intensities
from dagster_project.estimate.win_ahead import win_ahead_table, win_probabilities
from tests.estimate.histories import day

TODAY = date(2026, 6, 30)
A_YEAR = Choice("365d", "none")


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
            "as_of_date": [TODAY] * len(deals),
            "stage_name": [stage for stage, _ in deals],
            "stage_age_days": [age for _, age in deals],
        },
        schema_overrides={"as_of_date": pl.Date, "stage_name": pl.String, "stage_age_days": pl.Int32},
    )


def chances(
    spells: pl.DataFrame, deals: pl.DataFrame, until: pl.DataFrame, choice: Choice = A_YEAR
) -> pl.DataFrame:
    """One row per deal × horizon, by deal."""
    choices = pl.DataFrame(
        {"as_of_date": [TODAY], "window_name": [choice.window_name], "calendar": [choice.calendar]}
    )
    table = win_ahead_table(spells, deals, choices, until)
    deals = deals.with_columns(pl.col("stage_age_days").cast(pl.Int32))
    joined = deals.join(table, on=["as_of_date", "stage_name", "stage_age_days"])
    return joined.sort("opportunity_id", "days_ahead")


def counted(spells: pl.DataFrame) -> ExitsAsOf:
    (found,) = exits_as_of(spells, [day(TODAY)])
    return found


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
    table = chances(simulated_spells(seed), open_deals(("first", 3), ("second", 5)), horizons(30, 90))
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
        table = chances(simulated_spells(seed, 500), open_deals(("first", 3), ("second", 5)), horizons(60))
        for row, truth in zip(table.sort("opportunity_id").to_dicts(), chances_of_the_chain(60), strict=True):
            held.append(row["lower_80"] <= truth <= row["upper_80"])
    assert np.mean(held) >= 0.55


def test_walking_backwards_equals_walking_forwards() -> None:
    random = np.random.default_rng(0)
    intensity = random.uniform(0, 0.08, size=(1, 3, 20, 4))
    factors = random.uniform(0.5, 1.5, size=(1, 3, 2))
    today = day(TODAY)
    by_month = [intensity * [*factors[0, month], 1, 1] for month in range(3)]
    found = win_probabilities(by_month, today, np.array([today + 12]))
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
    table = chances(frame(rows), open_deals(("Engaging", 1), ("Engaging", 150)), horizons(100))
    young, old = table.sort("opportunity_id")["p_win"]
    assert young == pytest.approx(0.5, abs=0.1)
    assert old < 0.05


def test_a_deal_older_than_any_exit_is_as_good_as_dead() -> None:
    rows = [spell("s", TODAY - timedelta(days=300), 10 + age, "won", units=4) for age in range(20)]
    rows += [spell("s", TODAY - timedelta(days=300), 300, "open", units=60)]
    table = chances(frame(rows), open_deals(("s", 300)), horizons(30))
    assert table["p_win"][0] < 0.01


def test_a_stage_nobody_was_seen_in_behaves_as_the_others_together() -> None:
    table = chances(simulated_spells(5, 400), open_deals(("new stage", 2), ("first", 2)), horizons(90))
    unknown, first = table.sort("opportunity_id")["p_win"]
    assert 0.1 < unknown < 0.9
    assert first > 0


def test_a_stage_seldom_left_lately_is_counted_over_all_time() -> None:
    rows = [
        spell("s", date(2024, 1, 1), 30, "won", units=40),
        spell("s", TODAY - timedelta(days=20), 20, "open"),
    ]
    assert counted(frame(rows)).every_month("365d").exits[0].sum() == 40


def test_no_open_deals_and_no_history_give_no_rows() -> None:
    history = simulated_spells(6, 20)
    assert chances(history, open_deals(), horizons(30)).height == 0
    assert chances(history.clear(), open_deals(("first", 1)), horizons(30)).height == 0


def test_a_quarter_end_brings_more_than_a_quarter_start() -> None:
    exits = counted(simulated_spells(7, 1500))
    planted = CalendarFactor(np.array([0.5, 1.0, 2.0]), np.zeros(3), np.zeros(3), np.zeros(3))
    ends = np.array([day(TODAY) + 31, day(TODAY) + 92])
    (row,) = exits.rows_of(pl.Series(["second"]))

    def won(found: ExitsAsOf, calendar: str) -> list[float]:
        by_month = Hazards(found).by_month(Choice("365d", calendar))
        chance: list[float] = win_probabilities(by_month, day(TODAY), ends)[0, row, 1].tolist()
        return chance

    july, quarter = won(replace(exits, win_factor=planted), "factor")
    assert july < 0.75 * won(exits, "none")[0]
    assert quarter > july


def test_calendars_follow_the_months_they_were_taught() -> None:
    """All wins of three years fall in last months of quarters: at the end of June, July has little to hope for."""
    rows = []
    for start in range(0, 1080, 3):
        begun = date(2023, 7, 1) + timedelta(days=start)
        ends = (begun + timedelta(days=each) for each in range(1, 120))
        closing = next(each for each in ends if each.month % 3 == 0)
        if closing <= TODAY:
            rows.append(spell("s", begun, (closing - begun).days, "won"))
        if begun + timedelta(days=50) <= TODAY:
            rows.append(spell("s", begun, 50, "lost"))

    def july_and_quarter(calendar: str) -> list[float]:
        table = chances(frame(rows), open_deals(("s", 5)), horizons(31, 92), Choice("all", calendar))
        won: list[float] = table["p_win"].to_list()
        return won

    july, quarter = july_and_quarter("none")
    for calendar in ("factor", "age_and_month"):
        less, all_the_same = july_and_quarter(calendar)
        assert less < 0.5 * july
        assert all_the_same > 0.7 * quarter


def test_chances_of_a_past_day_do_not_see_what_came_after() -> None:
    spells = simulated_spells(9, 600)
    then = TODAY - timedelta(days=61)
    is_later = pl.col("last_date") > then
    cut = spells.filter(pl.col("started_date") <= then).with_columns(
        last_date=pl.when(is_later).then(then).otherwise("last_date"),
        exit_name=pl.when(is_later).then(pl.lit("open")).otherwise("exit_name"),
        next_stage_name=pl.when(is_later).then(None).otherwise("next_stage_name"),
    )
    deals = pl.concat(
        [
            open_deals(("first", 3), ("second", 5)).with_columns(as_of_date=pl.lit(day_))
            for day_ in (then, TODAY)
        ]
    )
    until = horizons(30)
    until = pl.concat(
        [until, until.with_columns(as_of_date=pl.lit(then), horizon_date=then + timedelta(days=30))]
    )
    for calendar in ("none", "factor", "age_and_month"):
        choices = pl.DataFrame(
            {"as_of_date": [then, TODAY], "window_name": ["90d"] * 2, "calendar": [calendar] * 2}
        )
        both = win_ahead_table(spells, deals, choices, until).filter(as_of_date=then)
        alone = win_ahead_table(cut, deals.filter(as_of_date=then), choices, until)
        assert both["p_win"].to_list() == pytest.approx(alone["p_win"].to_list(), abs=1e-12)
        assert both["p_win"].min() > 0.05


def test_bands_hold_about_ten_exits_and_end_with_the_last() -> None:
    at_risk, exits = np.full(60, 100.0), np.zeros(60)
    exits[:30] = 3
    band = age_bands(at_risk, exits)
    assert band[0] == band[3] == 0
    assert (np.diff(band) >= 0).all()
    assert len(set(band[31:])) <= 2


def test_posterior_means_reproduce_shares_of_exits() -> None:
    spells = simulated_spells(8, 4000)
    posterior = stage_intensities(counted(spells).every_month("365d"))
    first = posterior.mean()[0, posterior.stages.index("first"), 5]
    assert first[2 + posterior.stages.index("second")] == pytest.approx(0.04, abs=0.012)


def test_factor_draws_centre_on_the_factors() -> None:
    factor = CalendarFactor(np.array([0.5, 1.0, 2.0]), np.full(3, 0.01), np.zeros(3), np.zeros(3))
    assert factor_draws(factor, "won", 400).mean(axis=0) == pytest.approx([0.5, 1.0, 2.0], rel=0.05)
    assert factor_draws(factor, "won", 0).tolist() == [[0.5, 1.0, 2.0]]


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
