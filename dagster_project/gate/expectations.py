"""Great Expectations over the batch that landed, in chunks, through its pandas data source.

The library takes seconds to import: import this module only when there are facts to judge. It runs in memory:
no project folder, no telemetry (GX_ANALYTICS_ENABLED, read at import), no progress bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.expectations.core.expect_column_pair_values_a_to_be_greater_than_b import (
    ExpectColumnPairValuesAToBeGreaterThanB,
)
from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_null import (
    ExpectColumnValuesToBeNull,
)
from great_expectations.expectations.core.expect_column_values_to_match_regex import (
    ExpectColumnValuesToMatchRegex,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.expectation import Expectation

from connectors.event_log.canonical import identifier, literal
from connectors.event_log.query import query
from dagster_project.errors import GyakusanError
from dagster_project.gate.batch import UNCAST_VALUES, UNMET, Batch
from dagster_project.gate.declarations import (
    FIRST_SANE_INSTANT,
    KEY_PATTERN,
    KEYS,
    LAST_SANE_INSTANT,
    Check,
    Rule,
)
from dagster_project.gate.report import Thresholds

_NAMED_BY = ["event_id"]


class ExpectationFailed(GyakusanError):
    """Great Expectations could not answer; nothing was judged, so nothing passes."""


@dataclass(frozen=True)
class RowChecker:
    """A Great Expectations batch definition, made once per judgement."""

    batch_definition: BatchDefinition[Any]
    thresholds: Thresholds

    def unmet(self, batch: Batch) -> pa.Table:
        """Facts of a batch that do not meet a declared check (UNMET). Raises ExpectationFailed."""
        parts = [
            part
            for chunk in batch.chunks(self.thresholds.chunk_rows)
            for part in self._chunk(chunk, batch.checks())
        ]
        return pa.concat_tables(parts) if parts else UNMET.empty_table()

    def _chunk(self, chunk: pa.Table, checks: Sequence[Check]) -> list[pa.Table]:
        live = chunk.filter(pc.invert(chunk["is_gone"]))
        # Refusing a deletion for a bad date would keep the record alive: those are held to the keys only.
        gone = chunk.filter(chunk["is_gone"])
        return [*self._validated(live, checks), *self._validated(gone, KEYS)]

    def _validated(self, rows: pa.Table, checks: Sequence[Check]) -> list[pa.Table]:
        if rows.num_rows == 0:
            return []
        suite = gx.ExpectationSuite(
            name="landed", expectations=[_expectation(check, self.thresholds) for check in checks]
        )
        result = self.batch_definition.get_batch({"dataframe": rows.to_pandas()}).validate(
            suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": _NAMED_BY}
        )
        by_name = {check.name: check for check in checks}
        return [
            _unmet_rows(rows, answer, by_name[(answer.expectation_config.meta or {})["check"]])  # type: ignore[union-attr]
            for answer in result.results
            if not answer.success
        ]


def row_checker(thresholds: Thresholds) -> RowChecker:
    """Great Expectations, set up in memory."""
    # The context gx makes by itself creates a temporary folder for documentation pages.
    in_memory = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults())
    context = gx.get_context(project_config=in_memory, mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("landed").add_dataframe_asset("batch")
    return RowChecker(asset.add_batch_definition_whole_dataframe("chunk"), thresholds)


def _expectation(check: Check, thresholds: Thresholds) -> Expectation:
    meta = {"check": check.name}
    if check.rule is Rule.PRESENT:
        return ExpectColumnValuesToNotBeNull(column=check.column, meta=meta)
    if check.rule is Rule.KEY_FORM:
        return ExpectColumnValuesToMatchRegex(column=check.column, regex=KEY_PATTERN, meta=meta)
    if check.rule is Rule.CAST:
        return ExpectColumnValuesToBeNull(column=UNCAST_VALUES, meta=meta)
    if check.rule is Rule.NOT_BEFORE:
        return ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=check.column,
            column_B=check.other_column,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            meta=meta,
        )
    lowest, highest = _bounds(check.rule, thresholds)
    return ExpectColumnValuesToBeBetween(column=check.column, min_value=lowest, max_value=highest, meta=meta)


def _bounds(rule: Rule, thresholds: Thresholds) -> tuple[Any, Any]:
    return {
        Rule.SANE_DATE: (FIRST_SANE_INSTANT, LAST_SANE_INSTANT),
        Rule.AMOUNT: (0.0, thresholds.amount_ceiling),
        Rule.PERCENT: (0.0, 100.0),
    }[rule]


def _unmet_rows(chunk: pa.Table, answer: ExpectationValidationResult, check: Check) -> pa.Table:
    named = answer.result.get("unexpected_index_list")
    if named is None:
        raise ExpectationFailed(
            f"the expectation {check.name!r} could not be asked: {_first_error(answer)}",
            where="gate",
            remedy="report this with the type of the column; the facts stay landed and unjudged",
        )
    event_ids = pa.array([row["event_id"] for row in named], pa.string())
    rows = chunk.filter(pc.is_in(chunk["event_id"], value_set=event_ids))
    return query(
        f"""select event_id, record_id, {literal(check.name)} as expectation,
            {literal(check.reason)} as reason, {check.refuses} as refuses, {_value_sql(check)} as value_text
        from landed""",
        Path("gate"),
        rows,
    ).cast(UNMET)


def _value_sql(check: Check) -> str:
    if check.rule is Rule.PRESENT:
        return "''"
    if check.rule is Rule.CAST:
        return identifier(UNCAST_VALUES)
    names = [identifier(name) for name in (check.column, check.other_column) if name]
    return f"concat_ws(' / ', {', '.join(f'{name}::varchar' for name in names)})"


def _first_error(answer: ExpectationValidationResult) -> str:
    text = str(answer.exception_info)
    return next((line.strip() for line in reversed(text.split("\\n")) if "Error" in line), text)[:200]
