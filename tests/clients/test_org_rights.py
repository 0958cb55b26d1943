"""The org package's permission sets: all that reading and writing need, and nothing beyond."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import polars as pl
import pytest

from connectors.salesforce.schema.objects import OBJECTS
from dagster_project.recommend.sync import sync_next_actions
from tests.clients.org_package import NAMESPACE, PACKAGE, own_fields, texts


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# How the integration user comes to see each object that is read without a right on the object itself.
SEEN_OTHERWISE: Mapping[str, str] = {
    "Organization": "every user",
    "OpportunityStage": "every user",
    "Period": "every user",
    "UserRole": "ViewRoles",
    "User": "ViewAllUsers",
    "Task": "ActivitiesAccess",
    "Event": "ActivitiesAccess",
    "OpportunityHistory": "Opportunity",
    "OpportunityFieldHistory": "Opportunity",
    "OpportunityContactRole": "Opportunity",
    "ForecastingQuota": "View All Forecasts, by hand: README.md",
    "CurrencyType": "every user",
    "DatedConversionRate": "every user",
    "RecordType": "every user",
    "BusinessProcess": "every user",
    "OpportunityLineItem": "Read on Product and Price Book, by hand: README.md",
    "EmailMessage": "ActivitiesAccess",
}
# Fields read without a right of their own: Salesforce has none for them, or shows them with another.
SHOWN_WITHOUT_RIGHT: Mapping[str, frozenset[str]] = {
    "": _names(
        "Id CreatedById CreatedDate LastModifiedById LastModifiedDate SystemModstamp IsDeleted "
        "OwnerId Name RecordTypeId CurrencyIsoCode MasterRecordId"
    ),
    "Account": _names("BillingCity BillingState BillingCountry"),
    "Contact": _names("FirstName LastName Salutation"),
    "Lead": _names(
        "FirstName LastName Company Status IsConverted ConvertedDate ConvertedAccountId "
        "ConvertedContactId ConvertedOpportunityId FirstCallDateTime FirstEmailDateTime"
    ),
    "Opportunity": _names(
        "ContactId StageName ForecastCategory ForecastCategoryName CloseDate IsClosed IsWon "
        "LastStageChangeDate FiscalYear FiscalQuarter PushCount"
    ),
    "Task": _names(
        "AccountId Subject IsArchived IsRecurrence Status Priority TaskSubtype CallType "
        "IsClosed IsHighPriority CallDurationInSeconds CallDisposition CompletedDateTime"
    ),
    "Event": _names(
        "AccountId Subject ActivityDate IsArchived IsRecurrence StartDateTime EndDateTime "
        "ActivityDateTime DurationInMinutes IsChild IsGroupEvent IsPrivate EventSubtype ShowAs "
        "EndDate"
    ),
}


def permission_set(name: str) -> ElementTree.Element:
    folder = PACKAGE / "force-app/main/default/permissionsets"
    return ElementTree.parse(folder / f"{name}.permissionset-meta.xml").getroot()


def field_rights(name: str) -> dict[str, bool]:
    """Field -> editable, of the readable ones."""
    return {
        texts(each, "field")[0]: texts(each, "editable") == ["true"]
        for each in permission_set(name).findall(f"{NAMESPACE}fieldPermissions")
        if texts(each, "readable") == ["true"]
    }


def object_rights(name: str) -> dict[str, set[str]]:
    """Object -> the rights that are given."""
    return {
        texts(each, "object")[0]: {
            child.tag.removeprefix(NAMESPACE) for child in each if child.text == "true"
        }
        for each in permission_set(name).findall(f"{NAMESPACE}objectPermissions")
    }


def user_rights(name: str) -> set[str]:
    return set(texts(permission_set(name), "userPermissions/name"))


def test_the_integration_user_changes_nothing_but_tasks() -> None:
    rights = object_rights("GyakusanIntegration")
    assert set(rights) == {"Account", "Contact", "Lead", "Opportunity"}
    assert all(given == {"allowRead", "viewAllRecords"} for given in rights.values())
    assert user_rights("GyakusanIntegration") == {
        "ActivitiesAccess", "ApiEnabled", "EditTask", "ViewAllUsers", "ViewRoles",
    }  # fmt: skip
    editable = {name for name, is_editable in field_rights("GyakusanIntegration").items() if is_editable}
    assert {name.partition(".")[0] for name in editable} == {"Task", "Event"}


def test_every_object_that_is_read_can_be_read() -> None:
    granted = object_rights("GyakusanIntegration")
    unaccounted = [
        each.name for each in OBJECTS if each.name not in granted and each.name not in SEEN_OTHERWISE
    ]
    assert unaccounted == [], "give GyakusanIntegration a right, or say in SEEN_OTHERWISE how they are seen"
    needed = {how for how in SEEN_OTHERWISE.values() if " " not in how}
    assert needed <= user_rights("GyakusanIntegration") | set(granted)


@pytest.mark.parametrize("name", ["Account", "Contact", "Lead", "Opportunity", "Task", "Event"])
def test_every_field_that_is_read_can_be_read(name: str) -> None:
    contract = set(next(each for each in OBJECTS if each.name == name).fields)
    granted = {
        each.partition(".")[2] for each in field_rights("GyakusanIntegration") if each.startswith(f"{name}.")
    }
    shown = SHOWN_WITHOUT_RIGHT[""] | SHOWN_WITHOUT_RIGHT[name]
    assert contract - granted - shown == set()
    # Nothing beyond what is read; an address is one right for all its parts.
    assert granted - contract <= {"BillingAddress"}
    assert granted & shown == set()


def test_every_field_that_is_written_can_be_written() -> None:
    columns = {
        "action_key", "rep_id", "opportunity_id", "account_id", "who_id", "subject", "description", "due_date",
        "priority", "action_type", "gain_amount", "fact",
    }  # fmt: skip
    written = set(sync_next_actions(pl.DataFrame(schema=dict.fromkeys(sorted(columns), pl.String))).columns)
    rights = field_rights("GyakusanIntegration")
    editable = {
        name.partition(".")[2] for name, is_editable in rights.items() if is_editable and "Task." in name
    }
    assert written - editable == {"OwnerId", "Subject", "Priority", "Status"}
    assert editable <= written


@pytest.mark.parametrize("name", ["GyakusanIntegration", "GyakusanRep"])
def test_task_and_event_have_the_same_rights_on_shared_fields(name: str) -> None:
    # Salesforce keeps one right for both, and takes it away where either is not named.
    rights = field_rights(name)
    for own in own_fields():
        assert rights[f"Task.{own}"] == rights[f"Event.{own}"]


def test_a_rep_answers_and_changes_nothing_else() -> None:
    assert object_rights("GyakusanRep") == {}
    assert user_rights("GyakusanRep") == set()
    rights = field_rights("GyakusanRep")
    assert {name.partition(".")[2] for name in rights} == set(own_fields())
    answers = {"GyakusanDismissedBecause__c", "GyakusanReview__c"}
    assert {name.partition(".")[2] for name, is_editable in rights.items() if is_editable} == answers
