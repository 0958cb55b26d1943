"""The choice per rep and day: maximise Σ (gain − minutes × shadow price), solved exactly (method §6).

Within each block's minutes, at most so many cards, one per opportunity. Exactness: in an optimum of at most k cards, a
card of some (block, minutes) can be swapped for a better one of the same (block, minutes) unless that one's deal is
already in use, and at most k − 1 others are: so only the k best deals of each (block, minutes) can matter. What
remains is a few dozen cards per rep, searched depth-first with a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

HUNDREDTHS: Final = 100


@dataclass(frozen=True)
class Card:
    """One card in the search; `value` in hundredths of the currency, so that equal sums are exactly equal."""

    action_key: str
    opportunity_id: str
    block: str
    minutes: int
    value: int


def choose_cards(
    rows: pl.DataFrame,
    *,
    slots: Mapping[str, int],
    block_minutes: Mapping[str, Mapping[str, int]],
    cards_per_rep: int,
) -> pl.DataFrame:
    """The chosen of `rows` (rep_id, opportunity_id, action_key, block, minutes, value): `action_key`, `rep_id`.

    `slots`: cards a rep can still take today, `block_minutes`: the minutes left by rep and block; a rep missing from
    `slots` gets none. Among equally good choices the same one is taken every time.
    """
    contenders = _contenders(rows, cards_per_rep)
    chosen: list[tuple[str, str]] = []
    for rep_id, cards in _by_rep(contenders):
        limit = min(slots.get(rep_id, 0), cards_per_rep)
        best = best_choice(cards, limit=limit, minutes_left=block_minutes.get(rep_id, {}))
        chosen.extend((card.action_key, rep_id) for card in best)
    return pl.DataFrame(chosen, schema={"action_key": pl.String, "rep_id": pl.String}, orient="row")


def best_choice(cards: list[Card], *, limit: int, minutes_left: Mapping[str, int]) -> list[Card]:
    """The best feasible subset of one rep's cards, found exactly by branch and bound."""
    ordered = sorted(
        (card for card in cards if card.value > 0), key=lambda card: (-card.value, card.action_key)
    )
    search = _Search(ordered, dict(minutes_left))
    search.extend(0, limit, 0, ())
    return [ordered[position] for position in search.best]


class _Search:
    """Depth-first over cards in falling value. A branch that cannot beat the best is cut; a tie keeps the first."""

    def __init__(self, cards: list[Card], minutes_left: dict[str, int]) -> None:
        self.cards = cards
        self.minutes_left = minutes_left
        self.best: tuple[int, ...] = ()
        self.best_value = 0

    def extend(self, start: int, slots: int, value: int, taken: tuple[int, ...]) -> None:
        if value > self.best_value:
            self.best, self.best_value = taken, value
        if slots == 0:
            return
        open_positions = [p for p in range(start, len(self.cards)) if self._fits(p, taken)]
        for index, position in enumerate(open_positions):
            bound = sum(self.cards[p].value for p in open_positions[index : index + slots])
            if value + bound <= self.best_value:
                return
            self._take(position, slots, value, taken)

    def _take(self, position: int, slots: int, value: int, taken: tuple[int, ...]) -> None:
        card = self.cards[position]
        self.minutes_left[card.block] -= card.minutes
        self.extend(position + 1, slots - 1, value + card.value, (*taken, position))
        self.minutes_left[card.block] += card.minutes

    def _fits(self, position: int, taken: tuple[int, ...]) -> bool:
        card = self.cards[position]
        if card.minutes > self.minutes_left.get(card.block, 0):
            return False
        return all(self.cards[other].opportunity_id != card.opportunity_id for other in taken)


def _contenders(rows: pl.DataFrame, cards_per_rep: int) -> pl.DataFrame:
    kind = ["rep_id", "block", "minutes"]
    return (
        rows.select("rep_id", "opportunity_id", "action_key", "block", "minutes", "value")
        .with_columns(value=(pl.col("value") * HUNDREDTHS).round().cast(pl.Int64))
        .filter(pl.col("value") > 0)
        .sort(["value", "action_key"], descending=[True, False])
        .unique([*kind, "opportunity_id"], keep="first", maintain_order=True)
        .group_by(kind, maintain_order=True)
        .head(cards_per_rep)
        .sort("rep_id", "action_key")
    )


def _by_rep(contenders: pl.DataFrame) -> Iterator[tuple[str, list[Card]]]:
    columns = ["action_key", "opportunity_id", "block", "minutes", "value"]
    for (rep_id,), cards in contenders.group_by("rep_id", maintain_order=True):
        yield str(rep_id), [Card(*row) for row in cards.select(columns).iter_rows()]
