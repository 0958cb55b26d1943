"""The facts every rule reads, in one shape: dates in the organisation's zone, one row per opportunity, stay or activity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Final

import polars as pl

from dagster_project.recommend.keys import with_draw

MOST_OPPORTUNITIES: Final = 60_000
NO_THRESHOLDS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Facts:
    """What is known at the end of `as_of_date`, for cards that will be read on `plan_date`.

    `opportunities`: one row per opportunity; `is_sampled` marks those the gain estimates use. `spells`: one row per stay in a stage, with `entered_date`,
    `left_date` (null while it goes on). `activities`: one row per activity tied to an opportunity, with
    `created_date`. `p_win`: one row per open opportunity, P(win in 90 days).
    `thresholds`: days a team has set itself, by action type; they replace the quantiles of its won deals.
    """

    as_of_date: date
    plan_date: date
    opportunities: pl.DataFrame
    spells: pl.DataFrame
    activities: pl.DataFrame
    p_win: pl.DataFrame
    holidays: tuple[date, ...] = ()
    thresholds: Mapping[str, int] = field(default_factory=lambda: NO_THRESHOLDS)

    def open_opportunities(self) -> pl.DataFrame:
        """One row per opportunity open on `as_of_date`."""
        return self.opportunities.filter(pl.col("status") == "open")

    def open_spells(self) -> pl.DataFrame:
        """One row per open opportunity: the stay it is in now."""
        return self.spells.filter(pl.col("left_date").is_null())

    def won_ids(self) -> pl.DataFrame:
        """One row per won opportunity: `opportunity_id`."""
        return self.opportunities.filter(pl.col("status") == "won").select("opportunity_id")

    @cached_property
    def happened(self) -> pl.DataFrame:
        """One row per activity that took place by `as_of_date`; our own open tasks are not the rep's doing."""
        took_place = pl.col("is_touch") | pl.col("is_inbound") | pl.col("is_meeting_held")
        return self.activities.filter(took_place & (pl.col("activity_date") <= self.as_of_date))

    @cached_property
    def appointments(self) -> pl.DataFrame:
        """One row per customer meeting put in the calendar by `as_of_date`, held or not."""
        return self.activities.filter(pl.col("is_appointment") & (pl.col("created_date") <= self.as_of_date))


def prepare_facts(
    *,
    as_of_date: date,
    plan_date: date,
    time_zone: str,
    opportunities: pl.DataFrame,
    spells: pl.DataFrame,
    activities: pl.DataFrame,
    win_ahead: pl.DataFrame,
    holidays: Sequence[date] = (),
    thresholds: Mapping[str, int] = NO_THRESHOLDS,
    most_opportunities: int = MOST_OPPORTUNITIES,
) -> Facts:
    """The marts in the shape the rules read. `time_zone` is the organisation's, an IANA name.

    Gains are estimated on about `most_opportunities` deals, the same ones every night, drawn without regard to what
    became of them. Stays and activities of closed deals outside that sample are left out: nothing reads them.
    """
    deals = _opportunities(opportunities, time_zone, most_opportunities)
    read = deals.filter(pl.col("is_sampled") | (pl.col("status") == "open")).select("opportunity_id")
    spells = spells.join(read, on="opportunity_id", how="semi")
    activities = activities.join(read, on="opportunity_id", how="semi")
    return Facts(
        as_of_date=as_of_date,
        plan_date=plan_date,
        opportunities=deals,
        spells=_spells(spells, deals, time_zone),
        activities=_activities(activities, time_zone),
        p_win=_p_win(win_ahead),
        holidays=tuple(sorted(holidays)),
        thresholds=thresholds,
    )


def local_date(column: str, dtype: pl.DataType, time_zone: str) -> pl.Expr:
    """The calendar day of an instant in the organisation's zone; a date stays as it is, a naive time is UTC."""
    if not isinstance(dtype, pl.Datetime):
        return pl.col(column).cast(pl.Date)
    instant = pl.col(column) if dtype.time_zone else pl.col(column).dt.replace_time_zone("UTC")
    return instant.dt.convert_time_zone(time_zone).dt.date()


def _opportunities(rows: pl.DataFrame, time_zone: str, most_sampled: int) -> pl.DataFrame:
    deals = _sampled(rows.filter(pl.col("status") != "deleted"), most_sampled)
    amount = pl.col("amount").cast(pl.Float64)
    missing = pl.col("amount_is_missing").fill_null(True) | amount.is_null()
    return deals.with_columns(
        amount=pl.when(missing).then(None).otherwise(amount),
        amount_is_missing=missing,
        next_meeting_date=local_date("next_meeting_at", rows.schema["next_meeting_at"], time_zone),
    )


def _sampled(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    if rows.height <= most:
        return rows.with_columns(is_sampled=pl.lit(True))
    named = rows.with_columns(action_type=pl.lit("sample"), episode=pl.lit(""))
    drawn = with_draw(named, salt="gain").drop("action_type", "episode")
    return drawn.with_columns(is_sampled=pl.col("draw") < most / rows.height).drop("draw")


def _spells(rows: pl.DataFrame, opportunities: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    owner = opportunities.select("opportunity_id", "status", owner_id="rep_id")
    return (
        rows.with_columns(
            entered_date=local_date("entered_at", rows.schema["entered_at"], time_zone),
            left_date=local_date("left_at", rows.schema["left_at"], time_zone),
        )
        .join(owner, on="opportunity_id", how="left")
        .with_columns(
            # An open deal belongs to whoever owns it tonight, whatever its stay was recorded under.
            rep_id=pl.when(pl.col("left_date").is_null())
            .then(pl.coalesce("owner_id", "rep_id"))
            .otherwise(pl.coalesce("rep_id", "owner_id"))
        )
        # Resting in a closed stage is no stay: nobody waits for a deal that is over.
        .filter(pl.col("left_date").is_not_null() | (pl.col("status") == "open"))
        .drop("owner_id", "status")
        .sort("opportunity_id", "entered_date", "spell_number")
    )


def _activities(rows: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    flags = [
        "is_touch",
        "is_inbound",
        "is_appointment",
        "is_meeting_held",
        "is_scheduled",
        "is_done",
        "is_own_write",
    ]
    return rows.with_columns(
        pl.col(flags).fill_null(False),
        created_date=local_date("created_at", rows.schema["created_at"], time_zone),
        activity_date=pl.col("activity_date").cast(pl.Date),
    )


def _p_win(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.filter(pl.col("horizon_kind") == "90_days")
        .select(
            "opportunity_id",
            p_win=pl.col("p_win").cast(pl.Float64),
            p_win_upper=pl.col("upper_80").cast(pl.Float64),
        )
        .unique("opportunity_id", keep="first", maintain_order=True)
    )
