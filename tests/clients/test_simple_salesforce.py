"""simple-salesforce, unmodified, against the sandbox: the addresses it insists on lead to this machine, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from connectors.salesforce.connection.session import LoopbackAdapter
from tests.clients.conftest import ACCOUNTS, Login

KEY = "GyakusanActionKey__c"
VERSION = "62.0"


class ToSandbox(LoopbackAdapter):
    """Sends what is meant for a Salesforce host to the sandbox, as a name server of a test network would."""

    def __init__(self, netloc: str) -> None:
        super().__init__()
        self.netloc = netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = urlsplit(request.url or "")._replace(netloc=self.netloc).geturl()
        return super().send(request, *args, **kwargs)


@pytest.fixture
def session(sandbox: Login) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        made.mount("https://", ToSandbox(sandbox.netloc))
        yield made


@pytest.fixture
def salesforce(sandbox: Login, session: requests.Session) -> Salesforce:
    return Salesforce(instance_url=sandbox.url, session_id=sandbox.token, session=session, version=VERSION)


# logging in


def _by_soap(sandbox: Login, session: requests.Session, password: str) -> Salesforce:
    return Salesforce(
        username=sandbox.username,
        password=password,
        security_token="",
        domain="test",
        session=session,
        version=VERSION,
    )


def _by_password(sandbox: Login, session: requests.Session, password: str) -> Salesforce:
    return Salesforce(
        username=sandbox.username,
        password=password,
        consumer_key=sandbox.client_id,
        consumer_secret=sandbox.client_secret,
        domain="test",
        session=session,
        version=VERSION,
    )


def _by_client_credentials(sandbox: Login, session: requests.Session, secret: str) -> Salesforce:
    return Salesforce(
        consumer_key=sandbox.client_id,
        consumer_secret=secret,
        domain="our-org.my",
        session=session,
        version=VERSION,
    )


LOGINS = pytest.mark.parametrize("log_in", [_by_soap, _by_password, _by_client_credentials])
LogIn = Callable[[Login, requests.Session, str], Salesforce]


@LOGINS
def test_it_logs_in_and_asks(sandbox: Login, session: requests.Session, log_in: LogIn) -> None:
    salesforce = log_in(sandbox, session, sandbox.client_secret)
    assert salesforce.sf_instance == sandbox.netloc
    assert salesforce.query("SELECT Username FROM User")["records"][0]["Username"] == sandbox.username
    assert salesforce.is_sandbox()


@LOGINS
def test_a_wrong_secret_is_refused_in_its_own_words(
    sandbox: Login, session: requests.Session, log_in: LogIn
) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        log_in(sandbox, session, "wrong")
    assert refused.value.code in {"INVALID_LOGIN", "invalid_grant", "invalid_client"}
    assert sandbox.client_secret not in str(refused.value)


def test_it_logs_in_with_a_signed_assertion(sandbox: Login, session: requests.Session) -> None:
    def log_in(username: str) -> Salesforce:
        return Salesforce(
            username=username,
            consumer_key=sandbox.client_id,
            privatekey_file=str(sandbox.key_file),
            domain="test",
            session=session,
            version=VERSION,
        )

    assert log_in(sandbox.username).query("SELECT Id FROM User")["totalSize"] >= 1
    approve = pytest.warns(UserWarning, match="you may need to authorize this")
    with approve, pytest.raises(SalesforceAuthenticationFailed) as refused:
        log_in("nobody@sandbox.gyakusan.example")
    assert refused.value.code == "invalid_grant"


# describing and reading


def test_it_describes(salesforce: Salesforce) -> None:
    names = {each["name"] for each in salesforce.describe()["sobjects"]}
    assert {"Account", "Opportunity", "Task", "Event"} <= names
    key = next(each for each in salesforce.Task.describe()["fields"] if each["name"] == KEY)
    assert (key["externalId"], key["unique"], key["length"]) == (True, True, 80)
    assert salesforce.Task.metadata()["objectDescribe"]["keyPrefix"] == "00T"
    assert salesforce.limits()["DailyApiRequests"]["Max"] > 0
    assert salesforce.api_usage["api-usage"].total > 0


def test_it_reads_several_pages(salesforce: Salesforce) -> None:
    soql = "SELECT Id, Name FROM Account WHERE Name LIKE 'account %' ORDER BY Name"
    first = salesforce.query(soql)
    assert (first["totalSize"], first["done"], len(first["records"])) == (ACCOUNTS, False, 2_000)
    second = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert second["records"][0]["Name"] == "account 2000"
    rows = salesforce.query_all(soql)["records"]
    assert [each["Name"] for each in rows] == [f"account {number:04d}" for number in range(ACCOUNTS)]
    assert len({each["Id"] for each in salesforce.query_all_iter(soql, include_deleted=True)}) == ACCOUNTS


def test_it_reads_in_bulk(salesforce: Salesforce) -> None:
    pages = list(
        salesforce.bulk2.Account.query(
            "SELECT Name FROM Account WHERE Name LIKE 'account %'", max_records=1_500, wait=0
        )
    )
    assert len(pages) == 3
    assert sum(len(page.splitlines()) - 1 for page in pages) == ACCOUNTS
    assert all(page.splitlines()[0].strip('"') == "Name" for page in pages)


# writing


def test_it_writes_single_records(salesforce: Salesforce) -> None:
    created = salesforce.Task.upsert(f"{KEY}/simple-one", {"Subject": "first"}, raw_response=True)
    assert (created.status_code, created.json()["created"]) == (201, True)
    assert salesforce.Task.upsert(f"{KEY}/simple-one", {"Subject": "second"}) in (200, 204)
    task = salesforce.Task.get_by_custom_id(KEY, "simple-one")
    assert (task["Id"], task["Subject"]) == (created.json()["id"], "second")
    assert salesforce.Task.update(task["Id"], {"Subject": "third"}) == 204
    assert salesforce.Task.get(task["Id"])["Subject"] == "third"


def test_it_writes_collections_and_batches(salesforce: Salesforce) -> None:
    rows = [
        {"attributes": {"type": "Task"}, KEY: "simple-collection-1", "Subject": "kept"},
        {
            "attributes": {"type": "Task"},
            KEY: "simple-collection-2",
            "Subject": "refused",
            "ActivityDate": "someday",
        },
    ]
    results = salesforce.restful(
        f"composite/sobjects/Task/{KEY}", method="PATCH", json={"allOrNone": False, "records": rows}
    )
    assert [each["success"] for each in results] == [True, False]
    requests_of_batch = [
        {"method": "GET", "url": f"v{VERSION}/sobjects/Task/{KEY}/simple-collection-1?fields=Subject"},
        {"method": "GET", "url": f"v{VERSION}/sobjects/Task/{KEY}/simple-collection-2"},
    ]
    batch = salesforce.restful("composite/batch", method="POST", json={"batchRequests": requests_of_batch})
    assert batch["hasErrors"] is True
    assert [each["statusCode"] for each in batch["results"]] == [200, 404]
    assert batch["results"][0]["result"]["Subject"] == "kept"


def test_it_writes_a_deal_with_its_account_in_one_call(salesforce: Salesforce) -> None:
    account = {"Name": "made together"}
    deal = {
        "Name": "deal",
        "StageName": "Prospecting",
        "CloseDate": "2026-06-15",
        "AccountId": "@{account.id}",
    }
    steps = [("account", "Account", account), ("deal", "Opportunity", deal)]
    composite = salesforce.restful(
        "composite",
        method="POST",
        json={
            "allOrNone": True,
            "compositeRequest": [
                {
                    "method": "POST",
                    "url": f"/services/data/v{VERSION}/sobjects/{name}",
                    "referenceId": reference,
                    "body": body,
                }
                for reference, name, body in steps
            ],
        },
    )
    made = {each["referenceId"]: each["body"]["id"] for each in composite["compositeResponse"]}
    soql = f"SELECT AccountId, Account.Name FROM Opportunity WHERE Id = '{made['deal']}'"
    (stored,) = salesforce.query(soql)["records"]
    assert (stored["AccountId"], stored["Account"]["Name"]) == (made["account"], "made together")


def test_it_writes_in_bulk(salesforce: Salesforce) -> None:
    def row(number: int, **values: str) -> dict[str, str]:
        return {
            "Subject": f'a "quoted", line\n{number}',
            KEY: f"simple-bulk-{number}",
            "ActivityDate": "2026-03-02",
            **values,
        }

    records = [row(number) for number in range(20)] + [row(20, ActivityDate="someday")]
    (loaded,) = salesforce.bulk2.Task.upsert(records=records, external_id_field=KEY, wait=0)
    assert (loaded["numberRecordsProcessed"], loaded["numberRecordsFailed"]) == (21, 1)
    answers = salesforce.bulk2.Task.get_all_ingest_records(loaded["job_id"])
    assert {each["sf__Created"] for each in answers["successfulRecords"]} == {"true"}
    assert [each[KEY] for each in answers["failedRecords"]] == ["simple-bulk-20"]
    assert answers["failedRecords"][0]["sf__Error"]
    assert answers["unprocessedRecords"] == []
    stored = salesforce.query_all(f"SELECT {KEY}, Subject FROM Task WHERE {KEY} LIKE 'simple-bulk-%'")[
        "records"
    ]
    assert {each[KEY]: each["Subject"] for each in stored} == {
        each[KEY]: each["Subject"] for each in records[:20]
    }


def test_it_deletes_in_bulk_and_hears_of_it(salesforce: Salesforce) -> None:
    start = datetime.now(UTC) - timedelta(minutes=5)
    ids = [salesforce.Task.create({"Subject": f"doomed {number}"})["id"] for number in range(2)]
    assert set(ids) <= set(salesforce.Task.updated(start, datetime.now(UTC) + timedelta(minutes=1))["ids"])
    (loaded,) = salesforce.bulk2.Task.delete(records=[{"Id": each} for each in ids], wait=0)
    assert (loaded["numberRecordsProcessed"], loaded["numberRecordsFailed"]) == (2, 0)
    gone = salesforce.Task.deleted(start, datetime.now(UTC) + timedelta(minutes=1))
    assert set(ids) <= {each["id"] for each in gone["deletedRecords"]}
    assert datetime.fromisoformat(gone["latestDateCovered"]) > start


# errors, as it shows them


def test_errors_come_as_its_own_exceptions(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest) as malformed:
        salesforce.query("SELECT Nope FROM Task")
    assert malformed.value.content[0]["errorCode"] == "INVALID_FIELD"
    assert "No such column 'Nope'" in malformed.value.content[0]["message"]
    with pytest.raises(SalesforceResourceNotFound) as missing:
        salesforce.Task.get("00T000000000000AAA")
    assert missing.value.content[0]["errorCode"] == "NOT_FOUND"
    with pytest.raises(SalesforceMalformedRequest) as incomplete:
        salesforce.Opportunity.create({"Name": "no stage"})
    assert incomplete.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"


def test_an_expired_token_is_told_from_other_errors(sandbox: Login, session: requests.Session) -> None:
    stranger = Salesforce(
        instance_url=sandbox.url, session_id="00D!expired", session=session, version=VERSION
    )
    with pytest.raises(SalesforceExpiredSession) as expired:
        stranger.query("SELECT Id FROM User")
    assert expired.value.content[0]["errorCode"] == "INVALID_SESSION_ID"
