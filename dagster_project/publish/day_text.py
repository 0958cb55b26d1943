"""A rep's day in the terminal: blocks with their numbers and cards, what must be done, what can wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import polars as pl

from connectors.event_log import EventLog
from dagster_project.decisions import ACTIONS_PLANNED, DAY_BLOCKS, decided_rows
from dagster_project.publish.safe_text import safe
from dagster_project.publish.tables import rows, table_of_rep
from dagster_project.wording import counted_things, minutes, words

Row = Mapping[str, Any]
MEASURES = ("meetings", "appointments", "touches")
STANDING_SQL = """
    select subject from candidates where rep_id = ? and left_out_reason = 'still_on_list' order by fired_date, action_key
"""


@dataclass(frozen=True)
class RepDay:
    """One rep's day as published; empty frames where a table is from before it was kept.

    Attributes:
        cards: rows of actions_planned, by rank.
        blocks: rows of day_blocks, in the order of the day.
        lists: rows of day_list, by list and place.
        standing: subjects of the cards of earlier days that still stand.
    """

    cards: pl.DataFrame
    blocks: pl.DataFrame = field(default_factory=pl.DataFrame)
    lists: pl.DataFrame = field(default_factory=pl.DataFrame)
    standing: tuple[str, ...] = ()

    def of_list(self, name: str) -> list[dict[str, Any]]:
        """The lines of one list, in order."""
        if self.lists.is_empty():
            return []
        return self.lists.filter(pl.col("list") == name).sort("place").to_dicts()


def read_day_of(connection: duckdb.DuckDBPyConnection, rep_id: str) -> RepDay:
    """The published day of one rep."""
    blocks = table_of_rep(connection, "day_blocks", rep_id)
    return RepDay(
        by_rank(table_of_rep(connection, "actions_planned", rep_id)),
        in_order(blocks),
        table_of_rep(connection, "day_list", rep_id),
        tuple(rows(connection, STANDING_SQL, rep_id)["subject"].to_list()),
    )


def day_of_date(log: EventLog, rep_id: str, plan_date: date) -> RepDay:
    """The blocks and cards of one rep as they were decided for a day; what could wait is not kept."""
    cards, blocks = (decided_rows(log, stream, plan_date) for stream in (ACTIONS_PLANNED, DAY_BLOCKS))
    own = pl.col("rep_id") == rep_id
    return RepDay(
        by_rank(cards.filter(own) if cards.width else cards),
        in_order(blocks.filter(own) if blocks.width else blocks),
    )


def by_rank(cards: pl.DataFrame) -> pl.DataFrame:
    """Cards in the order they were chosen in."""
    return cards.sort("rank") if cards.height else cards


def in_order(blocks: pl.DataFrame) -> pl.DataFrame:
    """Blocks with any minutes, in the order of the day."""
    return blocks.filter(pl.col("minutes") > 0).sort("start_time") if blocks.height else blocks


def day_lines(day: RepDay, language: str, *, in_short: bool = False) -> list[str]:
    """Blocks, must do, can wait; the cards alone where the lists are not kept.

    Args:
        in_short: a card is a line with its fact, not all that its task in the CRM says.
    """
    if day.of_list("must_do") or day.of_list("can_wait"):
        lists = [_must_do(day, language, in_short), _can_wait(day, language)]
    else:
        lists = [[] if in_short else _cards_alone(day, language)]
    parts = [part for part in (block_lines(day, language), *lists) if part]
    return [line for part in parts for line in [*part, ""]][:-1]


def block_lines(day: RepDay, language: str) -> list[str]:
    """One line per block: its times, its numbers, what the calendar takes of it; below it its cards."""
    if day.blocks.is_empty():
        return []
    lines = [words(language)["today_blocks"]]
    for block in day.blocks.iter_rows(named=True):
        lines.append(f"  {_block_line(block, language)}")
        mine = (card for card in day.cards.iter_rows(named=True) if card["block"] == block["block"])
        lines += [f"    {card['rank']}. {safe(card['subject'])}" for card in mine]
    return lines + _not_fitting(day.blocks, language)


def _block_line(block: Row, language: str) -> str:
    said = words(language)
    # Meetings that are booked already stand apart from those the block still holds.
    meetings = block["meetings"] + block["booked_meetings"]
    all_numbers = {name: block[name] for name in MEASURES} | {"meetings": meetings}
    numbers = [counted_things(number, name, language) for name, number in all_numbers.items() if number]
    if block["booked_meetings"]:
        numbers.append(f"({said['booked_meetings']} {block['booked_meetings']:,}{said['count']})")
    if block["review_minutes"]:
        numbers.append(f"{said['review']} {minutes(block['review_minutes'], language)}")
    if block["busy_minutes"]:
        numbers.append(f"{said['busy']} {minutes(block['busy_minutes'], language)}")
    times = f"{block['start_time']}{said['from_to']}{block['end_time']} {said[block['block']]}"
    return "  ".join([times, *numbers])


def _not_fitting(blocks: pl.DataFrame, language: str) -> list[str]:
    """What of the day's numbers no block has minutes for."""
    left = {name: int(blocks[f"left_{name}"].sum()) for name in MEASURES}
    shown = [counted_things(number, name, language) for name, number in left.items() if number]
    return [f"  {words(language)['not_fitting']}: {'  '.join(shown)}"] if shown else []


def _must_do(day: RepDay, language: str, in_short: bool) -> list[str]:
    """Numbered lines: a card as its task in the CRM says it, anything else with its reason."""
    shown = day.cards.clear() if in_short else day.cards
    cards = {card["action_key"]: card for card in shown.iter_rows(named=True)}
    lines = [words(language)["must_do"]]
    for row in day.of_list("must_do"):
        card = cards.get(row["action_key"])
        lines += (
            card_lines(row["place"], card) if card else [f"{row['place']}. {_with_reason(row, language)}"]
        )
    return lines if len(lines) > 1 else [words(language)["no_cards"]]


def _can_wait(day: RepDay, language: str) -> list[str]:
    waiting = [f"- {_with_reason(row, language)}" for row in day.of_list("can_wait")]
    return [words(language)["can_wait"], *waiting] if waiting else []


def _with_reason(row: Row, language: str) -> str:
    if not row["reason"]:
        return safe(row["text"])
    opening, closing = ("(", ")") if language == "ja" else (" (", ")")
    return f"{safe(row['text'])}{opening}{safe(row['reason'])}{closing}"


def card_lines(place: int, card: Row) -> list[str]:
    """The card as the task in the CRM says it."""
    said = (card["description"] or "").splitlines()
    return [f"{place}. {safe(card['subject'])}", *(f"   {safe(line)}" for line in said)]


def _cards_alone(day: RepDay, language: str) -> list[str]:
    """Today's new cards in their order, then those of earlier days that still stand."""
    said, numbered = words(language), enumerate(day.cards.iter_rows(named=True), start=1)
    new = [said["cards"], *(line for place, card in numbered for line in card_lines(place, card))]
    old = [said["standing"], *(f"- {safe(subject)}" for subject in day.standing)]
    shown = (new if day.cards.height else []) + (old if day.standing else [])
    return shown or [said["no_cards"]]
