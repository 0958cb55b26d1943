"""WHERE against an oracle: random conditions on random records give what plain Python gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.records.ids import numbered
from connectors.sandbox.records.store import Org
from connectors.sandbox.soql.sql import translate

Record = dict[str, object]
Test = Callable[[Record], bool]
NOW = datetime(2026, 5, 13, 12, tzinfo=UTC)
TEXTS = [
    "alpha",
    "Alpha",
    "ALPHABET",
    "be_ta",
    "be%ta",
    "o'clock",
    'say "hi"',
    "back\\slash",
    "商談",
    "提案書",
    None,
]
AMOUNTS = [0.0, -1.5, 10.0, 99.99, 1e6, None]
DATES = [date(2026, 5, 13), date(2026, 5, 12), date(2026, 4, 30), date(2025, 12, 31), None]
STAMPS = [
    datetime.fromisoformat(text)
    for text in ("2026-05-13T00:00:00", "2026-05-12T23:59:59", "2024-02-29T06:30:00")
]
FLAGS = [True, False]


@dataclass(frozen=True)
class Clause:
    soql: str
    test: Test


def _records() -> list[Record]:
    combinations = [
        (a, b, c, d, e)
        for a in TEXTS
        for b in AMOUNTS
        for c in [*DATES[:3], None]
        for d in STAMPS[:2]
        for e in FLAGS
    ]
    return [
        {"Id": numbered("006", number), "Name": text, "Amount": amount, "CloseDate": day, "SystemModstamp": stamp, "IsPrivate": flag}
        for number, (text, amount, day, stamp, flag) in enumerate(combinations[::3])
    ]  # fmt: skip


RECORDS = _records()


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Org:
    made = Org(tmp_path_factory.mktemp("where") / "org.duckdb", lambda: NOW)
    made.prepare()
    load_tables(made, {"Opportunity": pa.Table.from_pylist(RECORDS)})
    return made


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _compare(name: str, operator: str, shown: str, value: object) -> Clause:
    def test(record: Record) -> bool:
        given = record[name]
        given = given.lower() if isinstance(given, str) else given
        if operator == "=":
            return given == value
        if operator == "!=":
            return given != value
        if given is None or value is None:
            return False
        return {"<": given < value, "<=": given <= value, ">": given > value, ">=": given >= value}[operator]  # type: ignore[operator]

    return Clause(f"{name} {operator} {shown}", test)


OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
present_texts = st.sampled_from([each for each in TEXTS if each])
text_clauses = st.builds(lambda o, v: _compare("Name", o, _quoted(v), v.lower()), OPERATORS, present_texts)
amount_clauses = st.builds(
    lambda o, v: _compare("Amount", o, f"{v:.2f}", v),
    OPERATORS,
    st.sampled_from([v for v in AMOUNTS if v is not None]),
)
date_clauses = st.builds(
    lambda o, v: _compare("CloseDate", o, v.isoformat(), v),
    OPERATORS,
    st.sampled_from([v for v in DATES if v]),
)
stamp_clauses = st.builds(
    lambda o, v: _compare("SystemModstamp", o, v.isoformat() + "Z", v), OPERATORS, st.sampled_from(STAMPS)
)
flag_clauses = st.builds(
    lambda o, v: _compare("IsPrivate", o, str(v).lower(), v),
    st.sampled_from(["=", "!="]),
    st.sampled_from(FLAGS),
)
null_clauses = st.builds(
    lambda n, o: _compare(n, o, "null", None),
    st.sampled_from(["Name", "Amount", "CloseDate"]),
    st.sampled_from(["=", "!="]),
)


def _member(values: list[str | None], negative: bool) -> Clause:
    shown = ", ".join("null" if each is None else _quoted(each) for each in values)
    lowered = {each.lower() if each else None for each in values}

    def test(record: Record) -> bool:
        name = record["Name"]
        return ((name.lower() if isinstance(name, str) else None) in lowered) != negative

    return Clause(f"Name {'not in' if negative else 'in'} ({shown})", test)


member_clauses = st.builds(_member, st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4), st.booleans())


def _like(part: str, before: bool, after: bool) -> Clause:
    escaped = part.replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\%").replace("_", "\\_")
    pattern = f"{'%' if before else ''}{escaped}{'%' if after else ''}"

    def test(record: Record) -> bool:
        name = record["Name"]
        if not isinstance(name, str):
            return False
        low, wanted = name.lower(), part.lower()
        if before and after:
            return wanted in low
        return low.endswith(wanted) if before else low.startswith(wanted) if after else low == wanted

    return Clause(f"Name like '{pattern}'", test)


like_clauses = st.builds(
    _like, st.sampled_from(["a", "AL", "be_", "be%", "'", '"', "\\", "提", "t"]), st.booleans(), st.booleans()
)


def _days(operator: str, literal: str, first: date, after: date) -> Clause:
    start, end = first, after

    def test(record: Record) -> bool:
        day = record["CloseDate"]
        if not isinstance(day, date):
            return operator == "!="
        tests = {"=": start <= day < end, "!=": not start <= day < end, "<": day < start, ">": day >= end,
                 "<=": day < end, ">=": day >= start}  # fmt: skip
        return tests[operator]

    return Clause(f"CloseDate {operator} {literal}", test)


TODAY = NOW.date()
day_clauses = st.builds(
    lambda operator, days: _days(operator, *days),
    OPERATORS,
    st.sampled_from(
        [
            ("TODAY", TODAY, TODAY + timedelta(1)),
            ("LAST_N_DAYS:1", TODAY - timedelta(1), TODAY + timedelta(1)),
            ("LAST_MONTH", date(2026, 4, 1), date(2026, 5, 1)),
            ("THIS_YEAR", date(2026, 1, 1), date(2027, 1, 1)),
        ]
    ),
)
leaves = (
    text_clauses | amount_clauses | date_clauses | stamp_clauses | flag_clauses | null_clauses | member_clauses
    | like_clauses | day_clauses
)  # fmt: skip


def _join(word: str, parts: list[Clause]) -> Clause:
    soql = "(" + f" {word} ".join(part.soql for part in parts) + ")"
    combine = all if word == "and" else any
    return Clause(soql, lambda record: combine(part.test(record) for part in parts))


def _not(part: Clause) -> Clause:
    return Clause(f"(not {part.soql})", lambda record: not part.test(record))


clauses = st.recursive(
    leaves,
    lambda inner: (
        st.builds(_join, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
        | st.builds(_not, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clause=clauses)
def test_where_agrees_with_plain_python(org: Org, clause: Clause) -> None:
    query = translate(f"select Id from Opportunity where {clause.soql}", org.query_context())
    with org.cursor() as cursor:
        found = [
            json.loads(row[0])["Id"] for row in cursor.execute(query.json_sql(), query.parameters).fetchall()
        ]
    assert found == sorted(str(record["Id"]) for record in RECORDS if clause.test(record))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
)
def test_any_text_can_be_asked_for_without_harm(org: Org, text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    for operator in ("=", "like"):
        query = translate(
            f"select count() from Opportunity where NextStep {operator} '{escaped}'", org.query_context()
        )
        with org.cursor() as cursor:
            row = cursor.execute(query.count_sql(), query.parameters).fetchone()
        expected = len(RECORDS) if text == "" and operator == "=" else 0
        assert row is not None
        assert row[0] == expected
