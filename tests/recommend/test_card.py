"""Cards in words: both languages, hostile text made harmless, Salesforce's limits, the record behind each fact."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.recommend.recommend import RecommendTables
from dagster_project.recommend.sync import sync_next_actions
from dagster_project.recommend.text import filled, harmless, money_text, shortened
from dagster_project.wording import money
from tests.recommend.frames import DEAL, REP, facts, night, opportunity, reps, spell, touch, win_ahead

# Without Cn: which signs are unassigned differs between the Unicode versions of Python and polars.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
HOSTILE = [
    "Acme\r\nSubject: sent by somebody else",
    "<script>alert('x')</script>",
    "\u202egnp.exe\u2066\u200b\x00\x1b[31m",
    "{account} {0} %s {{gain_text}} {unknown}",
    "あ" * 5_000,
    "😀" * 300,
    "https://evil.example/login",
    "Z\u0301\u0302\u0303\u0304\u0305\u0306algo",
    "   ",
    "'; DROP TABLE tasks; --",
]


def card(language: str = "ja", **values: Any) -> RecommendTables:
    known = facts([opportunity(**values)], [spell(20)], [touch(16)], [win_ahead(0.2)])
    people = reps({"rep_id": REP, "language": language, "is_active": True})
    return night(known, people=people)


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_card_in_japanese() -> None:
    row = card().actions.row(0, named=True)
    assert row["subject"] == "「Acme」様に電話かメールで連絡する"
    assert row["fact"] == "2026年11月3日から16日間、連絡の記録がありません。"
    assert row["description"].splitlines() == [
        "2026年11月3日から16日間、連絡の記録がありません。",
        "自社の受注が十分にたまるまでは、目安の14日で判断しています。",
        "期待効果 2万円(80%区間 -3.1万円〜7.1万円、初期値(自社の実績はまだありません)、n=0)。",
        "所要10分、午前。",
        "期日 2026年11月20日。",
        f"根拠レコード: {DEAL},00T000000000001AAA",
    ]


def test_a_card_in_english() -> None:
    row = card("en").actions.row(0, named=True)
    assert row["subject"] == "Break the silence with Acme: call or write today"
    assert row["fact"] == "No contact on record since 3 Nov 2026, 16 days."
    assert "Expected gain ¥20,000 (80%: -¥31,262 to ¥71,262; prior" in row["description"]
    assert "10 minutes, in the morning." in row["description"]


@pytest.mark.parametrize("language", ["fr", None])
def test_an_unknown_language_is_written_in_japanese(language: Any) -> None:
    assert card(language).actions["language"].to_list() == ["ja"]


def test_the_comparison_is_with_own_won_deals_once_there_are_enough() -> None:
    won = [opportunity(opportunity_id=f"won{n:02}", status="won", closed_date=None) for n in range(20)]
    stays = [spell(60, 50, opportunity_id=f"won{n:02}") for n in range(20)]
    known = facts([opportunity(), *won], [spell(13), *stays], [touch(1)], [win_ahead(0.2)])
    row = night(known).actions.row(0, named=True)
    assert row["comparison"] == "受注した商談の4件に3件は、10日以内に次へ進んでいます(n=20)。"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_hostile_names_are_harmless(name: str, language: str) -> None:
    row = card(language, account_name=name, opportunity_name=name, stage_name=name).actions.row(0, named=True)
    task = sync_next_actions(card(language, account_name=name).actions).row(0, named=True)
    assert utf16_units(row["subject"]) <= 255
    assert utf16_units(row["description"]) <= 32_000
    assert utf16_units(task["GyakusanReason__c"]) <= 255
    assert not any(unicodedata.category(sign) in UNPRINTABLE for sign in row["subject"] + row["fact"])
    assert not re.search(r"[<>]|://", row["subject"] + row["description"])
    assert len(row["description"].splitlines()) == 6


def test_placeholders_in_a_customers_name_are_not_filled_in() -> None:
    subject = card("en", account_name="{gain_text} {account}").actions["subject"][0]
    assert subject == "Break the silence with {gain_text} {account}: call or write today"


def test_a_deal_without_account_is_called_by_its_own_name_then_by_its_id() -> None:
    assert "「Renewal」" in card(account_name=None, opportunity_name="Renewal").actions["subject"][0]
    assert DEAL in card(account_name="\u200b", opportunity_name=None).actions["subject"][0]


@given(st.text(max_size=200), st.integers(4, 120))
@settings(max_examples=60, deadline=None)
def test_harmless_text_is_one_short_printable_line(text: str, length: int) -> None:
    safe = pl.select(harmless(pl.lit(text), length)).item()
    assert utf16_units(safe) <= length
    assert not any(unicodedata.category(sign) in UNPRINTABLE or sign in "\r\n<>" for sign in safe)


@given(st.text(alphabet=st.sampled_from("a漢😀"), max_size=40), st.integers(4, 30))
@settings(max_examples=60, deadline=None)
def test_shortened_counts_as_salesforce_does(text: str, length: int) -> None:
    short = pl.select(shortened(pl.lit(text), length)).item()
    assert utf16_units(short) <= length
    assert short == text or short.endswith("…")


AMOUNTS = st.one_of(st.none(), st.floats(-1e14, 1e14), st.integers(-20_000, 20_000).map(float))


@given(st.lists(st.tuples(AMOUNTS, st.sampled_from(["JPY", "USD", "CHF", None])), max_size=20))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_cards_write_money_as_everything_else_does(language: Any, rows: list[tuple[Any, Any]]) -> None:
    table = pl.DataFrame(rows, schema={"amount": pl.Float64, "currency": pl.String}, orient="row")
    texts = table.select(text=money_text(pl.col("amount"), pl.col("currency"), language))["text"]
    assert texts.to_list() == [money(amount, currency, language) for amount, currency in rows]


def test_a_template_needs_names() -> None:
    with pytest.raises(ValueError, match="without a name"):
        filled("Call {}")


def test_the_task_payload() -> None:
    actions = card().actions
    tasks = sync_next_actions(actions)
    assert tasks.columns == [
        "GyakusanActionKey__c", "OwnerId", "WhatId", "WhoId", "Subject", "Description", "ActivityDate", "Priority",
        "Status", "GyakusanActionType__c", "GyakusanExpectedGain__c", "GyakusanReason__c",
    ]  # fmt: skip
    row = tasks.row(0, named=True)
    assert row["OwnerId"] == REP
    assert row["WhatId"] == DEAL
    assert row["WhoId"] == "003000000000001AAA"
    assert (row["Status"], row["Priority"]) == ("Not Started", "High")
    assert sync_next_actions(actions.with_columns(rep_id=pl.lit(None, pl.String))).is_empty()
