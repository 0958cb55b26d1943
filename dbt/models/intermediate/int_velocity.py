from dagster_project.estimate.velocity import velocity_table


def model(dbt, session):
    deals = dbt.ref("int_incidence_units").filter("unit_kind = 'deal'").pl()
    return velocity_table(deals, dbt.ref("int_as_of_windows").pl())
