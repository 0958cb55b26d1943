from dagster_project.estimate.forecast import forecast_table


def model(dbt, session):
    return forecast_table(dbt.ref("int_forecast_deals").pl(), dbt.ref("int_forecast_periods").pl())
