"""The chance of making quota against what came, on generated rep-months (docs/metrics/calibration.md)."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

from tests.plan.calibration import Calibration, calibration, generated_months
from tests.plan.calibration_page import PAGE, WORLDS, figures_of, measured_part, measured_text


def known_months(chances: np.ndarray, worlds: int, bias: float = 1.0) -> pl.DataFrame:
    """Rep-months and team-months made with ``bias`` × the odds their chance says."""
    random = np.random.default_rng(3)
    odds = bias * chances / (1 - chances)
    rows = pl.DataFrame(
        {
            "world": np.arange(len(chances)) % worlds,
            "plan": chances,
            "made": random.random(len(chances)) < odds / (1 + odds),
            "missing": 1.0 / chances,
            "pipeline_amount": 1.0,
            "last_month": 0.5,
            "tree": 1.0,
        }
    )
    return pl.concat([rows.with_columns(scope_kind=pl.lit(kind)) for kind in ("rep", "team")])


def is_within_error(found: Calibration) -> bool:
    gaps = (found.deciles["made"] - found.deciles["forecast"]).abs()
    return bool((gaps <= found.deciles["error"]).all())


def test_the_measure_passes_true_chances_and_fails_biased_ones() -> None:
    chances = np.random.default_rng(2).uniform(0.02, 0.98, 20_000)
    true = calibration(known_months(chances, 200))
    assert true.slope == pytest.approx(1.0, abs=0.04)
    assert is_within_error(true)
    assert not is_within_error(calibration(known_months(chances, 200, bias=1.5)))


def test_some_rep_months_of_a_generated_organisation() -> None:
    months = generated_months(range(500, 502))
    found = calibration(months)
    assert found.rep_months == 200
    assert found.team_months == 10
    assert 0.6 < found.slope < 1.4
    assert found.brier["plan"] < min(found.brier["tree"], found.brier["last_month"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_rep_months_are_calibrated() -> None:
    found = calibration(generated_months(WORLDS))
    sys.stdout.write(measured_text(found))
    assert found.rep_months == 20_000
    assert 0.9 <= found.slope <= 1.1
    assert is_within_error(found), found.deciles
    assert found.brier["plan"] < min(found.brier[name] for name in ("pipeline", "last_month", "tree"))
    assert 0.8 <= found.team_slope <= 1.2
    # The last digits of a chance may differ between machines.
    written, measured = figures_of(measured_part(PAGE.read_text(encoding="utf-8"))), measured_text(found)
    assert written == pytest.approx(figures_of(measured), abs=0.006)
