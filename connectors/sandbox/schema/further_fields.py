"""Field sets of the objects and fields that only some orgs have, one field a line (see schema.parse_field)."""

from __future__ import annotations

CURRENCY_TYPE = """
IsoCode picklist required once
ConversionRate double required
DecimalPlaces int
IsActive boolean default=true
IsCorporate boolean ro default=false
"""
DATED_CONVERSION_RATE = """
IsoCode picklist required once
StartDate date required once
NextStartDate date ro
ConversionRate double required
"""
BUSINESS_PROCESS = """
Name string 80 required
Description string 255
TableEnumOrId picklist once
IsActive boolean default=true
"""
PRODUCT = """
Name string 255 required
ProductCode string 255
Description textarea
Family picklist
IsActive boolean default=true
CurrencyIsoCode string 3
"""
PRICEBOOK = """
Name string 255 required
IsActive boolean default=true
IsStandard boolean ro default=false
Description string 255
"""
PRICEBOOK_ENTRY = """
Name string 255 ro
Pricebook2Id reference Pricebook2 required once
Product2Id reference Product2 required once
UnitPrice currency required
IsActive boolean default=true
UseStandardPrice boolean default=false
ProductCode string 255 ro
CurrencyIsoCode string 3
"""
OPPORTUNITY_LINE_ITEM = """
OpportunityId reference Opportunity required once
SortOrder int
PricebookEntryId reference PricebookEntry once
Product2Id reference Product2 once
ProductCode string 255 ro
Name string 376 ro
Quantity double required
Discount percent
TotalPrice currency
UnitPrice currency
ListPrice currency ro
ServiceDate date
Description string 255
CurrencyIsoCode string 3
"""
EMAIL_MESSAGE = """
ParentId reference Case
ActivityId reference Task
RelatedToId reference Account|Opportunity
ReplyToEmailMessageId reference EmailMessage
Status picklist values=EmailStatus default=3
MessageDate datetime
Incoming boolean default=false
HasAttachment boolean ro default=false
IsExternallyVisible boolean default=false
IsTracked boolean default=false
Subject string 3000
TextBody textarea 131072
HtmlBody textarea 131072
Headers textarea
FromName string 1000
FromAddress email 1000
ToAddress textarea 4000
CcAddress textarea 4000
BccAddress textarea 4000
MessageIdentifier string 765
ThreadIdentifier string 765
"""
PERSON_ACCOUNT = """
IsPersonAccount boolean ro default=false
PersonContactId reference Contact ro
LastName string 80
FirstName string 40
Salutation picklist
PersonEmail email
PersonMobilePhone phone
PersonTitle string 128
PersonBirthdate date
PersonLeadSource picklist values=LeadSource
PersonMailingStreet textarea 255
PersonMailingCity string 40
PersonMailingState string 80
PersonMailingPostalCode string 20
PersonMailingCountry string 80
PersonMailingAddress address ro
"""
PERSON_CONTACT = """
IsPersonAccount boolean ro default=false
"""
ENTITY_DEFINITION = """
Id id ro nonnull
DurableId string 255 ro nonnull
QualifiedApiName string 255 ro
DeveloperName string 255 ro
Label string 255 ro
KeyPrefix string 3 ro
IsQueryable boolean ro default=true
"""
FIELD_DEFINITION = """
Id id ro nonnull
DurableId string 255 ro nonnull
EntityDefinitionId reference EntityDefinition ro
QualifiedApiName string 255 ro
DeveloperName string 255 ro
Label string 255 ro
DataType string 255 ro
ValueTypeId string 255 ro
Length int ro
Precision int ro
Scale int ro
IsCalculated boolean ro default=false
IsNillable boolean ro default=true
IsIndexed boolean ro default=false
"""
