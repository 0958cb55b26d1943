import polars as pl

from dagster_project.plan.goals.quota_months import MonthWeights, quota_months


def model(dbt, session):
    parameters = dbt.ref("stg_run_parameters").project("as_of_date, currency, quota_spread")
    [(as_of_date, currency, spread)] = parameters.fetchall()
    won = dbt.ref("fct_opportunity").filter("status = 'won' and closed_date is not null")
    deals = won.project("closed_date, amount::double as amount, currency").pl()
    months = deals.group_by(month_start_date=pl.col("closed_date").dt.month_start()).agg(
        won_amount=pl.col("amount").filter(pl.col("currency") == currency).sum(),
        won_deals=pl.len().cast(pl.Float64),
    )
    days = dbt.ref("dim_calendar").filter("is_business_day").project("date_day").pl()
    quotas = dbt.ref("int_quota_periods").pl().sort("landing_sequence", "forecasting_quota_id")
    weights = MonthWeights(spread, months, as_of_date, frozenset(days["date_day"].to_list()))
    return quota_months(
        quotas.select(
            "rep_id",
            "start_date",
            "end_date",
            "quota_amount",
            "currency",
            measure=pl.lit("revenue"),
            source=pl.col("quota_source"),
        ),
        weights,
    )
