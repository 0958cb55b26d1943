"""Asset keys of the marts, named once."""

from __future__ import annotations

from collections.abc import Iterable

MARTS = "marts"


def mart_keys(names: Iterable[str]) -> list[list[str]]:
    """Keys under which the marts stand in the asset graph."""
    return [[MARTS, name] for name in names]
