"""The exported demo org as rows the log takes: ISO dates, Salesforce's column names, ids for history rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from tests.datasets.maven import salesforce_id

DATE_FORMATS = ("%d/%m/%Y %H:%M", "%d/%m/%Y")
OPPORTUNITY_INSTANTS = ("CreatedDate", "LastModifiedDate", "SystemModstamp", "LastStageChangeDate")


def read_demo_org(source: Path) -> dict[str, pa.Table]:
    """Opportunity and OpportunityHistory, one row per exported row, in its order; every value text."""
    opportunities = _read(source / "Opportunity.csv").with_columns(
        *[_instant(name) for name in OPPORTUNITY_INSTANTS],
        pl.col("CloseDate").str.to_date("%d/%m/%Y").cast(pl.String),
        *[pl.col(name).str.to_lowercase() for name in ("IsDeleted", "IsClosed", "IsWon")],
    )
    history = (
        _read(source / "OpportunityHistory.csv").rename({"OppID": "OpportunityId"}).with_row_index("row")
    )
    history = history.with_columns(
        _instant("CreatedDate"),
        pl.col("row")
        .map_elements(lambda row: salesforce_id("008", str(row)), return_dtype=pl.String)
        .alias("Id"),
    ).drop("row")
    return {"Opportunity": opportunities.to_arrow(), "OpportunityHistory": history.to_arrow()}


def _read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False, encoding="utf8")


def _instant(name: str) -> pl.Expr:
    parsed = pl.coalesce([pl.col(name).str.to_datetime(each, strict=False) for each in DATE_FORMATS])
    return parsed.dt.strftime("%Y-%m-%dT%H:%M:%S.000+0000").alias(name)
