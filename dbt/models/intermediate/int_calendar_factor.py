from dagster_project.estimate.calendar_factor import calendar_factor_table


def model(dbt, session):
    return calendar_factor_table(dbt.ref("int_incidence_units").filter("unit_kind = 'stage'").pl())
