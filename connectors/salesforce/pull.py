"""Pull every declared object, window by window, into the log; the cursor moves only when the counts agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.describe import (
    SCHEMA_CHANGES,
    SCHEMA_CHANGES_CONTRACT,
    Described,
    FieldChange,
    change_rows,
    field_changes,
    known_fields,
    summary,
)
from connectors.salesforce.errors import (
    BudgetExhausted,
    BulkJobFailed,
    CountMismatch,
    HalfPage,
    MissingField,
    MissingObject,
    RequestRefused,
    SalesforceProblem,
    ServerFault,
)
from connectors.salesforce.objects import INSTANT, OBJECTS, SalesforceObject
from connectors.salesforce.reading import (
    ObjectToRead,
    Progress,
    PullOptions,
    Tally,
    WindowReader,
    no_progress,
)
from connectors.salesforce.windows import (
    EXTRACTION_WINDOWS,
    EXTRACTION_WINDOWS_CONTRACT,
    WINDOW_KEY,
    PulledWindow,
    Window,
    cursors,
    next_window,
    window_rows,
)


def pull(
    client: SalesforceClient,
    log: EventLog,
    *,
    run_id: str,
    clock: Callable[[], datetime],
    objects: Sequence[SalesforceObject] = OBJECTS,
    progress: Progress = no_progress,
    options: PullOptions | None = None,
) -> list[PulledWindow]:
    """Read everything that changed since the last closed windows; one PulledWindow per object, in order.

    An object that cannot be read ends as incomplete or failed and the others go on. Raises UnreachableHost,
    SessionRefused, WrongCredentials and LogError, which concern all of them; what landed before is kept.
    """
    declare_streams(log, objects)
    run = _Pull(WindowReader(client, log, run_id, clock, progress, options or PullOptions()))
    pulled: list[PulledWindow] = []
    try:
        for declared in objects:
            window = run.pull_object(declared)
            pulled.append(window)
    finally:
        run.record_empty_windows()
    return pulled


def declare_streams(log: EventLog, objects: Sequence[SalesforceObject] = OBJECTS) -> None:
    """Make every stream exist with its base contract, data or not."""
    for declared in objects:
        _declare(log, declared.stream, declared.base_contract())
    _declare(log, EXTRACTION_WINDOWS, EXTRACTION_WINDOWS_CONTRACT)
    _declare(log, SCHEMA_CHANGES, SCHEMA_CHANGES_CONTRACT)


def _declare(log: EventLog, stream: str, base: pa.Schema) -> None:
    # Only what is lacking: declaring a known field again would undo where a retyped one goes.
    known = {name.lower() for name in log.contract(stream).names} if stream in log.streams() else set()
    lacking = [each for each in base if each.name.lower() not in known]
    if lacking or not known:
        log.evolve(stream, pa.schema(lacking))


@dataclass
class _Pull:
    """What the steps of one pull share."""

    reader: WindowReader
    empty_windows: list[PulledWindow] = field(default_factory=list)
    _cursors: Mapping[str, datetime] | None = None
    _known_fields: Mapping[str, Mapping[str, tuple[str, str | None]]] | None = None

    def pull_object(self, declared: SalesforceObject) -> PulledWindow:
        """One object's window, from describe to its record in the log."""
        started, calls = time.monotonic(), self.reader.client.session.calls
        outcome = self._outcome(declared)
        outcome = replace(
            outcome,
            seconds=round(time.monotonic() - started, 3),
            api_calls=self.reader.client.session.calls - calls,
        )
        if outcome.rows_received:
            self._record([outcome])
            self._trust_after(outcome)
        else:
            self.empty_windows.append(outcome)
        return outcome

    def _trust_after(self, outcome: PulledWindow) -> None:
        # A window without rows proves nothing: half pages, say, strike those that have some.
        if outcome.status == "closed":
            self.reader.client.session.trust_again()

    def record_empty_windows(self) -> None:
        """One batch for all windows that brought no rows: there is no data they could come before."""
        if self.empty_windows:
            self._record(self.empty_windows)
            self.empty_windows = []

    def _record(self, windows: Sequence[PulledWindow]) -> None:
        now = self.reader.clock()
        self.reader.log.append_facts(
            EXTRACTION_WINDOWS,
            window_rows(windows, self.reader.run_id, now),
            run_id=self.reader.run_id,
            observed_at=now,
            key=WINDOW_KEY,
        )

    def _outcome(self, declared: SalesforceObject) -> PulledWindow:
        plain = PulledWindow(declared.stream, declared.name, "failed")
        try:
            described = self.reader.client.describe(declared.name)
            return self._read_described(declared, described)
        except MissingObject as problem:
            return replace(plain, status="failed" if declared.is_required else "absent", message=str(problem))
        except (MissingField, RequestRefused) as problem:
            return replace(plain, message=str(problem))
        except (BudgetExhausted, HalfPage, ServerFault) as problem:
            return replace(plain, status="incomplete", message=str(problem))

    def _read_described(self, declared: SalesforceObject, described: Described) -> PulledWindow:
        _need(described, "Id")
        contract = described.contract()
        self.reader.log.evolve(declared.stream, contract)
        changes = field_changes(declared, described, self._known(declared.name))
        cursor_field = described.cursor_field(declared.cursor_field)
        window = self._window(declared, cursor_field, changes)
        source = ObjectToRead(declared.name, declared.stream, tuple(described.types), cursor_field)
        tally = Tally()
        outcome = PulledWindow(
            declared.stream,
            declared.name,
            "closed",
            cursor_field=cursor_field,
            window_from_at=window.from_at,
            window_to_at=window.to_at,
            message=summary(changes),
        )
        try:
            self.reader.read(source, window, tally)
        except (HalfPage, CountMismatch, BulkJobFailed, BudgetExhausted, ServerFault) as problem:
            return _counted(replace(outcome, status="incomplete", message=str(problem)), tally)
        self._record_changes(declared, changes)
        return _counted(outcome, tally)

    def _window(
        self, declared: SalesforceObject, cursor_field: str | None, changes: Sequence[FieldChange]
    ) -> Window:
        last_to_at = self._cursor(declared.stream)
        # A field that came into view has values in records whose stamp did not move: read everything again.
        if cursor_field is None or any(change.kind in ("new", "retyped") for change in changes):
            last_to_at = None
        options = self.reader.options
        return next_window(last_to_at, self._now(), lag=options.lag, overlap=options.overlap)

    def _now(self) -> datetime:
        now, org_clock = self.reader.clock(), self.reader.client.org_clock()
        # A clock of ours that is ahead would close windows the org has not lived through. A local org has
        # its own settable clock, which `clock` already is.
        if org_clock is None or self.reader.client.is_local:
            return now
        return min(now, org_clock)

    def _cursor(self, stream: str) -> datetime | None:
        if self._cursors is None:
            closed = self.reader.log.read(
                EXTRACTION_WINDOWS, ["stream", "window_to_at"], where="kind = 'closed'"
            )
            self._cursors = cursors(closed)
        return self._cursors.get(stream)

    def _known(self, object_name: str) -> Mapping[str, tuple[str, str | None]]:
        if self._known_fields is None:
            self._known_fields = known_fields(self.reader.log.latest(SCHEMA_CHANGES))
        return self._known_fields.get(object_name, {})

    def _record_changes(self, declared: SalesforceObject, changes: Sequence[FieldChange]) -> None:
        if not changes:
            return
        now = self.reader.clock()
        self.reader.log.append_facts(
            SCHEMA_CHANGES,
            change_rows(declared, changes, pa.scalar(now, INSTANT)),
            run_id=self.reader.run_id,
            observed_at=now,
            key=("record_id", "kind", "occurred_at"),
        )


def _need(described: Described, field_name: str) -> None:
    if field_name not in described.types:
        raise MissingField(
            f"{described.object_name}.{field_name} is not visible",
            where=described.object_name,
            remedy="grant the integration user read access to the field",
        )


def _counted(outcome: PulledWindow, tally: Tally) -> PulledWindow:
    return replace(
        outcome,
        method=tally.method,
        job_id=tally.job_id,
        rows_received=tally.rows_received,
        rows_processed=tally.rows_processed,
        rows_counted=tally.rows_counted,
        rows_appended=tally.rows_appended,
    )


def problems(pulled: Sequence[PulledWindow]) -> list[str]:
    """One line for every object that was not read completely."""
    return [
        f"{each.object_name}: {each.message}" for each in pulled if each.status in ("incomplete", "failed")
    ]


def is_complete(pulled: Sequence[PulledWindow]) -> bool:
    """Whether every object is closed or rightly absent."""
    return not problems(pulled)


__all__ = [
    "Progress",
    "PullOptions",
    "PulledWindow",
    "SalesforceProblem",
    "declare_streams",
    "is_complete",
    "problems",
    "pull",
]
