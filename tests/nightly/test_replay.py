"""``gyakusan replay``: a past day from what was known then, whatever has become known since; no org, no night."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from connectors.event_log import EventLog
from dagster_project.errors import SettingsError
from dagster_project.transform import replay
from tests.nightly.harness import GYAKUSAN, clean_environment
from tests.warehouse import cases, helpers
from tests.warehouse.helpers import Warehouse
from tests.warehouse.test_random_histories import random_history, text

TOKYO = "Asia/Tokyo"
# The night after 30 June in Tokyo, and one a month later.
NIGHT = datetime(2026, 6, 30, 20, 0, tzinfo=UTC)
LATER = datetime(2026, 7, 31, 20, 0, tzinfo=UTC)
DAY = date(2026, 6, 30)
# Two deals of their own; nothing but the gate's mind changes about them.
REFUSED_LATER, READMITTED_LATER = "refused_later", "readmitted_later"


@dataclass(frozen=True)
class Office:
    """A data folder with a log and no org behind it."""

    folder: Path

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(GYAKUSAN), "replay", *arguments],
            env=clean_environment(
                GYAKUSAN_DATA_DIR=str(self.folder),
                GYAKUSAN_SETTINGS_FILE=str(self.folder / "gyakusan.toml"),
                GYAKUSAN_TIME_ZONE=TOKYO,
                GYAKUSAN_NOW=extra.get("now", LATER.isoformat()),
            ),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def replayed(self, *arguments: str) -> dict[str, list[str]]:
        """The rows of every mart of a replay of the day, in order, as text."""
        finished = self.run("--as-of", str(DAY), *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return rows_of(Path(finished.stdout.strip().rsplit(": ", 1)[1]))


Replays = tuple[Office, dict[str, dict[str, list[str]]]]


def rows_of(path: Path) -> dict[str, list[str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
        return {name: sorted(map(as_text, connection.execute(f"from {name}").fetchall())) for name in names}


def as_text(row: tuple[Any, ...]) -> str:
    """A row to nine digits: parallel sums differ in the last bits."""
    return str(tuple(f"{value:.9g}" if isinstance(value, float) else value for value in row))


def land_first(warehouse: Warehouse, histories: dict[str, list[tuple[str, datetime]]]) -> None:
    """What the night after 30 June read: every deal begun by then, in the stage it had by then."""
    known = {name: [row for row in rows if row[1] < NIGHT] for name, rows in histories.items()}
    helpers.land(warehouse, {"OpportunityStage": cases.stages(), **cases.people()}, NIGHT)
    judged = {name: [("Qualify", NIGHT - timedelta(days=20))] for name in (REFUSED_LATER, READMITTED_LATER)}
    land_deals(warehouse, {name: rows for name, rows in known.items() if rows} | judged, NIGHT)


def land_deals(warehouse: Warehouse, histories: dict[str, list[tuple[str, datetime]]], at: datetime) -> None:
    deals = [
        cases.deal(name, rows[-1][0], text(rows[0][1]), modified=text(rows[-1][1]))
        for name, rows in histories.items()
    ]
    changes = [
        change
        for name, rows in histories.items()
        for change in cases.changes(name, *[(stage, text(moved)) for stage, moved in rows])
    ]
    helpers.land(warehouse, {"Opportunity": deals, "OpportunityHistory": changes}, at)


def land_late(warehouse: Warehouse, histories: dict[str, list[tuple[str, datetime]]]) -> None:
    """A month on: the deals' later moves, moves of June that arrive late, new amounts and owners, a stage renamed."""
    land_deals(warehouse, histories, LATER)
    june = "2026-06-15T00:00:00Z"
    late = [
        {"Id": f"008late{name}", "OpportunityId": f"006{name}", "StageName": "Closed Lost",
         "CreatedDate": june, "SystemModstamp": june}
        for name in list(histories)[:20]
    ]  # fmt: skip
    edited = [
        cases.deal(name, rows[-1][0], text(rows[0][1]), modified=june, Amount="999999", OwnerId="005two")
        for name, rows in list(histories.items())[20:40]
    ]
    renamed: list[dict[str, Any]] = [dict(row) for row in cases.stages()]
    renamed[1] |= {"SortOrder": 7, "SystemModstamp": june}
    helpers.land(
        warehouse,
        {"OpportunityHistory": late, "Opportunity": edited, "OpportunityStage": renamed},
        LATER,
    )


def event_of(warehouse: Warehouse, name: str) -> str:
    """The first fact of a deal."""
    found = warehouse.log.read("opportunity", ["event_id"], f"record_id = '006{name}'").to_pylist()
    return str(found[0]["event_id"])


def judge(warehouse: Warehouse, refused: str, readmitted: str | None, at: datetime) -> None:
    """A verdict against one deal, and one that takes that against another back."""
    helpers.refuse(warehouse, "opportunity", [event_of(warehouse, refused)], observed_at=at)
    if readmitted:
        helpers.refuse(
            warehouse, "opportunity", [event_of(warehouse, readmitted)], kind="readmitted", observed_at=at
        )


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory,
) -> Replays:
    """Replays before and after a month of late facts, the first with a night at work."""
    folder = tmp_path_factory.mktemp("replay office")
    warehouse = Warehouse(folder, folder)
    helpers.declare(warehouse)
    (folder / "log").symlink_to(folder / helpers.LOG_FOLDER)
    draw = random.Random(20260630)
    histories = {f"{number:04}": random_history(draw) for number in range(120)}
    land_first(warehouse, histories)
    judge(warehouse, READMITTED_LATER, None, NIGHT)
    place = Office(folder)
    with FileLock(folder / "run.lock"):
        found = {"then": place.replayed()}
    land_late(warehouse, histories)
    judge(warehouse, REFUSED_LATER, READMITTED_LATER, LATER)
    found["again"] = place.replayed()
    found["now"] = place.replayed("--known-at", LATER.isoformat())
    return place, found


@pytest.mark.slow
def test_a_past_day_does_not_change_when_later_facts_arrive(
    office: Replays,
) -> None:
    _, found = office
    assert len(found["then"]["fct_opportunity"]) > 50
    changed = {name for name, rows in found["then"].items() if found["again"][name] != rows}
    assert changed == set()


@pytest.mark.slow
def test_known_later_is_another_past(office: Replays) -> None:
    _, found = office
    changed = {name for name, rows in found["then"].items() if found["now"][name] != rows}
    assert {"fct_opportunity", "fct_stage_spells", "dim_stage"} <= changed


@pytest.mark.slow
def test_verdicts_count_from_when_they_were_made(office: Replays) -> None:
    """What was refused later had been worked with, and what was readmitted later had been seen by nobody."""
    _, found = office
    held = {
        name: {
            deal
            for deal in (REFUSED_LATER, READMITTED_LATER)
            if f"'006{deal}'" in "".join(rows["fct_opportunity"])
        }
        for name, rows in found.items()
    }
    assert held == {"then": {REFUSED_LATER}, "again": {REFUSED_LATER}, "now": {READMITTED_LATER}}


@pytest.mark.slow
def test_a_replay_leaves_only_its_marts(office: Replays) -> None:
    place, _ = office
    published = {path.name for path in place.folder.glob("published/**/*") if path.is_file()}
    later = LATER.strftime("%Y%m%dT%H%M%SZ")
    assert published == {f"marts_as_of_{DAY}.duckdb", f"marts_as_of_{DAY}_known_at_{later}.duckdb"}
    assert not (place.folder / "warehouse").exists()
    assert not (place.folder / "run").exists()
    assert not (place.folder / "replay" / "log").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--as-of", "30 June"), "is not a date"),
        (("--as-of", "2026-08-01"), "is not over yet"),
        (("--as-of", "2026-06-30", "--known-at", "2026-07-01T05:00:00"), "time zone"),
        (("--as-of", "2026-06-30", "--known-at", "2026-06-30T05:00:00+09:00"), "was not over"),
        (
            ("--as-of", "2026-05-01", "--known-at", "2026-06-01T05:00:00+09:00"),
            "first pull was complete at 2026-06-30",
        ),
        (("--as-of", "2026-06-30", "--known-at", "2027-01-01T00:00:00Z"), "still to come"),
    ],
)
def test_what_cannot_be_replayed_is_said(office: Replays, arguments: tuple[str, ...], named: str) -> None:
    place, _ = office
    finished = place.run(*arguments)
    assert finished.returncode == 2
    assert named in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1


def test_without_a_first_pull_there_is_nothing_to_replay(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing was read yet"):
        replay.first_known_at(EventLog(tmp_path))


@pytest.mark.parametrize(
    ("day", "first", "now", "known"),
    [
        (DAY, NIGHT - timedelta(days=30), LATER, datetime(2026, 7, 1, 14, 59, 59, 999999, tzinfo=UTC)),
        (date(2026, 1, 31), NIGHT, LATER, NIGHT),
        (date(2026, 7, 31), NIGHT, LATER, LATER),
    ],
    ids=["end of the day after", "the first pull", "now"],
)
def test_what_was_known_then(day: date, first: datetime, now: datetime, known: datetime) -> None:
    assert replay.default_known_at(day, TOKYO, first, now) == known
