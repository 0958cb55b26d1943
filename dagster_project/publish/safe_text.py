"""CRM text is hostile input: what reaches a terminal carries no control or direction-changing characters."""

from __future__ import annotations

import unicodedata

UNSAFE_CATEGORIES = ("Cc", "Cf", "Zl", "Zp", "Cs")
# A zero-width joiner holds emoji together and moves nothing.
HARMLESS = frozenset("\u200d")


def safe(text: object) -> str:
    """The text on one line, unprintable characters replaced by a space."""
    if text is None:
        return "–"
    kept = (
        " " if unicodedata.category(sign) in UNSAFE_CATEGORIES and sign not in HARMLESS else sign
        for sign in str(text)
    )
    return " ".join("".join(kept).split())
