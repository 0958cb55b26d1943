from dagster_project.estimate.rep_spread import rep_spread_table


def model(dbt, session):
    return rep_spread_table(dbt.ref("int_velocity").filter("scope_kind = 'rep'").pl())
