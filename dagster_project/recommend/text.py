"""Text of strangers made harmless, money and dates in words, templates filled in: all as polars expressions."""

from __future__ import annotations

from string import Formatter
from typing import Final

import polars as pl

from dagster_project.recommend.rules import Language
from dagster_project.wording import money

NAME_LENGTH: Final = 60
# Control and format characters (line breaks, direction overrides, zero-width signs) and odd spaces.
UNPRINTABLE: Final = r"[\p{C}\p{Z}\s]+"
# A few marks on a letter are spelling, a tower of them is an attack on the page.
PILED_MARKS: Final = r"(\p{M}{2})\p{M}+"
BEYOND_TWO_BYTES: Final = r"[\x{10000}-\x{10FFFF}]"


def harmless(text: pl.Expr, length: int = NAME_LENGTH) -> pl.Expr:
    """CRM text as one short printable line: no control characters, no markup, no live links."""
    line = (
        text.fill_null("")
        .str.slice(0, 20 * length)
        .str.replace_all(UNPRINTABLE, " ")
        .str.replace_all(PILED_MARKS, "$1")
        .str.replace_all("<", "‹", literal=True)
        .str.replace_all(">", "›", literal=True)
        .str.replace_all("://", ": //", literal=True)
        .str.strip_chars()
    )
    return shortened(line, length)


def shortened(text: pl.Expr, length: int) -> pl.Expr:
    """Text of at most `length` UTF-16 units, which is how Salesforce counts; what is cut ends in an ellipsis."""
    units = text.str.len_chars() + text.str.count_matches(BEYOND_TWO_BYTES)
    has_wide = text.str.contains(BEYOND_TWO_BYTES)
    kept = pl.when(has_wide).then(length // 2 - 1).otherwise(length - 1)
    return pl.when(units > length).then(text.str.slice(0, kept) + "…").otherwise(text)


def filled(template: str) -> pl.Expr:
    """A template with `{column}` places as one text expression. Texts put in are never read as templates.

    Raises ValueError for a place without a name.
    """
    parts: list[pl.Expr] = []
    for literal, column, _, _ in Formatter().parse(template):
        if literal:
            parts.append(pl.lit(literal))
        if column == "":
            raise ValueError(f"a place without a name in the template {template!r}")
        if column:
            parts.append(pl.col(column).cast(pl.String).fill_null("-"))
    return pl.concat_str(parts)


def money_text(amount: pl.Expr, currency: pl.Expr, language: Language) -> pl.Expr:
    """Money as everything else shown writes it (``wording.money``)."""
    return pl.struct(amount=amount, currency=currency).map_batches(
        lambda rows: _money_of_each(rows, language), return_dtype=pl.String
    )


def _money_of_each(rows: pl.Series, language: Language) -> pl.Series:
    """Few amounts differ among many cards, so each is put into words once."""
    different = rows.unique()
    texts = [money(row["amount"], row["currency"], language) for row in different]
    shown = pl.DataFrame({"row": different, "text": pl.Series(texts, dtype=pl.String)})
    return rows.to_frame("row").join(shown, on="row", how="left", nulls_equal=True, maintain_order="left")[
        "text"
    ]


def date_text(day: pl.Expr, language: Language) -> pl.Expr:
    """`20 Nov 2026` or `2026年11月20日`; with the year, since a task outlives it."""
    return day.dt.strftime("%-d %b %Y" if language == "en" else "%Y年%-m月%-d日")
