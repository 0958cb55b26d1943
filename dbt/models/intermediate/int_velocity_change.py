from dagster_project.estimate.velocity_change import velocity_change_table


def model(dbt, session):
    windows = dbt.ref("int_window_contents").filter("is_moved and unit_kind = 'velocity'").pl()
    return velocity_change_table(dbt.ref("int_velocity_deals").pl(), windows)
