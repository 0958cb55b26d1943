"""The generator's figures against its own true parameters (method §8)."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import holidays
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from connectors.sandbox.generate import (
    OrganizationSpec,
    Truth,
    benchmark_lifts,
    generate,
    generate_hidden,
    generate_spells,
    period_win_incidence,
    truth,
)

SPEC = OrganizationSpec()


@cache
def true_figures() -> Truth:
    return truth(SPEC, deals=100_000)


def binomial_limit(share: float, count: int, deviations: float = 4.0) -> float:
    return deviations * (share * (1 - share) / count) ** 0.5


def test_stage_conversions_agree_with_the_truth() -> None:
    true = pl.DataFrame(true_figures().stages)
    spells = pl.DataFrame(generate_spells(SPEC)["stage_spells"])
    settled = spells.filter(
        pl.col("entered_date") < SPEC.local_today - timedelta(days=150), pl.col("exit") != "open"
    )
    for row in true.iter_rows(named=True):
        exits = settled.filter(pl.col("stage_name") == row["stage_name"])["exit"]
        share = exits.is_in(["advanced", "skipped_ahead", "won"]).mean()
        assert abs(share - row["conversion"]) < binomial_limit(row["conversion"], len(exits)) + 0.01, row[
            "stage_name"
        ]  # type: ignore[operator]


def test_the_share_won_by_each_horizon_agrees_with_the_truth() -> None:
    figures = true_figures()
    deals = pl.DataFrame(generate_spells(SPEC)["deals"]).filter(
        pl.col("created_date") < SPEC.local_today - timedelta(days=180)
    )
    days = (deals["closed_date"] - deals["created_date"]).dt.total_days()
    incidence = figures.win_by_horizon["win_incidence"].to_numpy()
    for horizon in (30, 60, 90, 180):
        share = ((deals["status"] == "won") & (days <= horizon)).mean()
        assert abs(share - incidence[horizon]) < binomial_limit(incidence[horizon], len(deals)) + 0.005, (
            horizon
        )
    assert incidence[365] == pytest.approx(figures.win_rate, abs=0.003)
    start = figures.win_given_stage_age
    first = start.filter(pa.compute.equal(start["age_days"], 0)).to_pydict()
    assert first["p_win"][0] == pytest.approx(figures.win_rate, abs=0.005)
    assert first["p_win"] == sorted(first["p_win"])


def test_the_window_figure_is_the_cohort_figure_when_everything_has_ripened() -> None:
    whole = period_win_incidence(SPEC, SPEC.first_date - timedelta(days=1), date(2027, 11, 30), deals=100_000)
    cohort = true_figures().win_by_horizon["win_incidence"].to_numpy()
    assert np.abs(whole - cohort).max() < 0.004


def test_the_planted_bottleneck_is_what_a_rerun_finds() -> None:
    lifts = benchmark_lifts(SPEC, deals=60_000).to_pylist()
    ranked = sorted(lifts, key=lambda row: -row["lift_per_day"])
    assert ranked[0]["stage_name"] == SPEC.planted_bottleneck == "Needs Analysis"
    assert ranked[0]["lift_per_day"] > 2 * ranked[1]["lift_per_day"]


def test_wins_cluster_at_quarter_ends() -> None:
    big = replace(SPEC, opportunities_per_rep_month=100.0)
    deals = pl.DataFrame(generate_spells(big)["deals"]).filter(pl.col("status") == "won")
    recent = deals.filter(
        pl.col("closed_date") >= date(2025, 10, 1), pl.col("closed_date") < date(2026, 10, 1)
    )
    counts = (
        recent.group_by(place=(recent["closed_date"].dt.month() - 1) % 3).len().sort("place")["len"].to_list()
    )
    assert counts[2] > 1.3 * counts[0]
    even = replace(
        big, win_factor_by_month_of_quarter=(1.0, 1.0, 1.0), loss_factor_by_month_of_quarter=(1.0, 1.0, 1.0)
    )
    flat = pl.DataFrame(generate_spells(even)["deals"]).filter(pl.col("status") == "won")
    flat = flat.filter(pl.col("closed_date") >= date(2025, 10, 1), pl.col("closed_date") < date(2026, 10, 1))
    level = flat.group_by(place=(flat["closed_date"].dt.month() - 1) % 3).len().sort("place")["len"].to_list()
    assert level[2] < 1.25 * level[0]


def test_touches_appointments_and_meetings_have_their_true_rates() -> None:
    spec = replace(SPEC, opportunities_per_rep_month=60.0, quiet_reps=0, mess=0.0, activity_rate_spread=0.0)
    tables = {name: pl.DataFrame(rows) for name, rows in generate(spec).items()}
    first = tables["Event"].filter(pl.col("Subject").str.contains("初回商談|First meeting"))
    past = first.filter(pl.col("StartDateTime") < spec.now - timedelta(days=1))
    off = past["Subject"].str.contains("キャンセル|Canceled")
    assert abs((1 - off.mean()) - 0.65) < binomial_limit(0.65, len(past)) + 0.005  # type: ignore[operator]
    left = tables["OpportunityHistory"].filter(pl.col("StageName") != "Prospecting")
    left = left.group_by(WhatId="OpportunityId").agg(left_at=pl.col("CreatedDate").min())
    born = tables["Opportunity"].select(WhatId="Id", born_at="CreatedDate")
    touches = (
        tables["Task"]
        .join(born, on="WhatId")
        .join(left, on="WhatId", how="left")
        .filter(
            (pl.col("CallType") == "Outbound") | (pl.col("TaskSubtype") == "Email"),
            pl.col("CompletedDateTime") > pl.col("born_at"),
            pl.col("left_at").is_null() | (pl.col("CompletedDateTime") < pl.col("left_at")),
        )
    )
    rate = len(first) / len(touches)
    assert abs(rate - 0.30) < binomial_limit(0.30, len(touches)) + 0.005


def test_notes_show_no_more_than_the_hidden_level_and_the_level_helps() -> None:
    hidden = {name: pl.DataFrame(rows) for name, rows in generate_hidden(SPEC).items()}
    tables = {name: pl.DataFrame(rows) for name, rows in generate(SPEC).items()}
    events = tables["Event"].select("WhatId", activity_id="Id")
    notes = hidden["notes"].join(events, on="activity_id")
    joined = notes.join(hidden["deals"], left_on="WhatId", right_on="opportunity_id", suffix="_deal")
    assert len(joined) > 1000
    assert (joined["words_level"] <= joined["words_level_deal"]).all()
    won = (
        tables["Opportunity"]
        .filter(pl.col("IsClosed"))
        .join(hidden["deals"], left_on="Id", right_on="opportunity_id")
    )
    rates = won.group_by("words_level").agg(pl.col("IsWon").mean()).sort("words_level")["IsWon"].to_list()
    assert rates[3] > rates[0] + 0.05


def test_prompted_actions_help_by_their_true_effect_and_change_no_past() -> None:
    spec = replace(SPEC, action_effects={"break_the_silence": 0.8}, opportunities_per_rep_month=40.0)
    base = pl.DataFrame(generate_spells(spec)["deals"])
    keys = base.filter(
        pl.col("created_date") < date(2026, 3, 1),
        pl.col("closed_date").is_null() | (pl.col("closed_date") > date(2026, 3, 1)),
    )
    key = keys["opportunity_key"].to_numpy()
    day = np.full(len(key), (date(2026, 3, 2) - date(1970, 1, 1)).days)
    helped = pl.DataFrame(generate_spells(spec, prompted={"break_the_silence": (key, day)})["deals"])
    assert (helped["status"] == "won").sum() > (base["status"] == "won").sum() + 30
    early = pl.col("closed_date") <= date(2026, 3, 1)
    assert base.filter(early).equals(helped.filter(early))
    inert = replace(spec, action_effects={"break_the_silence": 0.0})
    unmoved = pl.DataFrame(generate_spells(inert, prompted={"break_the_silence": (key, day)})["deals"])
    assert unmoved.equals(pl.DataFrame(generate_spells(inert)["deals"]))


def _plain(intake: float) -> OrganizationSpec:
    """Deals, reps and months all alike: only the stage hazards are left."""
    segments = tuple(replace(segment, effect=0.0) for segment in SPEC.segments)
    stages = tuple(replace(stage, rep_spread=0.0) for stage in SPEC.stages)
    even = (1.0, 1.0, 1.0)
    return replace(
        SPEC,
        opportunities_per_rep_month=intake,
        segments=segments,
        stages=stages,
        words_effect=(0.0, 0.0, 0.0, 0.0),
        type_effects=(0.0, 0.0, 0.0),
        neglected_share=0.0,
        mess=0.0,
        quiet_reps=0,
        win_factor_by_month_of_quarter=even,
        loss_factor_by_month_of_quarter=even,
    )


def _hazards(spec: OrganizationSpec, place: int, age: int) -> tuple[float, float]:
    """Forward and total hazard on a business day at an age in stage, written out anew."""
    stage = spec.stages[place]
    shape = (1 - math.exp(-(age + 1) / stage.ramp_days)) * (0.25 + 0.75 * math.exp(-age / stage.fade_days))
    forward = (stage.forward_per_day + stage.skip_per_day * (place < len(spec.stages) - 2)) * shape
    lost = stage.lost_per_day * (1 - 0.5 * math.exp(-age / 10))
    return forward, forward + lost + stage.back_per_day * (place > 0)


def _expected_exit(
    spec: OrganizationSpec, place: int, entered: date, public: set[date]
) -> tuple[float, float]:
    """P(forwards) and mean days in the stage of a stay begun on a day, day by day."""
    stays, forwards, days = 1.0, 0.0, 0.0
    for age in range(1, 181):
        day = entered + timedelta(days=age)
        if day.weekday() < 5 and day not in public:
            forward, total = _hazards(spec, place, age)
            leaves = stays * (1 - math.exp(-total))
            forwards, days, stays = forwards + leaves * forward / total, days + leaves * age, stays - leaves
    return forwards, days


@pytest.mark.parametrize("place", [0, 1, 3])
def test_stays_follow_the_hazards_of_the_spec(place: int) -> None:
    spec = _plain(200.0)
    public = set(holidays.country_holidays("JP", years=range(2025, 2028)))
    public |= {
        date(year, month, day) for year in (2025, 2026) for month, day in ((12, 29), (12, 30), (12, 31))
    }
    public |= {date(2026, 1, day) for day in (1, 2, 3)}
    spells = pl.DataFrame(generate_spells(spec)["stage_spells"]).filter(
        pl.col("stage_order") == place + 1, pl.col("entered_date") < SPEC.local_today - timedelta(days=181)
    )
    days = (spells["left_date"] - spells["entered_date"]).dt.total_days()
    settled = spells.with_columns(days=pl.when(days <= 180).then(days))
    counts = settled["entered_date"].value_counts()
    expected = np.array([_expected_exit(spec, place, day, public) for day in counts["entered_date"]])
    forwards, mean_days = np.average(expected, axis=0, weights=counts["count"].to_numpy())
    went = settled["exit"].is_in(["advanced", "skipped_ahead", "won"]) & settled["days"].is_not_null()
    assert abs(went.mean() - forwards) < binomial_limit(forwards, len(settled))  # type: ignore[operator]
    dwell = settled["days"].fill_null(0).to_numpy()
    assert abs(dwell.mean() - mean_days) < 4 * dwell.std() / len(dwell) ** 0.5
