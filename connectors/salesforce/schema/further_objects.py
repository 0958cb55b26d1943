"""Objects that many orgs lack: currencies and their rates, record types and sales processes, products, mails."""

from __future__ import annotations

from connectors.salesforce.schema.declaring import AUDIT, DELETABLE, SalesforceObject, fields

FURTHER_OBJECTS: tuple[SalesforceObject, ...] = (
    SalesforceObject(
        "CurrencyType",
        "currency_type",
        {
            **AUDIT,
            **fields(
                picklist="IsoCode",
                double="ConversionRate",
                int="DecimalPlaces",
                boolean="IsActive IsCorporate",
            ),
        },
        is_required=False,
    ),
    SalesforceObject(
        "DatedConversionRate",
        "dated_conversion_rate",
        {**AUDIT, **fields(picklist="IsoCode", double="ConversionRate", date="StartDate NextStartDate")},
        is_required=False,
    ),
    SalesforceObject(
        "RecordType",
        "record_type",
        {
            **AUDIT,
            **fields(
                string="Name DeveloperName Description",
                picklist="SobjectType",
                reference="BusinessProcessId",
                boolean="IsActive",
            ),
        },
        is_required=False,
    ),
    SalesforceObject(
        "BusinessProcess",
        "business_process",
        {**AUDIT, **fields(string="Name Description", picklist="TableEnumOrId", boolean="IsActive")},
        is_required=False,
    ),
    SalesforceObject(
        "OpportunityLineItem",
        "opportunity_line_item",
        {
            **DELETABLE,
            **fields(
                reference="OpportunityId Product2Id PricebookEntryId",
                string="Name ProductCode Description",
                double="Quantity",
                currency="UnitPrice TotalPrice ListPrice",
                percent="Discount",
                date="ServiceDate",
                int="SortOrder",
                picklist="CurrencyIsoCode",
            ),
        },
        is_required=False,
    ),
    # Who wrote to whom, when, about which record; never what: nothing downstream reads the text of a mail.
    SalesforceObject(
        "EmailMessage",
        "email_message",
        {
            **DELETABLE,
            **fields(
                reference="ActivityId ParentId RelatedToId ReplyToEmailMessageId",
                picklist="Status",
                string="Subject FromName FromAddress ToAddress CcAddress MessageIdentifier ThreadIdentifier",
                boolean="Incoming HasAttachment IsExternallyVisible",
                datetime="MessageDate",
            ),
        },
        is_required=False,
        left_out=frozenset({"TextBody", "HtmlBody", "Headers"}),
    ),
)
