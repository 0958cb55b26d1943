from dagster_project.estimate.drivers import driver_table


def model(dbt, session):
    return driver_table(dbt.ref("int_closed_deal_features").pl(), dbt.ref("stg_run_parameters").pl())
