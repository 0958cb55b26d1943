"""Nights of a changing organisation: what is landed and judged before each build, and what the log itself goes through."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.gate import verdicts
from dagster_project.settings import Settings
from dagster_project.transform.marts_build import begin_build, finish_build
from dagster_project.transform.parameters import RunParameters, last_complete_day
from tests.warehouse import changing_org, helpers, named_histories
from tests.warehouse.changing_histories import DAILY, RARELY, add_lead, add_person, create_deal
from tests.warehouse.changing_org import Org
from tests.warehouse.helpers import Warehouse

TIME_ZONE = "Asia/Tokyo"
FIRST_PULL = datetime(2026, 6, 26, 18, tzinfo=UTC)
# Hours from pull to pull: a second one on the same day, the next night, a night left out.
GAPS = (9, 24, 24, 48)
JUDGED = (
    "opportunity",
    "opportunity_history",
    "opportunity_field_history",
    "task",
    "event",
    "contact",
    "lead",
    "user",
)


@dataclass(frozen=True)
class History:
    """A seed, changes before the first night (an eighth of them before each further one), hours between the nights.

    In `disturbed` nights (counted from 1 after the first) happens what makes the next build start from nothing: a person
    is erased, refused facts are readmitted, stages or rates change.
    """

    seed: int
    changes: int
    gaps: tuple[int, ...]
    disturbed: Collection[int] = ()


def landed(warehouse: Warehouse, history: History) -> Iterator[datetime]:
    """The instant of each night's pull, when everything of it is in the log."""
    org = Org(history.seed)
    changing_org.found(org)
    for begin in (add_person, add_person, add_lead, create_deal, create_deal):
        begin(org)
    told, stories = named_histories.begin()
    pulled_at = FIRST_PULL
    for number, gap in enumerate((0, *history.gaps)):
        pulled_at += timedelta(hours=gap)
        live(org, pulled_at, history.changes // 8 if number else history.changes)
        told.now = pulled_at - timedelta(hours=12)
        for deal, tell in stories.items():
            tell(told, deal, number)
        changing_org.pull(told, warehouse, pulled_at)
        if number in history.disturbed:
            disturb(warehouse, org, pulled_at)
        land(warehouse, org, pulled_at)
        yield pulled_at


def live(org: Org, until: datetime, changes: int) -> None:
    """Changes from now until an instant; one in ten in the same second as the one before."""
    seconds = (until - org.now).total_seconds()
    instants = sorted(org.now + timedelta(seconds=int(org.draw.random() * seconds)) for _ in range(changes))
    drawn = org.draw.choices(list(DAILY), list(DAILY.values()), k=changes)
    for change, at in zip(drawn, instants, strict=True):
        org.now = org.now if org.chance(0.1) else at
        change(org)
    org.now = until


def land(warehouse: Warehouse, org: Org, pulled_at: datetime) -> None:
    """Pull and judge; at times a stream is not judged that night, its files are merged, or a fact lands twice."""
    log = warehouse.log
    before = {stream: log.last_sequence(stream) for stream in JUDGED}
    changing_org.pull(org, warehouse, pulled_at)
    if org.chance(0.3):
        land_again(warehouse, org.draw.choice(JUDGED), pulled_at)
    changing_org.judge(warehouse, pulled_at, unchecked=org.draw.choice([*JUDGED, *[None] * 8]))
    refuse_some(warehouse, org, pulled_at, before)
    if org.chance(0.3):
        log.compact(org.draw.choice(JUDGED))


def refuse_some(warehouse: Warehouse, org: Org, pulled_at: datetime, before: Mapping[str, int]) -> None:
    """Some of the new facts, and at times one that had been let in."""
    refused_before = set(verdicts.refused(warehouse.log)["event_id_judged"].to_pylist())
    for stream, sequence in before.items():
        old = f"or sequence = {1 + org.draw.randrange(sequence)}" if sequence and org.chance(0.5) else ""
        facts = warehouse.log.read(stream, ["event_id", "record_id"], f"sequence > {sequence} {old}")
        chosen = [
            place
            for place, event_id in enumerate(facts["event_id"].to_pylist())
            if event_id not in refused_before and org.chance(0.02 if place else 0.2)
        ]
        changing_org.refuse(warehouse, stream, facts.take(pa.array(chosen, pa.int64())), pulled_at)


def disturb(warehouse: Warehouse, org: Org, pulled_at: datetime) -> None:
    kind = org.draw.choice(["erase", "readmit", "rarely"])
    refused = verdicts.refused(warehouse.log)
    if kind == "erase":
        erase_someone(warehouse, org, pulled_at)
    elif kind == "readmit" and refused.num_rows:
        changing_org.readmit(warehouse, refused.slice(0, 1 + refused.num_rows // 2), pulled_at)
    else:
        org.draw.choice(list(RARELY))(org)


def erase_someone(warehouse: Warehouse, org: Org, pulled_at: datetime) -> None:
    """A person asks to be forgotten; their activities go with them."""
    person = org.any_id("Contact")
    tasks = [key for key, row in org.tables["Task"].items() if row.get("WhoId") == person]
    if person:
        warehouse.log.erase([person, *tasks], run_id="test", observed_at=pulled_at)
        org.forget("Contact", [person])
        org.forget("Task", tasks)


def land_again(warehouse: Warehouse, stream: str, observed_at: datetime) -> None:
    """A fact once more after all others: what a crash between landing and remembering leaves."""
    facts = warehouse.log.read(stream)
    if facts.num_rows:
        sequence = warehouse.log.last_sequence(stream) + 1
        again = facts.slice(facts.num_rows // 2, 1)
        for name, value in {"sequence": sequence, "observed_at": observed_at}.items():
            field = again.schema.field(name)
            again = again.set_column(again.schema.get_field_index(name), field, pa.array([value], field.type))
        pq.write_table(again, warehouse.log.root / stream / f"{sequence:015}-{sequence:015}.parquet")


def build(warehouse: Warehouse, pulled_at: datetime) -> str | None:
    """Tonight's marts as a night builds them; why they were built from nothing, None when only what changed was."""
    settings = settings_of(warehouse)
    parameters = RunParameters(
        as_of_date=last_complete_day(pulled_at, TIME_ZONE),
        known_at=pulled_at,
        time_zone=TIME_ZONE,
        minimum_at_risk=30,
        clock_stage_name=None,
        country_code="JP",
        currency="JPY",
    )
    started = begin_build(settings, warehouse.log, parameters)
    helpers.dbt(warehouse, "run", "--quiet", changes_only=started.why_whole is None)
    finish_build(settings, started)
    return started.why_whole


def settings_of(warehouse: Warehouse) -> Settings:
    """Settings whose folders are those of the warehouse."""
    places = {
        "log": helpers.LOG_FOLDER,
        "warehouse/gyakusan.duckdb": "../warehouse.duckdb",
    }
    (warehouse.root / "warehouse").mkdir(exist_ok=True)
    for name, place in places.items():
        link = warehouse.root / name
        if not link.is_symlink():
            link.symlink_to(place)
    return Settings(data_dir=warehouse.root)
