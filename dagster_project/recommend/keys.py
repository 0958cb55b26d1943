"""Action keys and the hold-out draw: both are hashes of names, so that any night repeats them to the bit."""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

KEY_LENGTH: Final = 80
SPACE: Final = 2.0**64


def with_action_key(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `action_key`, at most 80 characters: type, opportunity, owner and trigger episode.

    The owner is part of it (as six hex digits), since an episode ends when the deal changes hands. Rows need
    `action_type`, `opportunity_id`, `rep_id`, `episode`.
    """
    plain = pl.format(
        "{}:{}:{}:{}",
        "action_type",
        "opportunity_id",
        _digest(rows, pl.col("rep_id").fill_null("")).str.slice(0, 6),
        "episode",
    )
    keyed = rows.with_columns(action_key=plain)
    short = pl.col("action_key").str.slice(0, KEY_LENGTH - 33) + "~" + _digest(keyed, pl.col("action_key"))
    return keyed.with_columns(
        action_key=pl.when(pl.col("action_key").str.len_chars() > KEY_LENGTH)
        .then(short)
        .otherwise(pl.col("action_key"))
    )


def with_draw(rows: pl.DataFrame, salt: str) -> pl.DataFrame:
    """Rows with `draw`, uniform in [0, 1), fixed by (salt, opportunity, type, episode) as the method asks (§6).

    It does not depend on the night: what is held out at its first onset stays held out.
    """
    name = pl.concat_str(
        [pl.lit(salt), pl.col("opportunity_id"), pl.col("action_type"), pl.col("episode")], separator="\x1f"
    )
    return rows.with_columns(
        draw=_hashed(rows, name, "md5_number_lower(name)", pl.UInt64).cast(pl.Float64) / SPACE
    )


def _digest(rows: pl.DataFrame, text: pl.Expr) -> pl.Series:
    return _hashed(rows, text, "md5(name)", pl.String)


def _hashed(rows: pl.DataFrame, text: pl.Expr, sql: str, dtype: type[pl.DataType]) -> pl.Series:
    """A hash of a text per row. DuckDB's md5, since polars' own hash may change from one version to the next."""
    if rows.is_empty():
        return pl.Series("hashed", [], dtype=dtype)
    named = rows.select(name=text).with_row_index("position")
    with duckdb.connect() as connection:
        connection.register("named", named.to_arrow())
        found: pl.DataFrame = connection.sql(f"select {sql} as hashed from named order by position").pl()
    return found["hashed"].cast(dtype)
