"""Deleting records in batches, with results in the order given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.faults.faults import Faults
from connectors.sandbox.records import recycle, saving
from connectors.sandbox.records.saving import RowResult
from connectors.sandbox.records.starting_rows import Row
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import SObject


@dataclass(frozen=True)
class Deletion:
    """One batch of a user: records of one object, past the recycle bin when `for_good`."""

    entity: SObject
    record_ids: Sequence[str]
    user_id: str
    all_or_none: bool = False
    for_good: bool = False


def delete(org: Org, faults: Faults, batch: Deletion) -> list[RowResult]:
    """Deletes the records that may be deleted (none if one may not, with all_or_none)."""
    with org.lock:
        existing = saving.existing_rows(org, batch.entity, batch.record_ids)
        results = [_deletable(org, faults, batch.entity, existing, each) for each in batch.record_ids]
        if batch.all_or_none and any(each.error for each in results):
            return [each if each.error else _rolled_back(each) for each in results]
        doomed = list(dict.fromkeys(str(each.record_id) for each in results if each.error is None))
        if doomed:
            _write(org, faults, batch, doomed)
    return results


def _write(org: Org, faults: Faults, batch: Deletion, record_ids: Sequence[str]) -> None:
    with saving.writing(org, faults, batch.entity) as late:
        recycle.recycle(org, batch.entity, record_ids, batch.user_id)
        if batch.for_good:
            recycle.purge(org, batch.entity, record_ids)
        if late:
            late.record_ids.update(record_ids)


def _deletable(
    org: Org, faults: Faults, entity: SObject, existing: Mapping[str, Row], record_id: str
) -> RowResult:
    try:
        row = saving.live_row(existing, record_id)
        saving.check_faults(org, faults, entity, {}, record_id)
    except SalesforceError as error:
        return RowResult(record_id, False, error)
    return RowResult(str(row["Id"]), False)


def _rolled_back(result: RowResult) -> RowResult:
    return RowResult(result.record_id, False, saving.rolled_back())
