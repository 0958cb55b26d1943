"""Figures as people of each language write them, and one vocabulary that no language has a hole in."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.plan.day.words import CAN_WAIT, LINES
from dagster_project.plan.words.notes import SENTENCES
from dagster_project.recommend.card import WORDS as CARD_WORDS
from dagster_project.recommend.types import ACTION_TYPES
from dagster_project.wording import (
    LANGUAGES,
    VOCABULARY,
    aligned,
    counted,
    counted_things,
    day,
    minutes,
    money,
    percent,
    rate,
    width,
    words,
)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_000_000, "JPY", "100万円"),
        (9_800, "JPY", "9,800円"),
        (9_999.6, "JPY", "1万円"),
        (12_500, "JPY", "1.3万円"),
        (134_088, "JPY", "13.4万円"),
        (985_000, "JPY", "98.5万円"),
        (999_999, "JPY", "100万円"),
        (1_234_567, "JPY", "123万円"),
        (12_345_678, "JPY", "1,235万円"),
        (99_999_999, "JPY", "1億円"),
        (123_456_789, "JPY", "1億2,346万円"),
        (Decimal("1200000000.0000"), "JPY", "12億円"),
        (999_999_999_999, "JPY", "1兆円"),
        (1_234_500_000_000, "JPY", "1兆2,345億円"),
        (0, "JPY", "0円"),
        (-20_000, "JPY", "-2万円"),
        (-0.3, "JPY", "0円"),
        (120_000, "USD", "12万ドル"),
        (1_234.5, "USD", "1,234.50ドル"),
        (500, "EUR", "500ユーロ"),
        (700, "CHF", "700 CHF"),
        (700, None, "700円"),
        (700, "\x1b[2JCHF\u202e", "700 JCHF"),
        (None, "JPY", "-"),
        (float("nan"), "JPY", "-"),
        (float("inf"), "JPY", "-"),
    ],
)
def test_money_in_japanese(amount: float | None, currency: str, text: str) -> None:
    assert money(amount, currency, "ja") == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_000_000, "JPY", "¥1,000,000"),
        (1_234.5, "JPY", "¥1,235"),
        (1_234.5, "USD", "$1,234.50"),
        (134_088.37, "USD", "$134,088"),
        (950, "EUR", "€950"),
        (12.5, "GBP", "£12.50"),
        (-3, "USD", "-$3"),
        (-0.001, "USD", "$0"),
        (7, "CHF", "CHF 7"),
        (1_500.4, "KRW", "KRW 1,500"),
    ],
)
def test_money_in_english(amount: float, currency: str, text: str) -> None:
    assert money(amount, currency, "en") == text


def _read_back(text: str) -> float:
    """What a Japanese reader takes the amount to be."""
    sizes = {"兆": 1e12, "億": 1e8, "万": 1e4, "": 1.0}
    parts = re.findall(r"([\d,.]+)(兆|億|万|)", text)
    return sum(float(digits.replace(",", "")) * sizes[size] for digits, size in parts)


@given(st.floats(0, 9e13))
def test_japanese_money_reads_back_to_within_half_of_the_last_digit_shown(amount: float) -> None:
    step = 1 if amount < 9_999.5 else 1e3 if amount < 999_500 else 1e4 if amount < 999_999_995_000 else 1e8
    read = _read_back(money(amount, "JPY", "ja"))
    assert abs(read - amount) <= step / 2 + 1e-9 * amount


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.556, "56%"), (0.0, "0%"), (0.004, "<1%"), (0.997, ">99%"), (1.0, "100%"), (None, "-")],
)
def test_no_chance_is_called_certain_that_is_not(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(1 / 3, "33.3%"), (0.2, "20%"), (0.0343, "3.4%"), (0.0004, "<0.1%"), (0.0, "0%"), (None, "-")],
)
def test_a_coefficient_keeps_a_tenth_of_a_percent(share: float | None, text: str) -> None:
    assert rate(share) == text


def test_counts() -> None:
    assert counted(1200, "ja") == "1,200件"
    assert counted(1200, "en") == "1,200"
    assert counted(None, "ja") == "-"
    assert counted_things(10, "won_deals", "ja") == "受注 10件"
    assert counted_things(1, "won_deals", "en") == "1 won deal"
    assert counted_things(1, "touches", "en") == "1 touch"
    assert counted_things(300, "touches", "en") == "300 touches"
    assert (minutes(30, "ja"), minutes(29.6, "en"), minutes(None, "ja")) == ("30分", "30 min", "-")


def test_dates() -> None:
    thursday = date(2026, 10, 15)
    assert (day(thursday, "ja"), day(thursday, "en")) == ("10月15日", "15 Oct")
    assert day(thursday, "ja", with_weekday=True) == "10月15日(木)"
    assert day(thursday, "en", with_weekday=True, with_year=True) == "Thu 15 Oct 2026"
    assert day(thursday, "ja", with_year=True) == "2026年10月15日"


def test_columns_line_up_with_wide_characters() -> None:
    assert aligned([["アポ", "1"], ["a", "22"]]) == ["アポ   1", "a     22"]


@given(st.lists(st.tuples(st.sampled_from(["", "架電", "a😀", "e\u0301", "ｱﾎﾟ"]), st.integers()), min_size=1))
def test_every_line_of_a_table_ends_at_the_same_place(rows: list[tuple[str, int]]) -> None:
    lines = aligned([[name, f"{number}"] for name, number in rows])
    assert len({width(line) for line in lines}) == 1


def test_every_language_has_every_word() -> None:
    assert [word for word, texts in VOCABULARY.items() if len(texts) != len(LANGUAGES)] == []
    assert all(set(words(language)) == set(VOCABULARY) for language in LANGUAGES)
    assert words("fr") == words("en")
    for table in (LINES, CAN_WAIT):
        assert all(set(table[language]) == set(table["en"]) for language in LANGUAGES)


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _texts_by_language() -> dict[str, dict[str, str]]:
    """Every sentence with places in it, by what it is and language."""
    cards = {language: vars(CARD_WORDS[language]) for language in ("ja", "en")}
    shared = {
        f"card {name}": {language: cards[language][name] for language in cards}
        for name in cards["ja"]
        if isinstance(cards["ja"][name], str)
    }
    types = {
        f"{rule.name} {part}": {
            language: getattr(rule.templates[language], part) for language in ("ja", "en")
        }
        for rule in ACTION_TYPES
        for part in ("subject", "fact", "comparison")
    }
    notes = {f"note {code}": dict(texts) for code, texts in SENTENCES.items()}
    vocabulary = {f"word {word}": {"ja": ja, "en": en} for word, (ja, en) in VOCABULARY.items() if en}
    return notes | shared | types | vocabulary | _day_texts()


def _day_texts() -> dict[str, dict[str, str]]:
    return {
        f"day {name}": {language: table[language][name] for language in LANGUAGES}
        for table in (LINES, CAN_WAIT)
        for name in table["ja"]
        if name != "due_format"
    }


@pytest.mark.parametrize("what", sorted(_texts_by_language()))
def test_a_sentence_says_the_same_in_every_language(what: str) -> None:
    texts = _texts_by_language()[what]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    if what.startswith("note"):
        assert "; " not in texts["en"], "a note is told from the next by it"
    assert _places(texts["ja"]) == _places(texts["en"])


# What people also call these things; one word each, or a reader wonders whether two things are meant.
OTHER_WORDS = {
    "受注": "成約|契約件数|勝率|成約率",
    "目標": "ノルマ|予算目標|クオータ",
    "接触": "タッチ|コンタクト",
    "アポ": "アポイントメント|面会|予約",
    "初回商談": "初回面談|初訪問|ミーティング",
    "商談": "案件|オポチュニティ",
    "見送り": "失格|ディスクオリファイ",
}


def test_one_word_for_one_thing_in_japanese() -> None:
    shown = [texts[0] for texts in VOCABULARY.values()]
    shown += [texts["ja"] for texts in _texts_by_language().values()]
    found = [(text, other) for text in shown for other in OTHER_WORDS.values() if re.search(other, text)]
    assert found == []
