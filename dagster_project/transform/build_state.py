"""What the last whole build of the marts was made of, and whether tonight's may start from it (design decision 8).

A night recomputes the records that changed since then. Where anything but facts has changed, or facts were taken out or
judged anew, everything is built again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from connectors.event_log import ERASURES, EventLog
from connectors.event_log.query import query
from dagster_project.gate.verdicts import GATE_VERDICTS, judged
from dagster_project.transform.dbt_child import project_files
from dagster_project.transform.parameters import RunParameters

_LAST_BUILD: dict[str, pa.DataType] = {
    "stream": pa.string(),
    "built_to_sequence": pa.int64(),
    "as_of_date": pa.date32(),
    "known_at": pa.timestamp("us", tz="UTC"),
}
LAST_BUILD_SCHEMA = pa.schema(_LAST_BUILD)
_ENGINES = ("dbt-core", "dbt-duckdb", "duckdb", "numpy", "scipy", "polars")
# What the estimators draw and compute with lies beside them.
_PACKAGE = Path(__file__).parents[1]
_EVERY_NIGHT_ANEW = ("as_of_date", "known_at")


@dataclass(frozen=True)
class BuildState:
    """All that one build of the marts follows from.

    `code` and `choices` are hashes; `built_to` gives for each stream the sequence up to which the gate had judged it;
    `erasures` and `verdicts` are the last sequences of those streams; `judged_again` tells how many verdicts took an
    earlier one back.
    """

    code: str
    choices: str
    as_of_date: date
    known_at: datetime
    built_to: Mapping[str, int]
    erasures: int
    verdicts: int
    judged_again: int


def state_of(
    log: EventLog,
    project_dir: Path,
    parameters: RunParameters,
    windows: Collection[str],
    company_holidays: Collection[date],
) -> BuildState:
    """What a build started now would be made of."""
    return BuildState(
        code=code_fingerprint(project_dir),
        choices=choices_fingerprint(parameters, windows, company_holidays),
        as_of_date=parameters.as_of_date,
        known_at=parameters.known_at.astimezone(UTC),
        built_to=_judged_to(log),
        erasures=log.last_sequence(ERASURES),
        verdicts=log.last_sequence(GATE_VERDICTS),
        judged_again=_judged_again(log),
    )


def must_rebuild(before: BuildState | None, now: BuildState) -> str | None:
    """Why tonight's marts cannot start from the last ones; None when they can."""
    if before is None:
        return "there is no whole build to start from"
    reasons = {
        "the models or what runs them changed": before.code != now.code,
        "settings changed": before.choices != now.choices,
        "records were erased": before.erasures != now.erasures,
        "facts were judged again": before.judged_again != now.judged_again,
        "the last build was of a later day": before.as_of_date > now.as_of_date,
        "the last build knew more": before.known_at > now.known_at,
        "the log is shorter than it was": any(
            now.built_to.get(stream, 0) < sequence for stream, sequence in before.built_to.items()
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def code_fingerprint(project_dir: Path) -> str:
    """Hash of the dbt project, of the Python its models may call and of the engines' versions."""
    files = [*project_files(project_dir), *_PACKAGE.rglob("*.py")]
    contents = sorted(f"{path.name}\0".encode() + path.read_bytes() for path in files)
    return _hash([*contents, *(f"{name} {version(name)}".encode() for name in _ENGINES)])


def choices_fingerprint(
    parameters: RunParameters, windows: Collection[str], company_holidays: Collection[date]
) -> str:
    """Hash of everything a run is asked for but its day and its instant of knowledge."""
    asked = {name: each for name, each in asdict(parameters).items() if name not in _EVERY_NIGHT_ANEW}
    told = [asked, list(windows), sorted(map(str, company_holidays))]
    return _hash([json.dumps(told, sort_keys=True).encode()])


def read_state(path: Path, warehouse: Path) -> BuildState | None:
    """The state of the last whole build; None where there is none, or the warehouse is not the one it left."""
    try:
        held = json.loads(path.read_text())
        if held.pop("warehouse") != _identity(warehouse):
            return None
        held["as_of_date"] = date.fromisoformat(held["as_of_date"])
        held["known_at"] = datetime.fromisoformat(held["known_at"])
        return BuildState(**held)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_state(path: Path, state: BuildState, warehouse: Path) -> None:
    """Remember a whole build and the warehouse file it left, in one step."""
    held = {**asdict(state), "warehouse": _identity(warehouse)}
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(held, default=str, indent=1))
    aside.replace(path)


def last_build_table(before: BuildState | None) -> pa.Table:
    """One row per stream: how far and as of when it was built; none when everything is to be built."""
    rows = (
        [
            {"stream": stream, "built_to_sequence": sequence, "as_of_date": before.as_of_date}
            | {"known_at": before.known_at}
            for stream, sequence in sorted(before.built_to.items())
        ]
        if before
        else []
    )
    return pa.Table.from_pylist(rows, schema=LAST_BUILD_SCHEMA)


def _identity(warehouse: Path) -> list[int]:
    # Whoever else writes the file, or puts another in its place, starts a build of everything.
    found = warehouse.stat()
    return [found.st_size, found.st_mtime_ns]


def _judged_to(log: EventLog) -> dict[str, int]:
    if GATE_VERDICTS not in log.streams():
        return {}
    return {stream: each.checked_to_sequence for stream, each in judged(log).items()}


def _judged_again(log: EventLog) -> int:
    if GATE_VERDICTS not in log.streams():
        return 0
    sql = (
        f"select count(event_id_judged) - count(distinct event_id_judged) as n from {log.scan(GATE_VERDICTS)}"
    )
    return int(query(sql, log.root / GATE_VERDICTS)["n"][0].as_py())


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part + b"\0")
    return digest.hexdigest()
