"""Teams and the organisation beside their reps: sums of the reps' numbers, a tree from their own coefficients.

Whole numbers and money of a team are sums over its reps, so that a page of reps adds up to the line below it: what one
rep has won beyond the quota does not shrink what the others still have to win. Chances are not sums; they come from
the joint draws (``chances``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from dagster_project.plan.coefficients import average_cycles, rep_coefficients
from dagster_project.plan.columns import SCOPE_KEY
from dagster_project.plan.counts import LARGEST_COUNT
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.rep_month import coefficients_of
from dagster_project.plan.tree import back_cast, whole

MONEY_SUMS = (
    "quota_amount",
    "goal_amount",
    "won_amount_to_date",
    "remaining_amount",
    "in_flight_expected_amount",
    "gap_amount",
    "expected_amount",
)
COUNT_SUMS = (
    "in_flight_deals",
    *(f"planned_{measure}" for measure in ("won_deals", "meetings", "appointments", "touches")),
    *(f"done_{measure}" for measure in ("won_deals", "meetings", "appointments", "touches")),
    "booked_appointments",
    "meetings_for_next_months",
    "days_left",
    "planned_minutes",
    "working_minutes",
)


def members(reps: pl.DataFrame) -> pl.DataFrame:
    """One row per rep of each team and of the organisation: scope_kind, scope_id, rep_id."""
    teams = reps.drop_nulls("team_id").select("rep_id", scope_kind=pl.lit("team"), scope_id=pl.col("team_id"))
    everybody = reps.select("rep_id", scope_kind=pl.lit("organization"), scope_id=pl.lit(""))
    return pl.concat([teams, everybody]).select(*SCOPE_KEY, "rep_id")


def as_rep_rows(table: pl.DataFrame) -> pl.DataFrame:
    """A table of reps with the columns that say whose row it is."""
    return table.with_columns(scope_kind=pl.lit("rep"), scope_id=pl.col("rep_id"))


def known_sum(column: str) -> pl.Expr:
    """The sum of what is known; null where nothing is."""
    return pl.when(pl.col(column).is_not_null().any()).then(pl.col(column).sum()).alias(column)


def scope_sums(reps: pl.DataFrame) -> pl.DataFrame:
    """One row per team, by id, and one of the organisation: money and counts of their reps added up.

    Money is null, and so is the currency, where reps have money or goals in several units.
    """
    has_money = (
        pl.sum_horizontal(
            pl.col("goal_amount", "won_amount_to_date", "in_flight_expected_amount").fill_null(0.0)
        )
        > 0
    )
    units = pl.col("goal_unit").filter(has_money).n_unique()
    measures = pl.col("goal_measure").filter(has_money)
    rows = (
        members(reps)
        .join(reps, on="rep_id", how="left")
        .group_by(SCOPE_KEY)
        .agg(
            *(known_sum(column) for column in (*MONEY_SUMS, *COUNT_SUMS)),
            pl.col("business_days_left").max(),
            pl.col("reset_date").max(),
            is_mixed=units > 1,
            goal_source=pl.lit("reps"),
            currency=pl.col("currency").sort_by(~has_money, "rep_id").first(),
            goal_unit=pl.col("goal_unit").sort_by(~has_money, "rep_id").first(),
            goal_measure=pl.when(measures.n_unique() == 1)
            .then(measures.first())
            .otherwise(pl.lit("revenue")),
            price_of_reps=pl.col("average_price").mean(),
            language=pl.col("language").mode().sort().first(),
            won_in_time_share=(pl.col("won_in_time_share") * pl.col("days_left")).sum()
            / pl.col("days_left").sum().clip(lower_bound=1e-9),
        )
    )
    one_unit = (
        pl.when(~pl.col("is_mixed")).then(pl.col(name)).alias(name)
        for name in (*MONEY_SUMS, "currency", "goal_measure")
    )
    kinds = pl.col("scope_kind").cast(pl.Enum(["team", "organization"]))
    return rows.with_columns(one_unit).sort(kinds, "scope_id")


def scope_table(reps: pl.DataFrame, inputs: PlanInputs) -> pl.DataFrame:
    """One row per team and one of the organisation: ``scope_sums``, own coefficients, and the tree from these."""
    sums = scope_sums(reps)
    # A rep without history has exactly the coefficients of the team, and without a team those of the organisation.
    stand_in = pl.concat_str(pl.lit("\x00"), "scope_kind", pl.lit("/"), "scope_id")
    newcomers = sums.select(
        rep_id=stand_in,
        team_id=pl.when(pl.col("scope_kind") == "team").then("scope_id"),
        language=pl.lit(None, pl.String),
        is_active=pl.lit(True),
        email=pl.lit(None, pl.String),
    )
    missing = [name for name in inputs.reps.columns if name not in newcomers.columns]
    newcomers = newcomers.with_columns(pl.lit(None, inputs.reps.schema[name]).alias(name) for name in missing)
    own = replace(inputs, reps=newcomers)
    table = (
        sums.with_columns(rep_id=stand_in)
        .join(rep_coefficients(own), on="rep_id", how="left", maintain_order="left")
        .join(average_cycles(own), on="rep_id", how="left", maintain_order="left")
        .with_columns(
            # The marts' prices are in the organisation's currency; reps' goals may be in another unit.
            average_price=pl.when(pl.col("goal_unit") == inputs.currency)
            .then(pl.coalesce("average_price", "price_of_reps"))
            .otherwise("price_of_reps"),
            rep_id=pl.lit(None, pl.String),
        )
    )
    return pl.concat([table, _tree(table)], how="horizontal")


def _tree(table: pl.DataFrame) -> pl.DataFrame:
    coefficients = coefficients_of(table)
    to_win = back_cast(table["remaining_amount"].fill_null(0.0).to_numpy(), coefficients).won_deals
    tree = back_cast(table["gap_amount"].fill_null(0.0).to_numpy(), coefficients)
    numbers = {
        "needed_won_deals": to_win,
        "new_won_deals": tree.won_deals,
        "needed_meetings": tree.meetings,
        "needed_appointments": tree.appointments,
        "needed_touches": tree.touches,
    }
    is_known = table["remaining_amount"].is_not_null().to_numpy() | ~table["is_mixed"].to_numpy()
    return pl.DataFrame(
        {
            name: pl.Series(whole(np.minimum(number, LARGEST_COUNT)), dtype=pl.Int64).set(
                pl.Series(~is_known), None
            )
            for name, number in numbers.items()
        }
    )


def scope_steps(steps: pl.DataFrame, reps: pl.DataFrame) -> pl.DataFrame:
    """Steps of teams and of the organisation: every period's and measure's whole numbers added up over the reps."""
    period = (*SCOPE_KEY, "level", "period_start", "measure")
    return (
        members(reps)
        .join(steps.drop(SCOPE_KEY, strict=False), on="rep_id")
        .group_by(period)
        .agg(
            pl.col("period_end").max(),
            *(known_sum(column) for column in ("target", "promised", "done")),
        )
    )
