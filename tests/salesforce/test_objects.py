"""Orgs that have more than the plain one: currencies, record types, person accounts, products, mails."""

from __future__ import annotations

import pytest

from connectors.salesforce.reading.pull import is_complete, problems
from connectors.salesforce.schema.objects import OBJECTS
from tests.salesforce.org_changes import create, features

FURTHER = (
    "CurrencyType",
    "DatedConversionRate",
    "RecordType",
    "BusinessProcess",
    "OpportunityLineItem",
    "EmailMessage",
)


@pytest.fixture
def with_features(org):
    """Gives the org features; a plain org again at the end."""

    def give(*names):
        features(org, *names)
        org.advance(hours=1)
        return org

    yield give
    features(org)


def pulled_whole(org, log, run_id="run"):
    windows = org.pull(log, run_id)
    assert is_complete(windows), problems(windows)
    return {each.object_name: each for each in windows}


def fields_of(org, name):
    return set(org.client().describe(name).types)


def test_what_the_org_does_not_have_is_absent_for_no_call(org, log):
    windows = pulled_whole(org, log)
    listed = org.client().objects()
    for name in FURTHER:
        if name not in listed:
            assert (windows[name].status, windows[name].api_calls) == ("absent", 0)


def test_several_currencies(with_features, log):
    org = with_features("multi_currency")
    create(org, "CurrencyType", IsoCode="USD", ConversionRate=0.0067, DecimalPlaces=2, IsActive=True)
    create(org, "DatedConversionRate", IsoCode="USD", StartDate="2024-01-01", ConversionRate=0.007)
    deal = create(
        org,
        "Opportunity",
        Name="d",
        StageName="Prospecting",
        CloseDate="2024-06-30",
        Amount=100,
        CurrencyIsoCode="USD",
    )
    org.advance(hours=1)
    windows = pulled_whole(org, log)
    assert windows["CurrencyType"].rows_received == 2
    rates = log.latest("currency_type", ["IsoCode", "ConversionRate", "IsCorporate"]).to_pylist()
    assert {row["IsoCode"]: (row["ConversionRate"], row["IsCorporate"]) for row in rates}["USD"] == (
        0.0067,
        False,
    )
    (row,) = log.latest("opportunity", where=f"record_id = '{deal}'").to_pylist()
    assert (row["CurrencyIsoCode"], row["Amount"]) == ("USD", 100)


def test_an_org_that_turns_currencies_on_is_read_back(with_features, log):
    org = with_features()
    pulled_whole(org, log, "plain")
    with_features("multi_currency")
    windows = pulled_whole(org, log, "with currencies")
    assert windows["Opportunity"].reason == "new field"
    assert {row["CurrencyIsoCode"] for row in log.latest("opportunity").to_pylist()} - {None}


def test_person_accounts(with_features, log):
    org = with_features("person_accounts")
    person = create(org, "Account", LastName="山田", FirstName="花子", PersonEmail="h@example.com")
    org.advance(hours=1)
    pulled_whole(org, log)
    (row,) = log.latest("account", where=f"record_id = '{person}'").to_pylist()
    assert row["IsPersonAccount"] is True
    assert (row["LastName"], row["PersonEmail"]) == ("山田", "h@example.com")
    assert "山田" in row["Name"]
    contacts = log.latest("contact", where=f"\"AccountId\" = '{person}'").to_pylist()
    assert [each["LastName"] for each in contacts] == ["山田"]


def test_record_types_and_sales_processes(with_features, log):
    org = with_features("record_types")
    process = create(org, "BusinessProcess", Name="New business", TableEnumOrId="Opportunity", IsActive=True)
    kind = create(
        org,
        "RecordType",
        Name="New",
        DeveloperName="New",
        SobjectType="Opportunity",
        IsActive=True,
        BusinessProcessId=process,
    )
    deal = create(
        org, "Opportunity", Name="d", StageName="Prospecting", CloseDate="2024-06-30", RecordTypeId=kind
    )
    org.advance(hours=1)
    pulled_whole(org, log)
    (row,) = log.latest("opportunity", where=f"record_id = '{deal}'").to_pylist()
    assert row["RecordTypeId"] == kind
    (row,) = log.latest("record_type", where=f"record_id = '{kind}'").to_pylist()
    assert (row["DeveloperName"], row["BusinessProcessId"]) == ("New", process)
    assert [each["Id"] for each in log.latest("business_process").to_pylist()] == [process]


def test_mails_come_without_their_text(with_features, log):
    org = with_features("email_messages")
    mail = create(
        org,
        "EmailMessage",
        Subject="見積",
        TextBody="secret",
        HtmlBody="<p>secret</p>",
        FromAddress="a@example.com",
        ToAddress="b@example.com",
        Incoming=True,
        Status="0",
    )
    org.advance(hours=1)
    pulled_whole(org, log)
    (row,) = log.latest("email_message").to_pylist()
    assert (row["Id"], row["Subject"], row["Incoming"]) == (mail, "見積", True)
    assert "secret" not in str(log.read("email_message").to_pylist())


def test_every_feature_at_once(with_features, log):
    org = with_features("multi_currency", "record_types", "person_accounts", "products", "email_messages")
    windows = pulled_whole(org, log)
    assert {windows[name].status for name in FURTHER} == {"closed"}
    for declared in OBJECTS:
        shown = fields_of(org, declared.name) - declared.left_out
        assert shown <= set(log.contract(declared.stream).names), declared.name
    org.advance(hours=1)
    again = pulled_whole(org, log, "again")
    assert sum(each.rows_appended for each in again.values()) == 0
