"""Must do and can wait: the day's two lists, each line with its reason (method §5, Rhythm)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

import polars as pl

from dagster_project.plan.day.words import CAN_WAIT, LANGUAGES, LINES
from dagster_project.recommend.text import filled, harmless

MUST_DO, CAN_WAIT_LIST = "must_do", "can_wait"
LISTED_TASKS = 10
# What has been overdue for longer is no promise of today's; it is counted.
OVERDUE_DAYS = 30
LISTED_TO_WAIT = 10
NEARNESS = MappingProxyType({"still_on_list": 0, "can_wait": 1, "block_is_full": 1})

DAY_LIST_SCHEMA = pl.Schema(
    {
        "plan_date": pl.Date,
        "rep_id": pl.String,
        "list": pl.String,
        "place": pl.Int64,
        "block": pl.String,
        "text": pl.String,
        "reason": pl.String,
        "action_key": pl.String,
        "activity_id": pl.String,
    }
)


def day_list(
    plan_date: date,
    reps: pl.DataFrame,
    blocks: pl.DataFrame,
    actions: pl.DataFrame,
    candidates: pl.DataFrame,
    events: pl.DataFrame,
    tasks: pl.DataFrame,
) -> pl.DataFrame:
    """One row per line of a rep's list, in order, as ``DAY_LIST_SCHEMA``; ``place`` counts from 1 in each list.

    Must do: today's cards by rank, customer meetings in the calendar, the rep's own tasks due or overdue (at most
    ``LISTED_TASKS`` of the last ``OVERDUE_DAYS`` days, the latest due first), the day's outbound numbers. Can wait: what was weighed and left out (at most
    ``LISTED_TO_WAIT``). What is beyond is a line with its count. A rep who does not work that day has meetings only.

    Args:
        reps: rep_id, language.
        blocks: ``day_blocks`` of the day.
        actions, candidates: of the day; candidates that the hold-out would withhold must not be among them.
        events: ``day_events.local_events``.
        tasks: ``DayInputs.tasks``.
    """
    parts = []
    for language in LANGUAGES:
        own = reps.filter(pl.col("language").fill_null("en").is_in(["ja"]) == (language == "ja"))
        words = LINES[language]
        works = _working(own, blocks)
        parts += [
            _cards(works, actions),
            _meetings(own, events, blocks, plan_date, words),
            *_tasks(works, tasks, plan_date, words),
            *(_number(works, blocks, measure, words) for measure in ("touches", "appointments")),
            *_to_wait(works, candidates, CAN_WAIT[language], words),
        ]
    ordered = pl.concat(parts, how="diagonal").sort("rep_id", "list", "part", "order", descending=_DESCENDING)
    place = pl.int_range(1, pl.len() + 1).over("rep_id", "list")
    return ordered.with_columns(plan_date=pl.lit(plan_date), place=place).select(
        pl.col(name).cast(kind) for name, kind in DAY_LIST_SCHEMA.items()
    )


# "must_do" comes before "can_wait".
_DESCENDING = [False, True, False, False]


def _line(rows: pl.DataFrame, list_name: str, part: int, **columns: pl.Expr) -> pl.DataFrame:
    """Rows as lines of one part of a list, in the order the rows come in."""
    empty = {
        name: pl.lit(None, pl.String)
        for name in ("block", "reason", "action_key", "activity_id")
        if name not in columns
    }
    return rows.select(
        "rep_id", list=pl.lit(list_name), part=pl.lit(part), order=pl.int_range(pl.len()), **empty, **columns
    )


def _working(reps: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """Reps who work that day, or of whom no day is planned."""
    off = blocks.group_by("rep_id").agg(pl.col("minutes").sum()).filter(pl.col("minutes") == 0)
    return reps.join(off, on="rep_id", how="anti")


def _cards(reps: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    rows = actions.join(reps.select("rep_id"), on="rep_id", how="semi").sort("rep_id", "rank", "action_key")
    return _line(
        rows,
        MUST_DO,
        1,
        block=pl.col("block"),
        text=pl.col("subject"),
        reason=pl.col("fact"),
        action_key=pl.col("action_key"),
    )


def _meetings(
    reps: pl.DataFrame, events: pl.DataFrame, blocks: pl.DataFrame, plan_date: date, words: Mapping[str, str]
) -> pl.DataFrame:
    """Customer events that start on the day, and those that take all of it."""
    today = pl.col("is_all_day") | (pl.col("starts_local").dt.date() == plan_date)
    rows = events.filter(pl.col("has_customer") & today).join(reps.select("rep_id"), on="rep_id", how="semi")
    rows = rows.join(_block_of_event(rows, blocks), on="activity_id", how="left", maintain_order="left")
    clock = pl.format(
        "{}–{} ", pl.col("starts_local").dt.strftime("%H:%M"), pl.col("ends_local").dt.strftime("%H:%M")
    )
    times = pl.when(pl.col("is_all_day")).then(pl.lit("")).otherwise(clock)
    return _line(
        rows.sort("rep_id", ~pl.col("is_all_day"), "starts_local", "activity_id"),
        MUST_DO,
        2,
        block=pl.col("block"),
        text=pl.concat_str(times, harmless(pl.col("subject"))),
        reason=pl.lit(words["booked"]),
        activity_id=pl.col("activity_id"),
    )


def _block_of_event(events: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """One row per event in a block: the last begun when it starts, the first where none has."""
    begun = blocks.drop_nulls("start_time").select("rep_id", "block", "start_time")
    has_begun = pl.col("start_time") <= pl.col("starts_local").dt.strftime("%H:%M")
    return (
        events.filter(~pl.col("is_all_day"))
        .join(begun, on="rep_id")
        .sort("start_time")
        .group_by("activity_id")
        .agg(block=pl.coalesce(pl.col("block").filter(has_begun).last(), pl.col("block").first()))
    )


def _tasks(
    reps: pl.DataFrame, tasks: pl.DataFrame, plan_date: date, words: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was promised for today or before, and a line that counts what is not listed."""
    due = pl.col("due_date").dt.strftime(words["due_format"])
    rows = (
        tasks.filter(pl.col("due_date") <= plan_date)
        .join(reps.select("rep_id"), on="rep_id", how="semi")
        .sort(["rep_id", "due_date", "activity_id"], descending=[False, True, False])
        .with_columns(due=due, of_rep=pl.int_range(pl.len()).over("rep_id"))
    )
    is_today = pl.col("due_date") == plan_date
    since = plan_date - timedelta(days=OVERDUE_DAYS)
    is_listed = (pl.col("of_rep") < LISTED_TASKS) & (pl.col("due_date") >= since)
    listed = _line(
        rows.filter(is_listed),
        MUST_DO,
        3,
        text=harmless(pl.col("subject")),
        reason=pl.when(is_today).then(pl.lit(words["due_today"])).otherwise(filled(words["overdue"])),
        activity_id=pl.col("activity_id"),
    )
    return listed, _counted(rows.filter(~is_listed), 3, words, "more_tasks")


def _number(reps: pl.DataFrame, blocks: pl.DataFrame, measure: str, words: Mapping[str, str]) -> pl.DataFrame:
    """The day's outbound touches, or appointments, with what of them the free minutes cannot hold."""
    left = pl.col(f"left_{measure}").sum()
    rows = (
        blocks.join(reps.select("rep_id"), on="rep_id", how="semi")
        .group_by("rep_id")
        .agg(
            number=pl.col(measure).sum() + left,
            left=left,
            block=pl.col("block").filter(pl.col(measure) > 0).first(),
        )
        .filter(pl.col("number") > 0)
        .sort("rep_id")
    )
    fits = pl.col("left") == 0
    return _line(
        rows,
        MUST_DO,
        4 if measure == "touches" else 5,
        block=pl.col("block"),
        text=filled(words[measure]),
        reason=pl.when(fits).then(pl.lit(words["planned"])).otherwise(filled(words["too_many"])),
    )


def _to_wait(
    reps: pl.DataFrame, candidates: pl.DataFrame, reasons: Mapping[str, str], words: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was weighed and left out, and a line for the rest.

    First what still stands, then what only lacked a place or minutes today; the most valuable first in each.
    """
    reason = pl.col("left_out_reason")
    nearness = reason.replace_strict(NEARNESS, default=len(NEARNESS), return_dtype=pl.Int64)
    by = ["rep_id", "nearness", "gain_amount", "action_key"]
    rows = (
        candidates.filter(reason.is_in(list(reasons)))
        .join(reps.select("rep_id"), on="rep_id", how="semi")
        .with_columns(nearness=nearness)
        .sort(by, descending=[False, False, True, False])
        .with_columns(of_rep=pl.int_range(pl.len()).over("rep_id"))
    )
    listed = _line(
        rows.filter(pl.col("of_rep") < LISTED_TO_WAIT),
        CAN_WAIT_LIST,
        1,
        block=pl.col("block"),
        text=pl.col("subject"),
        reason=reason.replace_strict(reasons, default=None, return_dtype=pl.String),
        action_key=pl.col("action_key"),
    )
    return listed, _counted(rows.filter(pl.col("of_rep") >= LISTED_TO_WAIT), 2, words, "more")


def _counted(rows: pl.DataFrame, part: int, words: Mapping[str, str], line: str) -> pl.DataFrame:
    """One line per rep that counts what is not listed."""
    counts = rows.group_by("rep_id").agg(number=pl.len()).sort("rep_id")
    return _line(counts, CAN_WAIT_LIST, part, text=filled(words[line]), reason=pl.lit(words["not_shown"]))
