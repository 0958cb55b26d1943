"""One small generated organisation, its morning and its evening, over HTTP as everybody else reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.sandbox.generate import OrganizationSpec, generate
from connectors.sandbox.loading.loading import load_tables
from connectors.sandbox.process import start
from connectors.sandbox.records.store import Org
from connectors.sandbox.serving import system_clock
from tests.nightly.harness import Workplace

MORNING = "2026-10-15T05:00:00+09:00"
SPEC = OrganizationSpec(
    seed=11,
    now=datetime(2026, 10, 15, 5, tzinfo=ZoneInfo("Asia/Tokyo")).astimezone(UTC),
    months=5,
    reps=6,
    teams=2,
    opportunities_per_rep_month=8.0,
    accounts_per_rep=10,
    leads_per_rep_month=2.0,
)


def filled(path: Path, spec: OrganizationSpec) -> Path:
    """An org's file with a generated organisation, its clock at the spec's instant."""
    org = Org(path, system_clock)
    try:
        load_tables(org, generate(spec))
        org.set_clock(spec.now)
    finally:
        org.close()
    return path


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """The small organisation, after the night of the 15th."""
    folder = tmp_path_factory.mktemp("evening")
    with start(filled(folder / "org.duckdb", SPEC)) as org:
        made = Workplace(
            folder,
            org.url,
            org.client_id,
            org.client_secret,
            {"GYAKUSAN_NOW": MORNING, "GYAKUSAN_REQUIRE_QUOTAS": "false"},
        )
        made.night()
        yield made
