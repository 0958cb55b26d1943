"""Figures of the organisation's deals by segment: a segment shrinks to the organisation as a team does (method §2)."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from dagster_project.estimate.scoped_incidence import incidence_table
from dagster_project.estimate.scopes import TEAM
from dagster_project.estimate.velocity import velocity_table

SEGMENT = "segment"
MONTH_ENDS = 12
Table = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def shown_windows(windows: pl.DataFrame) -> pl.DataFrame:
    """Those in which segments are shown: last night's and the from-to ones, and those of the MONTH_ENDS month ends before.

    Segments are computed anew every night, because which deals are large follows from all of them.
    """
    day = pl.col("as_of_date")
    ends = windows.filter(day == day.dt.month_end())["as_of_date"].unique().sort().tail(MONTH_ENDS)
    return windows.filter(pl.col("is_last_night") | day.is_in(ends.implode()))


def segment_incidence(units: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `incidence_table` of stays, one per segment instead of scope, with segment_kind and segment.

    `units`: rows as for `incidence_table` with segment_kind and segment instead of team_id and rep_id.
    """
    return _by_segment(units.filter(unit_kind="stage"), windows, incidence_table)


def segment_velocity(units: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `velocity_table`, one per segment instead of scope, with segment_kind and segment.

    `units`: rows as for `velocity_table` with segment_kind and segment instead of team_id and rep_id.
    """
    return _by_segment(units.filter(unit_kind="deal"), windows, velocity_table)


def _by_segment(units: pl.DataFrame, windows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Each kind of segment apart, for every deal is in one segment of each; scope_id is segment_kind/segment."""
    kinds = units["segment_kind"].unique().sort().to_list()
    frames = [_one_kind(units.filter(segment_kind=kind), windows, table, kind) for kind in kinds]
    return pl.concat([_one_kind(units.clear(), windows, table, ""), *frames])


def _one_kind(units: pl.DataFrame, windows: pl.DataFrame, table: Table, kind: str) -> pl.DataFrame:
    owned = units.with_columns(team_id="segment", rep_id=pl.lit(None, pl.String))
    return (
        table(owned, windows)
        .filter(scope_kind=TEAM)
        .with_columns(
            scope_kind=pl.lit(SEGMENT),
            scope_id=pl.concat_str(pl.lit(f"{kind}/"), "scope_id"),
            segment_kind=pl.lit(kind),
            segment="scope_id",
        )
    )
