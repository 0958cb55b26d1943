"""What people ask with ``--what-if NAME=VALUE``: a coefficient set by hand, everything else as measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from unicodedata import normalize

from dagster_project.errors import GyakusanError
from dagster_project.plan.inputs import LARGEST_MONEY
from dagster_project.wording import amount_in

RATES = ("win_rate", "appointment_to_meeting", "touch_to_appointment")
# Smallest and largest value that says something: beyond them the answer would be a number nobody can use.
BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **dict.fromkeys(RATES, (0.001, 1.0)),
        "average_price": (1.0, LARGEST_MONEY),
        "cycle_days": (1.0, 3650.0),
    }
)
NAMES = tuple(BOUNDS)
EXAMPLES = MappingProxyType(
    {**dict.fromkeys(RATES, ".25 or 25%"), "average_price": "1200000 or 120万", "cycle_days": "30"}
)
_SHARE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(%)?")
_DAYS = re.compile(r"(\d+(?:\.\d+)?)(?:日|days?)?")


class WhatIfError(GyakusanError):
    """A coefficient that does not exist, or a value it cannot have."""

    exit_code = 2


def parse_what_if(assignments: Iterable[str]) -> dict[str, float]:
    """``NAME=VALUE`` texts as coefficients: rates as shares, money in the goal's currency, days.

    Raises:
        WhatIfError: an unknown name, one given twice, or a value that is no number or absurd.
    """
    tried: dict[str, float] = {}
    for assignment in assignments:
        name, _, value = normalize("NFKC", assignment).partition("=")
        name = name.strip().lower().replace("-", "_")
        if name not in BOUNDS:
            raise _refused(f"no coefficient is called {name!r}", f"name one of: {', '.join(NAMES)}")
        if name in tried:
            raise _refused(f"{name} is given twice", "give it once")
        tried[name] = _value(name, value)
    return tried


def _value(name: str, text: str) -> float:
    value = _number(name, re.sub(r"[,\s]", "", text))
    lowest, highest = BOUNDS[name]
    if value is None or not lowest <= value <= highest:
        limits = f"{lowest:g} to {highest:g}"
        raise _refused(
            f"{text.strip()!r} is no value for {name}", f"write {name}={EXAMPLES[name]} (from {limits})"
        )
    return value


def _number(name: str, text: str) -> float | None:
    if name == "average_price":
        return amount_in(text)
    found = (_SHARE if name in RATES else _DAYS).fullmatch(text)
    if not found:
        return None
    is_percent = name in RATES and found[2] is not None
    return float(found[1]) / (100.0 if is_percent else 1.0)


def _refused(what: str, remedy: str) -> WhatIfError:
    return WhatIfError(what, where="--what-if", remedy=remedy)
