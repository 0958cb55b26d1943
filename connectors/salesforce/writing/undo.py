"""Taking back what one run wrote, and only that: tasks it made are deleted, fields it changed get their values
back, each only while nobody else and no later run has touched the task.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from connectors.salesforce.writing.apply_actions import need_sandbox
from connectors.salesforce.writing.undo_facts import WrittenAction, actions_written
from connectors.salesforce.writing.upserts import (
    COLLECTION_ROWS,
    RowResult,
    delete_tasks,
    read_back,
    read_back_marked,
    read_where_in,
    update_tasks,
)
from connectors.salesforce.writing.write_facts import WriteRecorder, declare_write_streams, json_text
from connectors.salesforce.writing.write_plan import (
    LIVE_FIELDS,
    FieldDifference,
    Value,
    differences,
    live_by_key,
)

Live = Mapping[str, str | None]


@dataclass(frozen=True)
class PlannedUndo:
    """The decision on one action of the run.

    `decision`: delete, restore, left_alone (see `reason`), settled (an earlier undo asked for it and the org
    shows it done), or nothing (already undone, or it never arrived). `differences` are the fields given back.
    """

    written: WrittenAction
    decision: str
    task_id: str | None = None
    reason: str = ""
    differences: tuple[FieldDifference, ...] = ()
    subject: str = ""


@dataclass(frozen=True)
class UndoneAction:
    """What became of it. `status`: deleted, restored, left_alone, nothing, rejected or unsent (see `message`);
    delete or restore in a dry run.
    """

    planned: PlannedUndo
    status: str
    message: str = ""


def undo_run(
    client: SalesforceClient,
    log: EventLog,
    undone_run_id: str,
    *,
    run_id: str,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    allow_production: bool = False,
) -> list[UndoneAction]:
    """Take back what a run wrote; one entry per action it sent. Doing it twice does it once.

    Each task is read directly before it is taken back, and read again after. Raises UnsafeTarget for an org
    that is no sandbox unless `allow_production` or `dry_run`, and the errors of reading.
    """
    if not (dry_run or allow_production):
        need_sandbox(client)
    declare_write_streams(log)
    written = actions_written(log, undone_run_id)
    org = _Org(client, client.describe("Task").types)
    recorder = WriteRecorder(log, run_id, clock())
    done: list[UndoneAction] = []
    for start in range(0, len(written), COLLECTION_ROWS):
        planned = org.plan(written[start : start + COLLECTION_ROWS])
        done += _as_planned(planned) if dry_run else _take_back(org, recorder, undone_run_id, planned)
    return done


def plan_undo(
    written: WrittenAction, live: Live | None, *, own_user_id: str, types: Mapping[str, str]
) -> PlannedUndo:
    """The decision on one action. `live` is its task as text; `types` are the fields the org shows."""
    if written.is_undone:
        return PlannedUndo(written, "nothing", written.task_id, "undone before")
    if live is None:
        reason = "no longer in the org" if written.is_accepted else "it never arrived"
        return PlannedUndo(written, "left_alone" if written.is_accepted else "nothing", reason=reason)
    decision, reason, changes = _decide(written, live, own_user_id, types)
    return PlannedUndo(written, decision, live["Id"], reason, changes, live.get("Subject") or "")


def _decide(
    written: WrittenAction, live: Live, own_user_id: str, types: Mapping[str, str]
) -> tuple[str, str, tuple[FieldDifference, ...]]:
    if live["IsDeleted"] == "true":
        return ("settled", "", ()) if written.is_asked else ("left_alone", "deleted in the org", ())
    reason = _untouchable(written, live, own_user_id, types)
    if reason:
        return "left_alone", reason, ()
    if written.kind == "create":
        changed = differences(live, typed(written.values_sent, types))
        return ("left_alone", _changed(changed), ()) if changed else ("delete", "", ())
    return _decide_update(written, live, types)


def _decide_update(
    written: WrittenAction, live: Live, types: Mapping[str, str]
) -> tuple[str, str, tuple[FieldDifference, ...]]:
    give_back = differences(live, typed(written.values_before, types))
    if not give_back:
        return ("settled" if written.is_asked else "nothing"), "it shows the values of before", ()
    changed = differences(live, typed(written.values_sent, types))
    return ("left_alone", _changed(changed), ()) if changed else ("restore", "", give_back)


def _untouchable(written: WrittenAction, live: Live, own_user_id: str, types: Mapping[str, str]) -> str:
    """Why the task may not be touched any more; empty when it may."""
    if live["IsClosed"] == "true":
        return "closed by its owner"
    if written.later_run_id:
        return f"written again by run {written.later_run_id}"
    if live["LastModifiedById"] != own_user_id:
        return "edited since by someone else"
    hidden = sorted(set(written.values_before) - set(types)) if written.kind == "update" else []
    if hidden:
        return f"no longer visible: {', '.join(hidden)}"
    if written.kind == "update" and not written.values_before:
        return "the values of before are not on record"
    return ""


def _changed(changes: Sequence[FieldDifference]) -> str:
    return f"changed since: {', '.join(each.field for each in changes)}"


def typed(values: Mapping[str, str | None], types: Mapping[str, str]) -> dict[str, Value]:
    """Texts as Salesforce writes them, in the types of their fields; fields that are not visible are left out."""
    return {name: _typed(text, types[name]) for name, text in values.items() if name in types}


def _typed(text: str | None, salesforce_type: str) -> Value:
    if text is None:
        return None
    match salesforce_type:
        case "boolean":
            return text == "true"
        case "int":
            return int(text)
        case "double" | "currency" | "percent":
            return Decimal(text)
        case "date":
            return date.fromisoformat(text)
        case _:
            return text


@dataclass(frozen=True)
class _Org:
    client: SalesforceClient
    types: Mapping[str, str]

    def plan(self, written: Sequence[WrittenAction]) -> list[PlannedUndo]:
        live = self.live(written)
        return [
            plan_undo(each, live.get(each.action_key), own_user_id=self.client.user_id, types=self.types)
            for each in written
        ]

    def live(self, written: Sequence[WrittenAction]) -> dict[str, Live]:
        """Task by action key: by its Id where one is known, else by our key or its mark."""
        fields = sorted({name for each in written for name in each.values_sent} & set(self.types))
        keys = {each.task_id: each.action_key for each in written if each.task_id}
        columns = list(dict.fromkeys([*LIVE_FIELDS, "Subject", *fields]))
        found = read_where_in(self.client, "Id", sorted(keys), columns)
        by_id: dict[str, Live] = {keys[row["Id"]]: row for row in found.to_pylist()}
        nameless = [each.action_key for each in written if not each.task_id]
        return by_id | (self._by_key(nameless, fields) if nameless else {})

    def _by_key(self, keys: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, str | None]]:
        columns = ["Subject", *fields]
        if ACTION_KEY_FIELD in self.types:
            return live_by_key(read_back(self.client, keys, columns), ACTION_KEY_FIELD)
        return live_by_key(read_back_marked(self.client, keys, columns, known_ids={}), ACTION_KEY_FIELD)

    def standing(self, ids: Collection[str], fields: Sequence[str]) -> dict[str, Live]:
        """Live records by Id that are not deleted."""
        found = read_where_in(self.client, "Id", sorted(ids), list(dict.fromkeys([*LIVE_FIELDS, *fields])))
        return {row["Id"]: row for row in found.to_pylist() if row["IsDeleted"] != "true"}


def _as_planned(planned: Sequence[PlannedUndo]) -> list[UndoneAction]:
    return [UndoneAction(each, each.decision, each.reason) for each in planned]


def _take_back(
    org: _Org, recorder: WriteRecorder, undone_run_id: str, planned: Sequence[PlannedUndo]
) -> list[UndoneAction]:
    due = [each for each in planned if each.decision in ("delete", "restore")]
    recorder.undone([_fact(each, "asked", undone_run_id) for each in due])
    answers = _send(org, due)
    shown = org.standing(
        [each.task_id for each in due if each.task_id],
        sorted({d.field for each in due for d in each.differences}),
    )
    done = [_became(each, answers, shown, org.types) for each in planned]
    recorder.undone(
        [
            _fact(each.planned, each.status, undone_run_id)
            for each in done
            if each.status in ("deleted", "restored")
        ]
    )
    return done


def _send(org: _Org, due: Sequence[PlannedUndo]) -> dict[str, RowResult]:
    """Answers by task Id."""
    gone = [each.task_id for each in due if each.decision == "delete" and each.task_id]
    values = {
        each.task_id: typed({d.field: d.after for d in each.differences}, org.types)
        for each in due
        if each.decision == "restore" and each.task_id
    }
    restored = update_tasks(org.client, [(key, {"id": key, **payload}) for key, payload in values.items()])
    return {row.action_key: row for row in (*delete_tasks(org.client, gone).rows, *restored.rows)}


def _became(
    planned: PlannedUndo,
    answers: Mapping[str, RowResult],
    shown: Mapping[str, Live],
    types: Mapping[str, str],
) -> UndoneAction:
    """Done is what the read-back shows, not what the answer said."""
    task_id = planned.task_id or ""
    is_standing = task_id in shown
    match planned.decision:
        case "settled":
            return UndoneAction(planned, "deleted" if planned.written.kind == "create" else "restored")
        case "delete" if not is_standing:
            return UndoneAction(planned, "deleted")
        case "restore" if is_standing and not _still_differ(planned, shown[task_id], types):
            return UndoneAction(planned, "restored")
        case "delete" | "restore":
            answer = answers[task_id]
            status = "rejected" if answer.status == "rejected" else "unsent"
            return UndoneAction(planned, status, answer.message or "the org still shows it as it was")
        case _:
            return UndoneAction(planned, planned.decision, planned.reason)


def _still_differ(planned: PlannedUndo, live: Live, types: Mapping[str, str]) -> bool:
    wanted = typed({each.field: each.after for each in planned.differences}, types)
    return bool(differences(live, wanted))


def _fact(planned: PlannedUndo, kind: str, undone_run_id: str) -> dict[str, object]:
    return {
        "action_key": planned.written.action_key,
        "kind": kind,
        "task_id": planned.task_id,
        "undone_run_id": undone_run_id,
        "activity_date": planned.written.activity_date,
        "values_restored": json_text({each.field: each.after for each in planned.differences}),
    }
