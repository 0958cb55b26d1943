from dagster_project.estimate.segments import segment_incidence, shown_windows


def model(dbt, session):
    windows = shown_windows(dbt.ref("int_as_of_windows").pl())
    return segment_incidence(dbt.ref("int_segment_units").pl(), windows)
