"""One review in words, in the rep's language. CRM text comes in as ``safe`` text only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from dagster_project import wording
from dagster_project.publish.safe_text import safe
from dagster_project.review.reasons import reason_labels

CARDS_SHOWN: Final = 5
LONGEST_NAME: Final = 120

_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "ja": MappingProxyType(
            {
                "done": "【今日の実績(実績/計画)】",
                "cards_done": "今日の一手",
                "no_plan": "今日の計画はありませんでした",
                "left": "【残り】",
                "nothing_left": "なし。今日の分は終わりです。",
                "more": "ほか{n}件",
                "pick": "残った理由を「Gyakusan振り返り」で一つだけ選んでください: {reasons}",
                "tomorrow": "【{day}にまずやること】",
                "nothing_first": "まだ決まっていません。朝の計画をご覧ください。",
                "meeting": "{starts} 商談 {name}",
                "number": "{measure}から始める",
                "separator": "、",
            }
        ),
        "en": MappingProxyType(
            {
                "done": "DONE TODAY (done/planned)",
                "cards_done": "next actions",
                "no_plan": "nothing was planned for today",
                "left": "LEFT",
                "nothing_left": "Nothing. Today is done.",
                "more": "and {n} more",
                "pick": "Pick the one reason in “Gyakusan review”: {reasons}",
                "tomorrow": "FIRST ON {day}",
                "nothing_first": "Nothing set yet: see the plan in the morning.",
                "meeting": "{starts} meeting {name}",
                "number": "start with {measure}",
                "separator": ", ",
            }
        ),
    }
)


@dataclass(frozen=True)
class RepDay:
    """One rep's day: targets and what was done by measure, cards done, cards left by subject, meetings ahead.

    ``next_targets``: the targets of the next business day; ``meetings``: (HH:MM, name) of that day, in order.
    """

    day: date
    next_day: date
    language: str
    targets: Mapping[str, int]
    done: Mapping[str, int]
    cards_done: int
    cards_left: Sequence[str]
    next_targets: Mapping[str, int]
    meetings: Sequence[tuple[str, str]]

    def left(self) -> dict[str, int]:
        """What is left of each measure's target, where anything is."""
        short = {measure: target - self.done.get(measure, 0) for measure, target in self.targets.items()}
        return {measure: number for measure, number in short.items() if number > 0}


def subject(of: RepDay) -> str:
    """「3分ふりかえり 10/15」, "3-minute review 15 Oct"."""
    if of.language == "ja":
        return f"3分ふりかえり {of.day.month}/{of.day.day}"
    return f"3-minute review {wording.day(of.day, 'en')}"


def description(of: RepDay) -> str:
    """Done, left with the one pick, and three things for tomorrow in their order."""
    words = _WORDS["ja" if of.language == "ja" else "en"]
    tomorrow = wording.day(of.next_day, of.language, with_weekday=True)
    first = [f"{place}. {line}" for place, line in enumerate(first_things(of), start=1)]
    lines = [
        words["done"],
        *_done_lines(of, words),
        "",
        words["left"],
        *_left_lines(of, words),
        "",
        words["tomorrow"].format(day=tomorrow),
        *(first or [words["nothing_first"]]),
    ]
    return "\n".join(lines)


def _done_lines(of: RepDay, words: Mapping[str, str]) -> list[str]:
    names = wording.words(of.language)
    measures = {measure: (of.done.get(measure, 0), of.targets.get(measure, 0)) for measure in _order(of)}
    lines = [f"{names[measure]} {done}/{target}" for measure, (done, target) in measures.items()]
    cards = of.cards_done + len(of.cards_left)
    lines += [f"{words['cards_done']} {of.cards_done}/{cards}"] if cards else []
    return lines or [words["no_plan"]]


def _order(of: RepDay) -> list[str]:
    return [name for name in of.targets if of.targets[name] or of.done.get(name)] + [
        name for name in of.done if name not in of.targets and of.done[name]
    ]


def _left_lines(of: RepDay, words: Mapping[str, str]) -> list[str]:
    numbers = [wording.counted_things(number, name, of.language) for name, number in of.left().items()]
    shown = [f"- {_name(card)}" for card in of.cards_left[:CARDS_SHOWN]]
    hidden = len(of.cards_left) - len(shown)
    more = [f"- {words['more'].format(n=hidden)}"] if hidden else []
    what = [words["separator"].join(numbers)] if numbers else []
    if not what and not shown:
        return [words["nothing_left"]]
    pick = words["pick"].format(reasons=" / ".join(reason_labels(of.language)))
    return [*what, *shown, *more, pick]


def first_things(of: RepDay) -> list[str]:
    """At most three, in order: cards that stand, meetings booked, the day's first number; each kind before a second."""
    words = _WORDS["ja" if of.language == "ja" else "en"]
    cards = [_name(card) for card in of.cards_left]
    meetings = [words["meeting"].format(starts=at, name=_name(name)) for at, name in of.meetings]
    first = next(((name, number) for name, number in of.next_targets.items() if number > 0), None)
    numbers = (
        [words["number"].format(measure=wording.counted_things(first[1], first[0], of.language))]
        if first
        else []
    )
    room = 3 - len(numbers)
    kept_meetings = meetings[: max(1, room - len(cards))] if meetings else []
    kept_cards = cards[: room - len(kept_meetings)]
    return [*kept_cards, *kept_meetings, *numbers]


def _name(text: str) -> str:
    shown = safe(text).replace("<", "‹").replace(">", "›").replace("://", ": //")
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"
