"""The hold-out: a known share of chosen cards is withheld, so that what cards do can be told from what would have been.

Method §6: after the choice is made, a card is withheld with known probability by a hash fixed at its first onset; its
slot stays empty. Every candidate carries the propensity it would have been shown with.
"""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.keys import with_draw


def with_propensity(rows: pl.DataFrame, *, salt: str, held_out_share: float) -> pl.DataFrame:
    """Rows with `propensity` (of being shown when chosen) and `is_held_out`.

    Raises ValueError when the share is not in [0, 1).
    """
    if not 0.0 <= held_out_share < 1.0:
        raise ValueError(f"held_out_share must be at least 0 and below 1, not {held_out_share}")
    drawn = with_draw(rows, salt)
    return drawn.with_columns(
        propensity=pl.lit(1.0 - held_out_share), is_held_out=pl.col("draw") < held_out_share
    ).drop("draw")
