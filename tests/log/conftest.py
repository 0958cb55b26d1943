from __future__ import annotations

from pathlib import Path

import pytest

from connectors.event_log import EventLog
from tests.log.opportunities import DEALS


def new_log(folder: Path) -> EventLog:
    """A log with one declared, still empty stream, in a path full of signs that mean something elsewhere."""
    log = EventLog(folder / "the log [1] 'x' *" / "log")
    log.evolve("opportunity", DEALS)
    return log


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return new_log(tmp_path)
