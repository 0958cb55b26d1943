"""Room for cards: places and minutes a rep has left in each block of the day (method §6, "within each block's minutes")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from dagster_project.recommend.rules import BLOCKS

# `minutes` is the block's whole length, `free_minutes` what calendar and review leave of it.
BLOCK_SCHEMA: Final = pl.Schema(
    {"rep_id": pl.String(), "block": pl.String(), "minutes": pl.Int64(), "free_minutes": pl.Int64()}
)


def absent_reps(day_blocks: pl.DataFrame) -> list[str]:
    """Reps whose planned day holds no minute of work."""
    off = day_blocks.group_by("rep_id").agg(pl.col("minutes").sum()).filter(pl.col("minutes") == 0)
    return off["rep_id"].sort().to_list()


@dataclass(frozen=True)
class Room:
    """One row per rep: `rep_id`, `slots` (cards still to choose), and the minutes left in each block by its name."""

    rows: pl.DataFrame

    def by_rep(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Cards, and minutes by block, of each rep."""
        reps = self.rows["rep_id"].to_list()
        minutes = self.rows.select(BLOCKS).to_dicts()
        return dict(zip(reps, self.rows["slots"].to_list(), strict=True)), dict(
            zip(reps, minutes, strict=True)
        )


def room(
    rows: pl.DataFrame, day_blocks: pl.DataFrame, *, cards_per_rep: int, most_minutes: Mapping[str, int]
) -> Room:
    """Cards and minutes of each block a rep has left beside the cards that still stand.

    A block holds its free minutes, at most `most_minutes`; those where no day is planned for the rep.
    """
    taken = pl.col("takes_slot") & ~pl.col("is_data_card")
    standing = (
        rows.drop_nulls("rep_id")
        .group_by("rep_id")
        .agg(
            taken.sum().alias("cards"),
            *(
                pl.col("minutes").filter(taken & (pl.col("block") == block)).sum().alias(f"used_{block}")
                for block in BLOCKS
            ),
        )
    )
    free = _free_minutes(day_blocks)
    left = (
        pl.min_horizontal(
            pl.col(block).fill_null(most_minutes.get(block, 0)), pl.lit(most_minutes.get(block, 0))
        )
        - pl.col(f"used_{block}")
        for block in BLOCKS
    )
    return Room(
        standing.join(free, on="rep_id", how="left")
        .sort("rep_id")
        .select(
            "rep_id",
            (cards_per_rep - pl.col("cards").cast(pl.Int64)).clip(lower_bound=0).alias("slots"),
            *(minutes.alias(block) for block, minutes in zip(BLOCKS, left, strict=True)),
        )
    )


def _free_minutes(day_blocks: pl.DataFrame) -> pl.DataFrame:
    """One row per planned rep: the free minutes of each block by its name; 0 for a block that the day does not have."""
    return day_blocks.group_by("rep_id").agg(
        pl.col("free_minutes").filter(pl.col("block") == block).sum().alias(block) for block in BLOCKS
    )


def with_full_blocks(
    rows: pl.DataFrame, slots: Mapping[str, int], minutes: Mapping[str, Mapping[str, int]]
) -> pl.DataFrame:
    """Rows with `is_block_full`: a place was left, but not the card's minutes in its block."""
    picked = pl.col("is_picked") & ~pl.col("is_data_card") & ~pl.col("takes_slot")
    limits = pl.DataFrame(
        [
            (rep_id, block, limit, slots[rep_id])
            for rep_id, blocks in minutes.items()
            for block, limit in blocks.items()
        ],
        schema={"rep_id": pl.String, "block": pl.String, "block_limit": pl.Int64, "slot_limit": pl.Int64},
        orient="row",
    )
    used = pl.col("minutes").filter(picked).sum().over("rep_id", "block")
    has_place = picked.sum().over("rep_id") < pl.col("slot_limit")
    is_full = has_place & (pl.col("minutes") > pl.col("block_limit") - used)
    return (
        rows.join(limits, on=["rep_id", "block"], how="left", maintain_order="left")
        .with_columns(is_block_full=is_full.fill_null(False))
        .drop("block_limit", "slot_limit")
    )
