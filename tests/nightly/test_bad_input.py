"""Bad input in the middle of a night: one line, an exit code, and everything landed so far kept."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.event_log import EventLog
from tests.nightly.conftest import MakeWorkplace
from tests.nightly.harness import Workplace


@pytest.fixture(scope="module")
def small(make_workplace: MakeWorkplace, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A small org with one rep, three deals, and no quota."""
    folder = tmp_path_factory.mktemp("small org")
    (folder / "User.csv").write_text(
        "Id,Name,Username,IsActive,CreatedDate\n"
        "0055g000000001mAAA,佐藤 花子,hanako@example.com,true,2026-01-01T00:00:00.000+0000\n"
    )
    rows = [
        f"0065g00000000{n:02d}AAA,商談{n},0055g000000001mAAA,{stage},100000,2026-11-30,2026-09-0{n}T00:00:00.000+0000"
        for n, stage in ((1, "Prospecting"), (2, "Qualification"), (3, "Closed Won"))
    ]
    header = "Id,Name,OwnerId,StageName,Amount,CloseDate,CreatedDate\n"
    (folder / "Opportunity.csv").write_text(header + "\n".join(rows) + "\n")
    return make_workplace("small", "--load", str(folder), now="2026-10-15T05:00:00+09:00")


@pytest.fixture
def read_before(small: Workplace) -> Workplace:
    """The small org after a night at least, whichever tests are run."""
    if not small.published.exists():
        small.night(GYAKUSAN_REQUIRE_QUOTAS="false")
    return small


def one_line(finished: subprocess.CompletedProcess[str], exit_code: int, *words: str) -> None:
    assert finished.returncode == exit_code, finished.stderr
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("gyakusan: ")
    assert "Traceback" not in finished.stderr
    for word in words:
        assert word in last, last


def faults(workplace: Workplace, *given: dict[str, Any]) -> None:
    reply = requests.put(f"{workplace.login_url}/sandbox/faults", json={"faults": list(given)}, timeout=10)
    assert reply.ok, reply.text


def set_clock(workplace: Workplace, now: str) -> None:
    reply = requests.put(f"{workplace.login_url}/sandbox/clock", json={"now": now}, timeout=10)
    assert reply.ok, reply.text


def call(workplace: Workplace, method: str, path: str, **values: Any) -> requests.Response:
    """One REST call with a token of its own; ``path`` is below ``sobjects/``."""
    login = {
        "grant_type": "client_credentials",
        "client_id": workplace.client_id,
        "client_secret": workplace.client_secret,
    }
    token = requests.post(f"{workplace.login_url}/services/oauth2/token", data=login, timeout=10).json()
    reply = requests.request(
        method,
        f"{workplace.login_url}/services/data/v62.0/sobjects/{path}",
        json=values,
        headers={"Authorization": f"Bearer {token['access_token']}"},
        timeout=10,
    )
    assert reply.ok, reply.text
    return reply


def landed(folder: Path) -> int:
    log = EventLog(folder / "log")
    return sum(log.last_sequence(stream) for stream in log.streams())


def test_a_missing_quota_is_said_and_all_else_is_done(small: Workplace) -> None:
    one_line(small.run("nightly"), 7, "no quota", "GYAKUSAN_QUOTA_FILE")
    assert small.value("select count(*) from fct_opportunity") == 3


@pytest.mark.slow
def test_a_quota_file_fills_the_gap(small: Workplace) -> None:
    quota_file = small.folder / "quotas.csv"
    quota_file.write_text("rep_email_or_id,month,quota_amount\n0055g000000001mAAA,2026-10,100万\n")
    small.night(GYAKUSAN_QUOTA_FILE=str(quota_file))
    assert small.value("select quota_amount from plan_today where scope_kind = 'rep'") == 1_000_000
    quota_file.write_text("rep_email_or_id,month,quota_amount\n0055g000000001mAAA,2026-10,lots\n")
    one_line(
        small.run("nightly", GYAKUSAN_QUOTA_FILE=str(quota_file)), 2, "quotas.csv, line 2", "quota_amount"
    )


def test_wrong_credentials(small: Workplace) -> None:
    before = landed(small.folder)
    finished = small.run("nightly", GYAKUSAN_SALESFORCE_CLIENT_SECRET="not-the-secret")
    one_line(finished, 2, "login by client credentials was refused", "check")
    assert "not-the-secret" not in finished.stderr + finished.stdout
    assert landed(small.folder) == before


def test_an_unreachable_host(small: Workplace) -> None:
    before = landed(small.folder)
    one_line(small.run("nightly", GYAKUSAN_SALESFORCE_URL="http://127.0.0.1:9"), 3, "127.0.0.1:9")
    assert landed(small.folder) == before


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"name": "deny_object", "object": "Opportunity"}, "Opportunity"),
        ({"name": "deny_field", "object": "Opportunity", "field": "Id"}, "Opportunity"),
    ],
)
def test_a_missing_permission(small: Workplace, fault: dict[str, Any], word: str) -> None:
    before = landed(small.folder)
    published = small.published.stat().st_mtime_ns
    faults(small, fault)
    try:
        finished = small.run("nightly")
    finally:
        faults(small)
    assert finished.returncode in (2, 3)
    one_line(finished, finished.returncode, word)
    assert landed(small.folder) >= before
    assert small.published.stat().st_mtime_ns == published


def test_half_a_page(read_before: Workplace) -> None:
    small = read_before
    set_clock(small, "2026-10-15T20:00:00+09:00")
    call(small, "PATCH", "Opportunity/0065g0000000001AAA", NextStep="電話する")
    before, published = landed(small.folder), small.published.stat().st_mtime_ns
    # COUNT() stays whole: it says that there are rows to come.
    faults(small, {"name": "truncated_page", "path": "/query", "soql": "SELECT Id"})
    try:
        finished = small.run("nightly", GYAKUSAN_NOW="2026-10-16T05:00:00+09:00")
    finally:
        faults(small)
    one_line(finished, 3, "Opportunity", "broke off")
    assert landed(small.folder) >= before
    assert small.published.stat().st_mtime_ns == published


@pytest.mark.slow
def test_an_unknown_stage_is_refused_listed_and_readmitted(small: Workplace) -> None:
    # Later than any cursor the nights before have left, and still on the as-of date in the org's zone (UTC).
    set_clock(small, "2026-10-16T08:00:00+09:00")
    made = call(
        small,
        "POST",
        "Opportunity",
        Name="\u202eevil",
        StageName="No Such Stage",
        CloseDate="2026-12-01",
        OwnerId="0055g000000001mAAA",
    )
    record_id = made.json()["id"]
    quiet = {"GYAKUSAN_REQUIRE_QUOTAS": "false", "GYAKUSAN_NOW": "2026-10-17T05:00:00+09:00"}
    one_line(small.run("nightly", **quiet), 7, record_id, "--accept")
    assert small.value("select count(*) from fct_opportunity") == 3
    listed = small.run("gate")
    assert record_id in listed.stdout
    assert small.run("gate", "--accept", record_id).returncode == 0
    small.night(**quiet)
    assert small.value("select count(*) from fct_opportunity") == 4


def test_one_run_at_a_time(small: Workplace) -> None:
    from filelock import FileLock

    with FileLock(small.folder / "run.lock"):
        one_line(small.run("nightly"), 6, "another run")


def test_an_org_that_is_no_sandbox_is_not_written_to(small: Workplace) -> None:
    from dagster_project.ingest.organization import Organization
    from dagster_project.permission import may_write
    from dagster_project.settings import Settings

    production = Organization("00D000000000001EAA", "Production", "Asia/Tokyo", "JPY", is_sandbox=False)
    refused = may_write(Settings(write_back="sandbox"), production)
    assert refused.is_refused
    assert "GYAKUSAN_WRITE_BACK" in refused.reason
    assert may_write(Settings(write_back="any"), production).is_allowed
    off = may_write(Settings(write_back="off"), production)
    assert (off.is_allowed, off.is_refused) == (False, False)


def test_no_space_left(small: Workplace) -> None:
    """A file-size limit stands in for a full disk: the kernel refuses the write in the same place."""
    before = landed(small.folder)
    published = small.published.stat().st_mtime_ns
    command = f"ulimit -f 8; exec '{Path(small.folder)}/gyakusan' nightly"
    from tests.nightly.harness import GYAKUSAN

    finished = subprocess.run(
        ["bash", "-c", command.replace(f"'{Path(small.folder)}/gyakusan'", f"'{GYAKUSAN}'")],
        env=small.environment(GYAKUSAN_NOW="2026-10-17T05:00:00+09:00"),
        cwd=small.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode != 0
    assert landed(small.folder) >= before
    assert small.published.stat().st_mtime_ns == published
