"""Nights on one org: all refused, some locked, completed, taken back, and what the next makes of it. In this order."""

from __future__ import annotations

import re

import pytest
import requests

from tests.nightly.conftest import MakeWorkplace
from tests.nightly.harness import Workplace
from tests.nightly.test_generated_org import soql

pytestmark = pytest.mark.slow

DAYS = {n: f"2026-10-{14 + n}T05:00:00+09:00" for n in (1, 2)}
WORDS = "案件の金額を先に入れてください"
OUR_TASKS = (
    "select Id, GyakusanActionKey__c, OwnerId, Subject, ActivityDate, Status from Task "
    "where GyakusanActionKey__c != null and IsDeleted = false order by GyakusanActionKey__c"
)
ALL_TASKS = "select Id, Subject, Status, ActivityDate, OwnerId, LastModifiedDate from Task order by Id"


@pytest.fixture(scope="module")
def org(make_workplace: MakeWorkplace) -> Workplace:
    return make_workplace("an org with rules", "--generate", now=DAYS[1])


def at(workplace: Workplace, day: int) -> dict[str, str]:
    """Both clocks on the morning of a day."""
    put(workplace, "clock", now=DAYS[day])
    return {"GYAKUSAN_NOW": DAYS[day]}


def put(workplace: Workplace, switch: str, **body: object) -> None:
    reply = requests.put(f"{workplace.login_url}/sandbox/{switch}", json=body, timeout=10)
    assert reply.ok, reply.text


def refuse(workplace: Workplace, **fault: object) -> None:
    put(workplace, "faults", faults=[{"name": "row_error", "object": "Task", **fault}])


def keys(workplace: Workplace) -> set[object]:
    return {task["GyakusanActionKey__c"] for task in soql(workplace, OUR_TASKS)}


def wanted(workplace: Workplace) -> set[object]:
    return {key for (key,) in workplace.query("select GyakusanActionKey__c from sync_next_actions")}


def test_a_night_with_every_row_rejected_is_red_whatever_the_limit(org: Workplace) -> None:
    refuse(org, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message=WORDS)
    red = org.run("nightly", GYAKUSAN_REJECTED_SHARE_LIMIT="1", **at(org, 1))
    assert red.returncode == 5, red.stdout + red.stderr
    assert WORDS in red.stderr.splitlines()[-1]
    assert "Waiting" in red.stdout
    assert WORDS in red.stdout
    assert keys(org) == set()
    put(org, "faults", faults=[])


def test_todays_page_tells_what_is_not_in_salesforce_yet(org: Workplace) -> None:
    page = org.run("today", "林").stdout
    assert "Salesforceにまだ書き込めていないもの" in page
    assert WORDS in page
    assert "tried once since 2026-10-15" in page


def test_the_next_day_sends_them_again_once_and_says_how_long_the_rest_waits(org: Workplace) -> None:
    first = wanted(org)
    [(rep_id,)] = org.query("select OwnerId from sync_next_actions order by 1 limit 1")
    refuse(org, code="UNABLE_TO_LOCK_ROW", message="unable to obtain exclusive access", match=rep_id)
    second = org.run("nightly", GYAKUSAN_REJECTED_SHARE_LIMIT="0.5", **at(org, 2))
    assert second.returncode == 0, second.stderr
    put(org, "faults", faults=[])
    assert re.search(r"[\d,]+ of earlier nights are sent again", second.stdout)
    carried = wanted(org) & first
    assert carried
    live = soql(org, OUR_TASKS)
    shown = [task["GyakusanActionKey__c"] for task in live]
    assert len(set(shown)) == len(shown)
    assert set(shown) < wanted(org)
    # A card that comes a day late is not overdue on arrival.
    assert {task["ActivityDate"] for task in live} == {"2026-10-16"}
    assert re.search(
        r"Waiting   \d+ tasks are not in Salesforce yet, the oldest for 1 day; each night sends them again",
        second.stdout,
    )
    assert "in 2 runs since 2026-10-15: UNABLE_TO_LOCK_ROW" in second.stdout


def test_a_good_night_completes_the_list_and_nothing_waits(org: Workplace) -> None:
    before, missing = keys(org), wanted(org) - keys(org)
    good = org.night(**at(org, 2))
    assert missing
    assert keys(org) == before | missing
    assert "Waiting" not in good.stdout
    assert "まだ書き込めていない" not in org.run("today", "林").stdout


def test_a_dry_run_of_undo_names_each_task_and_changes_nothing(org: Workplace) -> None:
    before = soql(org, ALL_TASKS)
    finished = org.run("undo", "last", "--dry-run", **at(org, 2))
    assert finished.returncode == 0, finished.stderr
    assert "would delete" in finished.stdout
    assert soql(org, ALL_TASKS) == before


def test_an_unknown_run_is_named_with_those_there_are(org: Workplace) -> None:
    finished = org.run("undo", "nothing-like-it")
    assert finished.returncode == 2
    last = finished.stderr.strip().splitlines()[-1]
    assert "no run 'nothing-like-it' wrote anything" in last
    assert "created" in last


def test_undo_respects_the_permission_to_write(org: Workplace) -> None:
    before = soql(org, ALL_TASKS)
    finished = org.run("undo", "last", GYAKUSAN_WRITE_BACK="off", **at(org, 2))
    assert finished.returncode == 5
    assert "GYAKUSAN_WRITE_BACK" in finished.stderr
    assert soql(org, ALL_TASKS) == before


def test_undo_takes_back_the_runs_one_by_one_but_for_what_was_touched(org: Workplace) -> None:
    touched = soql(org, OUR_TASKS)[0]
    others = [task for task in soql(org, ALL_TASKS) if task["Id"] not in our_ids(org)]
    finish(org, str(touched["Id"]))
    said = ""
    for run_id in runs(org):
        finished = org.run("undo", run_id, **at(org, 2))
        assert finished.returncode == 0, finished.stderr
        said += finished.stdout
    assert "closed by its owner" in said
    assert our_ids(org) == {touched["Id"]}
    assert [task for task in soql(org, ALL_TASKS) if task["Id"] != touched["Id"]] == others
    assert "nothing to do" in org.run("undo", runs(org)[0], **at(org, 2)).stdout


def our_ids(org: Workplace) -> set[object]:
    return {task["Id"] for task in soql(org, OUR_TASKS)}


def finish(org: Workplace, task_id: str) -> None:
    token = requests.post(
        f"{org.login_url}/services/oauth2/token",
        data={
            "grant_type": "client_credentials",
            "client_id": org.client_id,
            "client_secret": org.client_secret,
        },
        timeout=10,
    ).json()["access_token"]
    requests.patch(
        f"{org.login_url}/services/data/v62.0/sobjects/Task/{task_id}",
        json={"Status": "Completed"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    ).raise_for_status()


def runs(org: Workplace) -> list[str]:
    from connectors.event_log import EventLog
    from connectors.salesforce.writing.undo_facts import runs_that_wrote

    return [str(run) for run in runs_that_wrote(EventLog(org.folder / "log"))["run_id"].to_pylist()]


def test_an_undone_day_stays_undone(org: Workplace) -> None:
    before = soql(org, ALL_TASKS)
    again = org.night(**at(org, 2))
    assert "0 tasks written" in again.stdout
    assert soql(org, ALL_TASKS) == before
