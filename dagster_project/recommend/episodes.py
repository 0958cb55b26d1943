"""Trigger episodes: from when a fact holds, until somebody acts on it or it no longer holds.

An *anchor* is the last thing that happened before a silence, a stay or a wait began (a meeting held, a stage
entered). The trigger sets in some days after its anchor; the next anchor begins the next episode. The anchor's record
names the episode, so the same fact never makes two keys, whatever night it is looked at.
"""

from __future__ import annotations

import polars as pl

from dagster_project.recommend.facts import Facts

EPISODE_SCHEMA = pl.Schema(
    {
        "opportunity_id": pl.String(),
        "episode": pl.String(),
        "onset_date": pl.Date(),
        "acted_date": pl.Date(),
        "ended_date": pl.Date(),
        "rep_id": pl.String(),
        "team_id": pl.String(),
        "stage_name": pl.String(),
        "stage_order": pl.Int64(),
        "fact_date": pl.Date(),
        "fact_days": pl.Int64(),
        "fact_count": pl.Int64(),
        "usual_days": pl.Int64(),
        "usual_n": pl.Int64(),
        "fact_record_ids": pl.String(),
    }
)


def as_episodes(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows cut and cast to the columns of an episode; columns a rule has no use for are null."""
    present = set(rows.columns)
    columns = [
        (pl.col(name) if name in present else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in EPISODE_SCHEMA.items()
    ]
    return rows.select(columns).sort("opportunity_id", "onset_date", "episode")


def in_their_stay(facts: Facts, anchors: pl.DataFrame) -> pl.DataFrame:
    """Anchors (`opportunity_id`, `anchor_date`, `anchor_id`) with the stay they fall into and the next anchor's date.

    One anchor per opportunity and day. Anchors before the first stay or after the close are left out.
    """
    stays = facts.spells.select(
        "opportunity_id",
        "spell_id",
        "stage_name",
        "stage_order",
        "rep_id",
        "team_id",
        "entered_date",
        "left_date",
    )
    return (
        anchors.drop_nulls(["opportunity_id", "anchor_date"])
        .sort("opportunity_id", "anchor_date", "anchor_id")
        .filter(~_same_day_follows())
        .with_columns(next_anchor_date=_next_of_same_deal("anchor_date"))
        .join_asof(
            stays.sort("entered_date"),
            left_on="anchor_date",
            right_on="entered_date",
            by="opportunity_id",
            strategy="backward",
            check_sortedness=False,
        )
        .filter(
            pl.col("spell_id").is_not_null()
            & pl.col("left_date").is_null().or_(pl.col("anchor_date") < pl.col("left_date"))
        )
    )


def _same_day_follows() -> pl.Expr:
    """True where the next row, sorted by deal and day, is of the same deal and day."""
    pair = pl.struct("opportunity_id", "anchor_date")
    return (pair == pair.shift(-1)).fill_null(False)


def _next_of_same_deal(column: str) -> pl.Expr:
    """The next row's value where it is of the same deal. Rows must be sorted by deal; much faster than a window."""
    deal = pl.col("opportunity_id")
    return pl.when(deal == deal.shift(-1)).then(pl.col(column).shift(-1))


def stage_entries(facts: Facts) -> pl.DataFrame:
    """One anchor per stay: its first day."""
    return facts.spells.select("opportunity_id", anchor_date="entered_date", anchor_id="spell_id")


def run_episodes(
    facts: Facts, rows: pl.DataFrame, acts: pl.DataFrame, stops: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Rows with `onset_date` (from `in_their_stay`) played forward to `acted_date` and `ended_date`.

    `acts` and `stops` hold `opportunity_id` and a `date`. An act counts from the onset on, as long as the stay goes
    on; a stop (the customer's answer, say), the next anchor and the end of the stay end the episode. Rows whose
    trigger never set in before that are left out, and so is what sets in after `plan_date`.
    """
    begun = rows.filter(
        (pl.col("onset_date") <= facts.plan_date)
        & before(pl.col("onset_date"), pl.col("left_date"))
        & (pl.col("next_anchor_date").is_null() | (pl.col("onset_date") <= pl.col("next_anchor_date")))
    )
    begun = first_after(begun, acts, "acted_date")
    begun = (
        first_after(begun, stops, "stopped_date")
        if stops is not None
        else begun.with_columns(stopped_date=pl.lit(None, pl.Date))
    )
    limit = pl.min_horizontal("next_anchor_date", "stopped_date")
    acted = before(pl.col("acted_date"), pl.col("left_date")) & (
        limit.is_null() | (pl.col("acted_date") <= limit)
    )
    return begun.with_columns(acted_date=pl.when(acted).then(pl.col("acted_date"))).with_columns(
        ended_date=pl.when(pl.col("acted_date").is_not_null())
        .then(pl.col("left_date"))
        .otherwise(pl.min_horizontal("left_date", limit))
    )


def before(earlier: pl.Expr, later: pl.Expr) -> pl.Expr:
    """Strictly before, where no later date means for ever."""
    return earlier.is_not_null() & (later.is_null() | (earlier < later))


def first_after(rows: pl.DataFrame, dates: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows with the first of `dates` (`opportunity_id`, `date`) on or after their `onset_date`, as `name`."""
    known = dates.select("opportunity_id", pl.col("date").alias(name)).drop_nulls().sort(name)
    return rows.sort("onset_date").join_asof(
        known,
        left_on="onset_date",
        right_on=name,
        by="opportunity_id",
        strategy="forward",
        check_sortedness=False,
    )


def booked_until(facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `booked_until`: the latest meeting day put in the calendar before their `onset_date`, else null."""
    booked = (
        facts.appointments.sort("opportunity_id", "created_date", "activity_date")
        .select(
            "opportunity_id",
            "created_date",
            booked_until=pl.col("activity_date").cum_max().over("opportunity_id"),
        )
        .sort("created_date")
    )
    return rows.sort("onset_date").join_asof(
        booked,
        left_on="onset_date",
        right_on="created_date",
        by="opportunity_id",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )


def days_since(facts: Facts, column: str) -> pl.Expr:
    """Whole days from a date column to `as_of_date`."""
    return (pl.lit(facts.as_of_date) - pl.col(column)).dt.total_days()


def record_ids(*columns: str) -> pl.Expr:
    """The Salesforce ids a fact was read from, comma-separated, nulls left out."""
    return pl.concat_str([pl.col(column) for column in columns], separator=",", ignore_nulls=True)
