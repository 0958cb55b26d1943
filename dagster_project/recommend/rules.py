"""What an action type declares: when it fires, what counts as acting, what it costs and how it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from dagster_project.recommend.facts import Facts

Block = Literal["morning", "afternoon", "evening"]
Language = Literal["ja", "en"]
GainKind = Literal["win_probability", "freed_minutes", "none"]
BLOCKS: tuple[Block, ...] = ("morning", "afternoon", "evening")
LANGUAGES: tuple[Language, ...] = ("ja", "en")


@dataclass(frozen=True)
class Templates:
    """Text of a card in one language; `{account}`, `{stage}`, `{fact_days}` … are filled in by card.py."""

    subject: str
    fact: str
    comparison: str


@dataclass(frozen=True)
class ActionType:
    """One kind of action. `name` is at most 24 characters: it is part of every action key.

    `prior_gain` is the stated prior mean of P(win in 90 days | acted) − P(… | left alone), used until the own history
    says more. `life_days`: how long a card stands, and how long "left alone" lasts in the trial. `trial_days`: last day
    after onset on which a trial starts. `has_past`: past episodes can be rebuilt from the marts. `looks_ahead`: fires for
    what is due on the plan date. `repeat_after_days`: silence after a card of this type on the same deal.
    """

    name: str
    trigger: str
    acting: str
    lever: str
    minutes: int
    block: Block
    life_days: int
    templates: Mapping[Language, Templates]
    episodes: Callable[[Facts], pl.DataFrame]
    prior_gain: float = 0.0
    trial_days: int = 14
    rests_on_absence: bool = False
    has_past: bool = True
    looks_ahead: bool = False
    is_data_card: bool = False
    repeat_after_days: int = 14
    gain_kind: GainKind = "win_probability"
