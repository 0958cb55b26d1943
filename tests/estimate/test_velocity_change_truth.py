"""Known truth (method §8): an organisation generated twice, one thing changed, shows the change in the factor it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from connectors.sandbox.generate import OrganizationSpec, StageSpec, generate_spells
from dagster_project.estimate.lexis import Windows
from dagster_project.estimate.unit_counts import day_numbers
from dagster_project.estimate.velocity_change import CONTRIBUTIONS, contributions, factors, velocity
from dagster_project.estimate.velocity_sums import (
    VelocitySums,
    closed_by_day,
    mix_changes,
    scoped_deals,
    velocity_sums,
)

SPEC = OrganizationSpec()
LAST_DAY = SPEC.local_today - timedelta(days=1)


def of_a_year(spec: OrganizationSpec) -> VelocitySums:
    """The organisation's sums in the last 365 days; size bands stand for segments."""
    deals = pl.DataFrame(generate_spells(spec)["deals"]).select(
        team_id=pl.lit(None, pl.String),
        rep_id=pl.lit(None, pl.String),
        deal_type=pl.col("segment_number").cast(pl.String),
        lead_source=pl.lit("Web"),
        started_date="created_date",
        last_date=pl.col("closed_date").fill_null(LAST_DAY),
        exit_name="status",
        units=pl.lit(1),
        priced_units=pl.lit(1),
        amount="amount",
    )
    to_day = day_numbers(pl.Series([LAST_DAY]))
    scoped = scoped_deals(deals)
    return velocity_sums(scoped, closed_by_day(scoped), Windows(to_day - 365, to_day))


@cache
def as_it_was() -> VelocitySums:
    return of_a_year(SPEC)


def told(spec: OrganizationSpec) -> tuple[dict[str, float], float]:
    """Contributions by name, and the change of RV, from the organisation as it was to `spec`."""
    before, after = as_it_was(), of_a_year(spec)
    parts = contributions(factors(before), factors(after), mix_changes(before, after))[:, 0, 0]
    change = float((velocity(factors(after)) - velocity(factors(before)))[0, 0])
    assert parts.sum() == pytest.approx(change, rel=1e-9)
    return dict(zip(CONTRIBUTIONS, parts.tolist(), strict=True)), change


def every_stage(**factor: float) -> OrganizationSpec:
    """The organisation with hazards of every stage multiplied."""

    def changed(stage: StageSpec) -> StageSpec:
        return replace(stage, **{name: getattr(stage, name) * by for name, by in factor.items()})  # type: ignore[arg-type]

    return replace(SPEC, stages=tuple(changed(stage) for stage in SPEC.stages))


def test_dearer_deals_are_the_price() -> None:
    dearer = [replace(segment, median_price=segment.median_price * 1.5) for segment in SPEC.segments]
    parts, change = told(replace(SPEC, segments=tuple(dearer)))
    assert parts["average_price"] / change == pytest.approx(1, abs=0.02)
    assert change / velocity(factors(as_it_was()))[0, 0] == pytest.approx(0.5, abs=0.02)


def test_more_intake_is_the_number_of_deals() -> None:
    parts, change = told(replace(SPEC, opportunities_per_rep_month=SPEC.opportunities_per_rep_month * 2))
    assert parts["deals"] == max(parts.values())
    assert parts["deals"] / change > 0.8


def test_fewer_losses_are_the_win_rate() -> None:
    parts, _ = told(every_stage(lost_per_day=0.6))
    assert parts["win_rate"] == max(parts.values()) > 0


def test_faster_deals_are_the_cycle_and_fewer_are_open() -> None:
    """Every hazard half as large again: a deal ends alike and sooner, and fewer stand open (Little's law)."""
    parts, _ = told(every_stage(forward_per_day=1.5, lost_per_day=1.5, back_per_day=1.5, skip_per_day=1.5))
    assert parts["average_cycle"] == max(parts.values()) > 0
    assert parts["deals"] == min(parts.values()) < 0


def test_more_of_the_large_customers_are_mix() -> None:
    small, middle, large = SPEC.segments
    shares = replace(small, share=0.3), middle, replace(large, share=0.35)
    parts, change = told(replace(SPEC, segments=shares))
    assert parts["mix"] == max(parts.values(), key=abs)
    assert parts["mix"] / change > 0.5


def test_nothing_changed_contributes_nothing() -> None:
    parts, change = told(SPEC)
    assert change == 0
    assert np.abs(list(parts.values())).max() == 0
