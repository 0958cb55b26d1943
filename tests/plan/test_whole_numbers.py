"""Largest remainder: whole numbers that add up, with ties always broken the same way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dagster_project.plan.whole_numbers import largest_remainder

WEIGHTS = st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any)
TOTALS = st.integers(0, 100_000)


def test_fifty_over_four_equal_weeks() -> None:
    assert largest_remainder(50, [5, 5, 5, 5]).tolist() == [13, 13, 12, 12]


def test_fifty_over_weeks_of_2_5_5_5_4_days() -> None:
    assert largest_remainder(50, [2, 5, 5, 5, 4]).tolist() == [5, 12, 12, 12, 9]


@given(TOTALS, WEIGHTS)
def test_parts_sum_to_the_total_and_none_is_negative(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights)
    assert parts.sum() == total
    assert (parts >= 0).all()


@given(TOTALS, WEIGHTS)
def test_each_part_is_its_exact_share_rounded_down_or_up(total: int, weights: list[int]) -> None:
    exact = [total * weight / sum(weights) for weight in weights]
    parts = largest_remainder(total, weights)
    assert all(abs(part - share) < 1.0 for part, share in zip(parts, exact, strict=True))


@given(TOTALS, st.integers(1, 40), st.integers(1, 12))
def test_equal_weights_give_the_surplus_to_the_earliest_parts(total: int, weight: int, count: int) -> None:
    parts = largest_remainder(total, [weight] * count).tolist()
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1


@given(TOTALS, WEIGHTS, st.integers(2, 9))
def test_scaling_the_weights_changes_nothing(total: int, weights: list[int], factor: int) -> None:
    scaled = [weight * factor for weight in weights]
    assert largest_remainder(total, scaled).tolist() == largest_remainder(total, weights).tolist()


@given(
    st.lists(st.tuples(TOTALS, st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any)), min_size=1)
)
def test_many_rows_at_once_equal_each_row_alone(rows: list[tuple[int, list[int]]]) -> None:
    totals, weights = [total for total, _ in rows], [row for _, row in rows]
    alone = [largest_remainder(total, row).tolist() for total, row in rows]
    assert largest_remainder(totals, weights).tolist() == alone


@given(st.data(), TOTALS, st.lists(st.integers(0, 50), min_size=1, max_size=8, unique=True).filter(any))
def test_the_order_of_parts_does_not_matter_where_their_remainders_differ(
    data: st.DataObject, total: int, weights: list[int]
) -> None:
    remainders = [total * weight % sum(weights) for weight in weights]
    assume(len(set(remainders)) == len(remainders))
    order = data.draw(st.permutations(range(len(weights))))
    turned = largest_remainder(total, [weights[place] for place in order]).tolist()
    assert turned == [largest_remainder(total, weights).tolist()[place] for place in order]


@given(st.data(), TOTALS, WEIGHTS)
def test_a_permutation_changes_no_part_by_more_than_one_nor_the_parts_of_each_weight(
    data: st.DataObject, total: int, weights: list[int]
) -> None:
    order = data.draw(st.permutations(range(len(weights))))
    parts = largest_remainder(total, weights).tolist()
    turned = largest_remainder(total, [weights[place] for place in order]).tolist()
    assert all(abs(part - parts[place]) <= 1 for part, place in zip(turned, order, strict=True))

    # Who gets the surplus among equals is a matter of place; how much a remainder class gets is not.
    def by_remainder(numbers: list[int], places: list[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for number, place in zip(numbers, places, strict=True):
            remainder = total * weights[place] % sum(weights)
            found[remainder] = found.get(remainder, 0) + number
        return found

    assert by_remainder(turned, order) == by_remainder(parts, list(range(len(weights))))


@given(TOTALS, WEIGHTS)
def test_among_equal_weights_the_earlier_part_gets_no_less(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights).tolist()
    for weight in set(weights):
        alike = [part for part, its in zip(parts, weights, strict=True) if its == weight]
        assert alike == sorted(alike, reverse=True)


@given(TOTALS, WEIGHTS)
def test_a_heavier_part_gets_no_less_than_a_lighter_one(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights).tolist()
    pairs = sorted(zip(weights, parts, strict=True))
    assert all(light[1] <= heavy[1] for light in pairs for heavy in pairs if light[0] < heavy[0])


@given(TOTALS, WEIGHTS)
def test_the_largest_remainders_get_the_surplus(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights).tolist()
    rounded_up = [part - total * weight // sum(weights) for part, weight in zip(parts, weights, strict=True)]
    remainders = [total * weight % sum(weights) for weight in weights]
    lowest_up = min(
        (left for left, up in zip(remainders, rounded_up, strict=True) if up), default=sum(weights)
    )
    highest_down = max((left for left, up in zip(remainders, rounded_up, strict=True) if not up), default=0)
    assert lowest_up >= highest_down


def test_a_part_of_weight_zero_gets_nothing() -> None:
    assert largest_remainder(7, [0, 3, 0, 3]).tolist() == [0, 4, 0, 3]


def test_nothing_over_no_weight_is_nothing() -> None:
    assert largest_remainder(0, [0, 0]).tolist() == [0, 0]


@pytest.mark.parametrize(("total", "weights"), [(1, [0, 0]), (-1, [1]), (1, [1, -1])])
def test_what_cannot_be_split_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        largest_remainder(total, weights)


def test_shape_follows_the_weights() -> None:
    assert largest_remainder([3], np.ones((1, 2), dtype=np.int64)).shape == (1, 2)
