"""The standard objects the sandbox knows."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.sandbox.schema import further_fields as further
from connectors.sandbox.schema import object_fields as fields
from connectors.sandbox.schema.sobjects import SObject, parse_object

STANDARD_OBJECTS: Mapping[str, SObject] = {
    name: parse_object(name, key_prefix, text)
    for name, key_prefix, text in (
        ("Organization", "00D", fields.IDENTITY + fields.ORGANIZATION + fields.AUDIT),
        ("UserRole", "00E", fields.IDENTITY + fields.USER_ROLE),
        ("User", "005", fields.IDENTITY + fields.USER + fields.AUDIT + fields.SEEN),
        ("RecordType", "012", fields.IDENTITY + fields.RECORD_TYPE + fields.AUDIT),
        ("BusinessProcess", "019", fields.IDENTITY + further.BUSINESS_PROCESS + fields.AUDIT),
        (
            "Account",
            "001",
            fields.IDENTITY
            + fields.DELETABLE
            + fields.ACCOUNT
            + further.PERSON_ACCOUNT
            + fields.AUDIT
            + fields.SEEN,
        ),
        (
            "Contact",
            "003",
            fields.IDENTITY
            + fields.DELETABLE
            + fields.CONTACT
            + further.PERSON_CONTACT
            + fields.AUDIT
            + fields.SEEN,
        ),
        ("Lead", "00Q", fields.IDENTITY + fields.DELETABLE + fields.LEAD + fields.AUDIT + fields.SEEN),
        (
            "Opportunity",
            "006",
            fields.IDENTITY + fields.DELETABLE + fields.OPPORTUNITY + fields.AUDIT + fields.SEEN,
        ),
        ("OpportunityHistory", "008", fields.IDENTITY + fields.OPPORTUNITY_HISTORY),
        ("OpportunityFieldHistory", "017", fields.IDENTITY + fields.OPPORTUNITY_FIELD_HISTORY),
        ("OpportunityStage", "01J", fields.IDENTITY + fields.OPPORTUNITY_STAGE + fields.AUDIT),
        (
            "OpportunityContactRole",
            "00K",
            fields.IDENTITY + fields.DELETABLE + fields.OPPORTUNITY_CONTACT_ROLE + fields.AUDIT,
        ),
        ("Task", "00T", fields.IDENTITY + fields.DELETABLE + fields.TASK + fields.ACTIVITY + fields.AUDIT),
        ("Event", "00U", fields.IDENTITY + fields.DELETABLE + fields.EVENT + fields.ACTIVITY + fields.AUDIT),
        ("Period", "026", fields.IDENTITY + fields.PERIOD),
        (
            "ForecastingQuota",
            "0J9",
            fields.IDENTITY + fields.DELETABLE + fields.FORECASTING_QUOTA + fields.AUDIT,
        ),
        ("CurrencyType", "01L", fields.IDENTITY + further.CURRENCY_TYPE + fields.AUDIT),
        ("DatedConversionRate", "04w", fields.IDENTITY + further.DATED_CONVERSION_RATE + fields.AUDIT),
        ("Product2", "01t", fields.IDENTITY + fields.DELETABLE + further.PRODUCT + fields.AUDIT),
        ("Pricebook2", "01s", fields.IDENTITY + fields.DELETABLE + further.PRICEBOOK + fields.AUDIT),
        (
            "PricebookEntry",
            "01u",
            fields.IDENTITY + fields.DELETABLE + further.PRICEBOOK_ENTRY + fields.AUDIT,
        ),
        (
            "OpportunityLineItem",
            "00k",
            fields.IDENTITY + fields.DELETABLE + further.OPPORTUNITY_LINE_ITEM + fields.AUDIT,
        ),
        ("EmailMessage", "02s", fields.IDENTITY + fields.DELETABLE + further.EMAIL_MESSAGE + fields.AUDIT),
        ("EntityDefinition", "4ie", further.ENTITY_DEFINITION),
        ("FieldDefinition", "4fd", further.FIELD_DEFINITION),
    )
}
NAME_OBJECT = parse_object("Name", "", fields.NAME)
"""What a polymorphic parent (What, Who, a queue-or-user Owner) shows: a view over the objects it may be."""

COMPOUND_PARTS: Mapping[str, str] = {
    "BillingAddress": "Billing", "ShippingAddress": "Shipping", "MailingAddress": "Mailing", "Address": "",
    "PersonMailingAddress": "PersonMailing",
}  # fmt: skip
