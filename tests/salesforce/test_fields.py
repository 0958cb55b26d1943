"""Fields that come, go, change their type or name, or are hidden: facts, words, and values that stay true."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.schema.describe import Described, read_description, read_object_list
from connectors.salesforce.schema.field_changes import (
    SHOWN_KINDS,
    KnownField,
    change_rows,
    field_changes,
    known_fields,
    names_differ,
    sentences,
)
from connectors.salesforce.schema.objects import INSTANT, OBJECTS, SalesforceObject
from connectors.sandbox.process import start
from connectors.sandbox.records.store import Org
from connectors.sandbox.schema.sobjects import Field
from tests.salesforce.conftest import START, LiveOrg, event_ids, only
from tests.salesforce.org_changes import change_field, create

THING = SalesforceObject("Thing", "thing", {"Id": "id", "Amount": "currency"})
ID = KnownField("seen", "id", "Thing.Id")
AMOUNT = KnownField("seen", "currency", "Thing.Amount")
OLD = KnownField("seen", "string", "Thing.00N1")
BOTH = {"Id": "id", "Amount": "currency"}


def changes_of(types, known, ids=None):
    changes = field_changes(THING, Described("Thing", types), known, ids)
    return {(each.kind, each.field_name) for each in changes}


@pytest.mark.parametrize(
    ("types", "known", "ids", "expected"),
    [
        (BOTH, {}, None, {("seen", "Id"), ("seen", "Amount")}),
        ({"Id": "id"}, {}, None, {("seen", "Id"), ("missing", "Amount")}),
        (BOTH, {"Id": ID, "Amount": KnownField("missing", None)}, None, {("new", "Amount")}),
        ({"Id": "id"}, {"Id": ID, "Amount": AMOUNT}, None, {("vanished", "Amount")}),
        ({"Id": "id"}, {"Id": ID, "Amount": AMOUNT}, {"Id": "Thing.Id"}, {("vanished", "Amount")}),
        (
            {"Id": "id"},
            {"Id": ID, "Amount": AMOUNT},
            {"Id": "Thing.Id", "Amount": "Thing.Amount"},
            {("hidden", "Amount")},
        ),
        ({"Id": "id"}, {"Id": ID, "Amount": KnownField("vanished", None)}, None, set()),
        ({"Id": "id"}, {"Id": ID, "Amount": KnownField("hidden", None)}, None, set()),
        (BOTH, {"Id": ID, "Amount": KnownField("hidden", "currency")}, None, {("regained", "Amount")}),
        (BOTH, {"Id": ID, "Amount": KnownField("vanished", "currency")}, None, {("regained", "Amount")}),
        ({"Id": "id", "Amount": "string"}, {"Id": ID, "Amount": AMOUNT}, None, {("retyped", "Amount")}),
        ({"Id": "id", "Amount": "percent"}, {"Id": ID, "Amount": KnownField("new", "double")}, None, set()),
        (
            BOTH | {"New__c": "string"},
            {"Id": ID, "Amount": AMOUNT, "Old__c": OLD},
            {"Id": "Thing.Id", "Amount": "Thing.Amount", "New__c": "Thing.00N1"},
            {("renamed", "New__c"), ("left", "Old__c")},
        ),
        (
            BOTH | {"New__c": "string"},
            {"Id": ID, "Amount": AMOUNT, "Old__c": OLD},
            None,
            {("new", "New__c"), ("vanished", "Old__c")},
        ),
        (
            BOTH | {"New__c": "string"},
            {"Id": ID, "Amount": AMOUNT, "Old__c": OLD},
            {"Id": "Thing.Id", "Amount": "Thing.Amount", "New__c": "Thing.00N2", "Old__c": "Thing.00N1"},
            {("new", "New__c"), ("hidden", "Old__c")},
        ),
    ],
    ids=[
        "first look",
        "hidden at first",
        "shown later",
        "vanished, the org does not tell how",
        "removed",
        "hidden",
        "vanished before",
        "hidden before",
        "shown again",
        "there again",
        "retyped",
        "same storage",
        "renamed",
        "renamed, the org does not tell",
        "one hidden, another new",
    ],
)
def test_field_changes(types, known, ids, expected):
    assert changes_of(types, known, ids) == expected


NAMES = st.sampled_from(["Id", "Amount", "A__c", "B__c", "C__c", "D__c"])
ORGS = st.dictionaries(NAMES, st.sampled_from(["string", "currency", "double", "date"]))


@given(st.lists(ORGS, min_size=1, max_size=6), st.booleans())
def test_facts_always_tell_what_the_org_showed_last(orgs, tells_ids):
    known: dict[str, KnownField] = {}
    for types in orgs:
        described = Described("Thing", types)
        ids = {name: f"Thing.{name}" for name in types} if tells_ids else None
        changes = field_changes(THING, described, known, ids)
        rows = change_rows(THING, changes, pa.scalar(0, INSTANT))
        assert len(set(rows["record_id"].to_pylist())) == len(changes)
        known |= known_fields(rows).get("Thing", {})
        shown = {name for name, each in known.items() if each.kind in SHOWN_KINDS}
        assert shown == types.keys()
        assert not names_differ(described, known)
        assert field_changes(THING, described, known, ids) == []


def test_words_say_what_changed_and_how_many_records_it_concerns():
    known = {"Id": ID, "Amount": AMOUNT, "Old__c": OLD, "Kind__c": KnownField("seen", "string", "Thing.00N3")}
    described = Described("Thing", {"Id": "id", "New__c": "string", "Kind__c": "double"})
    ids = {"Id": "Thing.Id", "Amount": "Thing.Amount", "New__c": "Thing.00N1", "Kind__c": "Thing.00N3"}
    changes = field_changes(THING, described, known, ids)
    assert sentences(changes, {"Amount": 1_204}, can_tell_renames=True) == [
        "fields no longer shown to this user: Amount with values in 1,204 records (last known values stay)",
        "fields renamed: Old__c to New__c (read back in full)",
        "fields retyped: Kind__c (string to double) (read back in full)",
    ]
    changes = field_changes(THING, Described("Thing", {"Id": "id"}), {"Id": ID, "Amount": AMOUNT}, None)
    assert "no access to FieldDefinition" in sentences(changes, {}, can_tell_renames=False)[1]


def test_compound_and_binary_fields_are_left_out():
    fields = [
        ("Id", "id"),
        ("Body", "base64"),
        ("BillingAddress", "address"),
        ("Place__c", "location"),
        ("N__c", "time"),
    ]
    described = read_description("Account", {"fields": [{"name": n, "type": t} for n, t in fields]})
    assert described.types == {"Id": "id", "N__c": "time"}


def test_texts_of_mails_are_not_read():
    (declared,) = only("EmailMessage")
    types = {"Id": "id", "Subject": "string", "TextBody": "textarea", "HtmlBody": "textarea"}
    assert set(Described("EmailMessage", types).wanted(declared).types) == {"Id", "Subject"}


def test_the_list_of_objects_says_what_can_be_done_with_each():
    body = {"sobjects": [{"name": "Task", "queryable": True, "replicateable": False}]}
    flags = read_object_list(body)["Task"]
    assert (flags.is_queryable, flags.is_replicateable) == (True, False)


def test_an_optional_object_the_org_does_not_have_costs_no_call(org, log):
    org.faults({"name": "deny_object", "object": "ForecastingQuota"})
    client = org.client()
    (pulled,) = org.pull(log, objects=only("ForecastingQuota"), client=client)
    assert (pulled.status, pulled.message) == ("absent", "the org shows no ForecastingQuota")
    assert pulled.api_calls == 1  # the list of objects, once for all of them


def schema_facts(log):
    facts = log.read("schema_changes", ["kind", "record_id"], where="kind <> 'seen'").to_pylist()
    return [(row["kind"], row["record_id"]) for row in facts]


LOST = {"name": "deny_field", "object": "Opportunity", "field": "Amount"}


def test_a_lost_field_is_unknown_not_null(org, log):
    org.pull(log, "first", objects=only("Opportunity"))
    before = {row["Id"]: row["Amount"] for row in log.latest("opportunity", ["Id", "Amount"]).to_pylist()}
    facts = event_ids(log)
    org.faults(LOST)
    # Reading everything again, without the field: nothing has changed.
    (whole,) = org.pull(
        log, "whole", objects=only("Opportunity"), overlap=org.now - org.now.replace(year=2000)
    )
    assert (whole.status, whole.rows_appended) == ("closed", 0)
    assert f"{sum(value is not None for value in before.values())} records" in whole.message
    assert event_ids(log) == facts
    # A change beside it keeps the last known value, marts read it on.
    opportunity = next(key for key, value in before.items() if value is not None)
    org.advance(hours=1)
    org.client().restful(f"sobjects/Opportunity/{opportunity}", "PATCH", json={"NextStep": "電話"})
    org.advance(hours=1)
    (increment,) = org.pull(log, "increment", objects=only("Opportunity"))
    assert increment.rows_appended == 1
    (row,) = log.latest("opportunity", where=f"record_id = '{opportunity}'").to_pylist()
    assert (row["NextStep"], row["Amount"]) == ("電話", before[opportunity])
    assert [kind for kind, name in schema_facts(log) if name == "Opportunity.Amount"] in (
        ["hidden"],
        ["vanished"],
    )


def test_a_regained_field_is_read_back_in_full(org, log):
    org.pull(log, "first", objects=only("Opportunity"))
    org.faults(LOST)
    org.advance(hours=1)
    org.pull(log, "blind", objects=only("Opportunity"))
    (opportunity, *_) = org.query("SELECT Id, SystemModstamp FROM Opportunity ORDER BY Id LIMIT 1")
    org.faults()
    org.client().restful(f"sobjects/Opportunity/{opportunity['Id']}", "PATCH", json={"Amount": 77})
    org.faults(LOST)
    org.advance(hours=1)
    org.pull(log, "still blind", objects=only("Opportunity"))
    org.faults()
    org.advance(hours=1)
    (seeing,) = org.pull(log, "seeing", objects=only("Opportunity"))
    assert (seeing.window_from_at, seeing.reason) == (None, "new field")
    assert "shown again: Amount" in seeing.message
    (row,) = log.latest("opportunity", where=f"record_id = '{opportunity['Id']}'").to_pylist()
    assert row["Amount"] == 77
    assert ("regained", "Opportunity.Amount") in schema_facts(log)


def test_every_further_object_is_optional_and_has_its_own_stream():
    streams = [each.stream for each in OBJECTS]
    assert len(set(streams)) == len(streams)
    optional = {each.name for each in OBJECTS if not each.is_required}
    assert {"CurrencyType", "DatedConversionRate", "OpportunityLineItem", "EmailMessage"} <= optional


@pytest.fixture
def changing(org):
    """The org, its administrator's changes to Lead undone at the end."""
    yield org
    names = [each for each in org.client().describe("Lead").types if each.endswith("__c")]
    for name in names:
        change_field(org, "Lead", name, "remove")


def leads(log):
    return log.latest("lead").to_pylist()


def test_a_new_custom_field_comes_along_without_being_named(changing, log):
    org = changing
    org.pull(log, "first", objects=only("Lead"))
    change_field(org, "Lead", "Score__c", "add", type="double")
    change_field(org, "Lead", "Score__c", "set", value=7)
    org.advance(hours=1)
    (pulled,) = org.pull(log, "second", objects=only("Lead"))
    assert (pulled.reason, pulled.message) == ("new field", "new fields: Score__c (read back in full)")
    assert {row["Score__c"] for row in leads(log)} == {7.0}


def test_a_renamed_field_is_known_by_its_durable_id_and_read_back(changing, log):
    org = changing
    change_field(org, "Lead", "Old__c", "add", type="string", length=20)
    change_field(org, "Lead", "Old__c", "set", value="kept")
    org.pull(log, "first", objects=only("Lead"))
    change_field(org, "Lead", "Old__c", "rename", new_name="New__c")
    org.advance(hours=1)
    client = org.client()
    (pulled,) = org.pull(log, "second", objects=only("Lead"), client=client)
    assert pulled.message == "fields renamed: Old__c to New__c (read back in full)"
    assert schema_facts(log) == [("renamed", "Lead.New__c"), ("left", "Lead.Old__c")]
    (fact,) = log.read("schema_changes", where="kind = 'renamed'").to_pylist()
    assert (fact["previous_name"], fact["field_name"]) == ("Old__c", "New__c")
    assert {(row["Old__c"], row["New__c"]) for row in leads(log)} == {("kept", "kept")}
    org.advance(hours=1)
    (third,) = org.pull(log, "third", objects=only("Lead"))
    assert (third.message, third.reason) == ("", "increment")


def test_a_rename_the_org_does_not_tell_is_one_gone_and_one_new(changing, log):
    org = changing
    change_field(org, "Lead", "Old__c", "add", type="string", length=20)
    org.faults({"name": "deny_object", "object": "FieldDefinition"})
    org.pull(log, "first", objects=only("Lead"))
    change_field(org, "Lead", "Old__c", "rename", new_name="New__c")
    org.advance(hours=1)
    (pulled,) = org.pull(log, "second", objects=only("Lead"))
    assert pulled.status == "closed"
    assert set(schema_facts(log)) == {("new", "Lead.New__c"), ("vanished", "Lead.Old__c")}
    assert "no access to FieldDefinition" in pulled.message


def test_removed_is_told_from_hidden(changing, log):
    org = changing
    for name in ("Removed__c", "Hidden__c"):
        change_field(org, "Lead", name, "add", type="string", length=20)
        change_field(org, "Lead", name, "set", value="last known")
    org.pull(log, "first", objects=only("Lead"))
    change_field(org, "Lead", "Removed__c", "remove")
    org.faults({"name": "deny_field", "object": "Lead", "field": "Hidden__c"})
    org.advance(hours=1)
    (pulled,) = org.pull(log, "second", objects=only("Lead"))
    assert set(schema_facts(log)) == {("vanished", "Lead.Removed__c"), ("hidden", "Lead.Hidden__c")}
    assert pulled.reason == "increment"
    count = len(leads(log))
    assert f"Hidden__c with values in {count} records" in pulled.message
    assert {(row["Removed__c"], row["Hidden__c"]) for row in leads(log)} == {("last known",) * 2}


def test_a_retyped_field_gets_a_column_of_its_own_and_is_read_back(changing, log):
    org = changing
    change_field(org, "Lead", "Size__c", "add", type="double")
    change_field(org, "Lead", "Size__c", "set", value=12)
    org.pull(log, "first", objects=only("Lead"))
    change_field(org, "Lead", "Size__c", "retype", type="string", length=20)
    change_field(org, "Lead", "Size__c", "set", value="large")
    org.advance(hours=1)
    (pulled,) = org.pull(log, "second", objects=only("Lead"))
    assert "fields retyped: Size__c (double to string)" in pulled.message
    assert {(row["Size__c"], row["Size__c__string"]) for row in leads(log)} == {(None, "large")}
    org.advance(hours=1)
    (third,) = org.pull(log, "third", objects=only("Lead"), overlap=org.now - org.now.replace(year=2000))
    assert (third.message, third.rows_appended) == ("", 0)


@pytest.fixture
def wide(org_template, tmp_path):
    """An org whose leads have 800 custom fields, as many as Salesforce allows."""
    path = tmp_path / "wide.duckdb"
    path.write_bytes(org_template.read_bytes())
    store = Org(path, lambda: START)
    store.schema.add("Lead", [Field(name, "string", length=80) for name in WIDE])
    store.close()
    with start(path) as sandbox:
        yield LiveOrg(Credentials(sandbox.url, sandbox.client_id, sandbox.client_secret))


WIDE = [f"A_field_with_a_name_of_some_length_{number}__c" for number in range(800)]


def test_eight_hundred_custom_fields_are_one_statement_that_bulk_takes(wide, log):
    (first,) = wide.pull(log, "first", objects=only("Lead"))
    assert (first.status, first.method) == ("closed", "bulk")
    create(wide, "Lead", LastName="山本", Company="C", **{WIDE[799]: "last"})
    wide.advance(hours=1)
    (second,) = wide.pull(log, "second", objects=only("Lead"))
    assert (second.status, second.method, second.rows_received) == ("closed", "bulk", 1)
    assert [row[WIDE[799]] for row in leads(log) if row["LastName"] == "山本"] == ["last"]
    statement = len(", ".join(wide.client().describe("Lead").types))
    assert 12_000 < statement < 100_000
