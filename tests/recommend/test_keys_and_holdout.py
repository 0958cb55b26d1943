"""Keys and draws: fixed to the bit, short enough, evenly spread."""

from __future__ import annotations

import polars as pl
import pytest

from dagster_project.recommend.holdout import with_propensity
from dagster_project.recommend.keys import with_action_key, with_draw


def rows(count: int, episode: str = "00T000000000001AAA") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "action_type": ["break_silence"] * count,
            "opportunity_id": [f"006{number:015}" for number in range(count)],
            "rep_id": ["005000000000001AAA"] * count,
            "episode": [episode] * count,
        }
    )


def test_a_key_is_fixed_to_the_letter() -> None:
    key = with_action_key(rows(1))["action_key"][0]
    assert key == "break_silence:006000000000000000:cda3fc:00T000000000001AAA"


def test_a_long_episode_still_makes_a_short_unique_key() -> None:
    keys = [with_action_key(rows(1, "x" * 90 + end))["action_key"][0] for end in ("a", "b")]
    assert len(set(keys)) == 2
    assert max(len(key) for key in keys) <= 80


def test_draws_are_fixed_by_salt_deal_type_and_episode_and_by_nothing_else() -> None:
    first = with_draw(rows(50), "salt")
    again = with_draw(rows(50).reverse().with_columns(rep_id=pl.lit("other")), "salt").reverse()
    assert first["draw"].to_list() == again["draw"].to_list()
    assert with_draw(rows(50), "other salt")["draw"].to_list() != first["draw"].to_list()
    assert first["draw"].is_between(0, 1, closed="left").all()


def test_the_held_out_share_is_the_one_asked_for() -> None:
    drawn = with_propensity(rows(20_000), salt="salt", held_out_share=0.1)
    share = drawn.select(pl.col("is_held_out").mean()).item()
    assert share == pytest.approx(0.1, abs=0.0064)  # three standard errors
    assert drawn["propensity"].unique().to_list() == [0.9]


def test_nothing_is_held_out_when_the_share_is_nought() -> None:
    assert not with_propensity(rows(500), salt="salt", held_out_share=0.0)["is_held_out"].any()


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="held_out_share"):
        with_propensity(rows(1), salt="salt", held_out_share=share)
