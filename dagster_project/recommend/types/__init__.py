"""The action types on offer, in a fixed order. A new type is a file beside these and a line here."""

from __future__ import annotations

from dagster_project.recommend.rules import ActionType
from dagster_project.recommend.types import (
    add_amount,
    book_next_meeting,
    break_silence,
    confirm_close_date,
    confirm_meeting,
    disqualify,
    follow_up_proposal,
    prepare_close,
    unstick_stage,
)

ACTION_TYPES: tuple[ActionType, ...] = (
    book_next_meeting.RULE,
    follow_up_proposal.RULE,
    unstick_stage.RULE,
    break_silence.RULE,
    confirm_close_date.RULE,
    prepare_close.RULE,
    disqualify.RULE,
    confirm_meeting.RULE,
    add_amount.RULE,
)
