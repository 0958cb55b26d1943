"""Salesforce record ids: 15 case-sensitive characters, or 18 with a suffix that makes them case-safe."""

from __future__ import annotations

import re

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
POD = "Gy000"
NUMBER_LENGTH = 7
_FORM = re.compile(r"[0-9A-Za-z]{15}([0-9A-Z]{3})?")


def with_suffix(short_id: str) -> str:
    """The 18-character form of a 15-character id: one suffix character per five, its bits the upper-case places."""
    chunks = (short_id[start : start + 5] for start in (0, 5, 10))
    bits = (sum(1 << place for place, letter in enumerate(chunk) if "A" <= letter <= "Z") for chunk in chunks)
    return short_id + "".join(SUFFIX_ALPHABET[value] for value in bits)


def normalized(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when the text is not an id."""
    if not _FORM.fullmatch(text):
        return None
    return with_suffix(text[:15])


def numbered(key_prefix: str, number: int) -> str:
    """The sandbox's own id number `number` of the object with this key prefix (18 characters)."""
    digits = ""
    for _ in range(NUMBER_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return with_suffix(key_prefix + POD + digits)


def number_of(record_id: str) -> int:
    """The number inside one of the sandbox's own ids; 0 for ids that came from elsewhere."""
    if record_id[3:8] != POD:
        return 0
    number = 0
    for digit in record_id[8:15]:
        number = number * len(ALPHABET) + ALPHABET.index(digit)
    return number
