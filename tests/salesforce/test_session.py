"""The session without an org: what passes, what ends, and what never shows."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
import requests

from connectors.salesforce.connection.budget import ApiBudget, parse_usage
from connectors.salesforce.connection.client import connect
from connectors.salesforce.connection.errors import (
    BudgetExhausted,
    HalfPage,
    LimitReached,
    ServerFault,
    SessionRefused,
    UnreachableHost,
    UnsafeTarget,
    WrongCredentials,
)
from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.connection.session import RetryPolicy, SalesforceSession, Token, is_loopback
from connectors.salesforce.reading.bulk import read_csv
from connectors.salesforce.reading.rest import PageParser
from connectors.salesforce.schema.objects import OBJECTS

URL = "https://org.example/services/data/v62.0/query"


class Script(requests.adapters.BaseAdapter):
    """Answers from a list: a status, (status, headers, body), or an exception; keeps what was asked."""

    def __init__(self, *answers: object) -> None:
        super().__init__()
        self.answers = list(answers)
        self.tokens: list[str] = []

    def send(self, request, **_):
        self.tokens.append(request.headers.get("Authorization", ""))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, b"[]")
        response = requests.Response()
        response.status_code, response.raw, response.url = status, io.BytesIO(body), request.url
        response.headers.update(headers)
        response.request = request
        return response

    def close(self) -> None:
        self.answers.clear()


def session(*answers: object, **options: object) -> tuple[SalesforceSession, Script, list[float]]:
    waits: list[float] = []
    logins = iter(range(100))
    made = SalesforceSession(
        login=lambda: Token(f"token{next(logins)}", "https://org.example", "005"),
        retry=RetryPolicy(attempts=3, sleep=waits.append),
        **options,
    )
    script = Script(*answers)
    made.mount("https://", script)
    return made, script, waits


@pytest.mark.parametrize(
    "fault", [503, 500, 429, requests.ConnectionError("reset"), requests.ReadTimeout("slow")]
)
def test_passing_fault_is_tried_again(fault):
    made, _, waits = session(fault, 200)
    assert made.get(URL).status_code == 200
    assert len(waits) == 1


def test_lock_is_tried_again_whatever_its_status():
    locked = (400, {}, b'[{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "locked"}]')
    made, _, _ = session(locked, 200)
    assert made.get(URL).status_code == 200


def test_concurrent_limit_passes_but_the_days_total_does_not():
    body = b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}]'
    made, _, waits = session((403, {}, body), 200)
    assert made.get(URL).ok
    assert len(waits) == 1


def test_retry_after_is_honoured():
    made, _, waits = session((429, {"Retry-After": "7"}, b"[]"), 200)
    made.get(URL)
    assert waits == [7.0]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([503] * 3, ServerFault),
        ([429] * 3, LimitReached),
        ([requests.ConnectionError("x")] * 3, UnreachableHost),
        ([requests.exceptions.ChunkedEncodingError("x")] * 3, HalfPage),
        ([401, 401], SessionRefused),
        ([(403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}]')], LimitReached),
    ],
    ids=["503", "429", "broken connection", "cut reply", "401 after renewal", "limit"],
)
def test_fault_that_stays_is_one_clear_error(answers, error):
    made, script, _ = session(*answers)
    with pytest.raises(error) as caught:
        made.get(URL)
    assert script.answers == []
    assert "\n" not in str(caught.value)
    assert "token" not in str(caught.value)


def test_fault_that_outlasted_its_retries_gets_one_attempt_until_trusted_again():
    made, script, waits = session(*[503] * 3, 503, requests.ReadTimeout("slow"), 200, 503, 200)
    for _ in range(2):
        with pytest.raises(ServerFault):
            made.get(URL)
    assert len(waits) == 2
    assert made.get(URL).ok, "a fault of another kind is still retried"
    made.trust_again()
    assert made.get(URL).ok
    assert script.answers == []


def test_expired_token_is_renewed_once_and_used():
    made, script, _ = session(401, 200, 200)
    made.get(URL)
    made.get(URL)
    assert script.tokens == ["Bearer token0", "Bearer token1", "Bearer token1"]


def test_creating_is_not_repeated_when_the_reply_is_lost():
    made, script, _ = session(requests.ConnectionError("reset"), 200)
    with pytest.raises(UnreachableHost):
        made.post("https://org.example/services/data/v62.0/composite/sobjects", json={})
    assert len(script.tokens) == 1


@pytest.mark.parametrize(
    "refusal",
    [503, 429, (403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests"}]')],
    ids=["503", "429", "concurrent requests"],
)
def test_creating_is_repeated_when_the_server_did_nothing(refusal):
    made, _, _ = session(refusal, 200)
    assert made.post("https://org.example/services/data/v62.0/composite/sobjects", json={}).ok
    assert not made.budget.is_closed


def test_budget_stops_before_the_call():
    made, script, _ = session(200, 200, budget=ApiBudget(max_calls=1))
    made.get(URL)
    with pytest.raises(BudgetExhausted):
        made.get(URL)
    assert len(script.tokens) == 1


def test_org_that_refused_for_the_day_is_not_asked_again():
    made, script, _ = session(
        (403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}]'), 200
    )
    with pytest.raises(LimitReached):
        made.get(URL)
    with pytest.raises(BudgetExhausted, match="no API calls left"):
        made.get(URL)
    assert len(script.tokens) == 1


def test_limit_that_passes_does_not_end_the_budget():
    made, script, _ = session(*[429] * 3, 200)
    with pytest.raises(LimitReached):
        made.get(URL)
    assert made.get(URL).ok
    assert script.answers == []


def test_what_the_org_says_is_used_outranks_our_count():
    made, _, _ = session((200, {"Sforce-Limit-Info": "api-usage=80/100"}, b"{}"), 200)
    made.get(URL)
    assert made.budget.remaining() == 0
    with pytest.raises(BudgetExhausted, match="80 of 100"):
        made.get(URL)


def test_reserve_is_left_to_the_people_of_the_org():
    budget = ApiBudget(reserve_share=0.2)
    budget.observe({"Sforce-Limit-Info": "api-usage=79/100"})
    budget.spend()
    with pytest.raises(BudgetExhausted, match="20%"):
        budget.spend()


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=18/5000", (18, 5000)),
        ("api-usage=10018/100000; api-bursts=1/750", (10018, 100000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=x)", (25, 5000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
    ],
)
def test_limit_header(header, usage):
    assert parse_usage(header) == usage


def test_plain_http_is_for_this_machine_only():
    with pytest.raises(UnsafeTarget):
        SalesforceSession().allow_loopback("http://192.0.2.7:8080")
    with pytest.raises(UnsafeTarget):
        connect(Credentials("http://org.example", "id", "secret"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:81", True),
        ("http://localhost", True),
        ("http://[::1]:81", True),
        ("https://127.0.0.1.example.com", False),
        ("https://localhost.example.com", False),
        ("https://org.my.salesforce.com", False),
    ],
)
def test_loopback(url, expected):
    assert is_loopback(url) is expected


def test_secrets_show_in_no_repr():
    shown = repr(Credentials("https://org", "id", "hidden1", "me", "hidden2")) + repr(
        Token("hidden3", "https://o", "005")
    )
    assert "hidden" not in shown


def test_missing_environment_is_named():
    with pytest.raises(WrongCredentials, match="GYAKUSAN_SALESFORCE_CLIENT_SECRET"):
        Credentials.from_environment(
            {"GYAKUSAN_SALESFORCE_URL": "https://o", "GYAKUSAN_SALESFORCE_CLIENT_ID": "i"}
        )


def test_csv_cells_are_text_and_only_the_empty_one_is_null():
    text = '"Id","Name"\n"1","NA"\n"2",""\n"3","null"\n"4","two\nlines, ""quoted"""\n"5","#N/A"\n"6","007"\n'
    rows = read_csv(io.BytesIO(text.encode()), ["Id", "Name"])
    assert rows["Name"].to_pylist() == ["NA", None, "null", 'two\nlines, "quoted"', "#N/A", "007"]
    assert set(rows.schema.types) == {pa.string()}


def test_page_is_text_with_every_column_asked_for():
    body = (
        '{"totalSize": 3, "done": false, "nextRecordsUrl": "/more", "records": ['
        '{"attributes": {"type": "T"}, "Id": "1", "Amount": 900000000000.12, "Won": true, '
        '"Name": "\\u6771\\"x\\""},'
        '{"attributes": {"type": "T"}, "Id": "2", "Amount": null, "Won": false, "Name": "null"}]}'
    )
    page = PageParser().page(body, ["Id", "Amount", "Won", "Name", "Hidden"])
    assert (page.total_rows, page.next_path) == (3, "/more")
    assert page.rows.to_pylist() == [
        {"Id": "1", "Amount": "900000000000.12", "Won": "true", "Name": '東"x"', "Hidden": None},
        {"Id": "2", "Amount": None, "Won": "false", "Name": "null", "Hidden": None},
    ]


@pytest.mark.parametrize("body", ['{"totalSize": 1, "reco', "", "<html>", "[]"])
def test_half_a_page_is_an_error(body):
    with pytest.raises(HalfPage):
        PageParser().page(body, ["Id"])


def test_every_object_has_its_cursor_and_key_in_its_base_contract():
    for declared in OBJECTS:
        assert declared.fields["Id"] == "id"
        assert declared.fields[declared.cursor_field] == "datetime"
