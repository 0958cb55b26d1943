from dagster_project.estimate.forecast import forecasts_table


def model(dbt, session):
    return forecasts_table(
        dbt.ref("int_forecast_deals").pl(),
        dbt.ref("int_forecast_periods").filter("is_published").pl(),
    )
