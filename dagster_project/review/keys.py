"""How the task of an evening review is known: one key per rep and day, whenever it is written."""

from __future__ import annotations

from typing import Final

import polars as pl

REVIEW_PREFIX: Final = "review:"
REVIEW_TYPE: Final = "review"


def review_key(rep_id: pl.Expr, day: pl.Expr) -> pl.Expr:
    """``review:REP:DATE``, 36 characters; the same in ``is_review`` and ``int_reviews`` of the dbt project."""
    return pl.format("{}{}:{}", pl.lit(REVIEW_PREFIX), rep_id, day.dt.strftime("%Y-%m-%d"))
