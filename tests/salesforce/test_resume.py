"""A Bulk result that one run leaves half read is read on by the next, from its locator."""

from __future__ import annotations

import pyarrow as pa
import pytest
import requests

from connectors.event_log import EventLog
from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.session import SalesforceSession
from connectors.salesforce.reading import bulk
from connectors.salesforce.reading.bulk_jobs import BULK_JOBS, BulkJobFacts
from connectors.salesforce.reading.pull import is_complete, problems
from tests.salesforce.conftest import LiveOrg, event_ids, only
from tests.salesforce.seed import TASKS

PAGE = 300
TASK = only("Task")


@pytest.fixture
def calls(monkeypatch):
    """Method, path and parameters of every call, in order."""
    made: list[tuple[str, str, str]] = []
    send = SalesforceSession.send

    def noted(session, request, **options):
        path, _, query = request.url.partition("?")
        made.append((request.method, path.rpartition("/v62.0/")[2], query))
        return send(session, request, **options)

    monkeypatch.setattr(SalesforceSession, "send", noted)
    return made


def jobs_made(calls) -> int:
    return sum((method, path) == ("POST", "jobs/query") for method, path, _ in calls)


def pages_asked(calls) -> list[str]:
    return [query for _, path, query in calls if path.endswith("/results")]


def job_facts(log: EventLog) -> list[dict]:
    return log.read(BULK_JOBS).to_pylist()


def kinds(log: EventLog) -> list[str]:
    return [fact["kind"] for fact in job_facts(log)]


def break_off(org: LiveOrg, log: EventLog, *, after_pages: int, run_id: str = "broken off") -> None:
    """Read the tasks until the org stops answering for results; the window stays open."""
    org.faults({"name": "error_503", "path": "/results", "after": after_pages})
    (pulled,) = org.pull(log, run_id, objects=TASK, bulk_page_rows=PAGE)
    assert (pulled.status, pulled.rows_received) == ("incomplete", after_pages * PAGE)
    org.faults()


def test_the_next_run_reads_on_from_the_locator_and_proves_all_rows(org, log, tmp_path, calls):
    untouched = EventLog(tmp_path / "untouched")
    org.pull(untouched, objects=TASK)
    break_off(org, log, after_pages=3)
    job_id = job_facts(log)[0]["job_id"]
    org.advance(hours=20)
    calls.clear()
    resumed, increment = org.pull(log, "resumed", objects=TASK, bulk_page_rows=PAGE)
    assert (resumed.status, resumed.reason, resumed.job_id) == ("closed", "resumed", job_id)
    assert resumed.rows_received == resumed.rows_processed == resumed.rows_counted >= TASKS
    assert resumed.rows_appended == resumed.rows_received - 3 * PAGE
    assert resumed.window_to_at == job_facts(log)[0]["window_to_at"], "the bounds it began with"
    assert (increment.status, increment.reason) == ("closed", "increment")
    assert increment.window_from_at < resumed.window_to_at < increment.window_to_at
    assert jobs_made(calls) == 0
    assert [f"locator={3 * PAGE}" in each for each in pages_asked(calls)[:1]] == [True]
    assert len(pages_asked(calls)) == -(-resumed.rows_received // PAGE) - 3, "no page is read twice"
    assert event_ids(log) == event_ids(untouched)


def test_what_changed_since_comes_with_the_increment(org, log):
    break_off(org, log, after_pages=2)
    task = org.query("SELECT Id FROM Task ORDER BY Id DESC LIMIT 1")[0]["Id"]
    org.advance(hours=3)
    org.client().restful(f"sobjects/Task/{task}", "PATCH", json={"Subject": "changed since"})
    org.advance(hours=3)
    resumed, increment = org.pull(log, "resumed", objects=TASK, bulk_page_rows=PAGE)
    assert (resumed.status, increment.status, increment.rows_appended) == ("closed", "closed", 1)
    subjects = log.read("task", ["Subject"], where=f"record_id = '{task}'")["Subject"].to_pylist()
    assert subjects[-1] == "changed since"
    assert len(subjects) == 2
    (third,) = org.pull(log, "third", objects=TASK)
    assert third.reason == "increment", "a finished job is not read on"


def test_budget_that_runs_out_inside_a_result_spends_few_calls_twice(org, log, calls):
    page = 100
    whole = EventLog(log.root.with_name("whole"))
    client = org.client()
    org.pull(whole, objects=TASK, bulk_page_rows=page, client=client)
    in_one_go = client.budget.calls
    spent, runs = 0, 0
    while not (
        pulled := org.pull(
            log,
            f"run {runs}",
            objects=TASK,
            bulk_page_rows=page,
            client=(client := org.client(ApiBudget(max_calls=12))),
        )
    ) or not is_complete(pulled):
        assert pulled[-1].status == "incomplete"
        assert "no API calls left" in pulled[-1].message
        spent, runs = spent + client.budget.calls, runs + 1
        assert runs < 10
    spent += client.budget.calls
    assert runs >= 2
    assert jobs_made(calls) == 2, "one for each log"
    # Each run looks at the object list, the fields and the job again; only the last reads the increment too.
    assert spent <= in_one_go + 6 * runs + 2
    assert event_ids(log) == event_ids(whole)


def test_job_still_at_work_is_waited_for_instead_of_made_anew(org, log, calls, monkeypatch):
    waited = bulk.wait_for_job
    monkeypatch.setattr(
        bulk, "wait_for_job", lambda *given, **options: waited(*given, **options, longest_seconds=1.0)
    )
    org.faults({"name": "bulk_job_slow", "polls": 8})
    (pulled,) = org.pull(log, "slow", objects=TASK)
    assert pulled.status == "incomplete"
    assert "did not end within" in pulled.message
    assert kinds(log) == ["created"]
    monkeypatch.undo()
    resumed, _ = org.pull(log, "patient", objects=TASK)
    assert (resumed.status, resumed.reason) == ("closed", "resumed")


def test_job_the_org_no_longer_has_is_abandoned_and_its_window_read_anew(org, log, tmp_path):
    untouched = EventLog(tmp_path / "untouched")
    org.pull(untouched, objects=TASK)
    break_off(org, log, after_pages=2)
    org.client().call("DELETE", f"jobs/query/{job_facts(log)[0]['job_id']}")
    (pulled,) = org.pull(log, "again", objects=TASK, bulk_page_rows=PAGE)
    assert (pulled.status, pulled.reason) == ("closed", "first")
    abandoned = [fact for fact in job_facts(log) if fact["kind"] == "abandoned"]
    assert len(abandoned) == 1
    assert "does not give the job's results" in abandoned[0]["message"]
    assert event_ids(log) == event_ids(untouched)


def test_job_that_ends_as_failed_is_abandoned_and_made_anew_in_the_same_run(org, log, calls):
    org.faults({"name": "bulk_job_failed", "times": 1, "message": "InternalServerError"})
    (pulled,) = org.pull(log, objects=TASK)
    assert pulled.status == "closed"
    assert jobs_made(calls) == 2
    assert "InternalServerError" in next(f for f in job_facts(log) if f["kind"] == "abandoned")["message"]


def test_job_that_failed_between_two_runs_is_abandoned(org, log):
    org.faults({"name": "bulk_job_failed", "state": "Aborted", "times": 1})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bulk, "wait_for_job", _killed)
        with pytest.raises(KeyboardInterrupt):
            org.pull(log, "killed", objects=TASK)
    (pulled,) = org.pull(log, "again", objects=TASK)
    assert (pulled.status, pulled.reason) == ("closed", "first")
    assert kinds(log)[:2] == ["created", "abandoned"]


def _killed(*_, **__):
    raise KeyboardInterrupt


def test_fields_that_changed_since_make_the_job_useless_and_it_is_dropped_at_the_org(org, log):
    break_off(org, log, after_pages=2)
    job_id = job_facts(log)[0]["job_id"]
    org.faults({"name": "deny_field", "object": "Task", "field": "Priority"})
    (pulled,) = org.pull(log, "again", objects=TASK, bulk_page_rows=PAGE)
    assert (pulled.status, pulled.reason) == ("closed", "first")
    assert "fields have changed" in next(f for f in job_facts(log) if f["kind"] == "abandoned")["message"]
    gone = requests.get(
        org.client().url(f"jobs/query/{job_id}"),
        headers={"Authorization": f"Bearer {org.client().session.token().access_token}"},
        timeout=5,
    )
    assert gone.status_code == 404


def test_page_that_stays_broken_for_two_runs_is_left_with_its_job(org, log, calls):
    break_off(org, log, after_pages=2)
    org.faults({"name": "truncated_page", "path": "/results", "times": 3})
    (pulled,) = org.pull(log, "again", objects=TASK, bulk_page_rows=PAGE)
    assert (pulled.status, pulled.reason) == ("closed", "first")
    assert jobs_made(calls) == 2
    assert kinds(log).count("abandoned") == 1


def test_result_resumed_twice_counts_the_rows_of_all_three_parts(org, log):
    break_off(org, log, after_pages=1)
    org.faults({"name": "error_503", "path": "/results", "after": 2})
    (second,) = org.pull(log, "second", objects=TASK, bulk_page_rows=PAGE)
    assert (second.status, second.reason, second.rows_received) == ("incomplete", "resumed", 3 * PAGE)
    org.faults()
    third, _ = org.pull(log, "third", objects=TASK, bulk_page_rows=PAGE)
    assert third.rows_received == third.rows_counted
    assert third.rows_appended == third.rows_received - 3 * PAGE


def test_everything_landed_but_the_window_is_closed_without_reading_again(org, log, calls, monkeypatch):
    monkeypatch.setattr("connectors.salesforce.reading.pull.window_rows", _killed)
    with pytest.raises(KeyboardInterrupt):
        org.pull(log, "killed", objects=TASK, bulk_page_rows=PAGE)
    monkeypatch.undo()
    calls.clear()
    resumed, _ = org.pull(log, "again", objects=TASK, bulk_page_rows=PAGE)
    assert (resumed.status, resumed.rows_appended) == ("closed", 0)
    assert resumed.rows_received == resumed.rows_counted


def test_row_repeated_after_a_resume_is_not_taken_for_a_new_one(org, log, monkeypatch):
    break_off(org, log, after_pages=2)
    landed = BulkJobFacts.landed_ids
    seen = []

    def doubled(facts, job):
        ids = landed(facts, job)
        seen.append(len(ids))
        return pa.chunked_array([ids.slice(1).combine_chunks(), ids.slice(1, 1).combine_chunks()])

    monkeypatch.setattr(BulkJobFacts, "landed_ids", doubled)
    (pulled,) = org.pull(log, "again", objects=TASK, bulk_page_rows=PAGE)
    assert seen == [2 * PAGE]
    assert (pulled.status, pulled.reason) == ("closed", "first"), "read anew: the parts did not add up"
    assert "different" in next(f for f in job_facts(log) if f["kind"] == "abandoned")["message"]


def test_jobs_of_several_objects_are_kept_apart(org, log):
    some = only("Account", "Opportunity", "Task")
    org.faults({"name": "error_503", "path": "/results", "after": 2})
    broken = org.pull(log, "broken", objects=some, bulk_page_rows=40)
    assert {each.status for each in broken} == {"closed", "incomplete"}
    org.faults()
    pulled = org.pull(log, "again", objects=some, bulk_page_rows=400)
    assert is_complete(pulled), problems(pulled)
    assert [each.object_name for each in pulled if each.reason == "resumed"] == ["Opportunity", "Task"]
