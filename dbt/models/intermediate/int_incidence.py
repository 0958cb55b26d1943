from dagster_project.estimate.scoped_incidence import incidence_table


def model(dbt, session):
    return incidence_table(dbt.ref("int_incidence_units").pl(), dbt.ref("int_as_of_windows").pl())
