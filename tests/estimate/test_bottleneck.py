"""The chain of stages, and that the stage named is the one that costs most."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.estimate.bottleneck import bottleneck_table
from dagster_project.estimate.stage_benchmark import median_days
from dagster_project.estimate.stage_chain import StageChain, conversion_response
from dagster_project.estimate.velocity import velocity_table
from tests.estimate.histories import window_rows

BEGIN, END = date(2025, 1, 1), date(2026, 1, 1)
STAGES = ("one", "two", "three")
NO_MINUTES = pl.DataFrame(
    schema={
        "series_name": pl.String,
        "team_id": pl.String,
        "rep_id": pl.String,
        "activity_date": pl.Date,
        "minutes": pl.Float64,
    }
)


def chain(conversion: list[float], back: float = 0.0) -> StageChain:
    stages = len(conversion)
    forward, backward = np.eye(stages, k=1), np.eye(stages, k=-1) * back
    return StageChain(
        conversion=np.array(conversion),
        competing=1 - np.array(conversion),
        forward_wins=np.eye(stages)[-1],
        forward=forward,
        backward=backward,
        starts=np.eye(stages)[0],
    )


def test_a_chain_without_loops_multiplies() -> None:
    plain = chain([0.5, 0.4, 0.3])
    assert plain.win() == pytest.approx(0.06)
    assert plain.win_from() == pytest.approx([0.06, 0.12, 0.3])
    assert plain.win_after_advancing() == pytest.approx([0.12, 0.3, 1.0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.1, 0.8), min_size=2, max_size=5),
    st.floats(0, 0.9),
    st.integers(0, 4),
    st.floats(0, 0.15),
)
def test_answer_to_a_conversion_equals_solving_again(
    values: list[float], back: float, stage: int, change: float
) -> None:
    stage %= len(values)
    before = chain(values, back)
    raised = list(values)
    raised[stage] += change
    moved = np.zeros(len(values))
    moved[stage] = change
    gain = conversion_response(before).gain(moved)[stage]
    assert before.win() + gain == pytest.approx(chain(raised, back).win(), abs=1e-12)


def test_median_days_interpolate_and_are_missing_without_exits() -> None:
    curve = np.array([[0.0, 0.0, 0.2, 0.4], [0.0, 0.0, 0.0, 0.0]])
    found = median_days(curve, np.arange(4))
    assert found[0] == 2.0
    assert np.isnan(found[1])


def simulated(
    seed: int, spreads: tuple[float, float, float], reps: int = 12, deals: int = 4000
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Stays and deals of three stages with equal mean hazards; reps differ by a log spread per stage."""
    random = np.random.default_rng(seed)
    factor = np.exp(random.standard_normal((reps, 3)) * np.array(spreads))
    stays, deal_rows = [], []
    for rep, start in zip(random.integers(reps, size=deals), random.integers(360, size=deals), strict=True):
        number, exit_name = int(start), "open"
        for stage, name in enumerate(STAGES):
            forward, lost = 0.06 * factor[rep, stage], 0.03
            age = int(random.geometric(-np.expm1(-(forward + lost))))
            is_forward = random.random() < forward / (forward + lost)
            is_seen = number + age <= 365
            last = number + age if is_seen else 365
            exit_name = (
                "open"
                if not is_seen
                else ("lost" if not is_forward else ("won" if stage == 2 else "advanced"))
            )
            following = STAGES[stage + 1] if exit_name == "advanced" else None
            stays.append((name, f"rep{rep:02}", number, last, exit_name, following, int(stage == 0)))
            number = last
            if exit_name != "advanced":
                break
        deal_rows.append(("deal", f"rep{rep:02}", int(start), number, exit_name, None, 1))
    return unit_rows("stage", stays), unit_rows("deal", deal_rows)


def unit_rows(kind: str, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    columns = ["series_name", "rep_id", "start", "last", "exit_name", "next_stage_name", "first_units"]
    table = pl.DataFrame(rows, schema=columns, orient="row", schema_overrides={"next_stage_name": pl.String})
    return table.select(
        "series_name",
        "rep_id",
        "exit_name",
        "next_stage_name",
        "first_units",
        unit_kind=pl.lit(kind),
        team_id=pl.lit("team"),
        started_date=pl.lit(BEGIN) + pl.duration(days="start"),
        last_date=pl.lit(BEGIN) + pl.duration(days="last"),
        horizon_limit_days=pl.lit(None, pl.Int32),
        units=pl.lit(1),
        amount=pl.lit(1000.0),
        priced_units=pl.lit(1),
    )


def bottleneck(seed: int, spreads: tuple[float, float, float]) -> pl.DataFrame:
    stays, deals = simulated(seed, spreads)
    windows = window_rows(("365d", END - timedelta(days=365), END))
    return bottleneck_table(stays, NO_MINUTES, velocity_table(deals, windows), windows)


def test_the_stage_where_reps_differ_most_is_named() -> None:
    named = []
    for seed in range(5):
        table = bottleneck(seed, (0.03, 0.5, 0.03)).filter(scope_kind="organization")
        named.append(table.filter(pl.col("is_top"))["stage_name"][0])
    assert named.count("two") >= 4


def test_lifts_of_one_stage_by_hand() -> None:
    table = bottleneck(3, (0.0, 0.0, 0.0)).filter(scope_kind="organization").sort("stage_name")
    # Reps alike: every stage is held against a tenth more, and a tenth more of any stage is a tenth more of the flow.
    assert (table["benchmark_conversion"] / table["conversion"]).to_list() == pytest.approx(
        [1.1] * 3, abs=0.02
    )
    lifts = table["conversion_lift_per_day"]
    assert lifts.max() / lifts.min() == pytest.approx(1, abs=0.05)
    assert (table["benchmark_days"] / table["median_days"]).to_list() == pytest.approx([0.9] * 3, abs=0.02)


def test_stages_alike_have_no_clear_bottleneck() -> None:
    verdicts = [
        bottleneck(seed, (0.0, 0.0, 0.0)).filter((pl.col("scope_kind") == "organization") & pl.col("is_top"))[
            "verdict"
        ][0]
        for seed in range(3)
    ]
    assert verdicts.count("no clear bottleneck") >= 2


def test_one_top_stage_per_scope_and_chances_add_up() -> None:
    table = bottleneck(1, (0.05, 0.5, 0.05))
    per_scope = table.group_by("scope_kind", "scope_id").agg(
        top=pl.col("is_top").sum(), chance=pl.col("p_top").sum()
    )
    assert (per_scope["top"] <= 1).all()
    assert per_scope.filter(pl.col("chance") > 0)["chance"].to_list() == pytest.approx(
        [1.0] * per_scope.filter(pl.col("chance") > 0).height
    )
    assert set(table["verdict"]) <= {"", "bottleneck", "no clear bottleneck"}


def test_a_rep_at_the_benchmark_has_nothing_to_lift() -> None:
    table = bottleneck(2, (0.02, 0.6, 0.02)).filter(scope_kind="rep", stage_name="two").sort("conversion")
    assert table["conversion_lift_per_day"][-1] == 0
    assert table["conversion_lift_per_day"][0] > 0


def test_no_stays_give_no_rows() -> None:
    stays, deals = simulated(0, (0.0, 0.0, 0.0), deals=5)
    windows = window_rows(("365d", BEGIN, END))
    assert bottleneck_table(stays.clear(), NO_MINUTES, velocity_table(deals, windows), windows).height == 0
