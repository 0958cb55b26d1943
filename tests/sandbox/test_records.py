"""Writing over HTTP: validation, history, derived fields, recycle bin, external ids, collections."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.sandbox.conftest import Caller


def test_a_record_comes_back_typed_as_salesforce_types_it(caller: Caller) -> None:
    caller.set_clock("2026-05-01T10:11:12+09:00")
    deal_id = caller.deal(Name='商談 "A"', Amount=1234.5)
    reply = caller.call("GET", f"sobjects/Opportunity/{deal_id[:15]}/")
    record = reply.json()
    assert record["attributes"] == {
        "type": "Opportunity",
        "url": f"/services/data/v62.0/sobjects/Opportunity/{deal_id}",
    }
    assert record["CreatedDate"] == record["SystemModstamp"] == "2026-05-01T01:11:12.000+0000"
    assert (record["Name"], record["Amount"], record["CloseDate"]) == ('商談 "A"', 1234.5, "2026-06-15")
    assert record["IsClosed"] is False
    assert (record["Probability"], record["ExpectedRevenue"], record["Fiscal"]) == (10.0, 123.45, "2026 2")
    assert record["OwnerId"] == record["CreatedById"]


def test_a_stage_change_keeps_history_and_moves_what_hangs_on_it(caller: Caller) -> None:
    caller.set_clock("2026-05-01T00:00:00Z")
    deal_id = caller.deal()
    caller.set_clock("2026-05-02T00:00:00Z")
    reply = caller.call(
        "PATCH",
        f"sobjects/Opportunity/{deal_id}",
        json={"StageName": "Closed Won", "CloseDate": "2026-07-01"},
    )
    assert (reply.status_code, reply.text) == (204, "")
    deal = caller.query(
        "select IsClosed, IsWon, Probability, ForecastCategoryName, PushCount, LastStageChangeDate, SystemModstamp, "
        f"CreatedDate from Opportunity where Id = '{deal_id}'"
    )[0]
    assert (deal["IsClosed"], deal["IsWon"], deal["Probability"], deal["PushCount"]) == (True, True, 100.0, 1)
    assert deal["ForecastCategoryName"] == "Closed"
    assert deal["LastStageChangeDate"] == deal["SystemModstamp"] == "2026-05-02T00:00:00.000+0000"
    assert deal["CreatedDate"] == "2026-05-01T00:00:00.000+0000"
    history = caller.query(
        "select StageName, PrevCloseDate, FromOpportunityStageName, CreatedDate from OpportunityHistory "
        f"where OpportunityId = '{deal_id}' order by CreatedDate"
    )
    assert [each["StageName"] for each in history] == ["Prospecting", "Closed Won"]
    assert (history[1]["PrevCloseDate"], history[1]["FromOpportunityStageName"]) == (
        "2026-06-15",
        "Prospecting",
    )
    changes = caller.query(
        f"select Field, OldValue, NewValue from OpportunityFieldHistory where OpportunityId = '{deal_id}'"
    )
    kept = {each["Field"]: (each["OldValue"], each["NewValue"]) for each in changes}
    assert kept["created"] == (None, None)
    assert kept["StageName"] == ("Prospecting", "Closed Won")
    assert kept["CloseDate"] == ("2026-06-15", "2026-07-01")


def test_a_change_of_other_fields_leaves_no_opportunity_history(caller: Caller) -> None:
    deal_id = caller.deal()
    caller.call("PATCH", f"sobjects/Opportunity/{deal_id}", json={"NextStep": "call", "Description": "x"})
    assert len(caller.query(f"select Id from OpportunityHistory where OpportunityId = '{deal_id}'")) == 1


def test_a_push_within_the_month_or_an_earlier_date_counts_no_push(caller: Caller) -> None:
    deal_id = caller.deal(CloseDate="2026-06-15")
    for close_date, pushes in (("2026-06-30", 0), ("2026-05-01", 0), ("2026-08-01", 1), ("2027-01-01", 2)):
        caller.call("PATCH", f"sobjects/Opportunity/{deal_id}", json={"CloseDate": close_date})
        assert (
            caller.query(f"select PushCount from Opportunity where Id = '{deal_id}'")[0]["PushCount"]
            == pushes
        )


def test_an_unknown_stage_is_taken_and_is_open(caller: Caller) -> None:
    deal_id = caller.deal(StageName="失注？")
    assert caller.query(f"select IsClosed from Opportunity where Id = '{deal_id}'")[0]["IsClosed"] is False


def test_tasks_take_their_account_and_move_the_deals_activity_fields_alone(caller: Caller) -> None:
    caller.set_clock("2026-05-04T00:00:00Z")
    account_id = caller.create("Account", Name="A")
    deal_id = caller.deal(AccountId=account_id)
    caller.set_clock("2026-05-05T00:00:00Z")
    task_id = caller.create("Task", Subject="call", WhatId=deal_id, ActivityDate="2026-05-01")

    def deal() -> dict[str, object]:
        fields = "HasOpenActivity, HasOverdueTask, LastActivityDate, SystemModstamp"
        return caller.query(f"select {fields} from Opportunity where Id = '{deal_id}'")[0]

    assert (deal()["HasOpenActivity"], deal()["HasOverdueTask"], deal()["LastActivityDate"]) == (
        True,
        True,
        None,
    )
    caller.call("PATCH", f"sobjects/Task/{task_id}", json={"Status": "Completed"})
    assert (deal()["HasOpenActivity"], deal()["LastActivityDate"]) == (False, "2026-05-01")
    assert deal()["SystemModstamp"] == "2026-05-04T00:00:00.000+0000"
    task = caller.query(
        f"select AccountId, IsClosed, CompletedDateTime, What.Name, What.Type from Task where Id = '{task_id}'"
    )[0]
    assert (task["AccountId"], task["IsClosed"]) == (account_id, True)
    assert task["CompletedDateTime"] == "2026-05-05T00:00:00.000+0000"
    assert task["What"]["Type"] == "Opportunity"  # type: ignore[index]


def test_an_event_knows_its_end(caller: Caller) -> None:
    event_id = caller.create(
        "Event", Subject="meet", ActivityDateTime="2026-05-05T01:00:00Z", DurationInMinutes=90
    )
    event = caller.query(
        f"select StartDateTime, EndDateTime, ActivityDate from Event where Id = '{event_id}'"
    )[0]
    assert event["EndDateTime"] == "2026-05-05T02:30:00.000+0000"
    assert event["ActivityDate"] == "2026-05-05"


@pytest.mark.parametrize(
    ("name", "values", "code", "fields"),
    [
        ("Task", {"Nope": 1}, "INVALID_FIELD", None),
        ("Task", {"Subject": "x" * 256}, "STRING_TOO_LONG", ["Subject"]),
        ("Task", {"IsClosed": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsClosed"]),
        ("Task", {"WhatId": "nonsense"}, "MALFORMED_ID", ["WhatId"]),
        ("Task", {"WhatId": "003000000000001AAA"}, "FIELD_INTEGRITY_EXCEPTION", ["WhatId"]),
        ("Task", {"WhatId": "006000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", ["WhatId"]),
        ("Task", {"ActivityDate": "soon"}, "JSON_PARSER_ERROR", ["ActivityDate"]),
        ("Opportunity", {"Name": "x", "Amount": "much"}, "JSON_PARSER_ERROR", ["Amount"]),
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", ["StageName", "CloseDate"]),
        (
            "Opportunity",
            {"Name": "", "StageName": "a", "CloseDate": "2026-01-01"},
            "REQUIRED_FIELD_MISSING",
            ["Name"],
        ),
    ],
)
def test_a_wrong_row_is_refused_with_its_fields(
    caller: Caller, name: str, values: dict[str, object], code: str, fields: list[str] | None
) -> None:
    reply = caller.call("POST", f"sobjects/{name}", json=values)
    assert reply.status_code == 400
    assert reply.json()[0]["errorCode"] == code
    assert reply.json()[0].get("fields") == fields


def test_an_inactive_owner_is_refused(caller: Caller) -> None:
    user_id = caller.create(
        "User", Username="gone@x.example", LastName="Gone", Email="gone@x.example", IsActive=False
    )
    reply = caller.call("POST", "sobjects/Task", json={"Subject": "x", "OwnerId": user_id})
    assert reply.json()[0]["errorCode"] == "INACTIVE_OWNER_OR_USER"


def test_the_recycle_bin_hides_shows_restores_and_forgets(caller: Caller) -> None:
    deal_id = caller.deal()
    task_id = caller.create("Task", Subject="x", WhatId=deal_id)
    caller.set_clock("2031-01-01T00:00:00Z")
    assert caller.call("DELETE", f"sobjects/Opportunity/{deal_id}").status_code == 204
    gone = caller.call("DELETE", f"sobjects/Opportunity/{deal_id}")
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    where = f"where Id = '{deal_id}'"
    assert caller.query(f"select Id from Opportunity {where}") == []
    binned = caller.query(f"select IsDeleted, SystemModstamp from Opportunity {where}", everything=True)[0]
    assert (binned["IsDeleted"], binned["SystemModstamp"]) == (True, "2031-01-01T00:00:00.000+0000")
    assert (
        caller.query(f"select IsDeleted from Task where Id = '{task_id}'", everything=True)[0]["IsDeleted"]
        is True
    )
    assert caller.query(f"select Id from OpportunityHistory where OpportunityId = '{deal_id}'") == []
    window = {"start": "2031-01-01T00:00:00Z", "end": "2031-01-02T00:00:00Z"}
    deleted = caller.call("GET", "sobjects/Opportunity/deleted", params=window).json()
    assert deal_id in [each["id"] for each in deleted["deletedRecords"]]
    caller.call("POST", "/sandbox/undelete", json={"ids": [deal_id]})
    assert len(caller.query(f"select Id from Opportunity {where}")) == 1
    assert len(caller.query(f"select Id from Task where Id = '{task_id}'")) == 1
    assert deal_id in caller.call("GET", "sobjects/Opportunity/updated", params=window).json()["ids"]
    caller.call("POST", "/sandbox/purge", json={"ids": [deal_id]})
    assert caller.query(f"select Id from Opportunity {where}", everything=True) == []
    assert caller.call("GET", f"sobjects/Opportunity/{deal_id}").status_code == 404


def test_upsert_by_external_id_creates_then_updates(caller: Caller) -> None:
    path = f"sobjects/Task/GyakusanActionKey__c/{quote('key/1 あ', safe='')}"
    first = caller.call("PATCH", path, json={"Subject": "one"})
    second = caller.call("PATCH", path, json={"Subject": "two"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert (first.json()["created"], second.json()["created"]) == (True, False)
    assert caller.call("GET", path).json()["Subject"] == "two"


def test_a_unique_field_refuses_a_value_twice_but_only_within_its_object_and_case(caller: Caller) -> None:
    reply = caller.call("POST", "sobjects/Task", json={"Subject": "x", "GyakusanActionKey__c": "twice"})
    assert reply.status_code == 201
    event = {"Subject": "x", "ActivityDate": "2026-01-01", "GyakusanActionKey__c": "twice"}
    assert caller.call("POST", "sobjects/Event", json=event).status_code == 201
    again = caller.call("POST", "sobjects/Task", json={"Subject": "x", "GyakusanActionKey__c": "twice"})
    assert again.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    # The field of the org package is case-sensitive; others are not.
    other = caller.call("POST", "sobjects/Task", json={"Subject": "x", "GyakusanActionKey__c": "TWICE"})
    assert other.status_code == 201
    added = {"object": "Task", "action": "add", "name": "Loose__c", "type": "string", "unique": True}
    assert caller.call("POST", "/sandbox/fields", json=added).ok
    replies = [caller.call("POST", "sobjects/Task", json={"Loose__c": each}) for each in ("one", "ONE")]
    assert [each.status_code for each in replies] == [201, 400]
    caller.call("POST", "/sandbox/fields", json={"object": "Task", "action": "remove", "name": "Loose__c"})


def _rows(count: int, prefix: str) -> list[dict[str, object]]:
    return [
        {
            "attributes": {"type": "Task"},
            "Subject": f"{prefix} {number}",
            "GyakusanActionKey__c": f"{prefix}-{number}",
        }
        for number in range(count)
    ]


def test_two_hundred_rows_are_upserted_in_order_and_201_are_refused(caller: Caller) -> None:
    path = "composite/sobjects/Task/GyakusanActionKey__c"
    created = caller.call("PATCH", path, json={"records": _rows(200, "bulk")}).json()
    assert [each["created"] for each in created] == [True] * 200
    assert [each["id"] for each in created] == sorted(each["id"] for each in created)
    again = caller.call("PATCH", path, json={"records": _rows(200, "bulk")}).json()
    assert [(each["id"], each["created"]) for each in again] == [(each["id"], False) for each in created]
    assert len(caller.query("select Id from Task where GyakusanActionKey__c like 'bulk-%'")) == 200
    assert caller.call("PATCH", path, json={"records": _rows(201, "more")}).status_code == 400


def test_bad_rows_of_a_collection_fail_alone(caller: Caller) -> None:
    rows = _rows(4, "mixed")
    rows[1]["Subject"] = "x" * 300
    rows[2]["Id"] = "00T000000000001AAA"
    rows[3]["GyakusanActionKey__c"] = None
    reply = caller.call("PATCH", "composite/sobjects/Task/GyakusanActionKey__c", json={"records": rows})
    assert reply.status_code == 200
    codes = [each["errors"][0]["statusCode"] if each["errors"] else "" for each in reply.json()]
    assert codes == ["", "STRING_TOO_LONG", "INVALID_FIELD", "MISSING_ARGUMENT"]
    assert [each["success"] for each in reply.json()] == [True, False, False, False]


def test_all_or_none_rolls_the_good_rows_back(caller: Caller) -> None:
    rows = _rows(2, "together")
    rows[1]["Subject"] = "x" * 300
    path = "composite/sobjects/Task/GyakusanActionKey__c"
    reply = caller.call("PATCH", path, json={"records": rows, "allOrNone": True}).json()
    assert [each["errors"][0]["statusCode"] for each in reply] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "STRING_TOO_LONG",
    ]
    assert caller.query("select Id from Task where GyakusanActionKey__c like 'together-%'") == []


def test_one_key_twice_in_a_request_fails_both_rows(caller: Caller) -> None:
    rows = _rows(1, "double") * 2
    reply = caller.call(
        "PATCH", "composite/sobjects/Task/GyakusanActionKey__c", json={"records": rows}
    ).json()
    assert [each["errors"][0]["statusCode"] for each in reply] == ["DUPLICATE_VALUE"] * 2


def test_collections_create_update_get_and_delete_across_objects(caller: Caller) -> None:
    rows = [
        {"attributes": {"type": "Account"}, "Name": "A"},
        {"attributes": {"type": "Contact"}, "LastName": "C"},
    ]
    created = caller.call("POST", "composite/sobjects", json={"records": rows}).json()
    account_id, contact_id = (each["id"] for each in created)
    changes = [{"attributes": {"type": "Contact"}, "id": contact_id, "FirstName": "B"},
               {"attributes": {"type": "Account"}, "id": "001000000000001AAA", "Name": "x"}]  # fmt: skip
    updated = caller.call("PATCH", "composite/sobjects", json={"records": changes}).json()
    assert updated[0]["success"]
    assert updated[1]["errors"][0]["statusCode"] == "NOT_FOUND"
    fetched = caller.call(
        "GET",
        "composite/sobjects/Contact",
        params={"ids": f"{contact_id},003000000000001AAA", "fields": "Name"},
    )
    assert [each and each["Name"] for each in fetched.json()] == ["B C", None]
    deleted = caller.call("DELETE", "composite/sobjects", params={"ids": f"{account_id},{contact_id}"}).json()
    assert [each["success"] for each in deleted] == [True, True]


def test_describe_tells_types_lengths_and_stages(caller: Caller) -> None:
    described = caller.call("GET", "sobjects/Task/describe/").json()
    fields = {each["name"]: each for each in described["fields"]}
    key = fields["GyakusanActionKey__c"]
    assert (key["externalId"], key["unique"], key["length"], key["custom"]) == (True, True, 80, True)
    assert fields["WhatId"]["referenceTo"] == ["Account", "Opportunity"]
    assert fields["Description"]["filterable"] is False
    stages = next(
        each
        for each in caller.call("GET", "sobjects/Opportunity/describe").json()["fields"]
        if each["name"] == "StageName"
    )
    assert "Closed Won" in [each["value"] for each in stages["picklistValues"]]
    assert caller.call("GET", "sobjects/Nope/describe").status_code == 404
