"""The objects that are read, and for each the columns everything downstream may rely on.

The base contract holds whether or not the org shows a field: its column then exists and is null. Fields of
the org beyond it, custom ones included, come along as describe reports them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 4)

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "double": pa.float64(),
    "percent": pa.float64(),
    "currency": MONEY,
    "date": pa.date32(),
    "datetime": INSTANT,
}
"""Salesforce field type -> Arrow type; every other type is text."""

ACTION_KEY_FIELD = "GyakusanActionKey__c"

# An org without several currencies, record types or our package has no such field: nothing to report.
OFTEN_ABSENT = frozenset(
    {
        "CurrencyIsoCode",
        "DefaultCurrencyIsoCode",
        "RecordTypeId",
        "PrevAmount",
        "PrevCloseDate",
        "LastStageChangeDate",
        "PushCount",
        "IsDeleted",
        "HasOverdueTask",
        "FirstCallDateTime",
        "FirstEmailDateTime",
    }
)


@dataclass(frozen=True)
class SalesforceObject:
    """One object to read.

    `cursor_field` is the datetime field its windows run on. An object that is not `is_required` may be
    absent from the org: that is a note, not an error.
    """

    name: str
    stream: str
    fields: Mapping[str, str] = field(repr=False)
    cursor_field: str = "SystemModstamp"
    is_required: bool = True

    def base_contract(self) -> pa.Schema:
        """Columns of the stream that exist in any case, with their types."""
        return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in self.fields.items()])


def arrow_type(salesforce_type: str) -> pa.DataType:
    """The Arrow type that holds a Salesforce field type."""
    return ARROW_TYPES.get(salesforce_type, pa.string())


def _fields(**names_by_type: str) -> dict[str, str]:
    return {name: kind for kind, names in names_by_type.items() for name in names.split()}


_AUDIT = _fields(
    id="Id", reference="CreatedById LastModifiedById", datetime="CreatedDate LastModifiedDate SystemModstamp"
)
_DELETABLE = {**_AUDIT, **_fields(boolean="IsDeleted")}
_GYAKUSAN = _fields(
    string="GyakusanActionKey__c GyakusanActionType__c",
    currency="GyakusanExpectedGain__c",
    textarea="GyakusanReason__c",
    picklist="GyakusanDismissedBecause__c GyakusanReview__c",
)
_ACTIVITY = {
    **_DELETABLE,
    **_fields(
        reference="WhoId WhatId OwnerId AccountId RecordTypeId",
        string="Subject Type",
        textarea="Description",
        date="ActivityDate",
        boolean="IsArchived IsRecurrence",
    ),
    **_GYAKUSAN,
}

OBJECTS: tuple[SalesforceObject, ...] = (
    SalesforceObject(
        "Organization",
        "organization",
        {
            **_AUDIT,
            **_fields(
                string="Name Country",
                picklist="TimeZoneSidKey LanguageLocaleKey DefaultLocaleSidKey OrganizationType "
                "DefaultCurrencyIsoCode",
                int="FiscalYearStartMonth",
                boolean="IsSandbox",
            ),
        },
    ),
    SalesforceObject(
        "UserRole",
        "user_role",
        _fields(
            id="Id",
            string="Name DeveloperName",
            reference="ParentRoleId ForecastUserId LastModifiedById",
            datetime="LastModifiedDate SystemModstamp",
        ),
        is_required=False,
    ),
    SalesforceObject(
        "User",
        "user",
        {
            **_AUDIT,
            **_fields(
                string="Username Name FirstName LastName Email Alias Title Department Division",
                picklist="TimeZoneSidKey LocaleSidKey LanguageLocaleKey UserType DefaultCurrencyIsoCode",
                boolean="IsActive",
                reference="UserRoleId ManagerId ProfileId",
                datetime="LastLoginDate",
            ),
        },
    ),
    SalesforceObject(
        "Account",
        "account",
        {
            **_DELETABLE,
            **_fields(
                string="Name Phone Website BillingCity BillingState BillingCountry",
                picklist="Type Industry Rating AccountSource CurrencyIsoCode",
                reference="ParentId OwnerId MasterRecordId RecordTypeId",
                currency="AnnualRevenue",
                int="NumberOfEmployees",
                textarea="Description",
            ),
        },
    ),
    SalesforceObject(
        "Contact",
        "contact",
        {
            **_DELETABLE,
            **_fields(
                string="Name FirstName LastName Title Department Email Phone MobilePhone",
                picklist="LeadSource Salutation",
                reference="AccountId OwnerId ReportsToId MasterRecordId RecordTypeId",
                boolean="DoNotCall HasOptedOutOfEmail",
                textarea="Description",
            ),
        },
    ),
    SalesforceObject(
        "Lead",
        "lead",
        {
            **_DELETABLE,
            **_fields(
                string="Name FirstName LastName Company Title Email Phone MobilePhone",
                picklist="Status LeadSource Industry Rating",
                boolean="IsConverted DoNotCall HasOptedOutOfEmail",
                date="ConvertedDate",
                datetime="FirstCallDateTime FirstEmailDateTime",
                reference="OwnerId ConvertedAccountId ConvertedContactId ConvertedOpportunityId "
                "MasterRecordId RecordTypeId",
                currency="AnnualRevenue",
                int="NumberOfEmployees",
            ),
        },
    ),
    SalesforceObject(
        "OpportunityStage",
        "opportunity_stage",
        {
            **_AUDIT,
            **_fields(
                string="MasterLabel ApiName Description",
                boolean="IsActive IsClosed IsWon",
                int="SortOrder",
                percent="DefaultProbability",
                picklist="ForecastCategory ForecastCategoryName",
            ),
        },
    ),
    SalesforceObject(
        "Opportunity",
        "opportunity",
        {
            **_DELETABLE,
            **_fields(
                string="Name NextStep",
                reference="AccountId OwnerId ContactId CampaignId RecordTypeId",
                picklist="StageName Type LeadSource ForecastCategory ForecastCategoryName CurrencyIsoCode",
                currency="Amount ExpectedRevenue",
                percent="Probability",
                date="CloseDate",
                boolean="IsClosed IsWon IsPrivate",
                textarea="Description",
                datetime="LastStageChangeDate",
                int="FiscalYear FiscalQuarter PushCount",
            ),
        },
    ),
    SalesforceObject(
        "OpportunityHistory",
        "opportunity_history",
        _fields(
            id="Id",
            reference="OpportunityId CreatedById",
            datetime="CreatedDate SystemModstamp",
            picklist="StageName ForecastCategory",
            currency="Amount ExpectedRevenue PrevAmount",
            date="CloseDate PrevCloseDate",
            percent="Probability",
            boolean="IsDeleted",
        ),
    ),
    SalesforceObject(
        "OpportunityFieldHistory",
        "opportunity_field_history",
        _fields(
            id="Id",
            reference="OpportunityId CreatedById",
            datetime="CreatedDate",
            string="Field DataType OldValue NewValue",
            boolean="IsDeleted",
        ),
        cursor_field="CreatedDate",
        is_required=False,
    ),
    SalesforceObject(
        "OpportunityContactRole",
        "opportunity_contact_role",
        {
            **_DELETABLE,
            **_fields(reference="OpportunityId ContactId", picklist="Role", boolean="IsPrimary"),
        },
        is_required=False,
    ),
    SalesforceObject(
        "Task",
        "task",
        {
            **_ACTIVITY,
            **_fields(
                picklist="Status Priority TaskSubtype CallType",
                boolean="IsClosed IsHighPriority",
                int="CallDurationInSeconds",
                string="CallDisposition",
                datetime="CompletedDateTime",
            ),
        },
    ),
    SalesforceObject(
        "Event",
        "event",
        {
            **_ACTIVITY,
            **_fields(
                datetime="StartDateTime EndDateTime ActivityDateTime",
                int="DurationInMinutes",
                boolean="IsAllDayEvent IsChild IsGroupEvent IsPrivate",
                string="Location",
                picklist="EventSubtype ShowAs",
                date="EndDate",
            ),
        },
    ),
    SalesforceObject(
        "Period",
        "period",
        _fields(
            id="Id",
            reference="OrganizationId",
            picklist="Type QuarterLabel PeriodLabel",
            date="StartDate EndDate",
            int="Number",
            boolean="IsForecastPeriod",
            string="FullyQualifiedLabel",
            datetime="SystemModstamp",
        ),
        is_required=False,
    ),
    SalesforceObject(
        "ForecastingQuota",
        "forecasting_quota",
        {
            **_AUDIT,
            **_fields(
                reference="QuotaOwnerId PeriodId ForecastingTypeId",
                currency="QuotaAmount",
                double="QuotaQuantity",
                date="StartDate",
                boolean="IsAmount IsQuantity",
                picklist="ProductFamily CurrencyIsoCode",
            ),
        },
        is_required=False,
    ),
)
