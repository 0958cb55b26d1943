"""What one pull does about records that went away: the org's list of deletions, then the id sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.query import query
from connectors.salesforce.reading.deletes import NOTHING_SAID, Gone, read_deleted
from connectors.salesforce.reading.sweep import Sweeper, SweepTarget
from connectors.salesforce.reading.sweep_facts import Swept, append_swept, read_calendar
from connectors.salesforce.reading.sweep_ids import source_ids
from connectors.salesforce.reading.window_reader import WindowReader
from connectors.salesforce.reading.windows import RESUMED, PulledWindow, Window
from connectors.salesforce.schema.describe import Described
from connectors.salesforce.schema.objects import SalesforceObject
from connectors.salesforce.schema.org_schema import OrgSchema

# Held back by less, a window's end is not worth a word.
_WORTH_A_WORD = timedelta(hours=1)


@dataclass
class Departures:
    """The steps of one pull that concern records gone from the org."""

    reader: WindowReader
    schema: OrgSchema
    _closed: list[SweepTarget] = field(default_factory=list)

    def ask(self, declared: SalesforceObject, last_to_at: datetime | None, to_at: datetime) -> Gone:
        """What the org says was deleted since the last closed window, and up to when it vouches for changes."""
        flags = self.schema.flags(declared.name)
        if flags is None or not flags.is_replicateable:
            return NOTHING_SAID
        overlap = self.reader.options.overlap
        client = self.reader.client
        return read_deleted(client, declared.name, last_to_at=last_to_at, to_at=to_at, overlap=overlap)

    def land(self, declared: SalesforceObject, described: Described, window: Window, gone: Gone) -> None:
        """Append what is gone, after the window's rows: those the recycle bin showed are known by then.

        Where deletions may have been missed, the sweep is announced first: it stays due whatever happens.
        """
        if gone.missed:
            announced = Swept(declared.stream, declared.name, "due", gone.missed)
            self._append([announced])
        rows = gone.until(window.to_at)
        if rows.num_rows and not declared.purges_old_rows:
            self.reader.log.append_gone(
                declared.stream,
                _not_seen_since(self.reader.log, declared.stream, rows),
                kind="deleted",
                run_id=self.reader.run_id,
                source="rest",
                observed_at=self.reader.clock(),
                window=window.label(),
            )
        self._closed.append(SweepTarget(declared, described, window.to_at))

    def sweep_due(self, pulled: Sequence[PulledWindow]) -> list[PulledWindow]:
        """Sweep what is due among the objects whose windows were closed; the windows with what came of it.

        To be called when all windows are closed: reading comes first where the budget is short.
        """
        due = self._due()
        if not due:
            return list(pulled)
        swept: dict[str, Swept] = {}
        with source_ids() as ids:
            sweeper = Sweeper(self.reader, ids, self.reader.options.accept_gone)
            try:
                for target, trigger in due:
                    swept[target.declared.stream] = sweeper.sweep(target, trigger)
            finally:
                self._append(list(swept.values()))
        return [_with_sweep(window, swept.get(window.stream)) for window in pulled]

    def _due(self) -> list[tuple[SweepTarget, str]]:
        """Objects to sweep, each with why."""
        calendar, every = read_calendar(self.reader.log), self.reader.options.sweep_every
        triggers = [calendar.due(each.declared.stream, self.reader.clock(), every) for each in self._closed]
        return [(each, trigger) for each, trigger in zip(self._closed, triggers, strict=True) if trigger]

    def _append(self, sweeps: Sequence[Swept]) -> None:
        if not sweeps:
            return
        append_swept(self.reader.log, sweeps, run_id=self.reader.run_id, occurred_at=self.reader.clock())


def _not_seen_since(log: EventLog, stream: str, gone: pa.Table) -> pa.Table:
    """Those of the listed deletions that the log has no later word of: a record may be back already."""
    return query(
        f"""select landed.* from landed left join
          (select record_id, max(occurred_at) as seen_at from {log.scan(stream)}
            where record_id in (select record_id from landed) group by record_id) as known
          using (record_id)
        where coalesce(known.seen_at <= landed.occurred_at, true) order by record_id""",
        log.root / stream,
        landed=gone,
    )


def held_back(window: Window, now: datetime, gone: Gone) -> str:
    """A word on a window that ends long ago because the org does not vouch for later changes yet."""
    if gone.latest_date_covered_at is None or now - window.to_at < _WORTH_A_WORD:
        return ""
    return (
        f"read up to {window.to_at:%Y-%m-%d %H:%M} UTC only: a long transaction runs in the org, "
        "later changes come with the next run"
    )


def _with_sweep(window: PulledWindow, swept: Swept | None) -> PulledWindow:
    if swept is None or window.status != "closed" or window.reason == RESUMED:
        return window
    return replace(window, sweep=swept.kind, sweep_message=swept.message)
