"""SOQL texts against the grammar and the translation: what is understood, and how what is not is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connectors.sandbox.errors import SalesforceError
from connectors.sandbox.records.store import Org
from connectors.sandbox.soql.dates import date_range
from connectors.sandbox.soql.grammar import Comparison, Junction, Negation, like_pattern, parse, unescaped
from connectors.sandbox.soql.sql import translate


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Org:
    made = Org(
        tmp_path_factory.mktemp("grammar") / "org.duckdb", lambda: datetime(2026, 5, 13, 12, tzinfo=UTC)
    )
    made.prepare()
    return made


def test_keywords_are_read_in_any_case_and_fields_may_begin_like_them() -> None:
    query = parse(
        "sElEcT Id FrOm Task wHeRe Inbound__c = nUlL aNd Order__c NOT IN ('a') OrDeR bY Description DESC nulls LAST"
    )
    assert isinstance(query.where, Junction)
    assert query.order[0].descending
    assert query.order[0].nulls_last


def test_not_binds_tighter_than_and() -> None:
    query = parse("select Id from Task where not Status = 'x' and Subject = 'y'")
    assert isinstance(query.where, Junction)
    assert isinstance(query.where.conditions[0], Negation)


def test_escapes_in_a_text_stand_for_the_plain_signs() -> None:
    where = parse(r"select Id from Task where Subject = 'O\'Brien \\ 100\%\u5546'").where
    assert isinstance(where, Comparison)
    assert isinstance(where.values, tuple)
    assert unescaped(where.values[0].text) == "O'Brien \\ 100%商"
    assert like_pattern(where.values[0].text) == "O'Brien \\\\ 100\\%商"


@pytest.mark.parametrize(
    ("soql", "row", "column", "token"),
    [
        ("select Id form Task", 1, 16, "Task"),
        ("select Id from", 1, 15, "<EOF>"),
        ("select Id\nfrom Task\nwhere Subject == 'x'", 3, 16, "="),
        ("select Id from Task where Subject = 'x", 1, 37, "'"),
        ("select Id from Task where Subject = 'a' and Status = 'b' or Status = 'c'", 1, 58, "or"),
        ("select Id from Task; drop table Task", 1, 20, ";"),
        ("select Id from Task where Subject = 'x' --", 1, 41, "-"),
        ("", 1, 1, "<EOF>"),
    ],
)
def test_a_malformed_query_names_row_column_and_token(soql: str, row: int, column: int, token: str) -> None:
    with pytest.raises(SalesforceError) as raised:
        parse(soql)
    assert raised.value.code == "MALFORMED_QUERY"
    assert f"ERROR at Row:{row}:Column:{column}\nunexpected token: '{token}'" in raised.value.message


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("select Nope from Opportunity", "INVALID_FIELD", "Row:1:Column:8\nNo such column 'Nope' on entity 'Opportunity'"),
        ("select Owner.Nope from Opportunity", "INVALID_FIELD", "No such column 'Nope' on entity 'User'"),
        ("select Boss.Name from Opportunity", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("select Id from Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("select Id from Task where Id in (select Id from Nope)", "INVALID_TYPE", "sObject type 'Nope'"),
        ("select Id from Opportunity where Amount = 'x'", "INVALID_FIELD", "must be of type currency and should not be"),
        ("select Id from Opportunity where Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed"),
        ("select Id from Opportunity where CreatedDate > 2024-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("select Id from Opportunity where OwnerId = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("select Id from Opportunity where Name = TODAY", "MALFORMED_QUERY", "unexpected token: 'TODAY'"),
        ("select Id from Task where Description = 'x'", "INVALID_FIELD", "'Description' can not be filtered"),
        ("select Id from Task order by Description", "MALFORMED_QUERY", "can not be sorted"),
        ("select Id, id from Task", "INVALID_FIELD", "duplicate field selected: Id"),
        ("select fields(all) from Task", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("select Name, count(Id) from Opportunity", "MALFORMED_QUERY", "must be grouped or aggregated: Name"),
        ("select Id from OpportunityFieldHistory where NewValue = 'x'", "INVALID_FIELD", "can not be filtered"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused_in_salesforces_words(org: Org, soql: str, code: str, part: str) -> None:
    with pytest.raises(SalesforceError) as raised:
        translate(soql, org.query_context())
    assert raised.value.code == code
    assert part in raised.value.message


def test_bulk_refuses_compound_fields_and_aggregates(org: Org) -> None:
    for soql in (
        "select Id, BillingAddress from Account",
        "select count(Id) from Account",
        "select count() from Account",
    ):
        with pytest.raises(SalesforceError):
            translate(soql, org.query_context(), bulk=True)


def test_values_are_bound_never_written_into_the_sql(org: Org) -> None:
    query = translate(
        "select Id from Task where Subject = '\\'; drop table \"Task\"; --'", org.query_context()
    )
    assert "drop" not in query.json_sql()
    assert '\'; drop table "Task"; --' in query.parameters


@pytest.mark.parametrize(
    ("literal", "first", "after_last"),
    [
        ("TODAY", "2026-05-13", "2026-05-14"),
        ("YESTERDAY", "2026-05-12", "2026-05-13"),
        ("LAST_N_DAYS:7", "2026-05-06", "2026-05-14"),
        ("NEXT_N_DAYS:2", "2026-05-14", "2026-05-16"),
        ("THIS_WEEK", "2026-05-10", "2026-05-17"),
        ("THIS_MONTH", "2026-05-01", "2026-06-01"),
        ("LAST_MONTH", "2026-04-01", "2026-05-01"),
        ("LAST_N_MONTHS:5", "2025-12-01", "2026-05-01"),
        ("THIS_QUARTER", "2026-04-01", "2026-07-01"),
        ("LAST_QUARTER", "2026-01-01", "2026-04-01"),
        ("THIS_YEAR", "2026-01-01", "2027-01-01"),
        ("THIS_FISCAL_YEAR", "2026-04-01", "2027-04-01"),
        ("LAST_FISCAL_QUARTER", "2026-01-01", "2026-04-01"),
    ],
)
def test_date_literals_cover_half_open_ranges_of_days(literal: str, first: str, after_last: str) -> None:
    found = date_range(literal, date(2026, 5, 13), fiscal_start_month=4)
    assert found == (date.fromisoformat(first), date.fromisoformat(after_last))


def test_an_unknown_date_literal_is_none() -> None:
    assert date_range("SOME_DAY", date(2026, 5, 13), 1) is None
    assert date_range("LAST_N_EONS:3", date(2026, 5, 13), 1) is None


def test_the_org_file_is_reopened_with_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "org.duckdb"
    clock = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    first = Org(path, lambda: clock)
    first.set_clock(datetime(2025, 1, 1, tzinfo=UTC))
    taken = first.new_ids("Task", 3)
    first.close()
    again = Org(path, lambda: clock)
    assert again.now() == datetime(2025, 1, 1, tzinfo=UTC)
    assert again.new_ids("Task", 1)[0] not in taken
    again.close()
