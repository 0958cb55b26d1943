from dagster_project.estimate.velocity_change import velocity_change_table


def model(dbt, session):
    return velocity_change_table(dbt.ref("int_velocity_deals").pl(), dbt.ref("int_as_of_windows").pl())
