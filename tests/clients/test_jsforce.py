"""jsforce 3, as it comes from npm, against the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import ACCOUNTS, Login
from tests.clients.node_project import NodeProject

NAMES = [f"account {number:04d}" for number in range(ACCOUNTS)]


class Jsforce:
    """Runs one step of jsforce_steps.cjs, logged in to the sandbox."""

    def __init__(self, node: NodeProject, sandbox: Login) -> None:
        self.node = node
        self.sandbox = sandbox

    def __call__(self, step: str, **given: object) -> Any:
        return self.node.answer("jsforce_steps.cjs", {"step": step, **self.sandbox.given(), **given})


@pytest.fixture
def jsforce(node: NodeProject, sandbox: Login) -> Jsforce:
    return Jsforce(node, sandbox)


def test_it_asks_who_it_is(jsforce: Jsforce, sandbox: Login) -> None:
    identity = jsforce("identity")
    assert identity["username"] == sandbox.username
    assert identity["urls"]["rest"].startswith(sandbox.url)
    assert sandbox.token not in str(identity)


@pytest.mark.parametrize(
    ("step", "said"),
    [("soap_login", "INVALID_LOGIN"), ("oauth2_login", "authentication failure")],
)
def test_it_logs_in_with_name_and_password_and_out_again(jsforce: Jsforce, step: str, said: str) -> None:
    answer = jsforce(step)
    assert answer["user"]["organizationId"].startswith("00D")
    assert answer["totalSize"] >= 1
    assert answer["loggedOut"]["error"]["errorCode"] == "INVALID_SESSION_ID"
    assert said in answer["wrong"]["error"]["message"]


def test_it_logs_in_with_client_credentials(jsforce: Jsforce) -> None:
    assert jsforce("client_credentials") >= 1


def test_it_describes(jsforce: Jsforce) -> None:
    answer = jsforce("describe")
    assert {"Account", "Opportunity", "Task", "Event"} <= set(answer["objects"])
    assert (answer["key"]["externalId"], answer["key"]["unique"]) == (True, True)
    assert answer["dailyRequests"]["Max"] == answer["usage"]["limit"]


def test_it_reads_several_pages(jsforce: Jsforce) -> None:
    answer = jsforce("pages")
    assert sum(answer["sizes"]) == ACCOUNTS
    assert answer["sizes"] == [500] * 8 + [100]
    assert answer["names"] == NAMES
    assert answer["found"] == ["account 0099", "account 0098"]
    assert answer["counted"] == 100


def test_it_reads_in_bulk(jsforce: Jsforce) -> None:
    assert sorted(jsforce("bulk_query")) == NAMES


def test_it_writes_in_bulk(jsforce: Jsforce) -> None:
    key = "GyakusanActionKey__c"
    rows = [
        {key: f"jsforce-bulk-{number}", "Subject": f'a "quoted", line\n{number}'} for number in range(1_500)
    ]
    spoilt = {key: "jsforce-bulk-spoilt", "Subject": "refused", "ActivityDate": "someday"}
    answer = jsforce("bulk_upsert", rows=[*({**row, "ActivityDate": "2026-03-02"} for row in rows), spoilt])
    for round_trip, created in (("first", "true"), ("again", "false")):
        results = answer[round_trip]
        assert {each[key] for each in results["successfulResults"]} == {row[key] for row in rows}
        assert {each["sf__Created"] for each in results["successfulResults"]} == {created}
        assert [each[key] for each in results["failedResults"]] == ["jsforce-bulk-spoilt"]
        assert results["failedResults"][0]["sf__Error"]
        assert results["unprocessedRecords"] == []
    assert answer["stored"] == {row[key]: row["Subject"] for row in rows}


def test_it_writes_single_records_and_collections(jsforce: Jsforce) -> None:
    answer = jsforce("upsert")
    assert answer["created"]["created"] is True
    assert [each["success"] for each in answer["updated"]] == [True, True, False]
    assert answer["updated"][0]["id"] == answer["created"]["id"]
    assert answer["updated"][2]["errors"][0]["statusCode"]
    assert answer["subject"] == "second"
    assert answer["destroyed"]["success"] is True
    assert answer["updated"][1]["id"] in answer["gone"]


def test_errors_come_with_salesforces_codes(jsforce: Jsforce) -> None:
    errors = {name: each["error"] for name, each in jsforce("errors").items()}
    assert "No such column 'Nope'" in errors.pop("bulk")["message"]
    assert {name: each["errorCode"] for name, each in errors.items()} == {
        "field": "INVALID_FIELD",
        "query": "MALFORMED_QUERY",
        "record": "REQUIRED_FIELD_MISSING",
        "missing": "NOT_FOUND",
        "token": "INVALID_SESSION_ID",
    }
    assert "No such column 'Nope'" in errors["field"]["message"]
