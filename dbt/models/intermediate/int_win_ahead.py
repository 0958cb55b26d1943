from dagster_project.estimate.win_ahead import win_ahead_table


def model(dbt, session):
    return win_ahead_table(
        dbt.ref("int_incidence_units").filter("unit_kind = 'stage'").pl(),
        dbt.ref("int_open_deals").project("as_of_date, stage_name, stage_age_days").distinct().pl(),
        dbt.ref("int_hazard_choice").filter("is_chosen").project("as_of_date, window_name, calendar").pl(),
        dbt.ref("int_horizon_dates").pl(),
    )
