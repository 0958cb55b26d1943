"""Evenings over HTTP: what reps did is counted, each gets one task, the pick comes back and stays theirs. In this order."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest
import requests

from connectors.event_log import EventLog
from dagster_project.review.inputs import MEASURES
from dagster_project.review.reasons import REASONS
from tests.nightly.harness import Workplace
from tests.nightly.test_generated_org import rows_as_text, soql

pytestmark = pytest.mark.slow

EVENING = "2026-10-15T17:30:00+09:00"
NEXT_MORNING, NEXT_EVENING = "2026-10-16T05:00:00+09:00", "2026-10-16T17:30:00+09:00"
SATURDAY = "2026-10-17T17:30:00+09:00"
PICK = "Waiting for someone"
REVIEWS = (
    "select Id, GyakusanActionKey__c, GyakusanReview__c, OwnerId, Subject, Description, Status, ActivityDate "
    "from Task where GyakusanActionKey__c like 'review:%' and IsDeleted = false order by GyakusanActionKey__c"
)
ALL_TASKS = "select Id, Subject, Description, Status, LastModifiedDate from Task order by Id"


def at(workplace: Workplace, now: str) -> dict[str, str]:
    """Both clocks at an instant."""
    body = {"now": now}
    requests.put(f"{workplace.login_url}/sandbox/clock", json=body, timeout=10).raise_for_status()
    return {"GYAKUSAN_NOW": now}


def evening(workplace: Workplace, now: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    finished = workplace.run("evening", *arguments, **at(workplace, now))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


@dataclass(frozen=True)
class Rep:
    """A rep at work in the CRM, logged in as such."""

    workplace: Workplace
    rep_id: str

    @property
    def headers(self) -> dict[str, str]:
        [user] = soql(self.workplace, f"select Username from User where Id = '{self.rep_id}'")
        reply = requests.post(
            f"{self.workplace.login_url}/services/oauth2/token",
            data={
                "grant_type": "password",
                "username": user["Username"],
                "password": self.workplace.client_secret,
                "client_id": self.workplace.client_id,
                "client_secret": self.workplace.client_secret,
            },
            timeout=10,
        )
        assert reply.ok, reply.text
        return {"Authorization": f"Bearer {reply.json()['access_token']}"}

    def make(self, name: str, **values: Any) -> str:
        url = f"{self.workplace.login_url}/services/data/v62.0/sobjects/{name}"
        reply = requests.post(url, json={"OwnerId": self.rep_id, **values}, headers=self.headers, timeout=10)
        assert reply.ok, reply.text
        return str(reply.json()["id"])

    def change(self, name: str, record_id: str, **values: Any) -> requests.Response:
        url = f"{self.workplace.login_url}/services/data/v62.0/sobjects/{name}/{record_id}"
        return requests.patch(url, json=values, headers=self.headers, timeout=10)


def facts(workplace: Workplace, stream: str, where: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = EventLog(workplace.folder / "log").latest(stream, where=where).to_pylist()
    return found


def review_of(workplace: Workplace, rep: Rep, day: str) -> dict[str, Any]:
    [found] = facts(workplace, "reviews", f"rep_id = '{rep.rep_id}' and plan_date = date '{day}'")
    return found


def built_marts(workplace: Workplace) -> tuple[int, str]:
    """The night's warehouse, and what is remembered of its build: with these the next night starts from it."""
    folder = workplace.folder / "warehouse"
    return (folder / "gyakusan.duckdb").stat().st_mtime_ns, (folder / "last_build.json").read_text()


@pytest.fixture(scope="module")
def reps(workplace: Workplace) -> list[Rep]:
    found = workplace.query("select rep_id from plan_today where rep_id is not null order by rep_id")
    return [Rep(workplace, rep_id) for (rep_id,) in found]


def test_the_first_evening_writes_one_task_a_rep(workplace: Workplace, reps: list[Rep]) -> None:
    built = built_marts(workplace)
    said = evening(workplace, EVENING)
    assert built_marts(workplace) == built
    assert sorted(path.name for path in (workplace.folder / "evening").iterdir()) == ["dbt_target", "run"]
    shown = soql(workplace, REVIEWS)
    assert [each["GyakusanActionKey__c"] for each in shown] == [
        f"review:{rep.rep_id}:2026-10-15" for rep in reps
    ]
    assert {each["ActivityDate"] for each in shown} == {"2026-10-15"}
    assert f"{len(reps)} tasks written ({len(reps)} new" in said.stdout
    assert f"{len(reps)} confirmed" in said.stdout


def test_what_a_rep_does_meanwhile_is_counted_and_a_dry_run_only_shows_it(
    workplace: Workplace, reps: list[Rep]
) -> None:
    rep = reps[0]
    before = review_of(workplace, rep, "2026-10-15")
    [(deal,)] = workplace.query(
        f"select opportunity_id from fct_opportunity where rep_id = '{rep.rep_id}' and status = 'open' "
        "and opportunity_id not in (select opportunity_id from candidates) "
        "and opportunity_id not in (select opportunity_id from fct_activity where is_first_meeting) limit 1"
    )
    at(workplace, "2026-10-15T18:00:00+09:00")
    for _ in range(2):
        rep.make(
            "Task",
            Subject="架電",
            TaskSubtype="Call",
            Status="Completed",
            WhatId=deal,
            ActivityDate="2026-10-15",
        )
    rep.make(
        "Event",
        Subject="打ち合わせ",
        WhatId=deal,
        StartDateTime="2026-10-16T01:00:00.000+0000",
        DurationInMinutes=60,
    )
    # One that lies ahead this evening is not held yet.
    rep.make(
        "Event",
        Subject="会食",
        WhatId=deal,
        StartDateTime="2026-10-15T11:00:00.000+0000",
        DurationInMinutes=90,
    )
    rep.change("Opportunity", deal, StageName="Closed Won").raise_for_status()
    [card] = soql(
        workplace,
        f"select Id from Task where OwnerId = '{rep.rep_id}' and GyakusanActionType__c != 'review' "
        "and GyakusanActionKey__c != null order by Id limit 1",
    )
    rep.change("Task", str(card["Id"]), Status="Completed").raise_for_status()
    tasks = soql(workplace, ALL_TASKS)
    said = evening(workplace, "2026-10-15T18:30:00+09:00", "--dry-run")
    assert "would update 3" in said.stdout
    assert soql(workplace, ALL_TASKS) == tasks
    after = review_of(workplace, rep, "2026-10-15")
    assert {name: after[f"{name}_done"] - before[f"{name}_done"] for name in MEASURES} == {
        "touches": 2,
        "appointments": 2,
        "meetings": 0,
        "won_deals": 1,
    }
    assert (after["cards_done"], after["cards_left"]) == (before["cards_done"] + 1, before["cards_left"] - 1)


def test_a_later_run_brings_the_task_up_to_date_and_one_more_writes_nothing(
    workplace: Workplace, reps: list[Rep]
) -> None:
    # Ill since noon: no review, and the one written earlier stays as it was.
    reps[-1].make(
        "Event",
        Subject="休暇(体調不良)",
        IsAllDayEvent=True,
        ActivityDate="2026-10-15",
        DurationInMinutes=1440,
    )
    earlier = soql(workplace, REVIEWS)
    said = evening(workplace, "2026-10-15T18:30:00+09:00")
    assert re.search(r"[1-9] tasks written \(0 new", said.stdout)
    tasks = soql(workplace, ALL_TASKS)
    mine = {each["OwnerId"]: each for each in soql(workplace, REVIEWS)}
    assert "接触(架電・メール) 2/" in str(mine[reps[0].rep_id]["Description"]) or "touches 2/" in str(
        mine[reps[0].rep_id]["Description"]
    )
    assert mine[reps[-1].rep_id] == earlier[-1]
    again = evening(workplace, "2026-10-15T18:35:00+09:00")
    assert "0 tasks written" in again.stdout
    assert soql(workplace, ALL_TASKS) == tasks


def test_the_pick_list_is_what_the_org_describes_and_takes(workplace: Workplace, reps: list[Rep]) -> None:
    url = f"{workplace.login_url}/services/data/v62.0/sobjects/Task/describe"
    fields = requests.get(url, headers=reps[0].headers, timeout=10).json()["fields"]
    [field] = [each for each in fields if each["name"] == "GyakusanReview__c"]
    assert [each["value"] for each in field["picklistValues"]] == list(REASONS)
    review = soql(workplace, REVIEWS)[0]
    refused = reps[0].change("Task", str(review["Id"]), GyakusanReview__c="Lazy")
    assert refused.status_code == 400
    assert refused.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_the_pick_comes_back_as_a_fact_and_is_told_to_nobody(workplace: Workplace, reps: list[Rep]) -> None:
    review = soql(workplace, REVIEWS)[0]
    reps[0].change("Task", str(review["Id"]), GyakusanReview__c=PICK, Status="Completed").raise_for_status()
    night = workplace.run("nightly", **at(workplace, NEXT_MORNING))
    assert night.returncode == 0, night.stdout + night.stderr
    with duckdb.connect(
        str(workplace.folder / "warehouse" / "gyakusan.duckdb"), read_only=True
    ) as connection:
        known = connection.execute(
            "select rep_id, review_date::varchar, is_closed from intermediate.int_reviews where review_reason = ?",
            [PICK],
        ).fetchall()
    assert known == [(reps[0].rep_id, "2026-10-15", True)]
    assert tables_with(workplace, PICK) == set()
    assert tables_with(workplace, "一つだけ選んでください") == set()


def tables_with(workplace: Workplace, text: str) -> set[str]:
    """Published tables in which any value contains a text."""
    found = set()
    with duckdb.connect(str(workplace.published), read_only=True) as connection:
        for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            sql = f"select 1 from {name} as row where contains(row::varchar, ?) limit 1"
            if connection.execute(sql, [text]).fetchall():
                found.add(name)
    return found


def test_a_finished_review_is_prompted_and_no_touch(workplace: Workplace, reps: list[Rep]) -> None:
    rows = workplace.query(
        "select rep_id, is_own_write, is_done, is_touch, description from fct_activity where action_key like 'review:%'"
    )
    assert Counter(done for _, _, done, _, _ in rows) == {True: 1, False: len(reps) - 1}
    assert {(own, touch, text) for _, own, _, touch, text in rows} == {(True, False, None)}


def test_the_night_after_is_what_a_build_of_everything_gives(workplace: Workplace) -> None:
    finished = workplace.run("replay", "--as-of", "2026-10-15", GYAKUSAN_NOW=NEXT_MORNING)
    assert finished.returncode == 0, finished.stderr
    replayed = workplace.folder / "published" / "replay" / "marts_as_of_2026-10-15.duckdb"
    tonight, again = rows_as_text(workplace.published), rows_as_text(replayed)
    assert {name for name, rows in tonight.items() if again.get(name) != rows} == set()


def test_the_next_evening_takes_away_what_nobody_touched(workplace: Workplace, reps: list[Rep]) -> None:
    yesterday = soql(workplace, REVIEWS)
    said = evening(workplace, NEXT_EVENING)
    shown = {each["GyakusanActionKey__c"] for each in soql(workplace, REVIEWS)}
    kept = f"review:{reps[0].rep_id}:2026-10-15"
    assert {key for key in shown if str(key).endswith("2026-10-15")} == {kept}
    assert f"{len(yesterday) - 1} earlier reviews that nobody touched deleted" in said.stdout
    gone = {fact["record_id"] for fact in facts(workplace, "reviews_expired")}
    assert gone == {each["GyakusanActionKey__c"] for each in yesterday} - {kept}


def test_an_evening_can_be_taken_back_and_stays_so(workplace: Workplace) -> None:
    assert workplace.run("undo", "last", **at(workplace, NEXT_EVENING)).returncode == 0
    assert all("2026-10-16" not in str(each["GyakusanActionKey__c"]) for each in soql(workplace, REVIEWS))
    assert "0 tasks written" in evening(workplace, NEXT_EVENING).stdout


def test_on_a_day_off_nothing_is_asked_of_the_org(workplace: Workplace) -> None:
    tasks = soql(workplace, ALL_TASKS)
    said = evening(workplace, SATURDAY)
    assert "Nobody has a plan for 2026-10-17" in said.stderr
    assert "Reading Salesforce" not in said.stderr
    assert soql(workplace, ALL_TASKS) == tasks


def test_without_the_pick_list_nobody_is_asked(workplace: Workplace) -> None:
    fault = {"name": "deny_field", "object": "Task", "field": "GyakusanReview__c"}
    url = f"{workplace.login_url}/sandbox/faults"
    requests.put(url, json={"faults": [fault]}, timeout=10).raise_for_status()
    said = evening(workplace, NEXT_EVENING)
    requests.put(url, json={"faults": []}, timeout=10).raise_for_status()
    assert "Task.GyakusanReview__c is not in the org or not visible: no reviews are written" in said.stdout
