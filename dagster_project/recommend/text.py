"""Text of strangers made harmless, money and dates in words, templates filled in: all as polars expressions."""

from __future__ import annotations

from string import Formatter
from typing import Final

import polars as pl

from dagster_project.recommend.rules import Language

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
    """Whole units with thousands separators: `JPY 1,234` or `1,234円`."""
    whole = amount.fill_null(0.0).clip(-1e14, 1e14).round().cast(pl.Int64)
    digits = _thousands(whole.abs())
    sign = pl.when(whole < 0).then(pl.lit("−")).otherwise(pl.lit(""))
    code = currency.fill_null("JPY")
    if language == "en":
        return pl.concat_str([code, pl.lit(" "), sign, digits])
    unit = pl.when(code == "JPY").then(pl.lit("円")).otherwise(pl.lit(" ") + code)
    return pl.concat_str([sign, digits, unit])


def date_text(day: pl.Expr, language: Language) -> pl.Expr:
    """`2026-11-20` or `2026年11月20日`."""
    return day.dt.strftime("%Y-%m-%d" if language == "en" else "%Y年%-m月%-d日")


def _thousands(whole: pl.Expr) -> pl.Expr:
    """Digits in groups of three, for whole numbers from 0 to 10^15."""
    text = pl.lit("")
    for power in (12, 9, 6, 3, 0):
        group = (whole // 10**power % 1000).cast(pl.String)
        above = whole // 10 ** (power + 3)
        shown = (
            pl.when(above > 0).then(pl.lit("," if power < 12 else "") + group.str.zfill(3)).otherwise(group)
        )
        is_blank = (whole // 10**power == 0) & pl.lit(power > 0)
        text = text + pl.when(is_blank).then(pl.lit("")).otherwise(shown)
    return text
