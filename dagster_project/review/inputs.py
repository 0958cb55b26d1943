"""What the reviews of one evening are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

import polars as pl

# In the order of the tree from below: what a rep can do first comes first.
MEASURES: Final = ("touches", "appointments", "meetings", "won_deals")

SCHEMAS: Final[Mapping[str, pl.Schema]] = MappingProxyType(
    {
        "reps": pl.Schema({"rep_id": pl.String, "language": pl.String}),
        "targets": pl.Schema({"rep_id": pl.String, "day": pl.Date, "measure": pl.String, "target": pl.Int64}),
        "done": pl.Schema({"rep_id": pl.String, "measure": pl.String, "done": pl.Int64}),
        "cards": pl.Schema(
            {
                "rep_id": pl.String,
                "action_key": pl.String,
                "opportunity_id": pl.String,
                "subject": pl.String,
                "is_data_card": pl.Boolean,
                "rank": pl.Int64,
            }
        ),
        "card_tasks": pl.Schema(
            {"action_key": pl.String, "is_done": pl.Boolean, "is_turned_down": pl.Boolean}
        ),
        "worked_on": pl.Schema({"rep_id": pl.String, "opportunity_id": pl.String}),
        "meetings": pl.Schema({"rep_id": pl.String, "starts": pl.String, "name": pl.String}),
    }
)


@dataclass(frozen=True)
class ReviewInputs:
    """Frames shaped like ``SCHEMAS``.

    Attributes:
        day: the day that is reviewed.
        next_day: the next business day.
        reps: active reps, one row each; those who are absent are none of them.
        targets: day targets of today's plan, one row per rep, day and measure; a rep without a row of ``day`` is off.
        done: one row per rep and measure with anything done on ``day``, so far.
        cards: those planned for ``day`` and those of earlier days that still stand, in no order; ``rank`` is null for these.
        card_tasks: what became of the cards' tasks.
        worked_on: opportunities on which a rep did something on ``day``, one row each.
        meetings: a rep's meetings with customers on ``next_day``; ``starts`` is HH:MM in the rep's zone.
    """

    day: date
    next_day: date
    reps: pl.DataFrame
    targets: pl.DataFrame
    done: pl.DataFrame
    cards: pl.DataFrame
    card_tasks: pl.DataFrame
    worked_on: pl.DataFrame
    meetings: pl.DataFrame

    def __post_init__(self) -> None:
        """Give every frame its declared columns and types, in one order whatever order it came in."""
        for name, schema in SCHEMAS.items():
            frame: pl.DataFrame = getattr(self, name)
            shaped = frame.select(pl.col(column).cast(kind) for column, kind in schema.items())
            object.__setattr__(self, name, shaped.sort(list(schema)))


def empty(name: str) -> pl.DataFrame:
    """An empty frame of that name in ``SCHEMAS``."""
    return pl.DataFrame(schema=SCHEMAS[name])
