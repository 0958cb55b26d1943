"""Pull every declared object, window by window, into the log; the cursor moves only when the counts agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import (
    BudgetExhausted,
    HalfPage,
    MissingField,
    MissingObject,
    RequestRefused,
    SalesforceProblem,
    ServerFault,
)
from connectors.salesforce.reading.bulk_jobs import BULK_JOBS, BULK_JOBS_CONTRACT, columns_text
from connectors.salesforce.reading.departures import Departures, held_back
from connectors.salesforce.reading.formulas import moved_unstamped
from connectors.salesforce.reading.sweep_facts import ID_SWEEPS, ID_SWEEPS_CONTRACT
from connectors.salesforce.reading.window_history import StreamWindows, stream_windows
from connectors.salesforce.reading.window_reader import (
    LEFT_INCOMPLETE,
    ObjectToRead,
    Progress,
    PullOptions,
    Tally,
    WindowReader,
    no_progress,
)
from connectors.salesforce.reading.windows import (
    EXTRACTION_WINDOWS,
    EXTRACTION_WINDOWS_CONTRACT,
    FIRST,
    FORMULAS_DUE,
    INCREMENT,
    NEW_FIELD,
    NO_CURSOR,
    RESUMED,
    WINDOW_KEY,
    PulledWindow,
    Window,
    next_window,
    window_rows,
)
from connectors.salesforce.schema.describe import Described
from connectors.salesforce.schema.field_changes import SCHEMA_CHANGES, SCHEMA_CHANGES_CONTRACT
from connectors.salesforce.schema.objects import OBJECTS, SalesforceObject
from connectors.salesforce.schema.org_schema import FieldNews, OrgSchema


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
    """Read everything that changed since the last closed windows; one PulledWindow per object, in order, and
    before it one more where a Bulk job of an earlier run was read to its end.

    An object that cannot be read ends as incomplete or failed and the others go on. Raises UnreachableHost,
    SessionRefused, WrongCredentials and LogError, which concern all of them; what landed before is kept.
    """
    declare_streams(log, objects)
    reader = WindowReader(client, log, run_id, clock, progress, options or PullOptions())
    schema = OrgSchema(client, log)
    run = _Pull(reader, schema, Departures(reader, schema))
    pulled: list[PulledWindow] = []
    try:
        for declared in run.longest_unread_first(objects):
            pulled += run.pull_object(declared)
    finally:
        run.record_empty_windows()
    places = {declared.name: place for place, declared in enumerate(objects)}
    pulled.sort(key=lambda window: places[window.object_name])
    return run.departures.sweep_due(pulled)


def declare_streams(log: EventLog, objects: Sequence[SalesforceObject] = OBJECTS) -> None:
    """Make every stream exist with its base contract, data or not."""
    for declared in objects:
        _declare(log, declared.stream, declared.base_contract())
    _declare(log, EXTRACTION_WINDOWS, EXTRACTION_WINDOWS_CONTRACT)
    _declare(log, SCHEMA_CHANGES, SCHEMA_CHANGES_CONTRACT)
    _declare(log, BULK_JOBS, BULK_JOBS_CONTRACT)
    _declare(log, ID_SWEEPS, ID_SWEEPS_CONTRACT)


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
    schema: OrgSchema
    departures: Departures
    empty_windows: list[PulledWindow] = field(default_factory=list)
    _windows: Mapping[str, StreamWindows] | None = None

    def longest_unread_first(self, objects: Sequence[SalesforceObject]) -> list[SalesforceObject]:
        """The objects in the order to read them: where calls run out every night, each gets its turn."""

        def closed_to_at(declared: SalesforceObject) -> float:
            reached = self._stream(declared).closed_to_at
            return reached.timestamp() if reached else float("-inf")

        return sorted(objects, key=closed_to_at)

    def pull_object(self, declared: SalesforceObject) -> list[PulledWindow]:
        """One object's windows, from describe to their records in the log."""
        windows = []
        started, calls = time.monotonic(), self.reader.client.session.calls
        for outcome in self._outcomes(declared):
            now, calls_now = time.monotonic(), self.reader.client.session.calls
            windows.append(replace(outcome, seconds=round(now - started, 3), api_calls=calls_now - calls))
            self._keep(windows[-1])
            started, calls = now, calls_now
        return windows

    def _keep(self, outcome: PulledWindow) -> None:
        if outcome.rows_received:
            self._record([outcome])
            self._trust_after(outcome)
        else:
            self.empty_windows.append(outcome)

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

    def _outcomes(self, declared: SalesforceObject) -> Iterator[PulledWindow]:
        plain = PulledWindow(declared.stream, declared.name, "failed")
        try:
            if self.schema.is_absent(declared):
                yield replace(plain, status="absent", message=f"the org shows no {declared.name}")
                return
            described = self.reader.client.describe(declared.name).wanted(declared)
            yield from self._read_described(declared, described)
        except MissingObject as problem:
            yield replace(plain, status="failed" if declared.is_required else "absent", message=str(problem))
        except (MissingField, RequestRefused) as problem:
            yield replace(plain, message=str(problem))
        except (BudgetExhausted, HalfPage, ServerFault) as problem:
            yield replace(plain, status="incomplete", message=str(problem))

    def _read_described(self, declared: SalesforceObject, described: Described) -> Iterator[PulledWindow]:
        _need(described, "Id")
        contract = described.contract()
        self.reader.log.evolve(declared.stream, contract)
        cursor_field = described.cursor_field(declared.cursor_field)
        source = ObjectToRead(
            declared.name,
            declared.stream,
            tuple(described.types),
            cursor_field,
            columns_text(described.types),
        )
        news = self.schema.news(declared, described)
        resumed = self._resumed(source)
        if resumed is not None:
            if resumed.status == "closed" and resumed.window_from_at is None:
                # The job's fields are today's, and it read all of them.
                self.schema.record(news, self.reader.clock, self.reader.run_id)
                news = replace(news, changes=(), words=())
            yield resumed
            self._windows = None
            if resumed.status != "closed":
                return
        yield self._read_window(declared, described, source, news)

    def _resumed(self, source: ObjectToRead) -> PulledWindow | None:
        """The window of a Bulk job an earlier run left, read to its end; None without one that is of use."""
        job = self.reader.jobs.open_job(source.stream)
        if job is None:
            return None
        tally = Tally()
        outcome = PulledWindow(
            source.stream,
            source.name,
            "closed",
            cursor_field=source.cursor_field,
            window_from_at=job.window.from_at,
            window_to_at=job.window.to_at,
            reason=RESUMED,
        )
        try:
            is_closed = self.reader.resume(source, job, tally)
        except LEFT_INCOMPLETE as problem:
            return _counted(replace(outcome, status="incomplete", message=str(problem)), tally)
        return _counted(outcome, tally) if is_closed else None

    def _read_window(
        self, declared: SalesforceObject, described: Described, source: ObjectToRead, news: FieldNews
    ) -> PulledWindow:
        reason = self._reason(declared, described, source.cursor_field, news)
        history, now = self._stream(declared), self._now() - self.reader.options.lag
        gone = self.departures.ask(declared, history.deletions_to_at, now)
        window = self._window(history, reason, now, gone.latest_date_covered_at)
        tally = Tally()
        outcome = PulledWindow(
            declared.stream,
            declared.name,
            "closed",
            cursor_field=source.cursor_field,
            window_from_at=window.from_at,
            window_to_at=window.to_at,
            latest_date_covered_at=gone.latest_date_covered_at,
            reason=reason,
            message="; ".join(filter(None, [*news.words, held_back(window, now, gone)])),
        )
        try:
            self.reader.read(source, window, tally, reason=reason)
        except LEFT_INCOMPLETE as problem:
            return _counted(replace(outcome, status="incomplete", message=str(problem)), tally)
        self.schema.record(news, self.reader.clock, self.reader.run_id)
        self.departures.land(declared, described, window, gone)
        if reason == FORMULAS_DUE:
            outcome = replace(outcome, message=self._moved(outcome, described))
        return _counted(outcome, tally)

    def _reason(
        self, declared: SalesforceObject, described: Described, cursor_field: str | None, news: FieldNews
    ) -> str:
        history = self._stream(declared)
        if history.closed_to_at is None:
            return FIRST
        if news.asks_for_whole:
            return NEW_FIELD
        if cursor_field is None:
            return NO_CURSOR
        is_due = history.is_whole_older_than(self.reader.options.formulas_every, self.reader.clock())
        return FORMULAS_DUE if described.calculated and is_due else INCREMENT

    def _moved(self, outcome: PulledWindow, described: Described) -> str:
        moved = moved_unstamped(self.reader.log, outcome.stream, self.reader.run_id, described.calculated)
        return "; ".join(filter(None, [outcome.message, moved.sentence() if moved.values else ""]))

    def _window(
        self, history: StreamWindows, reason: str, now: datetime, covered_at: datetime | None
    ) -> Window:
        last_to_at = history.closed_to_at if reason == INCREMENT else None
        return next_window(last_to_at, now, overlap=self.reader.options.overlap, covered_at=covered_at)

    def _now(self) -> datetime:
        now, org_clock = self.reader.clock(), self.reader.client.org_clock()
        # A clock of ours that is ahead would close windows the org has not lived through.
        return now if org_clock is None else min(now, org_clock)

    def _stream(self, declared: SalesforceObject) -> StreamWindows:
        if self._windows is None:
            self._windows = stream_windows(self.reader.log)
        return self._windows.get(declared.stream, StreamWindows())


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
        rows_moved_on=tally.rows_moved_on,
        rows_appended=tally.rows_appended,
    )


def problems(pulled: Sequence[PulledWindow]) -> list[str]:
    """One line for every object that was not read completely, or whose ids could not be compared."""
    unread = [(each.object_name, each.message) for each in pulled if each.status in ("incomplete", "failed")]
    unswept = [
        (each.object_name, each.sweep_message) for each in pulled if each.sweep in ("incomplete", "refused")
    ]
    return [f"{name}: {message}" for name, message in [*unread, *unswept]]


def may_pass(pulled: Sequence[PulledWindow]) -> bool:
    """Whether reading again at once may help; no permission or refused sweep mends itself."""
    return any("incomplete" in (each.status, each.sweep) for each in pulled)


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
    "may_pass",
    "problems",
    "pull",
]
