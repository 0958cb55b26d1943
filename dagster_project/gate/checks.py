"""The gate as Dagster shows it: one check per stream; what would falsify every mart blocks them."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.gate.judge import judge
from dagster_project.gate.report import BatchStopped, Finding, GateReport, StreamReport
from dagster_project.ingest.assets import LOG_SPECS
from dagster_project.progress import current
from dagster_project.resources import NightResource

CHECK_NAME = "gate"


def findings_table(findings: tuple[Finding, ...]) -> dg.TableMetadataValue:
    """One row per expectation that was not met, with the first records it concerns."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "expectation": finding.expectation,
                    "facts": finding.facts,
                    "reason": finding.reason,
                    "records": ", ".join(
                        f"{sample.record_id} ({sample.value_text})" for sample in finding.samples
                    ),
                }
            )
            for finding in findings
        ],
        schema=dg.TableSchema(
            [
                dg.TableColumn("expectation", "string"),
                dg.TableColumn("facts", "int"),
                dg.TableColumn("reason", "string"),
                dg.TableColumn("records", "string"),
            ]
        ),
    )


def check_result(stream: str, report: StreamReport | None) -> dg.AssetCheckResult:
    """Passed when nothing was refused; refused rows are set aside and do not block the marts."""
    if report is None:
        return dg.AssetCheckResult(
            asset_key=["log", stream], check_name=CHECK_NAME, passed=True, metadata={"judged": 0}
        )
    return dg.AssetCheckResult(
        asset_key=["log", stream],
        check_name=CHECK_NAME,
        passed=report.refused == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "judged": report.judged,
            "refused": report.refused,
            "refusals": findings_table(report.refusals),
            "warnings": findings_table(report.warnings),
        },
    )


def results(report: GateReport) -> Iterator[dg.AssetCheckResult]:
    """One result per stream of the log, whether or not anything landed in it."""
    judged = {stream.stream: stream for stream in report.streams}
    return (check_result(spec.key.path[-1], judged.get(spec.key.path[-1])) for spec in LOG_SPECS)


@dg.multi_asset_check(
    specs=[dg.AssetCheckSpec(CHECK_NAME, asset=spec.key, blocking=True) for spec in LOG_SPECS],
    description="Great Expectations on what landed; references, stages and drops in DuckDB.",
)
def gate(context: dg.AssetCheckExecutionContext, night: NightResource) -> Iterator[dg.AssetCheckResult]:
    """Judge what landed since the last judgement.

    Raises:
        BatchStopped: the batch would falsify every mart; yesterday's stay published.
    """
    with current().step("Gate"):
        try:
            report = judge(night.log, context.run.run_id, night.now)
        except BatchStopped as stopped:
            context.log.error(str(stopped))
            raise
    yield from results(report)
