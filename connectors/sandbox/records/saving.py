"""Creating, updating and upserting records in batches of at most 200, with results in the order given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pyarrow as pa

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.faults import Faults, locked_row
from connectors.sandbox.records.checks import Problems, check_external_ids, check_references, check_unique
from connectors.sandbox.records.derive import Draft, Saving, derive
from connectors.sandbox.records.history import write_history
from connectors.sandbox.records.ids import normalized
from connectors.sandbox.records.person_accounts import completed, save_persons
from connectors.sandbox.records.recycle import refresh_activity_fields
from connectors.sandbox.records.references import resolve
from connectors.sandbox.records.starting_rows import Row
from connectors.sandbox.records.store import Org, arrow_schema
from connectors.sandbox.records.transactions import OpenTransaction
from connectors.sandbox.records.validation import Values, typed_values
from connectors.sandbox.schema.sobjects import SObject

RawRow = Mapping[str, object]
_ACTIVITIES = ("Task", "Event")


@dataclass(frozen=True)
class RowResult:
    """What became of one row: its id when known, whether it was created, and why it failed if it did."""

    record_id: str | None
    created: bool
    error: SalesforceError | None = None

    def body(self, with_created: bool = False) -> dict[str, object]:
        """As an element of a collections reply."""
        reply: dict[str, object] = {"id": self.record_id} if self.record_id and not self.error else {}
        reply |= {"success": self.error is None, "errors": [self.error.row()] if self.error else []}
        return reply | {"created": self.created} if with_created and self.error is None else reply


@dataclass(frozen=True)
class Save:
    """One batch of a user: rows to create where the id at the same place is None, else to update."""

    entity: SObject
    rows: Sequence[RawRow]
    record_ids: Sequence[str | None]
    user_id: str
    all_or_none: bool = False
    problems: Problems | None = None


def create(
    org: Org, faults: Faults, entity: SObject, rows: Sequence[RawRow], all_or_none: bool, user_id: str
) -> list[RowResult]:
    """Creates records as a user."""
    return save(org, faults, Save(entity, rows, [None] * len(rows), user_id, all_or_none))


def update(
    org: Org,
    faults: Faults,
    entity: SObject,
    rows: Sequence[tuple[str, RawRow]],
    all_or_none: bool,
    user_id: str,
) -> list[RowResult]:
    """Updates records given as (id, values), as a user."""
    values, record_ids = [row for _, row in rows], [key for key, _ in rows]
    return save(org, faults, Save(entity, values, record_ids, user_id, all_or_none))


def upsert(
    org: Org,
    faults: Faults,
    entity: SObject,
    external: str,
    rows: Sequence[RawRow],
    all_or_none: bool,
    user_id: str,
) -> list[RowResult]:
    """Creates or updates by an external id field; a value that stands on several records is an error of its row."""
    with org.lock:
        record_ids, problems = check_external_ids(org, entity, external, rows)
        batch = Save(entity, _without_id(rows), record_ids, user_id, all_or_none, problems)
        return save(org, faults, batch)


def _without_id(rows: Sequence[RawRow]) -> list[RawRow]:
    return [{name: value for name, value in row.items() if name.lower() != "id"} for row in rows]


def save(org: Org, faults: Faults, batch: Save) -> list[RowResult]:
    """Checks every row, then writes those without problems in one transaction (none if one has, with all_or_none)."""
    with org.lock:
        rows, unresolved = resolve(org, batch.entity, batch.rows)
        batch = replace(batch, rows=rows, problems={**unresolved, **(batch.problems or {})})
        drafts, problems = _drafts(org, faults, batch)
        check_references(org, batch.entity, drafts, problems)
        check_unique(org, batch.entity, drafts, problems)
        _check_locked_keys(org, batch.entity, drafts, problems)
        if problems and batch.all_or_none:
            _roll_back(drafts, problems)
        good = {number: draft for number, draft in drafts.items() if number not in problems}
        if good:
            with writing(org, faults, batch.entity) as late:
                _write(org, batch.entity, list(good.values()), batch.user_id)
                if late:
                    late.record_ids.update(str(each.new["Id"]) for each in good.values())
                    late.keys.update(_keys(batch.entity, good.values()))
        return [_result(batch, number, good, problems) for number in range(len(batch.rows))]


@contextmanager
def writing(org: Org, faults: Faults, entity: SObject) -> Iterator[OpenTransaction | None]:
    """A transaction to write records of an object in; yields the one left open when a late commit is asked for."""
    late = faults.take("late_commit", object_name=entity.name)
    if late is None:
        with org.transaction():
            yield None
        return
    with org.late_transaction(
        org.now() + timedelta(seconds=late.seconds) if late.seconds else None
    ) as opened:
        yield opened


def _keys(entity: SObject, drafts: Iterable[Draft]) -> Iterator[tuple[str, str, str]]:
    unique = [each for each in entity.fields.values() if each.unique or each.external_id]
    for draft in drafts:
        for field in unique:
            if draft.new.get(field.name) is not None:
                yield entity.name, field.name, field.key(draft.new[field.name])


def _check_locked_keys(org: Org, entity: SObject, drafts: Mapping[int, Draft], problems: Problems) -> None:
    for number, draft in drafts.items():
        if any(org.transactions.holds_key(*key) for key in _keys(entity, [draft])):
            problems.setdefault(number, locked_row())


def _result(batch: Save, number: int, good: Mapping[int, Draft], problems: Problems) -> RowResult:
    if number in problems:
        return RowResult(batch.record_ids[number], False, problems[number])
    return RowResult(str(good[number].new["Id"]), batch.record_ids[number] is None)


def _roll_back(drafts: Mapping[int, Draft], problems: Problems) -> None:
    for number in set(drafts) - set(problems):
        problems[number] = rolled_back()


def rolled_back() -> SalesforceError:
    """ALL_OR_NONE_OPERATION_ROLLED_BACK of a row that was good itself."""
    message = (
        "Record rolled back because not all records were valid and the request was using AllOrNone header"
    )
    return SalesforceError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message)


def _drafts(org: Org, faults: Faults, batch: Save) -> tuple[dict[int, Draft], Problems]:
    problems: Problems = dict(batch.problems or {})
    existing = existing_rows(org, batch.entity, [each for each in batch.record_ids if each])
    drafts: dict[int, Draft] = {}
    for number, (row, record_id) in enumerate(zip(batch.rows, batch.record_ids, strict=True)):
        if number in problems:
            continue
        try:
            check_faults(org, faults, batch.entity, row, record_id)
            drafts[number] = _draft(batch.entity, completed(batch.entity, row), record_id, existing)
        except SalesforceError as error:
            problems[number] = error
    return drafts, problems


def check_faults(org: Org, faults: Faults, entity: SObject, row: RawRow, record_id: str | None) -> None:
    """Raises what makes this one row fail: a fault, or a transaction of somebody else that holds the record."""
    problem = faults.row_problem(entity.name, record_id, row)
    if problem is None and record_id and org.transactions.holds(normalized(record_id) or record_id):
        problem = locked_row()
    if problem is not None:
        raise problem


def _draft(entity: SObject, row: RawRow, record_id: str | None, existing: Mapping[str, Row]) -> Draft:
    if record_id is None:
        given = typed_values(entity, row, creating=True)
        return Draft({**_defaults(entity), **given}, None, frozenset(given))
    old = live_row(existing, record_id)
    given = typed_values(entity, row, creating=False)
    return Draft({**old, **given}, old, frozenset(given))


def live_row(existing: Mapping[str, Row], record_id: str) -> Row:
    """The stored row of an id; NOT_FOUND when there is none, ENTITY_IS_DELETED when it is in the recycle bin."""
    old = existing.get(normalized(record_id) or record_id)
    if old is None:
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", 404)
    if old.get("IsDeleted"):
        raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", 404)
    return old


def existing_rows(org: Org, entity: SObject, record_ids: Sequence[str]) -> dict[str, Row]:
    """Stored rows by id, the recycle bin included."""
    wanted = [normalized(each) or each for each in record_ids]
    if not wanted:
        return {}
    rows = org.fetch_rows(f'select * from "{entity.name}" where "Id" = any($1)', [wanted])
    return {str(row["Id"]): row for row in rows}


def _defaults(entity: SObject) -> Values:
    return {
        each.name: each.default == "true" if each.type == "boolean" else each.default
        for each in entity.stored_fields
        if each.default is not None or each.type == "boolean"
    }


def _write(org: Org, entity: SObject, drafts: Sequence[Draft], user_id: str) -> None:
    saving = _saving(org, entity, drafts)
    new_ids = iter(org.new_ids(entity.name, sum(each.old is None for each in drafts)))
    for draft in drafts:
        _stamp(entity, draft, saving, user_id)
        if draft.old is None:
            draft.new["Id"] = next(new_ids)
        derive(entity.name, draft, saving)
    if entity.name == "Account" and "IsPersonAccount" in entity.fields:
        save_persons(org, drafts, saving.stamp, user_id)
    if entity.name == "Opportunity":
        write_history(org, drafts, saving, user_id)
    org.insert_rows(entity.name, [each.new for each in drafts if each.old is None])
    _update_rows(org, entity, [each for each in drafts if each.old is not None])
    if entity.name in _ACTIVITIES:
        refresh_activity_fields(org, [values for each in drafts for values in (each.new, each.old) if values])


def _stamp(entity: SObject, draft: Draft, saving: Saving, user_id: str) -> None:
    stamps: Values = {
        "LastModifiedDate": saving.stamp,
        "LastModifiedById": user_id,
        "SystemModstamp": saving.stamp,
    }
    if draft.old is None:
        stamps |= {"CreatedDate": saving.stamp, "CreatedById": user_id, "IsDeleted": False}
        if draft.new.get("OwnerId") is None:
            stamps["OwnerId"] = user_id
        if draft.new.get("CurrencyIsoCode") is None:
            stamps["CurrencyIsoCode"] = saving.currency
    draft.new.update({name: value for name, value in stamps.items() if name in entity.fields})


def _update_rows(org: Org, entity: SObject, drafts: Sequence[Draft]) -> None:
    changed = [each for each in entity.stored_fields if any(draft.changed(each.name) for draft in drafts)]
    if not changed:
        return
    schema = arrow_schema([entity.fields["Id"], *changed])
    table = pa.Table.from_pylist(
        [{name: each.new.get(name) for name in schema.names} for each in drafts], schema
    )
    assignments = ", ".join(f'"{each.name}" = _changed."{each.name}"' for each in changed)
    org.update_from(entity.name, assignments, table)


def _saving(org: Org, entity: SObject, drafts: Sequence[Draft]) -> Saving:
    saving = Saving({}, {}, org.fiscal_start_month, org.stamp(), org.currency)
    if entity.name == "Opportunity":
        rows = org.fetch_rows('select * from "OpportunityStage"')
        return replace(saving, stages={str(row["ApiName"] or row["MasterLabel"]): row for row in rows})
    if entity.name in _ACTIVITIES:
        related = {
            str(draft.new[name]) for draft in drafts for name in ("WhatId", "WhoId") if draft.new.get(name)
        }
        return replace(saving, account_ids=_account_ids(org, sorted(related)))
    return saving


def _account_ids(org: Org, record_ids: Sequence[str]) -> Mapping[str, str | None]:
    sql = (
        'select "Id", "Id" as account_id from "Account" where "Id" = any($1) '
        'union all select "Id", "AccountId" from "Opportunity" where "Id" = any($1) '
        'union all select "Id", "AccountId" from "Contact" where "Id" = any($1)'
    )
    rows = org.fetch_rows(sql, [list(record_ids)]) if record_ids else []
    return {str(row["Id"]): str(row["account_id"]) if row["account_id"] else None for row in rows}
