"""Login, limits, errors that are nobody's fault, and the faults a test can switch on."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import requests

from connectors.sandbox.process import SandboxProcess, start
from tests.sandbox.conftest import Caller

TOKEN = "/services/oauth2/token"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (
            {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"},
            "invalid_client_id",
        ),
        (
            {"grant_type": "client_credentials", "client_id": "gyakusan-sandbox", "client_secret": "x"},
            "invalid_client",
        ),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_login_is_refused_in_oauths_form(caller: Caller, form: dict[str, str], error: str) -> None:
    reply = requests.post(caller.sandbox.url + TOKEN, data=form, timeout=10)
    assert reply.status_code == 400
    assert set(reply.json()) == {"error", "error_description"}
    assert reply.json()["error"] == error


def test_password_and_basic_authorization_log_in_too(caller: Caller) -> None:
    sandbox = caller.sandbox
    client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    form = {
        "grant_type": "password",
        "username": "integration@sandbox.gyakusan.example",
        "password": sandbox.client_secret,
        **client,
    }
    granted = requests.post(sandbox.url + TOKEN + "/", data=form, timeout=10).json()
    assert granted["instance_url"] == sandbox.url
    basic = requests.post(
        sandbox.url + TOKEN,
        data={"grant_type": "client_credentials"},
        auth=(sandbox.client_id, sandbox.client_secret),
        timeout=10,
    )
    assert basic.json()["token_type"] == "Bearer"
    assert granted["access_token"].startswith("00D")


def test_a_bad_token_is_an_invalid_session(caller: Caller) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "OAuth x"}):
        reply = requests.get(caller.sandbox.url + "/services/data/v62.0/limits", headers=headers, timeout=10)
        assert reply.status_code == 401
        assert reply.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        assert "Sforce-Limit-Info" in reply.headers


def test_versions_need_no_token_and_carry_no_limit_header(caller: Caller) -> None:
    reply = requests.get(caller.sandbox.url + "/services/data/", timeout=10)
    assert reply.status_code == 200
    assert "62.0" in [each["version"] for each in reply.json()]
    assert "Sforce-Limit-Info" not in reply.headers


def test_every_request_counts_and_the_limits_say_so(caller: Caller) -> None:
    def used(reply: requests.Response) -> int:
        return int(reply.headers["Sforce-Limit-Info"].removeprefix("api-usage=").split("/")[0])

    before = used(caller.call("GET", "limits"))
    reply = caller.call("GET", "limits/")
    assert used(reply) == before + 1
    limits = reply.json()["DailyApiRequests"]
    assert limits == {"Max": 100_000, "Remaining": 100_000 - before - 1}
    assert used(caller.call("GET", "sobjects/Nope/describe")) == before + 2


def test_unknown_paths_and_methods_are_told_apart(caller: Caller) -> None:
    assert caller.call("GET", "nope").json()[0]["errorCode"] == "NOT_FOUND"
    reply = caller.call("DELETE", "limits")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    reply = caller.call("POST", "sobjects/Task", data=b"{half")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_userinfo_and_the_organization_name_the_same_org(caller: Caller) -> None:
    info = caller.call("GET", "/services/oauth2/userinfo").json()
    assert caller.query("select Id from Organization")[0]["Id"] == info["organization_id"]
    assert (
        caller.call("GET", f"sobjects/User/{info['user_id']}").json()["Username"]
        == info["preferred_username"]
    )


def test_the_days_limit_ends_in_403(tmp_path: Path) -> None:
    with start(tmp_path / "org.duckdb", daily_requests=2) as small:
        caller = Caller(small)
        caller.log_in()
        codes = [caller.call("GET", "limits").status_code for _ in range(3)]
        assert codes == [200, 200, 403]
        reply = caller.call("GET", "limits")
        assert reply.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        assert reply.headers["Sforce-Limit-Info"] == "api-usage=2/2"


def test_an_expired_token_is_refused_until_the_next_login(caller: Caller) -> None:
    caller.set_faults({"name": "expire_token", "after": 1})
    assert caller.call("GET", "limits").status_code == 200
    assert [caller.call("GET", "limits").status_code for _ in range(2)] == [401, 401]
    caller.log_in()
    assert caller.call("GET", "limits").status_code == 200


def test_a_fault_can_be_confined_to_a_part_of_the_query(caller: Caller) -> None:
    caller.set_faults({"name": "error_503", "path": "/query", "soql": "SELECT Id"})
    asked = ("SELECT COUNT() FROM User", "SELECT Id FROM User")
    codes = [caller.call("GET", "query", params={"q": soql}).status_code for soql in asked]
    assert codes == [200, 503]


def test_503_strikes_as_often_as_told_and_only_on_its_path(caller: Caller) -> None:
    caller.set_faults({"name": "error_503", "times": 2, "path": "/query"})
    assert caller.call("GET", "limits").status_code == 200
    replies = [caller.call("GET", "query", params={"q": "select Id from User"}) for _ in range(3)]
    assert [each.status_code for each in replies] == [503, 503, 200]
    assert replies[0].json()[0]["errorCode"] == "SERVER_UNAVAILABLE"


def test_request_limit_strikes_at_once(caller: Caller) -> None:
    caller.set_faults({"name": "request_limit"})
    reply = caller.call("GET", "limits")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_a_truncated_page_breaks_off(caller: Caller) -> None:
    caller.set_faults({"name": "truncated_page", "times": 1, "path": "/query"})
    with pytest.raises(requests.exceptions.RequestException):
        caller.call("GET", "query", params={"q": "select fields(standard) from User"})
    assert caller.query("select Id from User")


def test_a_truncated_bulk_result_breaks_off_and_can_be_read_again(caller: Caller) -> None:
    job_id = caller.bulk("select Id, Name from User")
    caller.set_faults({"name": "truncated_page", "times": 1, "path": "/results"})
    with pytest.raises(requests.exceptions.RequestException):
        caller.call("GET", f"jobs/query/{job_id}/results")
    reply = caller.call("GET", f"jobs/query/{job_id}/results")
    assert len(list(csv.DictReader(io.StringIO(reply.text)))) == int(reply.headers["Sforce-NumberOfRecords"])


def test_a_denied_object_is_unknown(caller: Caller) -> None:
    caller.set_faults({"name": "deny_object", "object": "Lead"})
    assert caller.call("GET", "sobjects/Lead/describe").status_code == 404
    assert caller.error("select Id from Lead")["errorCode"] == "INVALID_TYPE"
    assert "Lead" not in [each["name"] for each in caller.call("GET", "sobjects").json()["sobjects"]]


def test_a_denied_field_is_absent_everywhere(caller: Caller) -> None:
    caller.set_faults({"name": "deny_field", "object": "Opportunity", "field": "Amount"})
    fields = [each["name"] for each in caller.call("GET", "sobjects/Opportunity/describe").json()["fields"]]
    assert "Amount" not in fields
    assert "No such column 'Amount'" in caller.error("select Amount from Opportunity")["message"]
    reply = caller.call("POST", "sobjects/Opportunity", json={"Amount": 1})
    assert reply.json()[0]["errorCode"] == "INVALID_FIELD"


def test_a_locked_row_fails_alone(caller: Caller) -> None:
    keys = ["lock-1", "lock-2"]
    rows = [{"attributes": {"type": "Task"}, "GyakusanActionKey__c": key, "Subject": "x"} for key in keys]
    path = "composite/sobjects/Task/GyakusanActionKey__c"
    ids = [each["id"] for each in caller.call("PATCH", path, json={"records": rows}).json()]
    caller.set_faults({"name": "lock_row", "path": ids[1], "times": 1})
    results = caller.call("PATCH", path, json={"records": rows}).json()
    assert results[0]["success"]
    assert results[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert all(each["success"] for each in caller.call("PATCH", path, json={"records": rows}).json())


def test_an_unknown_fault_is_refused_with_the_known_ones(caller: Caller) -> None:
    reply = caller.call("PUT", "/sandbox/faults", json={"faults": [{"name": "earthquake"}]})
    assert reply.status_code == 400
    assert "expire_token" in reply.json()[0]["message"]
    reply = caller.call("PUT", "/sandbox/faults", json={"faults": [{"name": "error_503", "often": 1}]})
    assert "often" in reply.json()[0]["message"]


def test_the_sandbox_is_reachable_by_loopback_only(sandbox: SandboxProcess) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
