"""Bulk API 2.0 ingest over HTTP: what a client uploads, what becomes of each row, and the states of a job."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import time
from collections.abc import Iterator, Sequence

import pytest
import requests

from connectors.sandbox.bulk.ingest_csv import DELIMITERS
from tests.sandbox.conftest import Caller

KEY = "GyakusanActionKey__c"
_UNIQUE = itertools.count(1)
Rows = list[dict[str, str]]


def unique(text: str = "row") -> str:
    return f"ingest-{text}-{next(_UNIQUE)}"


def create(caller: Caller, name: str, operation: str, **options: object) -> str:
    reply = caller.call("POST", "jobs/ingest", json={"object": name, "operation": operation, **options})
    assert reply.status_code == 200, reply.text
    assert reply.json()["state"] == "Open"
    return str(reply.json()["id"])


def close(caller: Caller, job_id: str) -> None:
    reply = caller.call("PATCH", f"jobs/ingest/{job_id}/", json={"state": "UploadComplete"})
    assert (reply.status_code, reply.json()["state"]) == (200, "UploadComplete"), reply.text


def ended(caller: Caller, job_id: str) -> dict[str, object]:
    for _ in range(400):
        job = caller.call("GET", f"jobs/ingest/{job_id}").json()
        if job["state"] not in ("UploadComplete", "InProgress"):
            return job
        time.sleep(0.01)
    raise AssertionError("the job did not end")


def ingest(caller: Caller, name: str, operation: str, text: str, **options: object) -> dict[str, object]:
    """The ended job of a CSV text."""
    job_id = create(caller, name, operation, **options)
    upload = caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=text.encode())
    assert (upload.status_code, upload.content) == (201, b"")
    close(caller, job_id)
    return ended(caller, job_id)


def results(caller: Caller, job: dict[str, object], kind: str, delimiter: str = ",") -> Rows:
    reply = caller.call("GET", f"jobs/ingest/{job['id']}/{kind}")
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"] == "text/csv;charset=UTF-8"
    return list(csv.DictReader(io.StringIO(reply.text, newline=""), delimiter=delimiter))


def csv_text(header: Sequence[str], *rows: Sequence[str], delimiter: str = ",", end: str = "\n") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows([header, *rows])
    return file.getvalue()


def test_inserted_rows_are_there_and_say_so(caller: Caller) -> None:
    name = unique()
    job = ingest(
        caller, "Account", "insert", csv_text(["Name", "NumberOfEmployees"], [name, "12"], [name, ""])
    )
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 2, 0)
    written = results(caller, job, "successfulResults")
    assert [list(each) for each in written] == [["sf__Id", "sf__Created", "Name", "NumberOfEmployees"]] * 2
    assert {each["sf__Created"] for each in written} == {"true"}
    found = caller.query(f"select Id, NumberOfEmployees from Account where Name = '{name}'")
    assert {each["Id"] for each in found} == {each["sf__Id"] for each in written}
    assert {each["NumberOfEmployees"] for each in found} == {12, None}


def test_a_bad_row_fails_alone_with_its_reason(caller: Caller) -> None:
    name = unique()
    rows = [["fine " + name, "1"], ["", "2"], ["also " + name, "many"]]
    job = ingest(caller, "Account", "insert", csv_text(["Name", "NumberOfEmployees"], *rows))
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 3, 2)
    failed = {each["NumberOfEmployees"]: each for each in results(caller, job, "failedResults")}
    assert list(failed["2"]) == ["sf__Id", "sf__Error", "Name", "NumberOfEmployees"]
    assert failed["2"]["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert failed["many"]["sf__Error"].startswith("JSON_PARSER_ERROR:")
    assert failed["many"]["sf__Id"] == ""
    assert [each["Name"] for each in results(caller, job, "successfulResults")] == ["fine " + name]
    assert results(caller, job, "unprocessedrecords") == []


def test_upsert_tells_created_from_updated(caller: Caller) -> None:
    old, new = unique("old"), unique("new")
    old_id = caller.create("Task", Subject="before", **{KEY: old})
    text = csv_text([KEY, "Subject"], [old, "after"], [new, "first"], ["", "no key"])
    job = ingest(caller, "Task", "upsert", text, externalIdFieldName=KEY)
    assert job["externalIdFieldName"] == KEY
    created = {each[KEY]: each["sf__Created"] for each in results(caller, job, "successfulResults")}
    assert created == {old: "false", new: "true"}
    assert caller.query(f"select Subject from Task where Id = '{old_id}'")[0]["Subject"] == "after"
    (failed,) = results(caller, job, "failedResults")
    assert failed["sf__Error"] == f"MISSING_ARGUMENT:{KEY} not specified:{KEY} --"


def test_an_empty_cell_is_ignored_and_the_null_text_is_null(caller: Caller) -> None:
    task_id = caller.create("Task", Subject="stays", Description="goes")
    other_id = caller.create("Task", Subject="NA", Description="stays too")
    text = csv_text(["Id", "Subject", "Description"], [task_id, "", "#N/A"], [other_id, "N/A", ""])
    assert ingest(caller, "Task", "update", text)["numberRecordsFailed"] == 0
    found = caller.query(f"select Subject, Description from Task where Id in ('{task_id}', '{other_id}')")
    assert {(each["Subject"], each["Description"]) for each in found} == {
        ("stays", None),
        ("N/A", "stays too"),
    }


@pytest.fixture
def keyed_account(caller: Caller) -> Iterator[tuple[str, str]]:
    """An account with an external id of its own: (Id, key)."""
    added = {"object": "Account", "action": "add", "name": "Key__c", "type": "string", "external_id": True}
    assert caller.call("POST", "/sandbox/fields", json=added).ok
    key = unique("key")
    yield caller.create("Account", Name="keyed", Key__c=key), key
    caller.call("POST", "/sandbox/fields", json={"object": "Account", "action": "remove", "name": "Key__c"})


def test_a_parent_is_named_by_its_external_id(caller: Caller, keyed_account: tuple[str, str]) -> None:
    account_id, key = keyed_account
    kept = caller.create("Contact", LastName="kept", AccountId=account_id)
    text = csv_text(["Id", "LastName", "Account.Key__c"], [kept, "cleared", "#N/A"])
    new = csv_text(["LastName", "Account.Key__c"], ["Doe", key], ["Roe", "nobody"])
    job = ingest(caller, "Contact", "insert", new)
    (written,) = results(caller, job, "successfulResults")
    assert written["Account.Key__c"] == key
    assert caller.call("GET", f"sobjects/Contact/{written['sf__Id']}").json()["AccountId"] == account_id
    (failed,) = results(caller, job, "failedResults")
    assert "external ID: nobody not found for field Key__c in entity Account" in failed["sf__Error"]
    assert ingest(caller, "Contact", "update", text)["numberRecordsFailed"] == 0
    assert caller.call("GET", f"sobjects/Contact/{kept}").json()["AccountId"] is None


def test_a_parent_of_several_kinds_is_named_with_its_kind(
    caller: Caller, keyed_account: tuple[str, str]
) -> None:
    account_id, key = keyed_account
    text = csv_text(["Subject", "What:Account.Key__c"], ["call", key])
    (written,) = results(caller, ingest(caller, "Task", "insert", text), "successfulResults")
    by_rest = caller.create("Task", Subject="call", What={"attributes": {"type": "Account"}, "Key__c": key})
    for task_id in (written["sf__Id"], by_rest):
        assert caller.call("GET", f"sobjects/Task/{task_id}").json()["WhatId"] == account_id
    asked = {"Subject": "call", "What": {"attributes": {"type": "User"}, "Key__c": key}}
    reply = caller.call("POST", "sobjects/Task", json=asked)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_update_of_what_is_not_there_fails_with_the_id(caller: Caller) -> None:
    missing = "00TGy000000zzzzAAA"
    job = ingest(caller, "Task", "update", csv_text(["Id", "Subject"], [missing, "x"]))
    (failed,) = results(caller, job, "failedResults")
    assert (failed["sf__Id"], failed["sf__Error"].partition(":")[0]) == (missing, "NOT_FOUND")


def test_delete_goes_to_the_recycle_bin_and_hard_delete_beyond(caller: Caller) -> None:
    soft, hard = (caller.create("Task", Subject="doomed") for _ in range(2))
    assert ingest(caller, "Task", "delete", csv_text(["Id"], [soft]))["numberRecordsFailed"] == 0
    assert ingest(caller, "Task", "hardDelete", csv_text(["Id"], [hard]))["numberRecordsFailed"] == 0
    found = caller.query(f"select Id, IsDeleted from Task where Id in ('{soft}', '{hard}')", everything=True)
    assert [(each["Id"], each["IsDeleted"]) for each in found] == [(soft, True)]
    again = ingest(caller, "Task", "delete", csv_text(["Id"], [soft]))
    assert results(caller, again, "failedResults")[0]["sf__Error"].startswith("ENTITY_IS_DELETED:")


@pytest.mark.parametrize(
    ("column_delimiter", "delimiter"),
    [("COMMA", ","), ("TAB", "\t"), ("SEMICOLON", ";"), ("PIPE", "|"), ("CARET", "^"), ("BACKQUOTE", "`")],
)
@pytest.mark.parametrize(("line_ending", "end"), [("LF", "\n"), ("CRLF", "\r\n")])
def test_every_delimiter_and_line_end(
    caller: Caller, column_delimiter: str, delimiter: str, line_ending: str, end: str
) -> None:
    name = unique() + f' "quoted", {delimiter} and\nover two lines'
    text = csv_text(["Name", "Site"], [name, "here"], delimiter=delimiter, end=end)
    options = {"columnDelimiter": column_delimiter, "lineEnding": line_ending}
    job = ingest(caller, "Account", "insert", text, **options)
    assert (job["columnDelimiter"], job["lineEnding"]) == (column_delimiter, line_ending)
    (written,) = results(caller, job, "successfulResults", delimiter)
    assert (written["Name"], written["Site"]) == (name, "here")
    assert caller.call("GET", f"sobjects/Account/{written['sf__Id']}").json()["Name"] == name


def test_the_order_of_results_is_not_that_of_the_upload(caller: Caller) -> None:
    names = [unique() for _ in range(450)]
    job = ingest(caller, "Account", "insert", csv_text(["Name"], *([each] for each in names)))
    written = [each["Name"] for each in results(caller, job, "successfulResults")]
    assert written != names
    assert sorted(written) == sorted(names)
    assert job["numberRecordsProcessed"] == 450


def test_a_key_that_comes_twice_in_a_batch_fails_and_in_the_next_batch_updates(caller: Caller) -> None:
    twice = unique()
    rows = [[twice, "one"], [twice, "two"]]
    job = ingest(caller, "Task", "upsert", csv_text([KEY, "Subject"], *rows), externalIdFieldName=KEY)
    assert job["numberRecordsFailed"] == 2
    assert "Duplicate external id" in results(caller, job, "failedResults")[0]["sf__Error"]


@pytest.mark.parametrize(
    ("operation", "text", "message"),
    [
        ("insert", "Name,Nope__c\nx,y\n", "InvalidBatch : Field name not found : Nope__c"),
        ("update", "Name\nx\n", "InvalidBatch : Field name not found : Id"),
        ("delete", "Id,Name\n001,x\n", "the file holds the column Id only"),
        ("insert", "Name\r\nx\r\n", "LineEnding is invalid on user data. Current LineEnding setting is LF"),
        ("insert", "Name,Site\nx\n", "The number of columns of a row is not that of the header"),
        ("insert", 'Name\n"x\n', "Failed to parse CSV"),
        ("insert", "", "Records not found"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_job(
    caller: Caller, operation: str, text: str, message: str
) -> None:
    job = ingest(caller, "Account", operation, text)
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 0)
    assert message in str(job["errorMessage"])
    assert results(caller, job, "successfulResults") == results(caller, job, "failedResults") == []


def test_what_a_failed_job_did_not_touch_is_unprocessed_in_either_spelling(caller: Caller) -> None:
    job = ingest(caller, "Account", "insert", "Name,Nope__c\nx,1\ny,2\n")
    for kind in ("unprocessedrecords", "unprocessedRecords", "unprocessedRecords/"):
        left = results(caller, job, kind)
        assert left == [{"Name": "x", "Nope__c": "1"}, {"Name": "y", "Nope__c": "2"}]
    assert results(caller, job, "successfulResults") == results(caller, job, "failedResults") == []


def test_rows_from_a_misfit_on_are_unprocessed_and_those_before_it_written(caller: Caller) -> None:
    first, second = [unique() for _ in range(200)], [unique() for _ in range(3)]
    text = "Name,Site\n" + "".join(f"{name},here\n" for name in first + second) + "short\n"
    job = ingest(caller, "Account", "insert", text)
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 200)
    left = [each["Name"] for each in results(caller, job, "unprocessedrecords")]
    assert left == [*second, "short"]
    assert {each["Name"] for each in results(caller, job, "successfulResults")} == set(first)


def test_a_job_walks_through_its_states(caller: Caller) -> None:
    caller.set_faults({"name": "bulk_job_slow", "path": "jobs/ingest", "polls": 2})
    job_id = create(caller, "Account", "insert")
    assert caller.call("GET", f"jobs/ingest/{job_id}").json()["state"] == "Open"
    caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=b"Name\nslow\n")
    close(caller, job_id)
    seen = []
    while not seen or seen[-1] in ("UploadComplete", "InProgress"):
        seen.append(caller.call("GET", f"jobs/ingest/{job_id}").json()["state"])
    assert [each for each, _ in itertools.groupby(seen)][-2:] == ["InProgress", "JobComplete"]
    assert seen.count("InProgress") >= 2


def test_a_fault_fails_a_job_and_its_rows_are_unprocessed(caller: Caller) -> None:
    caller.set_faults({"name": "bulk_job_failed", "path": "jobs/ingest", "message": "TooManyLockFailure : x"})
    job = ingest(caller, "Account", "insert", "Name\nnever\n")
    assert (job["state"], job["errorMessage"]) == ("Failed", "TooManyLockFailure : x")
    assert results(caller, job, "unprocessedrecords") == [{"Name": "never"}]
    assert caller.query("select Id from Account where Name = 'never'") == []


def test_an_aborted_job_writes_nothing(caller: Caller) -> None:
    job_id = create(caller, "Account", "insert")
    caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=b"Name\naborted\n")
    reply = caller.call("PATCH", f"jobs/ingest/{job_id}", json={"state": "Aborted"})
    assert reply.json()["state"] == "Aborted"
    assert results(caller, {"id": job_id}, "unprocessedrecords") == [{"Name": "aborted"}]
    reply = caller.call("PATCH", f"jobs/ingest/{job_id}", json={"state": "UploadComplete"})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
    assert caller.query("select Id from Account where Name = 'aborted'") == []


def test_data_is_taken_once(caller: Caller) -> None:
    job_id = create(caller, "Account", "insert")
    assert caller.call("PUT", f"jobs/ingest/{job_id}/batches/", data=b"Name\nx\n").status_code == 201
    reply = caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=b"Name\nx\n")
    assert reply.status_code == 400
    assert "Found multiple contents" in reply.json()[0]["message"]


def test_a_job_is_listed_until_it_is_deleted(caller: Caller) -> None:
    job_id = create(caller, "Account", "insert")
    listed = caller.call("GET", "jobs/ingest").json()
    assert job_id in [each["id"] for each in listed["records"]]
    assert caller.call("DELETE", f"jobs/ingest/{job_id}").status_code == 400
    caller.call("PATCH", f"jobs/ingest/{job_id}", json={"state": "Aborted"})
    assert caller.call("DELETE", f"jobs/ingest/{job_id}").status_code == 204
    assert caller.call("GET", f"jobs/ingest/{job_id}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Task", "operation": "conjure"}, "INVALIDJOB"),
        ({"object": "Task", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Task", "operation": "upsert", "externalIdFieldName": "Subject"}, "INVALIDJOB"),
        ({"object": "Task", "operation": "insert", "columnDelimiter": "SPACE"}, "INVALIDJOB"),
        ({"object": "Task", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(caller: Caller, asked: dict[str, str], code: str) -> None:
    reply = caller.call("POST", "jobs/ingest", json=asked)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, code)


def test_a_body_in_chunks_or_gzipped_is_the_same_body(caller: Caller) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"Name\nchun"
        yield b"ked\n"

    job_id = create(caller, "Account", "insert")
    assert caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=pieces()).status_code == 201
    close(caller, job_id)
    assert results(caller, ended(caller, job_id), "successfulResults")[0]["Name"] == "chunked"
    job_id = create(caller, "Account", "insert")
    packed, headers = gzip.compress(b"Name\npacked\n"), {"Content-Encoding": "gzip"}
    caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=packed, headers=headers)
    close(caller, job_id)
    assert results(caller, ended(caller, job_id), "successfulResults")[0]["Name"] == "packed"


def test_more_than_150_megabytes_are_refused(caller: Caller) -> None:
    job_id = create(caller, "Account", "insert")
    megabyte = b"x" * 1024 * 1024
    reply = caller.call("PUT", f"jobs/ingest/{job_id}/batches", data=(megabyte for _ in range(151)))
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (413, "EXCEEDED_MAX_SIZE_REQUEST")
    assert caller.call("GET", f"jobs/ingest/{job_id}").json()["state"] == "Open"


def test_job_and_data_in_one_form(caller: Caller) -> None:
    name = unique()
    job = {"object": "Account", "operation": "insert"}
    form = {
        "job": (None, json.dumps(job), "application/json"),
        "content": ("content", csv_text(["Name", "Site"], [name, "two\r\nlines\r\n"]), "text/csv"),
    }
    reply = caller.call("POST", "jobs/ingest", files=form)
    assert (reply.status_code, reply.json()["state"]) == (200, "UploadComplete"), reply.text
    (written,) = results(caller, ended(caller, reply.json()["id"]), "successfulResults")
    assert (written["Name"], written["Site"]) == (name, "two\r\nlines\r\n")


def test_results_are_asked_for_too_early(caller: Caller) -> None:
    job_id = create(caller, "Account", "insert")
    reply = caller.call("GET", f"jobs/ingest/{job_id}/successfulResults")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")


@pytest.mark.parametrize("name", list(DELIMITERS))
def test_a_query_job_gives_its_rows_with_any_delimiter(caller: Caller, name: str) -> None:
    account = unique() + f" {DELIMITERS[name]} and"
    caller.create("Account", Name=account, Site="here")
    soql = f"select Name, Site from Account where Name = '{account}'"
    asked = {"operation": "query", "query": soql, "columnDelimiter": name}
    job = caller.call("POST", "jobs/query", json=asked).json()
    assert job["columnDelimiter"] == name
    while caller.call("GET", f"jobs/query/{job['id']}").json()["state"] != "JobComplete":
        time.sleep(0.01)
    text = caller.call("GET", f"jobs/query/{job['id']}/results").text
    assert list(csv.DictReader(io.StringIO(text), delimiter=DELIMITERS[name])) == [
        {"Name": account, "Site": "here"}
    ]


def test_query_and_ingest_jobs_have_ids_of_their_own(caller: Caller) -> None:
    query = caller.call("POST", "jobs/query", json={"operation": "query", "query": "select Id from User"})
    reply: requests.Response = caller.call("GET", f"jobs/ingest/{query.json()['id']}")
    assert reply.status_code == 404
