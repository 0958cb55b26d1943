"""The doctor: says what an org lacks and what to do, and never writes."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.doctor import checks
from connectors.salesforce.doctor.checks import Finding
from connectors.salesforce.doctor.org_facts import OrgExamination
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD
from tests.nightly.harness import GYAKUSAN, clean_environment
from tests.salesforce.conftest import LiveOrg

NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)


def examined(org: LiveOrg, client: SalesforceClient | None = None) -> dict[str, Finding]:
    examination = OrgExamination(
        client or org.client(),
        clock=lambda: org.now,
        reserve_share=0.2,
        wants_to_write=True,
        has_quota_file=False,
    )
    return {each.subject: each for each in examination.findings()}


def test_a_whole_org_has_no_problem(org):
    found = examined(org)
    assert [each for each in found.values() if each.level == "problem"] == []
    assert {"Org", "API version", "API calls", "Objects", "Our fields", "Tasks", "Quotas", "Features"} <= set(
        found
    )
    assert found["Our fields"].level == "ok"
    assert found["Tasks"].words == "may be created, changed and deleted"
    assert found["Field history"].level == "warning"
    assert "StageName" in found["Field history"].words
    assert "Amount" not in found["Field history"].words


def test_it_only_reads(org):
    client = org.client()
    asked: list[tuple[str, str]] = []
    send = client.session.request

    def noting(method, url, *given, **options):
        asked.append((method.upper(), url))
        return send(method, url, *given, **options)

    client.session.request = noting  # type: ignore[method-assign]
    examined(org, client)
    assert len(asked) > 20
    assert {method for method, _ in asked} == {"GET"}


def test_without_our_fields_it_points_to_the_package(org):
    org.faults({"name": "deny_field", "object": "Task", "field": ACTION_KEY_FIELD})
    found = examined(org)["Our fields"]
    assert (found.level, ACTION_KEY_FIELD in found.words) == ("warning", True)
    assert "connectors/salesforce/metadata/README.md" in found.remedy
    assert (Path(__file__).parents[2] / checks.PACKAGE).is_file()


def test_a_hidden_field_and_a_hidden_object_are_named(org):
    org.faults(
        {"name": "deny_field", "object": "Opportunity", "field": "Amount"},
        {"name": "deny_object", "object": "Account"},
        {"name": "deny_object", "object": "ForecastingQuota"},
    )
    found = examined(org)
    assert "Amount" in found["Fields of Opportunity"].words
    assert found["Object Account"].level == "problem"
    assert "ForecastingQuota" in found["Objects"].words
    assert (found["Quotas"].level, "not readable" in found["Quotas"].words) == ("warning", True)


def test_a_refused_call_is_a_finding_of_its_own_and_the_rest_goes_on(org):
    org.faults({"name": "error_503", "path": "/limits"})
    found = examined(org)
    assert (found["API calls"].level, "SERVER_UNAVAILABLE" in found["API calls"].words) == ("problem", True)
    assert found["Tasks"].level == "ok"


@pytest.mark.parametrize(
    ("finding", "level", "word"),
    [
        (checks.version_finding([{"version": "58.0"}], "62.0"), "problem", "58.0"),
        (checks.version_finding([{"version": "62.0"}, {"version": "9.0"}], "62.0"), "ok", "up to 62.0"),
        (checks.organization_finding(None), "problem", "not readable"),
        (
            checks.organization_finding(
                {"Id": "00D", "IsSandbox": False, "OrganizationType": "Team Edition", "Name": "A"}
            ),
            "warning",
            "production",
        ),
        (checks.clock_finding(NOON, NOON + timedelta(seconds=50)), "ok", "50 s ahead"),
        (checks.clock_finding(NOON, NOON - timedelta(hours=1)), "warning", "3,600 s behind"),
        (checks.clock_finding(None, NOON), "warning", "did not tell"),
        (
            checks.limits_finding({"DailyApiRequests": {"Max": 1000, "Remaining": 200}}, 0.2),
            "problem",
            "0 of them for us",
        ),
        (
            checks.limits_finding({"DailyApiRequests": {"Max": 1000, "Remaining": 500}}, 0.2),
            "warning",
            "300 of them for us",
        ),
        (checks.limits_finding({}, 0.2), "warning", "does not tell"),
        (checks.quota_finding(0, has_file=False), "warning", "none in the org"),
        (checks.quota_finding(0, has_file=True), "ok", "GYAKUSAN_QUOTA_FILE"),
        (checks.history_finding(dict.fromkeys(checks.TRACKED_FIELDS, True)), "ok", "Owner"),
    ],
)
def test_each_finding_says_how_bad_it_is(finding, level, word):
    assert finding.level == level
    assert word in finding.words
    assert finding.level == "ok" or finding.remedy


@pytest.mark.parametrize(
    ("rights", "wants_to_write", "level"),
    [
        ({"createable": True, "updateable": True, "deletable": True}, True, "ok"),
        ({"createable": True, "updateable": True, "deletable": False}, True, "warning"),
        ({"createable": False, "updateable": True, "deletable": True}, True, "problem"),
        ({"createable": False, "updateable": False, "deletable": False}, False, "warning"),
    ],
)
def test_rights_on_tasks_matter_as_far_as_writing_is_wanted(rights, wants_to_write, level):
    assert checks.task_finding(rights, wants_to_write=wants_to_write).level == level


def own_field(**flags: bool) -> dict:
    return {"name": ACTION_KEY_FIELD, "externalId": True, "unique": True, **flags}


def test_a_key_field_that_is_no_key_or_read_only_is_said():
    writable = {"createable": True, "updateable": True}
    (plain,) = [
        each
        for each in checks.own_field_findings({"fields": [own_field(unique=False, **writable)]})
        if "External ID" in each.words
    ]
    assert plain.level == "warning"
    words = [each.words for each in checks.own_field_findings({"fields": [own_field()]})]
    assert any("may not be written" in each for each in words)


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(GYAKUSAN), "doctor"],
        env=clean_environment(GYAKUSAN_DATA_DIR=str(folder / "data"), **environment),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def reachable(org: LiveOrg, **changes: str) -> dict[str, str]:
    own = org.credentials
    return {
        "GYAKUSAN_SALESFORCE_URL": own.login_url,
        "GYAKUSAN_SALESFORCE_CLIENT_ID": own.client_id,
        "GYAKUSAN_SALESFORCE_CLIENT_SECRET": own.client_secret,
        **changes,
    }


def test_the_command_prints_a_line_a_check_and_creates_nothing(org, tmp_path):
    finished = run(tmp_path, **reachable(org))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    lines = finished.stdout.splitlines()
    assert all(line.startswith(("ok ", "warning ", "            → ")) for line in lines[:-1])
    assert lines[-1].startswith("0 problems, ")
    for word in ("Settings:", "Data folder:", "Runs:", "Published marts:", "Login:", "Writing:"):
        assert word in finished.stdout
    assert "client credentials" in finished.stdout
    assert list(tmp_path.iterdir()) == []


def test_wrong_credentials_are_a_problem_and_the_secret_stays_secret(org, tmp_path):
    finished = run(tmp_path, **reachable(org, GYAKUSAN_SALESFORCE_CLIENT_SECRET="not-the-secret"))
    assert finished.returncode == 2
    assert "problem     Login" in finished.stdout
    assert "not checked" in finished.stdout
    assert "not-the-secret" not in finished.stdout + finished.stderr


def test_no_network_is_said(org, tmp_path):
    finished = run(tmp_path, **reachable(org, GYAKUSAN_SALESFORCE_URL="http://127.0.0.1:9"))
    assert finished.returncode == 2
    assert "cannot be reached" in finished.stdout


def test_no_credentials_and_a_wrong_setting_are_named(tmp_path):
    assert "GYAKUSAN_SALESFORCE_URL" in run(tmp_path).stdout
    wrong = run(tmp_path, GYAKUSAN_TIME_ZONE="Asia/Nowhere")
    assert (wrong.returncode, "time_zone" in wrong.stdout) == (2, True)


def test_a_run_at_work_and_old_marts_are_said(tmp_path):
    import os

    from filelock import FileLock

    from dagster_project.doctor_command import folder_finding, lock_finding, published_finding

    lock = tmp_path / "run.lock"
    with FileLock(lock):
        assert lock_finding(lock).level == "warning"
    assert lock_finding(lock).level == "ok"
    published = tmp_path / "marts.duckdb"
    published.write_text("")
    os.utime(published, (NOON.timestamp(),) * 2)
    assert published_finding(published, NOON + timedelta(hours=29)).level == "ok"
    assert published_finding(published, NOON + timedelta(hours=31)).level == "warning"
    (tmp_path / "file").write_text("")
    assert folder_finding(tmp_path / "file" / "below").level == "problem"
