"""The objects that are read, and for each the columns everything downstream may rely on.

The base contract holds whether or not the org shows a field: its column then exists and is null. Fields of
the org beyond it, custom ones included, come along as describe reports them.
"""

from __future__ import annotations

from connectors.salesforce.schema.declaring import (
    AUDIT,
    DELETABLE,
    INSTANT,
    MONEY,
    SalesforceObject,
    arrow_type,
    fields,
)
from connectors.salesforce.schema.further_objects import FURTHER_OBJECTS

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


_GYAKUSAN = fields(
    string="GyakusanActionKey__c GyakusanActionType__c",
    currency="GyakusanExpectedGain__c",
    textarea="GyakusanReason__c",
    picklist="GyakusanDismissedBecause__c GyakusanReview__c",
)
_ACTIVITY = {
    **DELETABLE,
    **fields(
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
            **AUDIT,
            **fields(
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
        fields(
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
            **AUDIT,
            **fields(
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
            **DELETABLE,
            **fields(
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
            **DELETABLE,
            **fields(
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
            **DELETABLE,
            **fields(
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
            **AUDIT,
            **fields(
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
            **DELETABLE,
            **fields(
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
        fields(
            id="Id",
            reference="OpportunityId CreatedById",
            datetime="CreatedDate SystemModstamp",
            picklist="StageName ForecastCategory",
            currency="Amount ExpectedRevenue PrevAmount",
            date="CloseDate PrevCloseDate",
            percent="Probability",
            boolean="IsDeleted",
        ),
        purges_old_rows=True,
    ),
    SalesforceObject(
        "OpportunityFieldHistory",
        "opportunity_field_history",
        fields(
            id="Id",
            reference="OpportunityId CreatedById",
            datetime="CreatedDate",
            string="Field DataType OldValue NewValue",
            boolean="IsDeleted",
        ),
        cursor_field="CreatedDate",
        purges_old_rows=True,
        is_required=False,
    ),
    SalesforceObject(
        "OpportunityContactRole",
        "opportunity_contact_role",
        {
            **DELETABLE,
            **fields(reference="OpportunityId ContactId", picklist="Role", boolean="IsPrimary"),
        },
        is_required=False,
    ),
    SalesforceObject(
        "Task",
        "task",
        {
            **_ACTIVITY,
            **fields(
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
            **fields(
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
        fields(
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
            **AUDIT,
            **fields(
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
    *FURTHER_OBJECTS,
)

__all__ = [
    "ACTION_KEY_FIELD",
    "INSTANT",
    "MONEY",
    "OBJECTS",
    "OFTEN_ABSENT",
    "SalesforceObject",
    "arrow_type",
]
