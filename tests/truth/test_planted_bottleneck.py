"""The stage that costs most, by rerunning the generator with each stage changed, is the one that is named (methods §4, §8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.truth.coverage import show
from tests.truth.lifts import Named, named_stage, true_lifts
from tests.truth.worlds import funnel_organization

STAGES = 4


@dataclass(frozen=True)
class Tally:
    """Over organisations: how many count, named the right stage, named it as clear, named a wrong one as clear; lifts."""

    organizations: int
    right: float
    right_and_clear: float
    wrong_and_clear: float
    lift_over_truth: float

    def __str__(self) -> str:
        return (
            f"{self.organizations} organisations: top stage right {self.right:.1%}, named as the bottleneck "
            f"{self.right_and_clear:.1%}, a wrong one named {self.wrong_and_clear:.1%}, "
            f"median lift ÷ true lift {self.lift_over_truth:.2f}"
        )


def planted(seed: int, organizations: int) -> Tally:
    """Reps differ much in one stage and little in the others; counted where its true lift is twice the next one's."""
    rows = []
    for number in range(organizations):
        random = np.random.default_rng((seed, number))
        spreads = np.abs(random.standard_normal(STAGES)) * 0.1
        spreads[random.integers(STAGES)] = random.uniform(0.35, 0.6)
        organization = funnel_organization(random, spreads)
        lifts, named = true_lifts(organization), named_stage(organization, random)
        following, top = np.sort(lifts)[-2:]
        if top >= 2 * following:
            rows.append((named.stage == lifts.argmax(), named.is_clear, named.lifts[lifts.argmax()] / top))
    right, clear, ratio = (np.array(column) for column in zip(*rows, strict=True))
    return Tally(
        len(rows),
        right.mean(),
        (right & clear).mean(),
        (~right & clear).mean(),
        float(np.median(ratio)),
    )


def alike(seed: int, organizations: int) -> list[Named]:
    """Organisations whose reps are all alike: a tenth more of any stage is worth nearly the same."""
    found = []
    for number in range(organizations):
        random = np.random.default_rng((seed, number))
        organization = funnel_organization(random, np.zeros(STAGES))
        found.append(named_stage(organization, random))
    return found


def test_the_planted_bottleneck_is_named() -> None:
    tally = planted(11, 12)
    assert tally.organizations >= 8
    assert tally.right_and_clear >= 0.9
    assert 0.6 < tally.lift_over_truth < 1.4


def test_stages_alike_have_no_clear_bottleneck() -> None:
    assert np.mean([not each.is_clear for each in alike(13, 10)]) >= 0.8


@pytest.mark.slow
def test_the_planted_bottleneck_is_named_in_three_hundred_organizations() -> None:
    tally = planted(11, 300)
    show(f"planted, true lift at least twice the next: {tally}")
    assert tally.organizations >= 200
    assert tally.right >= 0.9
    assert tally.right_and_clear >= 0.9
    assert tally.wrong_and_clear <= 0.05


@pytest.mark.slow
def test_stages_alike_have_no_clear_bottleneck_in_three_hundred_organizations() -> None:
    found = alike(13, 300)
    share = np.mean([not each.is_clear for each in found])
    sure = np.mean([each.p_top >= 0.6 for each in found])
    show(
        f"stages alike: no clear bottleneck in {share:.1%} of {len(found)} organisations; p_top ≥ .6 in {sure:.1%}"
    )
    assert share >= 0.9


@pytest.mark.slow
def test_p_top_is_not_surer_than_it_is_right() -> None:
    """Reps differ alike in every stage: which one costs most is a close call, and P(top) is as often right as it says.

    True here is the quartile that would be fitted were every rep's hazard known: that of these reps, not of all there could be.
    """
    said, right = [], []
    for number in range(100):
        random = np.random.default_rng((12, number))
        organization = funnel_organization(random, np.full(STAGES, 0.3))
        named = named_stage(organization, random)
        said.append(named.p_top)
        right.append(named.stage == true_lifts(organization, fitted=True).argmax())
    error = 2 * np.std(right) / len(right) ** 0.5
    show(f"p_top of the stage named {np.mean(said):.3f}, right {np.mean(right):.3f} ± {error:.3f}")
    assert np.mean(said) <= np.mean(right) + error
