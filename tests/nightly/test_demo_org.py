"""The demo org as exported: each oddity counted, nothing set aside without a reason, every mart built."""

from __future__ import annotations

import pytest

from tests.nightly.harness import Workplace


def test_nothing_is_dropped(demo_org: Workplace) -> None:
    assert demo_org.value("select count(*) from fct_opportunity") == 219
    received = dict(demo_org.query("select stream, sum(rows_received) from extraction_windows group by all"))
    assert (received["opportunity"], received["opportunity_history"]) == (219, 584)
    assert demo_org.query("select * from refused_rows") == []


@pytest.mark.parametrize(
    ("oddity", "count"),
    [
        ("closed stage with IsClosed false", 115),
        ("created after last modified", 180),
        ("history before creation", 43),
        ("last history stage is not the current one", 21),
        ("backward move", 72),
        ("same-stage repeat", 107),
    ],
)
def test_the_loader_counts_each_oddity(demo_org: Workplace, oddity: str, count: int) -> None:
    lines = (demo_org.folder / "filling.txt").read_text().splitlines()
    assert [line.split(": ", 1)[1].split(" × ")[0] for line in lines if f" × {oddity}" in line] == [
        str(count)
    ]


def test_the_stage_name_outranks_is_closed(demo_org: Workplace) -> None:
    closed = demo_org.value(
        "select count(*) from fct_opportunity where stage_name in ('Closed Won', 'Closed Lost')"
    )
    assert closed == 146
    assert demo_org.value("select count(*) from fct_opportunity where status in ('won', 'lost')") == 146


def test_the_marts_name_the_oddities_of_each_deal(demo_org: Workplace) -> None:
    counts = dict(
        demo_org.query(
            "select oddity, count(*) from (select unnest(string_split(oddities, ',')) as oddity from fct_opportunity) group by 1"
        )
    )
    assert counts["created_after_modified"] == 180
    assert counts["closed_stage_not_flagged"] == 115
    assert counts["last_history_stage_differs"] == 21


def test_history_bounds_creation(demo_org: Workplace) -> None:
    early = "select count(*) from fct_stage_spells join fct_opportunity using (opportunity_id) where entered_at < created_at"
    assert demo_org.value(early) == 0


def test_every_mart_is_there_and_filled(demo_org: Workplace) -> None:
    names = [name for (name,) in demo_org.query("select table_name from information_schema.tables")]
    filled = {name for name in names if demo_org.value(f'select count(*) from "{name}"')}
    without_source = {
        "fct_quota",
        "fct_activity",
        "fct_activity_conversion",
        "dim_sales_process",
        "fct_review_reasons",
    }
    assert {name for name in names if name.startswith(("fct_", "dim_"))} - filled <= without_source


def test_users_only_referred_to_are_placeholders(demo_org: Workplace) -> None:
    assert demo_org.value("select count(*) from dim_rep where rep_name like 'Unknown user%'") == 26
    assert (
        demo_org.value(
            "select count(*) from fct_opportunity where rep_id not in (select rep_id from dim_rep)"
        )
        == 0
    )
