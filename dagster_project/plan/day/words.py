"""The words of the day's two lists, in the rep's language."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGES = ("ja", "en")

# Why a line can wait, by the reason a candidate was left out; what is not named here is not for the list.
CAN_WAIT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ja": MappingProxyType(
            {
                "still_on_list": "前の日からリストに残っています",
                "can_wait": "今日選んだものを先にします",
                "block_is_full": "その時間帯には収まりません",
                "other_card_for_this_deal": "同じ商談に別の一手があります",
                "shown_recently": "最近お知らせしたばかりです",
                "dismissed": "先日リストから外したものです",
                "not_worth_the_minutes": "かかる時間に見合いません",
            }
        ),
        "en": MappingProxyType(
            {
                "still_on_list": "still on your list from an earlier day",
                "can_wait": "today's chosen ones come first",
                "block_is_full": "does not fit in its part of the day",
                "other_card_for_this_deal": "the same deal has another action",
                "shown_recently": "shown to you recently",
                "dismissed": "you put it aside recently",
                "not_worth_the_minutes": "not worth the minutes it takes",
            }
        ),
    }
)

LINES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ja": MappingProxyType(
            {
                "booked": "予定に入っています",
                "due_today": "今日が期限です",
                "overdue": "期限を過ぎています({due})",
                "due_format": "%-m月%-d日",
                "touches": "接触(架電・メール) {number}件",
                "appointments": "アポ獲得 {number}件",
                "planned": "今日の計画です",
                "too_many": "今日の計画です(うち{left}件は空き時間に収まりません)",
                "more": "ほか{number}件",
                "more_tasks": "期限を過ぎたタスク ほか{number}件",
                "not_shown": "一覧には出していません",
            }
        ),
        "en": MappingProxyType(
            {
                "booked": "in your calendar",
                "due_today": "due today",
                "overdue": "overdue since {due}",
                "due_format": "%-d %b",
                "touches": "{number} touches",
                "appointments": "{number} appointments to set",
                "planned": "today's part of the plan",
                "too_many": "today's part of the plan; {left} of them do not fit in the free minutes",
                "more": "{number} more",
                "more_tasks": "{number} more overdue tasks",
                "not_shown": "not listed",
            }
        ),
    }
)
