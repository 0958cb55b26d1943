"""The reasons a rep can pick, as the pick list GyakusanReview__c of the package has them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REVIEW_FIELD: Final = "GyakusanReview__c"
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "No time": "時間がなかった",
        "Customer not available": "お客様の都合がつかなかった",
        "Waiting for someone": "誰かの返事・作業待ち",
        "Other priority": "ほかの仕事を優先した",
        "Not useful": "効果が見込めなかった",
    }
)
"""Value of the pick list -> its Japanese label."""


def reason_labels(language: str) -> tuple[str, ...]:
    """The reasons as the rep reads them, in the order of the pick list."""
    return tuple(REASONS.values() if language == "ja" else REASONS)
