"""Salesforce record ids: 15 case-sensitive characters and the 3 that make them safe where case is lost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.draws import IntArray

KEY_PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "Event": "00U",
    "ForecastingQuota": "0J9",
    "Lead": "00Q",
    "Opportunity": "006",
    "OpportunityContactRole": "00K",
    "OpportunityFieldHistory": "017",
    "OpportunityHistory": "008",
    "OpportunityStage": "01J",
    "Organization": "00D",
    "Period": "026",
    "Task": "00T",
    "User": "005",
    "UserRole": "00E",
}
_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_CHECK = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)
_INSTANCE = b"5g0"
_DIGITS = 9


def record_ids(object_name: str, numbers: IntArray, missing: npt.NDArray[np.bool_] | None = None) -> Column:
    """One 18-character id per number (0 ≤ number < 62^9); null where `missing`. Raises KeyError on an unknown object."""
    count = len(numbers)
    text = np.empty((count, 18), dtype=np.uint8)
    text[:, :6] = np.frombuffer(KEY_PREFIXES[object_name].encode() + _INSTANCE, dtype=np.uint8)
    rest = numbers.astype(np.int64, copy=True)
    for position in range(5 + _DIGITS, 5, -1):
        rest, digit = np.divmod(rest, 62)
        text[:, position] = _ALPHABET[digit]
    is_upper = (text[:, :15] >= ord("A")) & (text[:, :15] <= ord("Z"))
    weights = np.array([1, 2, 4, 8, 16])
    for block in range(3):
        text[:, 15 + block] = _CHECK[is_upper[:, block * 5 : block * 5 + 5] @ weights]
    flat = np.ascontiguousarray(text).reshape(-1).view("S18") if count else np.empty(0, dtype="S18")
    ids: Column = pa.array(flat, mask=missing).cast(pa.string())
    return ids
