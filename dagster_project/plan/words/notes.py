"""What a plan has to say about itself, in the rep's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType

from dagster_project.wording import counted, words

# One sentence per code and language; the words are those of method.md ("Words").
SENTENCES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "no_quota": MappingProxyType(
            {
                "ja": "目標が未登録です。Salesforceの目標かCSVで登録すると計画が出ます",
                "en": "no quota and no pace of your own yet: set one in Salesforce or the quota CSV to get a plan",
            }
        ),
        "own_pace": MappingProxyType(
            {
                "ja": "目標が未登録のため、自分の受注ペース(月{goal})を保つ計画です",
                "en": "no quota is set: planned to hold your own pace of {goal} a month",
            }
        ),
        "quota_zero": MappingProxyType({"ja": "今月の目標は0です", "en": "this month's quota is zero"}),
        "quota_negative": MappingProxyType(
            {
                "ja": "今月の目標がマイナスで登録されているため、0としています。目標を確かめてください",
                "en": "this month's quota is negative and taken as zero: check it",
            }
        ),
        "quota_too_large": MappingProxyType(
            {
                "ja": "目標が大きすぎるため{goal}で切っています。目標の桁を確かめてください",
                "en": "the quota is too large and cut at {goal}: check its digits",
            }
        ),
        "other_goals": MappingProxyType(
            {
                "ja": "今月は{goals}の目標もありますが、計画には使っていません",
                "en": "also set for this month and not planned for: {goals}",
            }
        ),
        "quota_passed": MappingProxyType(
            {"ja": "今月の目標は達成済みです", "en": "this month's quota is already made"}
        ),
        "covered": MappingProxyType(
            {
                "ja": "残りは進行中の商談の期待額でまかなえます",
                "en": "what is missing is covered by what open deals are expected to bring",
            }
        ),
        "next_months": MappingProxyType(
            {
                "ja": "これからの初回商談による受注のうち今月中に決まるのは{share}、残りは翌月以降です",
                "en": "of the new meetings that win, {share} win this month and the rest fund the next months",
            }
        ),
        "no_day_left": MappingProxyType(
            {"ja": "今月の営業日は残っていません", "en": "no business day is left this month"}
        ),
        "catch_up_limited": MappingProxyType(
            {
                "ja": "今月中に届かせるには初回商談{asked}が必要ですが、通常ペースの{times}倍にとどめています",
                "en": "reaching quota this month would take {asked} new meetings, the plan stops at {times} times the even pace",
            }
        ),
        "even_pace_kept": MappingProxyType(
            {
                "ja": "今月中に届かせるには初回商談{asked}が必要ですが、通常ペースを保ちます",
                "en": "reaching quota this month would take {asked} new meetings, the plan keeps to the even pace",
            }
        ),
        "day_limited": MappingProxyType(
            {
                "ja": "計画が1日に収まらないため、収まる件数まで減らしています",
                "en": "the full plan does not fit in the working day and is cut to what fits",
            }
        ),
        "over_working_time": MappingProxyType(
            {
                "ja": "今の計画は{planned}分の仕事で、残りの{working}分に収まりません",
                "en": "the plan takes {planned} minutes and {working} are left",
            }
        ),
        "levers": MappingProxyType(
            {
                "ja": "どれか1つで全体が収まる条件: {levers}",
                "en": "the full plan would fit with any one of: {levers}",
            }
        ),
        "levers_out_of_reach": MappingProxyType(
            {
                "ja": "{levers}だけでは収まりません",
                "en": "no value of {levers} alone would make it fit",
            }
        ),
        "cut": MappingProxyType(
            {
                "ja": "目標が単価に比べて大きすぎるため、件数を{largest}で切っています。目標の桁を確かめてください",
                "en": "the quota is out of proportion to the price, counts are cut at {largest}: check the quota's digits",
            }
        ),
        "insurance_out_of_reach": MappingProxyType(
            {
                "ja": "チームで確率{chance}に届く件数は、今月の残り日数には収まりません",
                "en": "no number of meetings that fits in the days left gives the team a chance of {chance}",
            }
        ),
        "catch_up": MappingProxyType(
            {
                "ja": "{until}まで1日あたり{more}",
                "en": "{more} a day until {until}",
            }
        ),
        "below_floor": MappingProxyType(
            {
                "ja": "この計画で目標に届く確率は{chance}です。月末までの見込みは{expected}で、残りの日は来月の準備にもあてます",
                "en": "with this plan the chance of quota is {chance}: expect {expected} by the month's end, "
                "and the days left prepare next month too",
            }
        ),
        "mixed_currencies": MappingProxyType(
            {
                "ja": "通貨や単位の異なる目標があるため、金額は合計していません",
                "en": "goals in several currencies or units: money is not added up",
            }
        ),
        "without_forecast": MappingProxyType(
            {
                "ja": "受注確率の出ていない進行中の商談{deals}件は見込みに入れていません",
                "en": "{deals} open deals without a forecast are not credited",
            }
        ),
        "other_currency": MappingProxyType(
            {
                "ja": "目標と通貨の異なる商談{deals}件は計算に入れていません",
                "en": "{deals} deals in another currency than the quota are left out",
            }
        ),
        "from_team": MappingProxyType(
            {"ja": "{measures}はチームの値です", "en": "taken from the team: {measures}"}
        ),
        "from_organization": MappingProxyType(
            {"ja": "{measures}は全社の値です", "en": "taken from the organization: {measures}"}
        ),
        "from_default": MappingProxyType(
            {
                "ja": "{measures}は実績がないため仮の値です",
                "en": "no history yet, assumed: {measures}",
            }
        ),
    }
)


def more_of(measure: str, number: int, language: str) -> str:
    """So many more of an activity: +3 appointments, アポ+3件."""
    name = words(language)["calls_and_mails" if measure == "touches" else measure]
    return (
        f"{name}+{counted(number, language)}" if language == "ja" else f"+{counted(number, language)} {name}"
    )


def day_of_month(day: date, language: str) -> str:
    """A day of the month that is talked about: the 20th, 20日."""
    if language == "ja":
        return f"{day.day}日"
    ending = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return f"the {day.day}{ending}"


def sentence(code: str, language: str, **values: str) -> str:
    """One sentence in the language; English where it has no words of its own."""
    texts = SENTENCES[code]
    return texts.get(language, texts["en"]).format(**values)


def origin_notes(origins: Mapping[str, str], language: str) -> list[tuple[str, str]]:
    """(code, sentence) for every place other than the rep's own history that coefficients came from.

    Args:
        origins: measure → rep, team, organization or default.
    """
    notes = []
    for place in ("team", "organization", "default"):
        measures = [words(language)[measure] for measure, origin in origins.items() if origin == place]
        if measures:
            joined = ("、" if language == "ja" else ", ").join(measures)
            notes.append((f"from_{place}", sentence(f"from_{place}", language, measures=joined)))
    return notes


def joined(sentences: Sequence[str], language: str) -> str:
    """Sentences as one note; empty where there are none."""
    if language == "ja":
        return "".join(f"{text}。" for text in sentences)
    return "; ".join(sentences)


def separate(note: str, language: str) -> list[str]:
    """The sentences of a note one by one, for pages that have a line for each."""
    if language == "ja":
        return [f"{text}。" for text in note.split("。") if text]
    return [text for text in note.split("; ") if text]
