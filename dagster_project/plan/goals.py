"""What each rep has to win this month, and what is already won or under way (method §5)."""

from __future__ import annotations

import polars as pl

from dagster_project.log_odds import log_odds_spread
from dagster_project.plan.coefficients import active_reps
from dagster_project.plan.inputs import LARGEST_MONEY, PlanInputs


def rep_goals(inputs: PlanInputs) -> pl.DataFrame:
    """One row per active rep, by id: the month's goal and what is won of it.

    Columns: rep_id, team_id, language, quota_amount (null without quota), goal_amount (the quota; the rep's own pace
    where there is none; null without either), currency, goal_source (the quota's source, ``own_pace`` or ``none``),
    won_amount_to_date, done_won_deals, won_other_currency (number of deals left out).
    """
    table = (
        active_reps(inputs.reps)
        .join(_quotas_of_month(inputs), on="rep_id", how="left")
        .join(_own_pace(inputs), on="rep_id", how="left")
        .with_columns(
            goal_amount=pl.coalesce("quota_amount", "own_pace_amount"),
            goal_source=pl.when(pl.col("quota_amount").is_not_null())
            .then(pl.col("source").fill_null("quota"))
            .when(pl.col("own_pace_amount").is_not_null())
            .then(pl.lit("own_pace"))
            .otherwise(pl.lit("none")),
            currency=pl.col("currency").fill_null(inputs.currency),
            language=pl.col("language").fill_null("en"),
        )
    )
    return table.join(_won_to_date(inputs, table), on="rep_id", how="left").with_columns(
        pl.col("won_amount_to_date").fill_null(0.0),
        pl.col("done_won_deals", "won_other_currency").fill_null(0),
    )


def _quotas_of_month(inputs: PlanInputs) -> pl.DataFrame:
    """One row per rep; several quotas of one month (product lines) add up within the first's currency."""
    month = inputs.quotas.filter(
        pl.col("month_start_date") == inputs.month_start_date, pl.col("quota_amount").is_finite()
    ).with_columns(pl.col("currency").fill_null(inputs.currency))
    return (
        month.sort("rep_id", "source", "currency")
        .filter(pl.col("currency") == pl.col("currency").first().over("rep_id"))
        .group_by("rep_id")
        .agg(
            pl.col("quota_amount").sum().clip(0.0, LARGEST_MONEY),
            pl.col("currency").first(),
            pl.col("source").first(),
        )
    )


def _own_pace(inputs: PlanInputs) -> pl.DataFrame:
    """Revenue a day over the chosen window × days of the month: the goal of a rep who was given none."""
    days_of_month = (inputs.month_end_date - inputs.month_start_date).days + 1
    return inputs.revenue_velocity.filter(
        pl.col("scope_kind") == "rep",
        pl.col("window_name") == inputs.parameters.window_name,
        pl.col("rv_realised").is_finite() & (pl.col("rv_realised") > 0),
    ).select(
        rep_id=pl.col("scope_id"),
        own_pace_amount=(pl.col("rv_realised") * days_of_month).clip(upper_bound=LARGEST_MONEY),
    )


def _won_to_date(inputs: PlanInputs, goals: pl.DataFrame) -> pl.DataFrame:
    is_other = _is_other_currency()
    won = inputs.opportunities.filter(
        pl.col("status") == "won",
        pl.col("closed_date").is_between(inputs.month_start_date, inputs.as_of_date),
    )
    return (
        won.join(goals.select("rep_id", goal_currency="currency"), on="rep_id")
        .group_by("rep_id")
        .agg(
            won_amount_to_date=pl.col("amount").filter(~is_other).sum(),
            done_won_deals=(~is_other).sum().cast(pl.Int64),
            won_other_currency=is_other.sum().cast(pl.Int64),
        )
    )


def _is_other_currency() -> pl.Expr:
    return pl.col("currency").ne(pl.col("goal_currency")).fill_null(False)


def deals_in_flight(inputs: PlanInputs, goals: pl.DataFrame, coefficients: pl.DataFrame) -> pl.DataFrame:
    """One row per open deal of a planned rep that can be credited, by rep and deal.

    Columns: rep_id, opportunity_id, amount (the rep's average price where the deal has none), chance (P(won by the
    month's end | stage, age, calendar)), spread (standard deviation of its log-odds), is_credited. A deal in another
    currency than the goal, or without a forecast, is not credited.
    """
    at_month_end = inputs.win_ahead.filter(pl.col("horizon_date") == inputs.month_end_date)
    return (
        inputs.opportunities.filter(pl.col("status") == "open")
        .join(goals.select("rep_id", goal_currency="currency"), on="rep_id")
        .join(coefficients.select("rep_id", "average_price", "win_rate_spread"), on="rep_id")
        .join(at_month_end.unique("opportunity_id", keep="first"), on="opportunity_id", how="left")
        .select(
            "rep_id",
            "opportunity_id",
            amount=pl.col("amount").fill_null(pl.col("average_price")).fill_null(0.0).clip(lower_bound=0.0),
            chance=pl.col("p_win").fill_nan(None).clip(0.0, 1.0),
            spread=log_odds_spread(pl.col("lower_80"), pl.col("upper_80")).fill_null(
                pl.col("win_rate_spread")
            ),
            is_other_currency=_is_other_currency(),
        )
        .with_columns(is_credited=pl.col("chance").is_not_null() & ~pl.col("is_other_currency"))
        .sort("rep_id", "opportunity_id")
    )


def credit_by_rep(deals: pl.DataFrame) -> pl.DataFrame:
    """One row per rep with open deals.

    Columns: rep_id, in_flight_deals, in_flight_expected_amount (Σ chance × amount), open_other_currency,
    open_without_forecast (numbers of deals left out).
    """
    is_credited = pl.col("is_credited")
    return deals.group_by("rep_id").agg(
        in_flight_deals=is_credited.sum().cast(pl.Int64),
        in_flight_expected_amount=(pl.col("chance") * pl.col("amount")).filter(is_credited).sum(),
        open_other_currency=pl.col("is_other_currency").sum().cast(pl.Int64),
        open_without_forecast=(pl.col("chance").is_null() & ~pl.col("is_other_currency"))
        .sum()
        .cast(pl.Int64),
    )
