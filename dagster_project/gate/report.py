"""What the gate says: typed, free of dagster, short enough to print."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_project.errors import GateStopped


@dataclass(frozen=True)
class Thresholds:
    """When a batch would falsify everything, and what counts as odd.

    The drop is a share of known live records and a least number: three deleted deals of five in a small org
    stop nothing; half of a large org vanishing in a night is a lost permission more often than work.
    """

    drop_share: float = 0.5
    drop_minimum_records: int = 100
    null_key_share: float = 0.05
    null_key_minimum_rows: int = 10
    amount_ceiling: float = 1e12
    sample_rows: int = 5
    chunk_rows: int = 100_000


@dataclass(frozen=True)
class Sample:
    """One offending record (record_id empty where the key is what is missing) and the value that offends."""

    record_id: str
    value_text: str


@dataclass(frozen=True)
class Finding:
    """One expectation that facts of a stream did not meet: how many, why it matters, a few of them."""

    stream: str
    expectation: str
    reason: str
    facts: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Stop:
    """Why a stream's batch would falsify every mart."""

    stream: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class StreamReport:
    """One stream's batch: facts judged and refused (each once, whatever the reasons), and findings."""

    stream: str
    judged: int
    refused: int
    refusals: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    checked_to_sequence: int


@dataclass(frozen=True)
class GateReport:
    """The batch that landed since the last judgement; streams without new facts are not listed."""

    streams: tuple[StreamReport, ...]
    stops: tuple[Stop, ...]
    seconds: float

    @property
    def judged(self) -> int:
        """Facts judged, over all streams."""
        return sum(stream.judged for stream in self.streams)

    @property
    def refused(self) -> int:
        """Facts refused, over all streams."""
        return sum(stream.refused for stream in self.streams)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that refuse nothing, over all streams."""
        return tuple(finding for stream in self.streams for finding in stream.warnings)

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Findings that refused facts, over all streams."""
        return tuple(finding for stream in self.streams for finding in stream.refusals)

    @property
    def passed(self) -> bool:
        """Whether the marts may be built."""
        return not self.stops


class BatchStopped(GateStopped):
    """The gate stopped the batch; `report` has all it found. Verdicts of the sound streams are recorded."""

    def __init__(self, report: GateReport) -> None:
        first = report.stops[0]
        more = f" (and {len(report.stops) - 1} more streams)" if len(report.stops) > 1 else ""
        super().__init__(f"{first.reason}{more}", where=f"stream {first.stream}", remedy=first.remedy)
        self.report = report
