"""Rows are set aside one by one, with their reason; the batch stops only for what would falsify all.

All tests that import Great Expectations (seconds) are in this module.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from connectors.event_log import EventLog
from dagster_project.errors import GateStopped
from dagster_project.gate import verdicts
from dagster_project.gate.judge import accept, judge
from dagster_project.gate.report import BatchStopped, GateReport, Thresholds
from tests.gate.organization import NOW, REP, deal, deal_id, land, organization
from tests.gate.organization import stage as stage_row

DEMO_ORG = Path(__file__).parents[3] / "shared" / "data" / "salesforce_demo_org"


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return organization(EventLog(tmp_path / "log"))


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "key malformed": ({"Id": "006000000000009"}, "Id key form", "006000000000009"),
    "key of 18 signs, not an id": ({"Id": "006-00000000009AAA"}, "Id key form", "006-00000000009AAA"),
    "key missing": ({"Id": None}, "Id present", ""),
    "amount is text": ({"Amount": "a lot"}, "needed values cast", "Amount: a lot"),
    "close date day first": ({"CloseDate": "31/12/2024"}, "needed values cast", "CloseDate: 31/12/2024"),
    "stage unknown to the org": ({"StageName": "Perhaps"}, "StageName known", "Perhaps"),
    "stage missing": ({"StageName": None}, "StageName present", ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_no_mart_could_use_is_refused_with_its_reason(log: EventLog, name: str) -> None:
    values, expectation, value_text = REFUSED[name]
    land(log, "opportunity", deal(1), deal(2, **values))
    report = judge(log, "run", NOW)
    assert (stream(report).judged, stream(report).refused) == (2, 1)
    assert [finding.expectation for finding in report.refusals] == [expectation]
    (row,) = verdicts.refused(log).to_pylist()
    assert row["stream"] == "opportunity"
    assert row["record_id_judged"] == values.get("Id", deal_id(2))
    assert (row["value_text"] or "") == value_text
    assert row["reason"]
    assert accepted_ids(log) == [deal_id(1)]


WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "amount missing": ({"Amount": None}, "Amount present"),
    "amount negative": ({"Amount": "-1"}, "Amount amount"),
    "amount beyond the ceiling": ({"Amount": "2000000000000"}, "Amount amount"),
    "close date in the year 202": ({"CloseDate": "0202-01-01"}, "CloseDate sane date"),
    "close date in the year 2924": ({"CloseDate": "2924-01-01"}, "CloseDate sane date"),
    "created after it was last modified": (
        {"CreatedDate": "2024-03-01T00:00:00.000Z"},
        "LastModifiedDate not before CreatedDate",
    ),
    "owner not read": ({"OwnerId": "005000000000099AAA"}, "OwnerId in user"),
    "account not read": ({"AccountId": "001000000000099AAA"}, "AccountId in account"),
    "probability of 110": ({"Probability": "110"}, "Probability percent"),
}


@pytest.mark.parametrize("name", WARNED)
def test_an_odd_but_real_row_is_warned_of_and_stays(log: EventLog, name: str) -> None:
    values, expectation = WARNED[name]
    land(log, "opportunity", deal(1), deal(2, **values))
    report = judge(log, "run", NOW)
    assert report.refused == 0
    (finding,) = [finding for finding in report.warnings if finding.stream == "opportunity"]
    assert (finding.expectation, finding.facts) == (expectation, 1)
    assert [sample.record_id for sample in finding.samples] == [deal_id(2)]
    assert accepted_ids(log) == [deal_id(1), deal_id(2)]


def test_nothing_is_said_of_rows_as_they_should_be(log: EventLog) -> None:
    land(log, "opportunity", deal(1))
    land(
        log,
        "task",
        {
            "Id": "00T000000000001AAA",
            "OwnerId": "00G000000000001AAA",
            "WhatId": deal_id(1),
            "Subject": "Call",
        },
    )
    report = judge(log, "run", NOW)
    assert (report.judged, report.refusals, report.warnings, report.passed) == (6, (), (), True)


def test_a_row_with_two_faults_is_refused_once(log: EventLog) -> None:
    land(log, "opportunity", deal(1, Amount="a lot", StageName="Perhaps"))
    assert stream(judge(log, "run", NOW)).refused == 1
    (row,) = verdicts.refused(log).to_pylist()
    assert row["expectation"] == "StageName known; needed values cast"
    assert row["value_text"] == "Perhaps; Amount: a lot"


def test_a_deletion_is_never_refused_for_its_values(log: EventLog) -> None:
    land(log, "opportunity", deal(1))
    judge(log, "run", NOW)
    land(log, "opportunity", deal(1, IsDeleted="true", StageName="Perhaps", Amount="a lot"), day=1)
    assert judge(log, "run", NOW).refused == 0


def test_stages_nobody_listed_refuse_nothing(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.evolve("opportunity", organization(EventLog(tmp_path / "other")).contract("opportunity"))
    land(log, "opportunity", deal(1, StageName="Perhaps"))
    assert judge(log, "run", NOW).refused == 0


def test_one_action_key_on_two_tasks_is_warned_of(log: EventLog) -> None:
    tasks = [
        {"Id": f"00T{number:012d}AAA", "OwnerId": REP, "GyakusanActionKey__c": key}
        for number, key in enumerate(["a", "a", "b"])
    ]
    land(log, "task", *tasks)
    (finding,) = judge(log, "run", NOW).warnings
    assert (finding.expectation, finding.facts) == ("GyakusanActionKey__c unique", 2)


def test_only_what_landed_since_is_judged(log: EventLog) -> None:
    land(log, "opportunity", deal(1, StageName="Perhaps"))
    assert judge(log, "run 1", NOW).judged == 5
    assert judge(log, "run 2", NOW).streams == ()
    land(log, "opportunity", deal(1, StageName="Perhaps", Amount="7"), deal(2), day=1)
    report = judge(log, "run 3", NOW + timedelta(days=1))
    assert (stream(report).judged, stream(report).refused) == (2, 1)
    assert verdicts.refused(log).num_rows == 2
    assert verdicts.judged(log)["opportunity"].checked_to_sequence == 3


def test_nothing_new_is_answered_in_milliseconds(log: EventLog) -> None:
    land(log, "opportunity", deal(1))
    judge(log, "run", NOW)
    assert min(judge(log, "run", NOW).seconds for _ in range(3)) < 0.2


def test_accepted_rows_are_read_again(log: EventLog) -> None:
    land(log, "opportunity", deal(1, StageName="Perhaps"), deal(2, StageName="Perhaps"), deal(3))
    judge(log, "run", NOW)
    assert accepted_ids(log) == [deal_id(3)]
    assert accept(log, [deal_id(1), "006 nobody"], run_id="by hand", now=NOW) == 1
    assert accepted_ids(log) == [deal_id(1), deal_id(3)]
    assert accept(log, [deal_id(1)], run_id="by hand", now=NOW) == 0
    judge(log, "run", NOW)
    assert accepted_ids(log) == [deal_id(1), deal_id(3)]


def test_a_row_without_a_key_is_accepted_by_its_event(log: EventLog) -> None:
    land(log, "opportunity", deal(1, Id=None), deal(2))
    judge(log, "run", NOW)
    event_id = verdicts.refused(log)["event_id_judged"][0].as_py()
    assert accept(log, [event_id], run_id="by hand", now=NOW) == 1


def test_half_the_deals_gone_at_once_stops_the_batch_until_accepted(log: EventLog) -> None:
    land(log, "opportunity", *(deal(number) for number in range(200)))
    judge(log, "run", NOW)
    land(log, "opportunity", *(deal(number, IsDeleted="true") for number in range(101)), day=1)
    land(log, "account", {"Id": "001000000000002AAA", "Name": "New", "OwnerId": REP}, day=1)
    with pytest.raises(
        GateStopped, match=r"101 of 200 known records are gone.*opportunity.*--accept"
    ) as told:
        judge(log, "run", NOW)
    assert isinstance(told.value, BatchStopped)
    assert [report.stream for report in told.value.report.streams] == ["account"]
    assert verdicts.judged(log)["opportunity"].checked_to_sequence == 200
    assert verdicts.judged(log)["account"].checked_to_sequence == 2
    with pytest.raises(GateStopped):
        judge(log, "run again", NOW)

    assert accept(log, ["opportunity"], run_id="by hand", now=NOW) == 1
    assert stream(judge(log, "run", NOW)).judged == 101


def test_a_drop_that_is_made_good_stops_no_longer(log: EventLog) -> None:
    land(log, "opportunity", *(deal(number) for number in range(150)))
    judge(log, "run", NOW)
    land(log, "opportunity", *(deal(number, IsDeleted="true") for number in range(150)), day=1)
    with pytest.raises(GateStopped):
        judge(log, "run", NOW)
    land(log, "opportunity", *(deal(number) for number in range(150)), day=2)
    assert stream(judge(log, "run", NOW)).judged == 300


def test_a_small_org_may_delete_most_of_its_deals(log: EventLog) -> None:
    land(log, "opportunity", *(deal(number) for number in range(99)))
    judge(log, "run", NOW)
    land(log, "opportunity", *(deal(number, IsDeleted="true") for number in range(99)), day=1)
    assert judge(log, "run", NOW).passed


def test_keys_null_in_many_rows_stop_the_batch(log: EventLog) -> None:
    land(log, "opportunity", *(deal(n, Id=None if n < 10 else deal_id(n), Amount=str(n)) for n in range(100)))
    with pytest.raises(GateStopped, match="10 of 100 rows that landed have no key"):
        judge(log, "run", NOW)
    accept(log, ["opportunity"], run_id="by hand", now=NOW)
    assert stream(judge(log, "run", NOW)).refused == 10


def test_a_stream_that_had_records_and_is_not_shown_any_more_stops_the_batch(log: EventLog) -> None:
    land(log, "opportunity", deal(1))
    judge(log, "run", NOW)
    window(log, "opportunity", "absent")
    window(log, "lead", "absent")
    with pytest.raises(GateStopped, match=r"opportunity.*grant read access") as told:
        judge(log, "run", NOW)
    assert isinstance(told.value, BatchStopped)
    assert [stop.stream for stop in told.value.report.stops] == ["opportunity"]
    accept(log, ["opportunity"], run_id="by hand", now=NOW)
    assert judge(log, "run", NOW).passed


def test_files_lost_from_the_log_stop_the_batch(log: EventLog) -> None:
    land(log, "opportunity", deal(1))
    judge(log, "run", NOW)
    for path in (log.root / "opportunity").glob("0*.parquet"):
        path.unlink()
    with pytest.raises(GateStopped, match="restore the files"):
        judge(log, "run", NOW)


def test_chunks_add_up(log: EventLog) -> None:
    land(log, "opportunity", *(deal(n, StageName="Open" if n % 3 else None) for n in range(25)))
    report = judge(log, "run", NOW, Thresholds(chunk_rows=4, sample_rows=2))
    assert (stream(report).judged, stream(report).refused) == (25, 9)
    assert [(finding.facts, len(finding.samples)) for finding in report.refusals] == [(9, 2)]


@pytest.mark.skipif(not DEMO_ORG.exists(), reason="shared data salesforce_demo_org is absent")
def test_a_real_export_passes_with_warnings(log: EventLog) -> None:
    deals = exported_deals()
    land(
        log,
        "opportunity_stage",
        *(stage_row(n, name) for n, name in enumerate({row["StageName"] for row in deals})),
    )
    land(log, "opportunity", *deals)
    report = judge(log, "run", NOW)
    assert (stream(report).judged, report.refused) == (219, 0)
    warned = {finding.expectation: finding.facts for finding in stream(report).warnings}
    assert warned["LastModifiedDate not before CreatedDate"] == 180


ANY_DEAL = st.fixed_dictionaries(
    {},
    optional={
        "Id": st.sampled_from([None, "x", "006000000000001AAA", "006000000000002AAA"]),
        "StageName": st.sampled_from([None, "Open", "Perhaps"]),
        "Amount": st.sampled_from([None, "5", "-5", "a lot"]),
        "CloseDate": st.sampled_from([None, "2024-01-01", "0001-01-01", "01/01/2024"]),
        "IsDeleted": st.sampled_from(["true", "false", "maybe"]),
        "Probability": st.sampled_from([None, "50", "500", "half"]),
    },
)


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(nights=st.lists(st.lists(ANY_DEAL, min_size=1, max_size=9), min_size=1, max_size=2))
def test_refused_and_accepted_are_all_that_landed(
    tmp_path_factory: pytest.TempPathFactory, nights: list[list[dict[str, Any]]]
) -> None:
    log = organization(EventLog(tmp_path_factory.mktemp("log")))
    for day, deals in enumerate(nights):
        landed = land(log, "opportunity", *(deal(n, **values) for n, values in enumerate(deals)), day=day)
        report = judge(log, f"run {day}", NOW + timedelta(days=day))
        judged = [each for each in report.streams if each.stream == "opportunity"]
        assert sum(each.judged for each in judged) == landed
    refused = set(verdicts.refused(log)["event_id_judged"].to_pylist())
    everything = log.read("opportunity", ["event_id", "record_id"])
    assert refused <= set(everything["event_id"].to_pylist())
    assert len(refused) + len(accepted_ids(log)) == everything.num_rows


def exported_deals() -> list[dict[str, Any]]:
    """The export's deals with ISO dates: what the sandbox's loader makes of the day-first ones."""
    names = "Id, IsDeleted, StageName, Amount, Probability, OwnerId, AccountId"
    instants = ", ".join(
        f"""strftime(coalesce(try_strptime({name}, '%d/%m/%Y %H:%M'), try_strptime({name}, '%d/%m/%Y')),
            '%Y-%m-%dT%H:%M:%S.000+0000') as {name}"""
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")
    )
    close_date = "strftime(strptime(CloseDate, '%d/%m/%Y'), '%Y-%m-%d') as CloseDate"
    path = DEMO_ORG / "Opportunity.csv"
    found = duckdb.sql(
        f"select {names}, {instants}, {close_date} from read_csv('{path}', all_varchar = true)"
    )
    return found.to_arrow_table().to_pylist()


def stream(report: GateReport, name: str = "opportunity") -> Any:
    (found,) = [each for each in report.streams if each.stream == name]
    return found


def accepted_ids(log: EventLog, name: str = "opportunity") -> list[str]:
    """Record ids of the facts staging would read: judged, and not refused."""
    refused = set(verdicts.refused(log)["event_id_judged"].to_pylist())
    checked = verdicts.judged(log)[name].checked_to_sequence
    facts = log.read(name, ["event_id", "record_id"], where=f"sequence <= {checked}").to_pylist()
    return [fact["record_id"] for fact in facts if fact["event_id"] not in refused]


def window(log: EventLog, name: str, kind: str) -> None:
    """An extraction window as the connector records it."""
    row = {"record_id": name, "kind": kind, "occurred_at": NOW, "stream": name, "message": "not visible"}
    log.append_facts(
        "extraction_windows", pa.Table.from_pylist([row]), run_id="run", observed_at=NOW, key=["record_id"]
    )
