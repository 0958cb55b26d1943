from dagster_project.estimate.hazard_choice import hazard_choice_table


def model(dbt, session):
    deals = dbt.ref("int_open_deals").filter("not is_last_night and is_clock_running")
    counted = deals.aggregate(
        "as_of_date, stage_name, stage_age_days, count(*) as deals, "
        "count(*) filter (where won_date <= last_day(as_of_date + 1)) as won"
    )
    dates = dbt.ref("int_forecast_periods").filter("period_kind = 'month'")
    return hazard_choice_table(
        dbt.ref("int_incidence_units").filter("unit_kind = 'stage'").pl(),
        counted.pl(),
        dates.project("as_of_date, is_over and not is_last_night as is_scored").pl(),
    )
