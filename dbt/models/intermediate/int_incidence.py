from dagster_project.estimate.scoped_incidence import incidence_of_moved
from dagster_project.estimate.streamed import streamed


def model(dbt, session):
    units = dbt.ref("int_incidence_units").pl()
    windows = dbt.ref("int_window_contents").filter("is_moved and unit_kind <> 'velocity'").pl()
    return streamed(incidence_of_moved(units, windows))
