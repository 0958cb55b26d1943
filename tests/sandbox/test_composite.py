"""Several requests in one: references between them, all or none, batches, trees, and paths however they are spelled."""

from __future__ import annotations

import itertools

import pytest

from tests.sandbox.conftest import Caller

BASE = "/services/data/v62.0"
_UNIQUE = itertools.count(1)


def unique() -> str:
    return f"composite-{next(_UNIQUE)}"


def post(reference: str, name: str, **body: object) -> dict[str, object]:
    return {"method": "POST", "url": f"{BASE}/sobjects/{name}", "referenceId": reference, "body": body}


def get(reference: str, url: str) -> dict[str, object]:
    return {"method": "GET", "url": f"{BASE}/{url}", "referenceId": reference}


def composite(caller: Caller, *requests: dict[str, object], all_or_none: bool = False) -> list[dict]:
    reply = caller.call(
        "POST", "composite", json={"allOrNone": all_or_none, "compositeRequest": list(requests)}
    )
    assert reply.status_code == 200, reply.text
    answers = reply.json()["compositeResponse"]
    assert [each["referenceId"] for each in answers] == [each["referenceId"] for each in requests]
    return answers


@pytest.mark.parametrize("all_or_none", [False, True])
def test_a_later_request_refers_to_an_earlier_reply(caller: Caller, all_or_none: bool) -> None:
    name = unique()
    soql = f"select Id from Account where Name = '{name}'"
    answers = composite(
        caller,
        post("account", "Account", Name=name),
        post("contact", "Contact", LastName="Doe", AccountId="@{account.id}"),
        get("found", f"query?q={soql}"),
        get("read", "sobjects/Contact/@{contact.id}?fields=AccountId"),
        {"method": "PATCH", "url": f"{BASE}/sobjects/Account/@{{found.records[0].Id}}", "referenceId": "named",
         "body": {"Site": "of @{account.id}"}},
        all_or_none=all_or_none,
    )  # fmt: skip
    assert [each["httpStatusCode"] for each in answers] == [201, 201, 200, 200, 204]
    account_id = answers[0]["body"]["id"]
    assert answers[0]["httpHeaders"]["Location"] == f"{BASE}/sobjects/Account/{account_id}"
    assert answers[3]["body"]["AccountId"] == account_id
    assert caller.call("GET", f"sobjects/Account/{account_id}").json()["Site"] == f"of {account_id}"


def test_all_or_none_takes_everything_back(caller: Caller) -> None:
    name = unique()
    answers = composite(
        caller,
        post("good", "Account", Name=name),
        post("bad", "Contact", AccountId="@{good.id}"),
        post("after", "Account", Name=name),
        all_or_none=True,
    )
    assert [each["httpStatusCode"] for each in answers] == [400] * 3
    codes = [each["body"][0]["errorCode"] for each in answers]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert caller.query(f"select Id from Account where Name = '{name}'") == []
    # What was taken back does not stand in the way of what follows.
    assert caller.create("Account", Name=name)


def test_without_all_or_none_only_what_depends_on_a_failure_fails(caller: Caller) -> None:
    name = unique()
    answers = composite(
        caller,
        post("bad", "Contact"),
        post("depends", "Task", WhoId="@{bad.id}"),
        post("alone", "Account", Name=name),
    )
    assert [each["httpStatusCode"] for each in answers] == [400, 400, 201]
    assert "No value for bad.id found in bad" in answers[1]["body"][0]["message"]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [get("same", "limits"), get("same", "limits")],
        [{"method": "GET", "url": f"{BASE}/limits"}],
        [get(f"r{number}", "limits") for number in range(26)],
        "limits",
    ],
)
def test_a_composite_that_makes_no_sense_is_refused(caller: Caller, requests: object) -> None:
    reply = caller.call("POST", "composite", json={"compositeRequest": requests})
    assert reply.status_code == 400


def test_a_composite_does_not_nest(caller: Caller) -> None:
    (answer,) = composite(
        caller, {"method": "POST", "url": f"{BASE}/composite", "referenceId": "inner", "body": {}}
    )
    assert answer["httpStatusCode"] == 400


def test_a_batch_answers_each_request_and_counts_them(caller: Caller) -> None:
    def used() -> int:
        reply = caller.call("GET", "limits")
        return int(reply.headers["Sforce-Limit-Info"].removeprefix("api-usage=").split("/")[0])

    task_id = caller.create("Task", Subject="before")
    before = used()
    requests = [
        {"method": "PATCH", "url": f"v62.0/sobjects/Task/{task_id}", "richInput": {"Subject": "after"}},
        {"method": "GET", "url": f"v62.0/sobjects/Task/{task_id}?fields=Subject"},
        {"method": "GET", "url": "/services/data/v62.0/sobjects/Nope/describe"},
    ]
    reply = caller.call("POST", "composite/batch/", json={"batchRequests": requests}).json()
    assert reply["hasErrors"] is True
    assert [each["statusCode"] for each in reply["results"]] == [204, 200, 404]
    assert reply["results"][0]["result"] is None
    assert reply["results"][1]["result"]["Subject"] == "after"
    assert reply["results"][2]["result"][0]["errorCode"] == "NOT_FOUND"
    assert used() == before + len(requests) + 1


def test_a_batch_halts_on_error_when_told_to(caller: Caller) -> None:
    requests = [{"method": "GET", "url": "v62.0/nope"}, {"method": "GET", "url": "v62.0/limits"}]
    body = {"haltOnError": True, "batchRequests": requests}
    results = caller.call("POST", "composite/batch", json=body).json()["results"]
    assert [each["statusCode"] for each in results] == [404, 412]
    assert results[1]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def record(name: str, reference: str, **values: object) -> dict[str, object]:
    return {"attributes": {"type": name, "referenceId": reference}, **values}


def test_a_tree_is_planted_with_its_children(caller: Caller) -> None:
    contacts = {"records": [record("Contact", "c1", LastName="One"), record("Contact", "c2", LastName="Two")]}
    trees = [
        record("Account", "a1", Name=unique(), Contacts=contacts),
        record("Account", "a2", Name=unique()),
    ]
    reply = caller.call("POST", "composite/tree/Account", json={"records": trees})
    assert reply.status_code == 201, reply.text
    ids = {each["referenceId"]: each["id"] for each in reply.json()["results"]}
    found = caller.query(f"select LastName from Contact where AccountId = '{ids['a1']}' order by LastName")
    assert [each["LastName"] for each in found] == ["One", "Two"]
    assert set(ids) == {"a1", "a2", "c1", "c2"}


def test_a_tree_with_one_bad_leaf_is_not_planted(caller: Caller) -> None:
    name = unique()
    leaf = {"records": [record("Contact", "leaf")]}
    trees = {"records": [record("Account", "root", Name=name, Contacts=leaf)]}
    reply = caller.call("POST", "composite/tree/Account", json=trees)
    assert reply.status_code == 400
    (failed,) = reply.json()["results"]
    assert (failed["referenceId"], failed["errors"][0]["statusCode"]) == ("leaf", "REQUIRED_FIELD_MISSING")
    assert caller.query(f"select Id from Account where Name = '{name}'") == []


def test_collections_of_several_objects_are_written_all_or_none(caller: Caller) -> None:
    name = unique()
    rows = [
        {"attributes": {"type": "Account"}, "Name": name},
        {"attributes": {"type": "Contact"}, "FirstName": "no last name"},
    ]
    for all_or_none, written in ((True, 0), (False, 1)):
        body = {"allOrNone": all_or_none, "records": rows}
        results = caller.call("POST", "composite/sobjects", json=body).json()
        assert [each["success"] for each in results] == [not all_or_none, False]
        assert results[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
        assert len(caller.query(f"select Id from Account where Name = '{name}'")) == written


def test_collections_delete_all_or_none(caller: Caller) -> None:
    kept, gone = (caller.create("Task", Subject="x") for _ in range(2))
    caller.call("DELETE", f"sobjects/Task/{gone}")
    path = f"composite/sobjects?ids={kept},{gone}&allOrNone="
    results = caller.call("DELETE", path + "true").json()
    assert [each["errors"][0]["statusCode"] for each in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "ENTITY_IS_DELETED",
    ]
    assert [each["success"] for each in caller.call("DELETE", path + "false").json()] == [True, False]


# paths


@pytest.mark.parametrize("path", ["limits", "limits/", "LIMITS", "Limits/?q="])
def test_a_path_may_be_spelled_carelessly(caller: Caller, path: str) -> None:
    assert "DailyApiRequests" in caller.call("GET", path).json()


@pytest.mark.parametrize("stray", ["", "?q=", "/?q=select", "?foo=bar"])
@pytest.mark.parametrize("operation", ["query", "queryAll", "tooling/query"])
def test_the_next_page_is_found_whatever_stands_behind_its_address(
    caller: Caller, operation: str, stray: str
) -> None:
    if len(caller.query("select Id from Lead limit 201")) < 201:
        rows = [{"attributes": {"type": "Lead"}, "LastName": "x", "Company": "y"} for _ in range(200)]
        for _ in range(2):
            caller.call("POST", "composite/sobjects", json={"records": rows})
    options = {"Sforce-Query-Options": "batchSize=200"}
    first = caller.call("GET", operation, params={"q": "select Id from Lead"}, headers=options).json()
    assert f"/{operation}/" in first["nextRecordsUrl"]
    second = caller.call("GET", first["nextRecordsUrl"] + stray).json()
    assert {each["Id"] for each in second["records"]}.isdisjoint({each["Id"] for each in first["records"]})


def test_the_resources_of_a_version_lead_somewhere(caller: Caller) -> None:
    resources = caller.call("GET", "").json()
    assert {"sobjects", "query", "queryAll", "jobs", "composite", "limits", "tooling", "identity"} <= set(
        resources
    )
    for name in ("sobjects", "limits", "composite", "tooling"):
        assert caller.call("GET", resources[name]).status_code == 200
    headers = {"Authorization": caller.session.headers["Authorization"]}
    assert caller.call("GET", resources["identity"].removeprefix(caller.sandbox.url), headers=headers).ok


def test_the_list_of_objects_says_what_can_be_done_with_each(caller: Caller) -> None:
    objects = {each["name"]: each for each in caller.call("GET", "sobjects").json()["sobjects"]}
    flags = ("queryable", "createable", "updateable", "deletable", "replicateable", "custom", "retrieveable")
    account = objects["Account"]
    assert [account[each] for each in flags] == [True, True, True, True, True, False, True]
    assert (account["keyPrefix"], account["urls"]["describe"]) == ("001", f"{BASE}/sobjects/Account/describe")
    assert not objects["OpportunityHistory"]["createable"]


def test_a_parent_names_its_children(caller: Caller) -> None:
    children = caller.call("GET", "sobjects/Account/describe").json()["childRelationships"]
    names = {(each["childSObject"], each["field"]): each["relationshipName"] for each in children}
    assert names["Contact", "AccountId"] == "Contacts"
    assert names["Opportunity", "AccountId"] == "Opportunities"
    assert names["Account", "ParentId"] == "ChildAccounts"
