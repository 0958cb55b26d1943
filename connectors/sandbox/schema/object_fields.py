"""Field sets of the standard objects, one field a line (see schema.parse_field), and our own Activity fields."""

from __future__ import annotations

IDENTITY = """
Id id ro nonnull
"""
AUDIT = """
CreatedDate datetime ro nonnull
CreatedById reference User ro nonnull
LastModifiedDate datetime ro nonnull
LastModifiedById reference User ro nonnull
SystemModstamp datetime ro nonnull
"""
DELETABLE = """
IsDeleted boolean ro default=false
"""
SEEN = """
LastViewedDate datetime ro
LastReferencedDate datetime ro
"""

ORGANIZATION = """
Name string 80 required
LanguageLocaleKey picklist default=en_US
DefaultLocaleSidKey picklist default=en_US
TimeZoneSidKey picklist default=UTC
FiscalYearStartMonth int ro
UsesStartDateAsFiscalYearName boolean ro default=false
OrganizationType picklist ro
IsSandbox boolean ro default=true
InstanceName string 5 ro
TrialExpirationDate datetime ro
NamespacePrefix string 15 ro
Country string 80
DefaultCurrencyIsoCode string 3
"""
USER_ROLE = """
Name string 80 required
ParentRoleId reference UserRole
RollupDescription string 80
OpportunityAccessForAccountOwner picklist
CaseAccessForAccountOwner picklist
ContactAccessForAccountOwner picklist
ForecastUserId reference User
MayForecastManagerShare boolean ro default=false
DeveloperName string 80
PortalType picklist ro
LastModifiedDate datetime ro nonnull
LastModifiedById reference User ro nonnull
SystemModstamp datetime ro nonnull
"""
USER = """
Username string 80 required
LastName string 80 required
FirstName string 40
Name string 121 ro
CompanyName string 80
Division string 80
Department string 80
Title string 80
Street textarea 255
City string 40
State string 80
PostalCode string 20
Country string 80
Address address ro
Email email 128 required
Phone phone
MobilePhone phone
Alias string 8
CommunityNickname string 40
IsActive boolean default=true
TimeZoneSidKey picklist default=UTC
UserRoleId reference UserRole
LocaleSidKey picklist default=en_US
EmailEncodingKey picklist default=UTF-8
LanguageLocaleKey picklist default=en_US
ProfileId reference Profile
UserType picklist ro default=Standard
EmployeeNumber string 20
DelegatedApproverId reference User
ManagerId reference User
LastLoginDate datetime ro
ForecastEnabled boolean default=false
FederationIdentifier string 512
DefaultCurrencyIsoCode string 3
"""
RECORD_TYPE = """
Name string 80 required
DeveloperName string 80
Description string 255
BusinessProcessId reference BusinessProcess
SobjectType picklist
IsActive boolean default=true
"""
ACCOUNT = """
MasterRecordId reference Account ro
Name string 255 required
Type picklist
RecordTypeId reference RecordType
ParentId reference Account
BillingStreet textarea 255
BillingCity string 40
BillingState string 80
BillingPostalCode string 20
BillingCountry string 80
BillingAddress address ro
ShippingStreet textarea 255
ShippingCity string 40
ShippingState string 80
ShippingPostalCode string 20
ShippingCountry string 80
ShippingAddress address ro
Phone phone
Fax phone
AccountNumber string 40
Website url
Sic string 20
Industry picklist
AnnualRevenue currency
NumberOfEmployees int
Ownership picklist
TickerSymbol string 20
Description textarea
Rating picklist
Site string 80
OwnerId reference User nonnull
LastActivityDate date ro
AccountSource picklist
CurrencyIsoCode string 3
"""
CONTACT = """
MasterRecordId reference Contact ro
AccountId reference Account
LastName string 80 required
FirstName string 40
Salutation picklist
Name string 121 ro
RecordTypeId reference RecordType
MailingStreet textarea 255
MailingCity string 40
MailingState string 80
MailingPostalCode string 20
MailingCountry string 80
MailingAddress address ro
Phone phone
Fax phone
MobilePhone phone
HomePhone phone
AssistantName string 40
AssistantPhone phone
ReportsToId reference Contact
Email email
Title string 128
Department string 80
LeadSource picklist values=LeadSource
Birthdate date
Description textarea
OwnerId reference User nonnull
HasOptedOutOfEmail boolean default=false
HasOptedOutOfFax boolean default=false
DoNotCall boolean default=false
LastActivityDate date ro
EmailBouncedReason string 255
EmailBouncedDate datetime
CurrencyIsoCode string 3
"""
LEAD = """
MasterRecordId reference Lead ro
LastName string 80 required
FirstName string 40
Salutation picklist
Name string 121 ro
RecordTypeId reference RecordType
Title string 128
Company string 255 required
Street textarea 255
City string 40
State string 80
PostalCode string 20
Country string 80
Address address ro
Phone phone
MobilePhone phone
Email email
Website url
Description textarea
LeadSource picklist values=LeadSource
Status picklist values=LeadStatus default=Open_-_Not_Contacted nonnull
Industry picklist
Rating picklist
AnnualRevenue currency
NumberOfEmployees int
OwnerId reference User|Group nonnull
HasOptedOutOfEmail boolean default=false
DoNotCall boolean default=false
IsConverted boolean ro default=false
ConvertedDate date ro
ConvertedAccountId reference Account ro
ConvertedContactId reference Contact ro
ConvertedOpportunityId reference Opportunity ro
IsUnreadByOwner boolean default=false
LastActivityDate date ro
FirstCallDateTime datetime ro
FirstEmailDateTime datetime ro
CurrencyIsoCode string 3
"""
OPPORTUNITY = """
AccountId reference Account
RecordTypeId reference RecordType
IsPrivate boolean default=false
Name string 120 required
Description textarea
StageName picklist 255 required values=StageName
Amount currency
Probability percent
ExpectedRevenue currency ro
TotalOpportunityQuantity double
CloseDate date required
Type picklist values=OpportunityType
NextStep string 255
LeadSource picklist values=LeadSource
IsClosed boolean ro default=false
IsWon boolean ro default=false
ForecastCategory picklist 40 ro values=ForecastCategory
ForecastCategoryName picklist 40 values=ForecastCategoryName
CampaignId reference Campaign
HasOpportunityLineItem boolean ro default=false
Pricebook2Id reference Pricebook2
OwnerId reference User nonnull
LastActivityDate date ro
LastActivityInDays int formula
PushCount int ro
LastStageChangeDate datetime ro
LastStageChangeInDays int formula
AgeInDays int formula
FiscalQuarter int ro
FiscalYear int ro
Fiscal string 6 ro
ContactId reference Contact once
HasOpenActivity boolean ro default=false
HasOverdueTask boolean ro default=false
LastAmountChangedHistoryId reference OpportunityHistory ro
LastCloseDateChangedHistoryId reference OpportunityHistory ro
CurrencyIsoCode string 3
"""
OPPORTUNITY_HISTORY = """
OpportunityId reference Opportunity ro
CreatedById reference User ro
CreatedDate datetime ro
StageName picklist ro
Amount currency ro
ExpectedRevenue currency ro
CloseDate date ro
Probability percent ro
FromForecastCategory picklist 40 ro
ForecastCategory picklist 40 ro
PrevForecastUpdate datetime ro
FromOpportunityStageName picklist ro
PrevAmount currency ro
PrevCloseDate date ro
ValidThroughDate datetime ro
SystemModstamp datetime ro
IsDeleted boolean ro default=false
"""
OPPORTUNITY_FIELD_HISTORY = """
IsDeleted boolean ro default=false
OpportunityId reference Opportunity ro
CreatedById reference User ro
CreatedDate datetime ro
Field picklist ro
DataType picklist ro
OldValue anyType ro nofilter
NewValue anyType ro nofilter
"""
OPPORTUNITY_STAGE = """
MasterLabel string 255 required
ApiName string 255
IsActive boolean default=true
SortOrder int
IsClosed boolean default=false
IsWon boolean default=false
ForecastCategory picklist 40 values=ForecastCategory
ForecastCategoryName picklist 40 values=ForecastCategoryName
DefaultProbability percent
Description string 255
"""
OPPORTUNITY_CONTACT_ROLE = """
OpportunityId reference Opportunity required once
ContactId reference Contact required
Role picklist values=ContactRole
IsPrimary boolean default=false
CurrencyIsoCode string 3
"""
ACTIVITY = """
WhoId reference Contact|Lead
WhatId reference Account|Opportunity
WhoCount int ro
WhatCount int ro
Subject combobox 255
OwnerId reference User|Group nonnull
Description textarea
AccountId reference Account ro
RecordTypeId reference RecordType
ReminderDateTime datetime
IsReminderSet boolean default=false
IsArchived boolean ro default=false
RecurrenceActivityId reference Task ro
IsRecurrence boolean once default=false
GyakusanActionKey__c string 80 external unique case
GyakusanActionType__c string 80
GyakusanExpectedGain__c currency
GyakusanReason__c textarea 255
GyakusanDismissedBecause__c picklist values=Dismissed restricted
GyakusanReview__c picklist values=Review restricted
CurrencyIsoCode string 3
"""
TASK = """
ActivityDate date
Status picklist values=TaskStatus default=Not_Started nonnull
Priority picklist values=TaskPriority default=Normal nonnull
IsHighPriority boolean ro default=false
IsClosed boolean ro default=false
TaskSubtype picklist once values=TaskSubtype default=Task
Type picklist values=TaskType
CallDurationInSeconds int
CallType picklist 40 values=CallType
CallDisposition string 255
CallObject string 255
CompletedDateTime datetime
IsVisibleInSelfService boolean default=false
"""
EVENT = """
Location string 255
IsAllDayEvent boolean default=false
ActivityDateTime datetime
ActivityDate date
DurationInMinutes int
StartDateTime datetime
EndDateTime datetime
EndDate date ro
IsPrivate boolean default=false
ShowAs picklist 40 values=ShowAs default=Busy
IsChild boolean ro default=false
IsGroupEvent boolean ro default=false
GroupEventType picklist 40 ro
EventSubtype picklist once values=EventSubtype default=Event
Type picklist values=EventType
IsVisibleInSelfService boolean default=false
"""
PERIOD = """
OrganizationId reference Organization ro
FiscalYearSettingsId reference FiscalYearSettings ro
Type picklist ro
StartDate date ro
EndDate date ro
SystemModstamp datetime ro
IsForecastPeriod boolean ro default=true
QuarterLabel picklist ro
PeriodLabel picklist ro
Number int ro
FullyQualifiedLabel string 255 ro
"""
FORECASTING_QUOTA = """
QuotaAmount currency
QuotaOwnerId reference User required
StartDate date required
PeriodId reference Period ro
IsAmount boolean ro default=true
IsQuantity boolean ro default=false
QuotaQuantity double
ForecastingTypeId reference ForecastingType
ProductFamily picklist
CurrencyIsoCode string 3
"""
NAME = """
Id id ro nonnull
Name string 255 ro
Type picklist ro
FirstName string 40 ro
LastName string 80 ro
Email email ro
Phone phone ro
Title string 128 ro
Username string 80 ro
IsActive boolean ro
UserRoleId reference UserRole ro
"""
