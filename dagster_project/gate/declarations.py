"""What is expected of each Salesforce stream: a table, one entry per stream.

A check that refuses sets the fact aside with its reason; any other only warns. What refuses is what no mart
could use: a key that is none, a needed value that did not cast, a stage the org does not know. Odd but real
(deals created after they were last modified, amounts missing) is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

KEY_PATTERN = r"^[a-zA-Z0-9]{15}[A-Z0-5]{3}$"
# Great Expectations compares naive instants, which are UTC here.
FIRST_SANE_INSTANT = datetime(1990, 1, 1)  # noqa: DTZ001
LAST_SANE_INSTANT = datetime(2100, 12, 31, 23, 59, 59)  # noqa: DTZ001
NEEDED_VALUES = "needed values"


class Rule(Enum):
    """How a column is checked."""

    PRESENT = "present"
    KEY_FORM = "key form"
    CAST = "cast"
    SANE_DATE = "sane date"
    AMOUNT = "amount"
    PERCENT = "percent"
    NOT_BEFORE = "not before"


@dataclass(frozen=True)
class Check:
    """One expectation of one column; `other_column` is the one it must not lie before (Rule.NOT_BEFORE)."""

    rule: Rule
    column: str
    reason: str
    refuses: bool = False
    other_column: str = ""

    @property
    def name(self) -> str:
        """The expectation's name, unique within its stream."""
        return f"{self.column} {self.rule.value}" + (f" {self.other_column}" if self.other_column else "")


@dataclass(frozen=True)
class Reference:
    """A column that holds ids of another stream; only ids with this prefix (empty: all) point there."""

    column: str
    target: str
    prefix: str = ""


@dataclass(frozen=True)
class StreamDeclaration:
    """All that is expected of one stream. Facts of records that are gone are held to the keys only."""

    checks: tuple[Check, ...]
    needed_columns: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    stage_column: str = ""
    unique_columns: tuple[str, ...] = ()


KEYS = (
    Check(Rule.PRESENT, "Id", "the record has no key", refuses=True),
    Check(Rule.KEY_FORM, "Id", "the key is not an 18-character Salesforce id", refuses=True),
)


def declare(
    *,
    needed: str = "",
    dates: str = "",
    amounts: str = "",
    extra: tuple[Check, ...] = (),
    references: tuple[Reference, ...] = (),
    stage_column: str = "",
    unique_columns: tuple[str, ...] = (),
) -> StreamDeclaration:
    """A declaration from lists of column names; keys and audit dates come by themselves."""
    all_dates = ("CreatedDate", *dates.split())
    checks = (
        *KEYS,
        Check(Rule.CAST, NEEDED_VALUES, "a needed value is not of its field's type", refuses=True),
        *(Check(Rule.SANE_DATE, name, "the date is not between 1990 and 2100") for name in all_dates),
        *(
            Check(Rule.AMOUNT, name, "the amount is negative or beyond the ceiling")
            for name in amounts.split()
        ),
        Check(
            Rule.NOT_BEFORE,
            "LastModifiedDate",
            "last modified before it was created",
            other_column="CreatedDate",
        ),
        *extra,
    )
    needed_columns = ("CreatedDate", "SystemModstamp", *needed.split())
    return StreamDeclaration(checks, needed_columns, references, stage_column, unique_columns)


_OWNER = Reference("OwnerId", "user", "005")
_ACCOUNT = Reference("AccountId", "account", "001")
_OPPORTUNITY = Reference("OpportunityId", "opportunity")
_ABOUT = (
    Reference("WhoId", "contact", "003"),
    Reference("WhoId", "lead", "00Q"),
    Reference("WhatId", "opportunity", "006"),
    Reference("WhatId", "account", "001"),
)
_ACTION_KEY = ("GyakusanActionKey__c",)

DECLARATIONS: Mapping[str, StreamDeclaration] = {
    "organization": declare(),
    "user_role": declare(references=(Reference("ParentRoleId", "user_role"),)),
    "user": declare(
        needed="IsActive",
        references=(Reference("UserRoleId", "user_role"), Reference("ManagerId", "user")),
    ),
    "account": declare(amounts="AnnualRevenue", references=(_OWNER, Reference("ParentId", "account"))),
    "contact": declare(references=(_OWNER, _ACCOUNT)),
    "lead": declare(needed="IsConverted ConvertedDate", dates="ConvertedDate", references=(_OWNER,)),
    "opportunity_stage": declare(
        needed="IsClosed IsWon IsActive SortOrder",
        extra=(
            Check(Rule.PRESENT, "MasterLabel", "a stage without a name", refuses=True),
            Check(Rule.PERCENT, "DefaultProbability", "the probability is not between 0 and 100"),
        ),
    ),
    "opportunity": declare(
        needed="IsDeleted Amount CloseDate",
        dates="CloseDate LastStageChangeDate",
        amounts="Amount ExpectedRevenue",
        extra=(
            Check(Rule.PRESENT, "StageName", "the deal has no stage", refuses=True),
            Check(Rule.PRESENT, "Amount", "the deal has no amount"),
            Check(Rule.PRESENT, "CloseDate", "the deal has no close date"),
            Check(Rule.PRESENT, "OwnerId", "the deal has no owner"),
            Check(Rule.PERCENT, "Probability", "the probability is not between 0 and 100"),
        ),
        references=(_OWNER, _ACCOUNT),
        stage_column="StageName",
    ),
    "opportunity_history": declare(
        needed="Amount CloseDate",
        dates="CloseDate PrevCloseDate",
        amounts="Amount ExpectedRevenue",
        extra=(
            Check(Rule.PRESENT, "OpportunityId", "the history row belongs to no deal", refuses=True),
            Check(Rule.PRESENT, "CreatedDate", "the history row has no date", refuses=True),
            Check(Rule.PRESENT, "StageName", "the history row has no stage", refuses=True),
        ),
        references=(_OPPORTUNITY,),
        stage_column="StageName",
    ),
    "opportunity_field_history": declare(
        extra=(
            Check(Rule.PRESENT, "OpportunityId", "the history row belongs to no deal", refuses=True),
            Check(Rule.PRESENT, "Field", "the history row names no field", refuses=True),
        ),
        references=(_OPPORTUNITY,),
    ),
    "opportunity_contact_role": declare(
        extra=(
            Check(Rule.PRESENT, "OpportunityId", "the role belongs to no deal", refuses=True),
            Check(Rule.PRESENT, "ContactId", "the role belongs to no contact"),
        ),
        references=(_OPPORTUNITY, Reference("ContactId", "contact")),
    ),
    "task": declare(
        needed="IsDeleted IsClosed ActivityDate CompletedDateTime",
        dates="ActivityDate CompletedDateTime",
        references=(_OWNER, *_ABOUT),
        unique_columns=_ACTION_KEY,
    ),
    "event": declare(
        needed="IsDeleted StartDateTime EndDateTime ActivityDate IsAllDayEvent",
        dates="ActivityDate StartDateTime EndDateTime EndDate",
        extra=(
            Check(
                Rule.NOT_BEFORE,
                "EndDateTime",
                "the event ends before it starts",
                other_column="StartDateTime",
            ),
        ),
        references=(_OWNER, *_ABOUT),
        unique_columns=_ACTION_KEY,
    ),
    "period": declare(
        needed="StartDate EndDate",
        dates="StartDate EndDate",
        extra=(
            Check(Rule.PRESENT, "StartDate", "the period has no start", refuses=True),
            Check(Rule.NOT_BEFORE, "EndDate", "the period ends before it starts", other_column="StartDate"),
        ),
    ),
    "currency_type": declare(
        needed="IsCorporate ConversionRate",
        extra=(
            Check(Rule.PRESENT, "IsoCode", "a currency without a code", refuses=True),
            Check(Rule.AMOUNT, "ConversionRate", "the rate is negative or beyond the ceiling"),
        ),
    ),
    "dated_conversion_rate": declare(
        needed="StartDate ConversionRate",
        dates="StartDate",
        extra=(
            Check(Rule.PRESENT, "IsoCode", "a rate without a currency", refuses=True),
            Check(Rule.PRESENT, "StartDate", "a rate without its first day", refuses=True),
            Check(Rule.AMOUNT, "ConversionRate", "the rate is negative or beyond the ceiling"),
        ),
    ),
    "record_type": declare(references=(Reference("BusinessProcessId", "business_process"),)),
    "business_process": declare(),
    "opportunity_line_item": declare(
        amounts="TotalPrice",
        extra=(Check(Rule.PRESENT, "OpportunityId", "the product line belongs to no deal", refuses=True),),
        references=(_OPPORTUNITY,),
    ),
    "email_message": declare(dates="MessageDate"),
    "forecasting_quota": declare(
        needed="QuotaAmount StartDate",
        dates="StartDate",
        amounts="QuotaAmount",
        extra=(Check(Rule.PRESENT, "QuotaOwnerId", "the quota belongs to nobody", refuses=True),),
        references=(Reference("QuotaOwnerId", "user"), Reference("PeriodId", "period")),
    ),
}
