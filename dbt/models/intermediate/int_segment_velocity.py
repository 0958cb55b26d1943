from dagster_project.estimate.segments import segment_velocity, shown_windows


def model(dbt, session):
    windows = shown_windows(dbt.ref("int_as_of_windows").pl())
    return segment_velocity(dbt.ref("int_segment_units").pl(), windows)
