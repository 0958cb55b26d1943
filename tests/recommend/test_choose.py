"""The choice against brute force, and the promises it makes whatever the cards."""

from __future__ import annotations

from itertools import combinations
from time import perf_counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.recommend.choose import Card, best_choice, choose_cards

MINUTES = {"morning": 30, "afternoon": 60, "evening": 10}
CARDS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(list(MINUTES)),
        st.sampled_from([5, 10, 15, 30, 45]),
        st.integers(-5, 60),
    ),
    max_size=11,
)


def table(cards: list[tuple[int, str, int, int]], rep_id: str = "rep") -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "rep_id": rep_id,
                "opportunity_id": f"deal{deal}",
                "action_key": f"key{number:03}",
                "block": block,
                "minutes": minutes,
                "value": float(value),
            }
            for number, (deal, block, minutes, value) in enumerate(cards)
        ],
        schema={
            "rep_id": pl.String, "opportunity_id": pl.String, "action_key": pl.String, "block": pl.String,
            "minutes": pl.Int64, "value": pl.Float64,
        },
    )  # fmt: skip


def chosen(cards: list[tuple[int, str, int, int]], limit: int = 5) -> list[int]:
    picked = choose_cards(table(cards), slots={"rep": limit}, block_minutes={"rep": MINUTES}, cards_per_rep=5)
    return sorted(int(key.removeprefix("key")) for key in picked["action_key"].to_list())


def is_feasible(cards: list[tuple[int, str, int, int]]) -> bool:
    used = {block: sum(card[2] for card in cards if card[1] == block) for block in MINUTES}
    one_per_deal = len({card[0] for card in cards}) == len(cards)
    return one_per_deal and all(used[block] <= MINUTES[block] for block in MINUTES)


def best_by_brute_force(cards: list[tuple[int, str, int, int]], limit: int) -> int:
    subsets = (subset for size in range(limit + 1) for subset in combinations(cards, size))
    return max(sum(card[3] for card in subset) for subset in subsets if is_feasible(list(subset)))


@given(CARDS, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_the_choice_is_feasible_and_as_good_as_brute_force(
    cards: list[tuple[int, str, int, int]], limit: int
) -> None:
    picked = [cards[number] for number in chosen(cards, limit)]
    assert len(picked) <= limit
    assert is_feasible(picked)
    assert sum(card[3] for card in picked) == best_by_brute_force(cards, limit)


@given(CARDS)
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_does_not_matter(cards: list[tuple[int, str, int, int]]) -> None:
    rows = table(cards)
    mixed = rows.sample(fraction=1.0, shuffle=True, seed=len(cards))
    results = [
        choose_cards(one, slots={"rep": 5}, block_minutes={"rep": MINUTES}, cards_per_rep=5)
        for one in (rows, mixed)
    ]
    assert results[0].equals(results[1])


def test_ties_go_to_the_first_key() -> None:
    cards = [(number, "evening", 10, 7) for number in range(4)]
    assert chosen(cards) == [0]


def test_the_sum_counts_not_gain_per_minute() -> None:
    """Method §6: 40,000 in 45 minutes before 3,000 in 3 minutes, when only one of them fits."""
    cards = [(1, "afternoon", 3, 3_000), (2, "afternoon", 60, 40_000)]
    assert chosen(cards) == [1]


def test_cards_that_cost_more_than_they_bring_are_never_taken() -> None:
    assert chosen([(1, "morning", 5, 0), (2, "morning", 5, -3)]) == []


def test_a_rep_without_slots_gets_nothing() -> None:
    assert chosen([(1, "morning", 5, 9)], limit=0) == []


def test_hard_knapsacks_are_solved_at_once() -> None:
    """Many near-equal cards of odd lengths under a tight block: the bound must hold the search down."""
    cards = [
        Card(
            f"key{n:03}",
            f"deal{n % 40}",
            "morning",
            7 + (n * 13) % 31,
            1_000 + (7 + (n * 13) % 31) * 100 + n % 7,
        )
        for n in range(60)
    ]
    started = perf_counter()
    best = best_choice(cards, limit=5, minutes_left={"morning": 61})
    assert sum(card.minutes for card in best) <= 61
    assert perf_counter() - started < 10.0
