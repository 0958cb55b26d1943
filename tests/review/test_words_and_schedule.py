"""One list of reasons everywhere, a key that fits, and a schedule that knows days off."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from connectors.sandbox.schema.picklists import PICKLISTS
from dagster_project.recommend.sync import KEY_LENGTH
from dagster_project.review.keys import review_key
from dagster_project.review.reasons import REASONS, REVIEW_FIELD
from tests.clients.org_package import TRANSLATIONS, field, texts

MACROS = Path(__file__).parents[2] / "dbt" / "macros" / "reviews.sql"


def test_package_sandbox_marts_and_texts_have_the_same_reasons() -> None:
    assert texts(field(REVIEW_FIELD), "valueSet/valueSetDefinition/value/fullName") == list(REASONS)
    assert list(PICKLISTS["Review"]) == list(REASONS)
    listed = MACROS.read_text().split("review_reasons()")[1].split("]")[0]
    assert re.findall(r"'([^']+)'", listed) == list(REASONS)


def test_the_rep_reads_the_labels_of_the_pick_list() -> None:
    from xml.etree import ElementTree

    file = TRANSLATIONS / f"{REVIEW_FIELD}.fieldTranslation-meta.xml"
    assert texts(ElementTree.parse(file).getroot(), "picklistValues/translation") == list(REASONS.values())


def test_the_key_names_rep_and_day_and_fits() -> None:
    rows = pl.DataFrame({"rep_id": ["005000000000001AAA"], "day": [date(2026, 1, 2)]})
    [key] = rows.select(review_key(pl.col("rep_id"), pl.col("day"))).to_series()
    assert key == "review:005000000000001AAA:2026-01-02"
    assert len(key) <= KEY_LENGTH
    assert f"like '{key[:7]}%'" in MACROS.read_text()


@pytest.mark.parametrize(
    ("day", "runs"),
    [(date(2026, 11, 2), True), (date(2026, 11, 3), False), (date(2026, 11, 7), False)],
    ids=["a Monday", "Culture Day", "a Saturday"],
)
def test_the_evening_keeps_to_business_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: date, runs: bool
) -> None:
    monkeypatch.setenv("GYAKUSAN_DATA_DIR", str(tmp_path))
    from dagster_project.schedules import evening_schedule, is_business_day

    # Half past five in Tokyo.
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(day.year, day.month, day.day, 8, 30, tzinfo=UTC)
    )
    assert is_business_day(context) is runs
    assert evening_schedule.default_status is dg.DefaultScheduleStatus.STOPPED
