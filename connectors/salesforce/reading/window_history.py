"""What earlier pulls have closed: the cursor of each stream, and when it was last read whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.event_log import EventLog
from connectors.event_log.query import query
from connectors.salesforce.reading.windows import EXTRACTION_WINDOWS, RESUMED


@dataclass(frozen=True)
class StreamWindows:
    """Ends of a stream's closed windows: the latest, and the latest of one that had no beginning.

    `deletions_to_at` is up to when the org's list of deletions was read: a window that only read a Bulk job
    to its end did not ask for it.
    """

    closed_to_at: datetime | None = None
    whole_to_at: datetime | None = None
    deletions_to_at: datetime | None = None

    def is_whole_older_than(self, span: timedelta, now: datetime) -> bool:
        """Whether the last reading of the whole object is this long ago, or never was."""
        return self.whole_to_at is None or now - self.whole_to_at >= span


def stream_windows(log: EventLog) -> Mapping[str, StreamWindows]:
    """Stream -> what its closed windows have reached."""
    ends = query(
        f"""select stream, max(window_to_at) as closed_to_at,
          max(window_to_at) filter (where window_from_at is null) as whole_to_at,
          coalesce(max(window_to_at) filter (where reason is distinct from '{RESUMED}'), min(window_to_at))
            as deletions_to_at
        from {log.scan(EXTRACTION_WINDOWS)} where kind = 'closed' group by stream""",
        log.root / EXTRACTION_WINDOWS,
    )
    return {row.pop("stream"): StreamWindows(**row) for row in ends.to_pylist()}
