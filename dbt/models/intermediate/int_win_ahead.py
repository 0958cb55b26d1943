from dagster_project.estimate.win_ahead import win_ahead_table


def model(dbt, session):
    return win_ahead_table(
        dbt.ref("int_incidence_units").filter("unit_kind = 'stage'").pl(),
        dbt.ref("int_open_deals").pl(),
        dbt.ref("int_calendar_factor").pl(),
        dbt.ref("int_horizon_dates").pl(),
    )
