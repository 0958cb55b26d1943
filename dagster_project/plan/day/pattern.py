"""The day's blocks as a team sets them: morning outbound, afternoon meetings, evening review (method §5, Rhythm)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from itertools import pairwise

BLOCK_NAMES = ("morning", "afternoon", "evening")
REVIEW_MINUTES = 30
FULL_DAY_UNITS = 100


@dataclass(frozen=True)
class Block:
    """One block of the day, half-open [starts, ends) in local time of the rep's zone."""

    name: str
    starts: time
    ends: time

    @property
    def minutes(self) -> int:
        """Length by the clock on the wall, in minutes."""
        return 60 * (self.ends.hour - self.starts.hour) + self.ends.minute - self.starts.minute


DEFAULT_BLOCKS = (
    Block("morning", time(9), time(12)),
    Block("afternoon", time(13), time(17)),
    Block("evening", time(17), time(18)),
)


@dataclass(frozen=True)
class DayPattern:
    """A full working day.

    Attributes:
        blocks: in the order of the day; a team may do without one of them.
        review_minutes: at the end of the day, for the review and setting up tomorrow; no selling is planned in them.
    """

    blocks: tuple[Block, ...] = field(default=DEFAULT_BLOCKS)
    review_minutes: int = REVIEW_MINUTES

    @property
    def minutes(self) -> int:
        """All blocks of a full day."""
        return sum(block.minutes for block in self.blocks)

    @property
    def working_minutes(self) -> int:
        """What a full day leaves for activity: the blocks less the evening review."""
        return max(self.minutes - self.review_minutes, 0)

    def block_minutes(self, units: int, absent_part: str | None = None) -> tuple[int, ...]:
        """Minutes of each block on a day of so many hundredths.

        A short day is worked from its beginning: what it lacks is taken from its end. A half day's absence takes the
        blocks of its half instead: the morning, or all that come after it.

        Args:
            absent_part: morning or afternoon, where the rep is off for that half.
        """
        # The units of a day half taken are half those of the day itself.
        worked = min(max(units * (1 if absent_part is None else 2), 0), FULL_DAY_UNITS)
        left = self.minutes * worked // FULL_DAY_UNITS
        minutes = []
        for block in self.blocks:
            is_morning = block.name == "morning"
            is_off = absent_part == ("morning" if is_morning else "afternoon")
            minutes.append(0 if is_off else min(block.minutes, left))
            left -= minutes[-1]
        return tuple(minutes)


def default_blocks() -> dict[str, tuple[time, time]]:
    """The blocks of a team that has set none, by name."""
    return {block.name: (block.starts, block.ends) for block in DEFAULT_BLOCKS}


@dataclass(frozen=True)
class DefaultMinutes:
    """Minutes of an activity where neither the rep's calendar nor the organisation's knows them.

    Attributes:
        touch_handling: looking up, dialling and noting down one touch, beside the talk itself.
        call: the talk of a call, unanswered ones included.
        appointment: agreeing on a time, invitation and confirmation.
        first_meeting: the meeting itself.
        preparation: preparing, and travelling to, one first meeting; no calendar tells it apart.
    """

    touch_handling: float = 3.0
    call: float = 2.0
    appointment: float = 5.0
    first_meeting: float = 60.0
    preparation: float = 15.0


def pattern_of(blocks: Mapping[str, tuple[time, time]], review_minutes: int = REVIEW_MINUTES) -> DayPattern:
    """A pattern from names and times.

    Raises:
        ValueError: no block, an unknown name, a block that ends before it starts, or two that overlap.
    """
    unknown = set(blocks) - set(BLOCK_NAMES)
    if unknown or not blocks:
        raise ValueError(
            f"blocks are named {', '.join(BLOCK_NAMES)}, not {', '.join(sorted(unknown)) or 'none'}"
        )
    made = tuple(Block(name, *blocks[name]) for name in BLOCK_NAMES if name in blocks)
    for block in made:
        if block.minutes <= 0:
            raise ValueError(f"{block.name} must end after it starts, on the same day")
    for earlier, later in pairwise(made):
        if later.starts < earlier.ends:
            raise ValueError(f"{later.name} must not start before {earlier.name} ends")
    return DayPattern(made, review_minutes)
