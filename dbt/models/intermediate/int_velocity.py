from dagster_project.estimate.velocity import velocity_table


def model(dbt, session):
    deals = dbt.ref("int_incidence_units").filter("unit_kind = 'deal'").pl()
    windows = dbt.ref("int_window_contents").filter("is_moved and unit_kind = 'velocity'").pl()
    return velocity_table(deals, windows)
