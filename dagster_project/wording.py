"""Words, money, shares, counts and dates as people of each language write them; one vocabulary for everything shown.

The terms are those of method.md ("Words"): 接触 is a touch, アポ an appointment, 初回商談 the first held meeting, 商談 the
opportunity, 受注 a won deal, 目標 the quota, 見送り a deal given up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from unicodedata import category, east_asian_width, normalize

LANGUAGES = ("ja", "en")
SYMBOLS = MappingProxyType({"JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£"})
JAPANESE_UNITS = MappingProxyType({"JPY": "円", "USD": "ドル", "EUR": "ユーロ", "GBP": "ポンド"})
WITHOUT_CENTS = frozenset({"JPY", "KRW", "VND", "ISK", "CLP"})
MAN = 10_000
OKU = 10_000 * MAN
CHO = 10_000 * OKU
NOTHING = "-"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = MappingProxyType({"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")})

# (Japanese, English); words of counted things in English are plural and lose their s for one.
VOCABULARY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "goal": ("目標", "Quota"),
        "pace": ("仮の目標(自分のペース)", "Goal (own pace)"),
        "no_goal": ("目標 未登録", "No quota set"),
        "mixed_goals": ("目標 通貨・単位が複数", "Quotas in several units"),
        "won": ("受注済", "won"),
        "remaining": ("残り", "to go"),
        "in_flight": ("進行中", "In flight"),
        "expected": ("期待額", "expected"),
        "chance": ("達成確率", "Chance of quota"),
        "with_plan": ("計画どおりなら", "with the plan"),
        "at_pace": ("今のペースのままなら", "at today's pace"),
        "gap": ("不足", "Gap"),
        "days_left": ("残り営業日 {days}日", "business days left: {days}"),
        "won_deals": ("受注", "won deals"),
        "meetings": ("初回商談", "meetings"),
        "appointments": ("アポ", "appointments"),
        "touches": ("接触(架電・メール)", "touches"),
        "average_price": ("平均単価", "average price"),
        "win_rate": ("受注率", "win rate"),
        "appointment_to_meeting": ("アポ→初回商談率", "appointment to meeting"),
        "touch_to_appointment": ("接触→アポ率", "touch to appointment"),
        "calls_and_mails": ("接触", "touches"),
        "cycle_days": ("営業サイクル", "sales cycle"),
        "average_cycle_days": ("営業サイクル", "sales cycle"),
        "from_to": ("〜", "–"),
        "month": ("今月残り", "rest of month"),
        "week": ("今週残り", "rest of week"),
        "day": ("今日", "today"),
        "promised": ("今週の約束", "promised this week"),
        "done": ("今月済", "done this month"),
        "last_week_promised": ("先週の約束", "promised last week"),
        "last_week_done": ("先週の実績", "done last week"),
        "week_done": ("今週済", "done this week"),
        "last_month": ("先月", "last month"),
        "interval": ("80%区間", "80% interval"),
        "from_rep": ("本人", "own"),
        "from_team": ("チーム", "team"),
        "from_organization": ("全社", "organization"),
        "from_default": ("仮の値", "assumed"),
        "from_what_if": ("仮定", "what if"),
        "organization": ("全社", "Organization"),
        "backcast": ("逆算", "Worked back"),
        "stairs": ("月 → 週 → 日", "Month → week → day"),
        "insurance": ("保険", "Insurance"),
        "quota": ("目標", "quota"),
        "a_day": ("1日{amount}", "{amount} a day"),
        "today_blocks": ("今日の流れ", "The day"),
        "morning": ("午前", "morning"),
        "afternoon": ("午後", "afternoon"),
        "evening": ("夕方", "evening"),
        "busy": ("予定あり", "booked"),
        "review": ("振り返りと翌日の準備", "review and set-up"),
        "booked_meetings": ("うち予定済", "of them booked"),
        "not_fitting": ("今日の枠に入りきらないもの", "Does not fit in the day"),
        "must_do": ("必ずやること", "Must do"),
        "can_wait": ("後でよいこと", "Can wait"),
        "what_if": ("もし", "What if"),
        "now": ("今", "now"),
        "then": ("変えると", "then"),
        "change": ("差", "change"),
        "needed": ("必要件数", "needed"),
        "insurance_meetings": ("保険の初回商談", "insurance meetings"),
        "expected_amount": ("月末の受注見込額", "expected won by the month's end"),
        "points": ("ポイント", " points"),
        "note": ("注", "Note"),
        "count": ("件", ""),
        "days": ("日", " days"),
        "minutes": ("分", " min"),
        "cards": ("今日の一手", "Today's next actions"),
        "stays_open": ("進行中の商談の見込みは変えていません", "open deals are credited as they are"),
        "no_cards": ("今日の一手はありません", "No action stands out today"),
        "standing": ("続いているもの", "Still on the list"),
        "waiting": ("Salesforceにまだ書き込めていないもの", "Not in Salesforce yet"),
    }
)


@cache
def words(language: str) -> Mapping[str, str]:
    """The vocabulary of one language; English where a language has none of its own."""
    place = LANGUAGES.index(language) if language in LANGUAGES else LANGUAGES.index("en")
    return MappingProxyType({word: texts[place] for word, texts in VOCABULARY.items()})


def money(amount: float | Decimal | None, currency: str | None, language: str) -> str:
    """Money as the language writes it: 1億2,346万円, 98.5万円, 9,800円; ¥1,000,000, $1,234.50, €950, CHF 7.

    Japanese rounds to 万 from 100万 on (億 from 1兆 on) and to a tenth of it below. Cents are shown below 10,000 only.
    No amount, or one that is no number, is a dash.
    """
    if amount is None or not math.isfinite(amount):
        return NOTHING
    size, code = abs(float(amount)), _letters(currency) or "JPY"
    if language == "ja":
        text = _japanese_number(size, code) + JAPANESE_UNITS.get(code, f" {code}")
    else:
        text = SYMBOLS.get(code, f"{code} ") + _digits(size, code)
    return f"-{text}" if amount < 0 and any(digit in "123456789" for digit in text) else text


def goal_amount(
    amount: float | Decimal | None, measure: str | None, currency: str | None, language: str
) -> str:
    """An amount in the unit of a goal: money, or of a goal in won deals 10件, 3.4件; 10 deals, 1 deal."""
    if measure != "won_deals":
        return money(amount, currency, language)
    if amount is None or not math.isfinite(amount):
        return NOTHING
    number = f"{rounded(float(amount) * 10) / 10:,.1f}".removesuffix(".0")
    if language == "ja":
        return f"{number}{words(language)['count']}"
    return f"{number} deal" if number == "1" else f"{number} deals"


def _letters(currency: str | None) -> str:
    """A currency's code without what does not belong in one: it comes from the CRM and goes to a terminal."""
    return "".join(sign for sign in currency or "" if sign.isalpha())


def _japanese_number(amount: float, currency: str) -> str:
    if rounded(amount) < MAN:
        return _digits(amount, currency)
    tenths = rounded(amount / (MAN / 10))
    if tenths < 1000:
        return f"{tenths / 10:g}万"
    unit, name, above, name_above = (MAN, "万", OKU, "億")
    if rounded(amount / MAN) * MAN >= CHO:
        unit, name, above, name_above = (OKU, "億", CHO, "兆")
    high, low = divmod(rounded(amount / unit), above // unit)
    return (f"{high:,}{name_above}" if high else "") + (f"{low:,}{name}" if low else "")


def _digits(amount: float, currency: str) -> str:
    is_whole = currency in WITHOUT_CENTS or amount >= MAN or round(amount, 2) == rounded(amount)
    return f"{rounded(amount):,}" if is_whole else f"{amount:,.2f}"


def rounded(amount: float) -> int:
    """To the nearest whole number, halves up, as people do it."""
    return math.floor(amount + 0.5)


_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_AMOUNT = re.compile(
    rf"[¥\\$€£]?(?:{_NUMBER}兆)?(?:{_NUMBER}億)?(?:{_NUMBER}万)?{_NUMBER}?(?:円|ドル|ユーロ|ポンド|[A-Z]{{3}})?"
)


def amount_in(text: str) -> float | None:
    """The amount a person wrote: 120万, 1億2,346万円, 98.5万, ¥1,200,000, $1,234.50, １２０万円; None where it is none."""
    plain = re.sub(r"[,\s]", "", normalize("NFKC", text))
    found = _AMOUNT.fullmatch(plain)
    parts = found.groups() if found else ()
    if not any(parts):
        return None
    return sum(float(part) * size for part, size in zip(parts, (CHO, OKU, MAN, 1), strict=True) if part)


def percent(share: float | None) -> str:
    """A share as whole percent; never 0 % or 100 % for what is not certain; a dash for none."""
    if share is None:
        return NOTHING
    if 0.0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1.0:
        return ">99%"
    return f"{rounded(share * 100)}%"


def rate(share: float | None) -> str:
    """A coefficient to a tenth of a percent, since whole trees are worked back with it: 33.3%, 20%, 3.4%."""
    if share is None:
        return NOTHING
    if 0.0 < share < 0.001:
        return "<0.1%"
    return f"{rounded(share * 1000) / 10:g}%"


def counted(number: int | None, language: str) -> str:
    """A number of things: 1,200件 in Japanese, 1,200 in English; a dash for none."""
    return NOTHING if number is None else f"{number:,}{words(language)['count']}"


def counted_things(number: int | None, word: str, language: str) -> str:
    """A number of what a word names: 受注 10件; 10 won deals, 1 won deal."""
    name = words(language)[word]
    if language == "ja":
        return f"{name} {counted(number, language)}"
    one = {"touches": "touch"}.get(name, name.removesuffix("s"))
    return f"{counted(number, language)} {one if number == 1 else name}"


def minutes(number: float | None, language: str) -> str:
    """A length of time: 30分, 30 min; a dash for none."""
    return NOTHING if number is None else f"{rounded(number):,}{words(language)['minutes']}"


def day(of: date, language: str, *, with_weekday: bool = False, with_year: bool = False) -> str:
    """A date: 10月15日, 10月15日(木), 2026年10月15日; 15 Oct, Thu 15 Oct, 15 Oct 2026."""
    if language == "ja":
        year = f"{of.year}年" if with_year else ""
        weekday = f"({WEEKDAYS['ja'][of.weekday()]})" if with_weekday else ""
        return f"{year}{of.month}月{of.day}日{weekday}"
    weekday = f"{WEEKDAYS['en'][of.weekday()]} " if with_weekday else ""
    return f"{weekday}{of.day} {MONTHS[of.month - 1]}" + (f" {of.year}" if with_year else "")


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Rows as lines, columns lined up in a terminal, where a Japanese character takes two places.

    Columns are lined up at their right, those of ``left`` at their left.
    """
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (wide - width(cell)) if place in left else " " * (wide - width(cell)) + cell
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def width(text: str) -> int:
    """Places a text takes in a terminal: two for a wide character, none for a mark on the one before."""
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
