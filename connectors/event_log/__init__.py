"""The append-only log of facts: typed Parquet, one folder per stream; the only writer of that folder."""

from __future__ import annotations

from connectors.event_log.contract import ERASURES, SYSTEM_FIELDS
from connectors.event_log.errors import LogError
from connectors.event_log.log import Appended, EventLog
from connectors.event_log.maintenance import Compacted, Erased

__all__ = ["ERASURES", "SYSTEM_FIELDS", "Appended", "Compacted", "Erased", "EventLog", "LogError"]
