"""An org that changes under its users: features, custom fields, archived activities, history that expires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import requests

from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.process import start
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.replication import ReplicationSettings
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.features import FEATURES
from tests.sandbox.conftest import Caller

NOON = "2026-05-01T12:00:00Z"


@pytest.fixture(autouse=True)
def _plain_org(caller: Caller) -> Iterator[None]:
    caller.set_clock(NOON)
    yield
    features(caller)


def features(caller: Caller, *names: str) -> None:
    assert caller.call("PUT", "/sandbox/features", json={"features": list(names)}).status_code == 200


def change(caller: Caller, **given: object) -> requests.Response:
    return caller.call("POST", "/sandbox/fields", json=given)


def changed(caller: Caller, **given: object) -> None:
    reply = change(caller, **given)
    assert reply.status_code == 200, reply.text


def described(caller: Caller, name: str) -> dict[str, dict[str, object]]:
    fields = caller.call("GET", f"sobjects/{name}/describe").json()["fields"]
    return {each["name"]: each for each in fields}


def objects(caller: Caller) -> set[str]:
    return {each["name"] for each in caller.call("GET", "sobjects").json()["sobjects"]}


# features


def test_a_plain_org_has_no_currencies_record_types_persons_products_or_mails(caller: Caller) -> None:
    absent = {"CurrencyType", "DatedConversionRate", "OpportunityLineItem", "Product2", "EmailMessage"}
    assert not absent & objects(caller)
    assert {"RecordType", "BusinessProcess", "Opportunity"} <= objects(caller)
    for name in ("Account", "Opportunity", "Task"):
        assert not {"CurrencyIsoCode", "RecordTypeId", "IsPersonAccount"} & set(described(caller, name))
    assert (
        "No such column 'CurrencyIsoCode'"
        in caller.error("select CurrencyIsoCode from Opportunity")["message"]
    )
    assert caller.error("select Id from CurrencyType")["errorCode"] == "INVALID_TYPE"
    assert caller.call("GET", "sobjects/EmailMessage/describe").status_code == 404


def test_several_currencies_mark_every_record_with_the_orgs_own(caller: Caller) -> None:
    deal = caller.deal()
    features(caller, "multi_currency")
    row = caller.query(f"select CurrencyIsoCode, SystemModstamp from Opportunity where Id = '{deal}'")[0]
    assert (row["CurrencyIsoCode"], row["SystemModstamp"]) == ("USD", "2026-05-01T12:00:00.000+0000")
    corporate = caller.query("select IsoCode, ConversionRate, IsCorporate from CurrencyType")[0]
    assert (corporate["IsoCode"], corporate["ConversionRate"], corporate["IsCorporate"]) == ("USD", 1.0, True)
    caller.create("CurrencyType", IsoCode="JPY", ConversionRate=150.5, DecimalPlaces=0)
    caller.create("DatedConversionRate", IsoCode="JPY", StartDate="2026-01-01", ConversionRate=149)
    fresh, yen = caller.deal(), caller.deal(CurrencyIsoCode="JPY")
    found = caller.query(
        f"select CurrencyIsoCode from Opportunity where Id in ('{fresh}', '{yen}') order by Id"
    )
    assert [each["CurrencyIsoCode"] for each in found] == ["USD", "JPY"]
    features(caller)
    assert "CurrencyIsoCode" not in described(caller, "Opportunity")


def test_record_types_stand_in_describe_and_on_records(caller: Caller) -> None:
    features(caller, "record_types")
    process = caller.create("BusinessProcess", Name="Renewals", TableEnumOrId="Opportunity")
    kind = caller.create(
        "RecordType",
        Name="Renewal",
        DeveloperName="Renewal",
        SobjectType="Opportunity",
        BusinessProcessId=process,
    )
    deal = caller.deal(RecordTypeId=kind)
    soql = f"select RecordType.Name, RecordType.BusinessProcess.Name from Opportunity where Id = '{deal}'"
    record_type = caller.query(soql)[0]["RecordType"]
    assert (record_type["Name"], record_type["BusinessProcess"]["Name"]) == ("Renewal", "Renewals")  # type: ignore[index]
    infos = caller.call("GET", "sobjects/Opportunity/describe").json()["recordTypeInfos"]
    assert [(each["name"], each["master"]) for each in infos] == [("Master", True), ("Renewal", False)]


def test_a_person_account_has_a_contact_that_follows_it(caller: Caller) -> None:
    features(caller, "person_accounts")
    person = caller.create("Account", FirstName="花子", LastName="山田", PersonEmail="h@x.example")
    company = caller.create("Account", Name="Company")
    account = caller.query(
        f"select Name, IsPersonAccount, PersonContactId from Account where Id = '{person}'"
    )[0]
    assert (account["Name"], account["IsPersonAccount"]) == ("花子 山田", True)
    plain = caller.query(f"select IsPersonAccount, PersonContactId from Account where Id = '{company}'")[0]
    assert (plain["IsPersonAccount"], plain["PersonContactId"]) == (False, None)
    caller.set_clock("2026-05-02T12:00:00Z")
    path = f"sobjects/Account/{person}"
    assert (
        caller.call("PATCH", path, json={"LastName": "佐藤", "PersonEmail": "s@x.example"}).status_code == 204
    )
    contact = caller.query(
        "select Name, Email, AccountId, IsPersonAccount, SystemModstamp from Contact "
        f"where Id = '{account['PersonContactId']}'"
    )[0]
    assert (contact["Name"], contact["Email"], contact["AccountId"]) == ("花子 佐藤", "s@x.example", person)
    assert (contact["IsPersonAccount"], contact["SystemModstamp"]) == (True, "2026-05-02T12:00:00.000+0000")


def test_products_and_mails_are_there_where_the_org_has_them(caller: Caller) -> None:
    features(caller, "products", "email_messages")
    deal = caller.deal()
    item = caller.create("OpportunityLineItem", OpportunityId=deal, Quantity=3, UnitPrice=10.5, Discount=50)
    assert (
        caller.query(f"select TotalPrice from OpportunityLineItem where Id = '{item}'")[0]["TotalPrice"]
        == 15.75
    )
    caller.call("DELETE", f"sobjects/Opportunity/{deal}")
    assert caller.query(f"select Id from OpportunityLineItem where Id = '{item}'") == []
    caller.call("POST", "/sandbox/undelete", json={"ids": [deal]})
    assert len(caller.query(f"select Id from OpportunityLineItem where Id = '{item}'")) == 1
    mail = caller.create(
        "EmailMessage", RelatedToId=deal, Subject="Re: 見積", Incoming=True, TextBody="x" * 40_000
    )
    found = caller.query(f"select Subject, Incoming, RelatedTo.Type from EmailMessage where Id = '{mail}'")[0]
    assert (found["Subject"], found["RelatedTo"]["Type"]) == ("Re: 見積", "Opportunity")  # type: ignore[index]


def test_every_feature_setting_and_action_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/sandbox.md").read_text(encoding="utf-8")
    listed = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| `")}
    wanted = {*FEATURES, *ReplicationSettings.names(), "add", "rename", "retype", "remove", "set"}
    assert {f"`{each}`" for each in wanted} <= listed


def test_an_unknown_feature_is_refused(caller: Caller) -> None:
    reply = caller.call("PUT", "/sandbox/features", json={"features": ["flying"]})
    assert "unknown feature flying; there are email_messages" in reply.json()[0]["message"]


def test_loading_values_gives_the_org_the_feature_and_it_stays_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "org.duckdb"
    org = Org(path, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    ids = [numbered("006", 1)]
    load_tables(
        org,
        {
            "Opportunity": pa.table(
                {"Id": ids, "CurrencyIsoCode": ["EUR"], "RecordTypeId": pa.array([None], pa.string())}
            )
        },
    )
    org.close()
    again = Org(path, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert again.schema.features == {"multi_currency"}
    entity = again.find_object("opportunity")
    assert entity is not None
    assert ("CurrencyIsoCode" in entity.fields, "RecordTypeId" in entity.fields) == (True, False)
    again.close()


def test_the_file_of_an_earlier_version_gets_the_fields_added_since(tmp_path: Path) -> None:
    path = tmp_path / "org.duckdb"
    org = Org(path, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    load_tables(org, {"Account": pa.table({"Id": [numbered("001", 1)], "Name": ["old"]})})
    org.run('alter table "Account" drop column "IsPersonAccount"')
    org.run('drop table "EmailMessage"')
    org.close()
    again = Org(path, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert again.fetch_rows('select "Name", "IsPersonAccount" from "Account"') == [
        {"Name": "old", "IsPersonAccount": False}
    ]
    assert again.fetch_rows('select * from "EmailMessage"') == []
    again.close()


# fields


def test_a_new_field_is_described_written_and_read(caller: Caller) -> None:
    deal = caller.deal()
    changed(caller, action="add", object="Opportunity", name="Score__c", type="double")
    assert described(caller, "Opportunity")["Score__c"]["custom"] is True
    caller.call("PATCH", f"sobjects/Opportunity/{deal}", json={"Score__c": 4.5})
    assert caller.query(f"select Score__c from Opportunity where Id = '{deal}'")[0]["Score__c"] == 4.5
    changed(caller, action="remove", object="Opportunity", name="Score__c")
    assert "Score__c" not in described(caller, "Opportunity")
    assert "No such column 'Score__c'" in caller.error("select Score__c from Opportunity")["message"]


def test_a_formula_moves_without_its_stamp_and_cannot_be_written(caller: Caller) -> None:
    deal, other = caller.deal(), caller.deal()
    changed(caller, action="add", object="Opportunity", name="Health__c", type="string", formula=True)
    field = described(caller, "Opportunity")["Health__c"]
    assert (field["calculated"], field["updateable"], field["createable"]) == (True, False, False)
    caller.set_clock("2026-05-02T12:00:00Z")
    changed(caller, action="set", object="Opportunity", name="Health__c", value="fair")
    changed(caller, action="set", object="Opportunity", name="Health__c", values={deal[:15]: "poor"})
    found = caller.query(
        f"select Health__c, SystemModstamp from Opportunity where Id in ('{deal}', '{other}') order by Id"
    )
    assert [each["Health__c"] for each in found] == ["poor", "fair"]
    assert {each["SystemModstamp"] for each in found} == {"2026-05-01T12:00:00.000+0000"}
    reply = caller.call("PATCH", f"sobjects/Opportunity/{deal}", json={"Health__c": "good"})
    assert reply.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    changed(caller, action="remove", object="Opportunity", name="Health__c")


def test_a_retyped_field_keeps_what_suits_the_new_type(caller: Caller) -> None:
    deals = [caller.deal(NextStep=text) for text in ("12.5", "soon")]
    changed(caller, action="retype", object="Opportunity", name="NextStep", type="double")
    assert described(caller, "Opportunity")["NextStep"]["type"] == "double"
    listed = ",".join(f"'{each}'" for each in deals)
    found = caller.query(f"select NextStep from Opportunity where Id in ({listed}) order by Id")
    assert [each["NextStep"] for each in found] == [12.5, None]
    changed(caller, action="retype", object="Opportunity", name="NextStep", type="string", length=255)
    assert caller.query(f"select NextStep from Opportunity where Id = '{deals[0]}'")[0]["NextStep"] == "12.5"


def definition(caller: Caller, field: str) -> list[dict[str, object]]:
    return caller.query(
        "SELECT DurableId, QualifiedApiName, DataType FROM FieldDefinition "
        f"WHERE EntityDefinition.QualifiedApiName = 'Opportunity' AND QualifiedApiName = '{field}'"
    )


def test_a_renamed_field_keeps_its_values_and_its_durable_id(caller: Caller) -> None:
    deal = caller.deal()
    changed(caller, action="add", object="Opportunity", name="Region__c", type="string", length=40)
    caller.call("PATCH", f"sobjects/Opportunity/{deal}", json={"Region__c": "西"})
    before = definition(caller, "Region__c")[0]
    changed(caller, action="rename", object="Opportunity", name="Region__c", new_name="Territory__c")
    after = definition(caller, "Territory__c")[0]
    assert before["DurableId"] == after["DurableId"]
    assert str(after["DurableId"]).startswith("Opportunity.00N")
    assert (before["DataType"], definition(caller, "Region__c")) == ("Text(40)", [])
    assert (
        caller.query(f"select Territory__c from Opportunity where Id = '{deal}'")[0]["Territory__c"] == "西"
    )
    changed(caller, action="remove", object="Opportunity", name="Territory__c")
    changed(caller, action="add", object="Opportunity", name="Territory__c", type="date")
    assert definition(caller, "Territory__c")[0]["DurableId"] != after["DurableId"]
    changed(caller, action="remove", object="Opportunity", name="Territory__c")


def test_field_definitions_tell_what_the_org_has_whatever_the_user_may_see(caller: Caller) -> None:
    caller.set_faults({"name": "deny_field", "object": "Opportunity", "field": "Amount"})
    assert definition(caller, "Amount")[0]["DurableId"] == "Opportunity.Amount"
    types = {
        str(each["QualifiedApiName"]): each["DataType"]
        for each in caller.query(
            "select QualifiedApiName, DataType from FieldDefinition where EntityDefinitionId = 'Task'"
        )
    }
    assert types["GyakusanActionKey__c"] == "Text(80) (External ID) (Unique Case Insensitive)"
    assert (types["ActivityDate"], types["IsClosed"], types["OwnerId"]) == (
        "Date",
        "Checkbox",
        "Lookup(User,Group)",
    )
    assert "RecordTypeId" not in types


def test_field_definitions_want_to_be_asked_for_one_object(caller: Caller) -> None:
    error = caller.error("select QualifiedApiName from FieldDefinition")
    assert "reified column is required" in error["message"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"action": "paint", "object": "Task"}, "an action (add, rename, retype, remove, set)"),
        (
            {"action": "add", "object": "Nothing", "name": "A__c", "type": "string"},
            "give an object of the org",
        ),
        ({"action": "add", "object": "Task", "name": "Plain", "type": "string"}, "ends in __c"),
        ({"action": "add", "object": "Task", "name": "A__c", "type": "colour"}, "unknown type 'colour'"),
        ({"action": "add", "object": "Task", "name": "GyakusanReason__c", "type": "string"}, "already"),
        (
            {"action": "rename", "object": "Task", "name": "Subject", "new_name": "A__c"},
            "only a custom field",
        ),
        ({"action": "remove", "object": "Task", "name": "Nope__c"}, "no field Nope__c"),
        ({"action": "set", "object": "Opportunity", "name": "AgeInDays", "value": 3}, "nothing to set"),
    ],
)
def test_what_cannot_be_changed_is_refused(caller: Caller, given: dict[str, object], message: str) -> None:
    reply = change(caller, **given)
    assert reply.status_code == 400
    assert message in reply.json()[0]["message"]


def test_changed_fields_stay_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "org.duckdb"
    with start(path) as first:
        caller = Caller(first)
        caller.log_in()
        changed(caller, action="rename", object="Task", name="GyakusanReason__c", new_name="Why__c")
        changed(caller, action="remove", object="Task", name="GyakusanReview__c")
        changed(caller, action="add", object="Task", name="Sure__c", type="boolean")
        features(caller, "products")
        before = described(caller, "Task")
    with start(path) as second:
        caller = Caller(second)
        caller.log_in()
        fields = described(caller, "Task")
        assert set(fields) == set(before)
        assert {"Why__c", "Sure__c"} <= set(fields)
        assert not {"GyakusanReason__c", "GyakusanReview__c"} & set(fields)
        task = caller.create("Task", Subject="x", Why__c="because")
        row = caller.query(f"select Why__c, Sure__c from Task where Id = '{task}'")[0]
        assert (row["Why__c"], row["Sure__c"]) == ("because", False)
        assert "Product2" in objects(caller)


# age


def test_old_activities_are_archived_out_of_query_but_not_of_query_all(caller: Caller) -> None:
    caller.set_clock("2024-01-10T00:00:00Z")
    done = caller.create("Task", Subject="done", Status="Completed", ActivityDate="2024-01-10")
    undated = caller.create("Task", Subject="undated", Status="Completed")
    still_open = caller.create("Task", Subject="open", ActivityDate="2024-01-10")
    met = caller.create("Event", Subject="met", ActivityDateTime="2024-01-10T01:00:00Z", DurationInMinutes=30)
    later = caller.create("Task", Subject="later", Status="Completed", ActivityDate="2024-06-01")
    caller.set_clock("2025-02-01T00:00:00Z")
    counts = caller.call("POST", "/sandbox/archive", json={}).json()
    assert (counts["Task"] >= 2, counts["Event"] >= 1) == (True, True)
    listed = ",".join(f"'{each}'" for each in (done, undated, still_open, later))
    soql = f"select Id, IsArchived, SystemModstamp from Task where Id in ({listed}) order by Id"
    assert [each["Id"] for each in caller.query(soql)] == [still_open, later]
    everything = caller.query(soql, everything=True)
    assert [each["IsArchived"] for each in everything] == [True, True, False, False]
    assert {each["SystemModstamp"] for each in everything} == {"2024-01-10T00:00:00.000+0000"}
    assert caller.query(f"select Id from Event where Id = '{met}'") == []


def test_field_history_is_seen_for_18_months_by_query_and_24_by_query_all(caller: Caller) -> None:
    caller.set_clock("2024-01-10T00:00:00Z")
    deal = caller.deal()
    caller.call("PATCH", f"sobjects/Opportunity/{deal}", json={"NextStep": "x"})
    features(caller, "history_retention")
    soql = f"select Id from OpportunityFieldHistory where OpportunityId = '{deal}'"
    seen = {}
    for day in ("2025-07-09", "2025-07-11", "2026-01-09", "2026-01-11"):
        caller.set_clock(f"{day}T00:00:00Z")
        seen[day] = (len(caller.query(soql)), len(caller.query(soql, everything=True)))
    assert list(seen.values()) == [(2, 2), (0, 2), (0, 2), (0, 0)]
    assert len(caller.query(f"select Id from OpportunityHistory where OpportunityId = '{deal}'")) == 1
