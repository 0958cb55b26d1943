"""What each rep has to win this month, and what is already won or under way (method §5).

A goal is money (revenue, or revenue velocity × the calendar days of the month) or a number of won deals. All amounts of
a rep are in the goal's unit: of a goal in deals, every deal weighs 1.
"""

from __future__ import annotations

import polars as pl

from dagster_project.log_odds import log_odds_spread
from dagster_project.plan.coefficients import active_reps
from dagster_project.plan.inputs import LARGEST_MONEY, PlanInputs

# Of several goals of one rep and month, the first here is planned for; the others are named in the plan's note.
GOAL_MEASURES = ("revenue", "revenue_velocity", "won_deals")
DEALS = "won_deals"
RANKS = {measure: rank for rank, measure in enumerate(GOAL_MEASURES)}


def rep_goals(inputs: PlanInputs) -> pl.DataFrame:
    """One row per active rep, by id: the month's goal and what is won of it.

    Columns: rep_id, team_id, language, quota_amount (null without quota), goal_amount (the quota; the rep's own pace
    where there is none; null without either), goal_measure, currency, goal_unit (the currency, or ``won_deals``),
    goal_source (the quota's source, ``own_pace`` or ``none``), is_negative and is_too_large (the quota was no amount to
    plan with), other_goals (list of measure, amount and currency not planned for), won_amount_to_date,
    done_won_deals, won_other_currency (number of deals left out).
    """
    table = (
        active_reps(inputs.reps)
        .join(_quotas_of_month(inputs), on="rep_id", how="left")
        .join(_own_pace(inputs), on="rep_id", how="left")
        .with_columns(
            goal_amount=pl.coalesce("quota_amount", "own_pace_amount"),
            goal_measure=pl.col("goal_measure").fill_null("revenue"),
            goal_source=pl.when(pl.col("quota_amount").is_not_null())
            .then(pl.col("source").fill_null("quota"))
            .when(pl.col("own_pace_amount").is_not_null())
            .then(pl.lit("own_pace"))
            .otherwise(pl.lit("none")),
            currency=pl.col("currency").fill_null(inputs.currency),
            language=pl.col("language").fill_null("en"),
        )
        .with_columns(_goal_unit())
    )
    return table.join(_won_to_date(inputs, table), on="rep_id", how="left").with_columns(
        pl.col("won_amount_to_date").fill_null(0.0),
        pl.col("done_won_deals", "won_other_currency").fill_null(0),
        pl.col("is_negative", "is_too_large").fill_null(False),
    )


def _is_in_deals() -> pl.Expr:
    return pl.col("goal_measure") == DEALS


def _goal_unit() -> pl.Expr:
    return pl.when(_is_in_deals()).then(pl.lit(DEALS)).otherwise("currency").alias("goal_unit")


def quotas_by_measure(inputs: PlanInputs) -> pl.DataFrame:
    """One row per rep, month, measure and currency (the organisation's for goals in deals), first measures first.

    Columns: quota_amount added up, its first source, goal_measure, goal_unit (the currency, or ``won_deals``).

    Several quotas of one month (product lines) add up; what is no number is no quota.
    """
    return (
        inputs.quotas.filter(pl.col("quota_amount").is_finite())
        .rename({"measure": "goal_measure"})
        .with_columns(pl.col("goal_measure").fill_null("revenue"))
        .with_columns(
            currency=pl.when(_is_in_deals())
            .then(pl.lit(inputs.currency))
            .otherwise(pl.col("currency").fill_null(inputs.currency)),
        )
        .sort("rep_id", "source", "currency")
        .group_by("rep_id", "month_start_date", "goal_measure", "currency", maintain_order=True)
        .agg(pl.col("quota_amount").sum(), pl.col("source").first())
        .with_columns(_goal_unit())
        .sort("rep_id", pl.col("goal_measure").replace_strict(RANKS, default=len(RANKS)), maintain_order=True)
    )


def _quotas_of_month(inputs: PlanInputs) -> pl.DataFrame:
    """One row per rep: the first of its goals, and the others as a list."""
    of_month = quotas_by_measure(inputs).filter(pl.col("month_start_date") == inputs.month_start_date)
    others = pl.struct("goal_measure", "quota_amount", "currency")
    return (
        of_month.group_by("rep_id", maintain_order=True)
        .agg(
            pl.col("quota_amount", "currency", "source", "goal_measure").first(),
            other_goals=others.slice(1),
        )
        .with_columns(
            pl.col("quota_amount").clip(0.0, LARGEST_MONEY),
            is_negative=pl.col("quota_amount") < 0,
            is_too_large=pl.col("quota_amount") > LARGEST_MONEY,
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
        won.join(_units(goals), on="rep_id")
        .group_by("rep_id")
        .agg(
            won_amount_to_date=_in_unit(_finite("amount")).filter(~is_other).sum(),
            done_won_deals=(~is_other).sum().cast(pl.Int64),
            won_other_currency=is_other.sum().cast(pl.Int64),
        )
    )


def _units(goals: pl.DataFrame) -> pl.DataFrame:
    return goals.select("rep_id", "goal_unit")


def _in_unit(amount: pl.Expr) -> pl.Expr:
    """A deal's weight in the goal's unit."""
    return pl.when(pl.col("goal_unit") == DEALS).then(1.0).otherwise(amount)


def _finite(column: str) -> pl.Expr:
    """Null for what is no number; beyond what a decimal holds it is cut."""
    value = pl.col(column)
    return pl.when(value.is_finite()).then(value.clip(-LARGEST_MONEY, LARGEST_MONEY))


def _is_other_currency() -> pl.Expr:
    is_other = pl.col("currency").ne(pl.col("goal_unit")) & (pl.col("goal_unit") != DEALS)
    return is_other.fill_null(False)


def in_goal_units(coefficients: pl.DataFrame, goals: pl.DataFrame, inputs: PlanInputs) -> pl.DataFrame:
    """The coefficients with the price in each goal's unit: 1 for deals.

    The marts' prices are in the organisation's currency. In another (a quota without a rate) it is the mean of the deals
    won in it in the last year, the rep's own, else everybody's; null where there is none.
    """
    won = inputs.opportunities.filter(
        pl.col("status") == "won", pl.col("amount").is_finite(), pl.col("amount") > 0
    )
    own = won.group_by("rep_id", goal_unit="currency").agg(own_price=pl.col("amount").mean())
    common = won.group_by(goal_unit="currency").agg(common_price=pl.col("amount").mean())
    is_foreign = pl.col("goal_unit") != inputs.currency
    is_deals = pl.col("goal_unit") == DEALS
    return (
        coefficients.join(_units(goals), on="rep_id", how="left", maintain_order="left")
        .join(own, on=["rep_id", "goal_unit"], how="left", maintain_order="left")
        .join(common, on="goal_unit", how="left", maintain_order="left")
        .with_columns(
            average_price=pl.when(is_deals)
            .then(1.0)
            .when(is_foreign)
            .then(pl.coalesce("own_price", "common_price"))
            .otherwise("average_price"),
            average_price_origin=pl.when(is_deals | is_foreign & pl.col("own_price").is_not_null())
            .then(pl.lit("rep"))
            .when(is_foreign & pl.col("common_price").is_not_null())
            .then(pl.lit("organization"))
            .when(is_foreign)
            .then(pl.lit("default"))
            .otherwise("average_price_origin"),
        )
        .drop("goal_unit", "own_price", "common_price")
    )


def deals_in_flight(inputs: PlanInputs, goals: pl.DataFrame, coefficients: pl.DataFrame) -> pl.DataFrame:
    """One row per open deal of a planned rep that can be credited, by rep and deal.

    Columns: rep_id, opportunity_id, amount (in the goal's unit; the rep's average price where the deal has none), chance
    (P(won by the month's end | stage, age, calendar)), spread (standard deviation of its log-odds), is_credited. A deal
    in another currency than the goal, or without a forecast, is not credited.
    """
    at_month_end = inputs.win_ahead.filter(pl.col("horizon_date") == inputs.month_end_date)
    amount = _finite("amount").fill_null(pl.col("average_price")).fill_null(0.0).clip(lower_bound=0.0)
    return (
        inputs.opportunities.filter(pl.col("status") == "open")
        .join(_units(goals), on="rep_id")
        .join(coefficients.select("rep_id", "average_price", "win_rate_spread"), on="rep_id")
        .join(at_month_end.unique("opportunity_id", keep="first"), on="opportunity_id", how="left")
        .select(
            "rep_id",
            "opportunity_id",
            amount=_in_unit(amount),
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
