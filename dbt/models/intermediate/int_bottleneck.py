from dagster_project.estimate.bottleneck import bottleneck_table


def model(dbt, session):
    spells = dbt.ref("int_incidence_units").filter("unit_kind = 'stage'").pl()
    windows = dbt.ref("int_as_of_windows").filter("is_last_night").pl()
    return bottleneck_table(spells, dbt.ref("int_stage_minutes").pl(), dbt.ref("int_velocity").pl(), windows)
