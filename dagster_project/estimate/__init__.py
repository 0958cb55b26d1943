"""Estimators on counts: pure functions of numpy, scipy.special, polars and pyarrow; no dagster, no dbt, no clock."""
