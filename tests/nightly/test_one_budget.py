"""One login and one budget of API calls for all that a night reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, timedelta
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc
import pytest
import requests

from connectors.salesforce.connection import client as client_module
from connectors.salesforce.schema.objects import OBJECTS
from connectors.sandbox.process import start
from dagster_project.errors import Incomplete
from dagster_project.ingest.assets import pull_everything, salesforce_log
from dagster_project.publish.assets import write_tasks
from dagster_project.resources import NightResource
from tests.nightly.harness import Workplace
from tests.salesforce.seed import NOW, write_org

ALLOWED = 60
CLOCK = f"{NOW.isoformat()}+00:00"


@pytest.fixture(scope="module")
def org_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_org(tmp_path_factory.mktemp("budget") / "org.duckdb")


@pytest.fixture
def workplace(org_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """An org whose people and programs have few calls a day; a fifth of them is theirs."""
    own_file = tmp_path / "org.duckdb"
    own_file.write_bytes(org_file.read_bytes())
    with start(own_file, daily_requests=ALLOWED) as org:
        place = Workplace(tmp_path, org.url, org.client_id, org.client_secret, {"GYAKUSAN_NOW": CLOCK})
        for name, value in place.environment().items():
            monkeypatch.setenv(name, value)
        yield place


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    fetch_token = client_module.fetch_token

    def noted(credentials, **options):
        made.append(credentials.login_url)
        return fetch_token(credentials, **options)

    monkeypatch.setattr(client_module, "fetch_token", noted)
    return made


def test_reading_and_writing_share_one_login_and_what_is_left_of_the_calls(workplace, logins, monkeypatch):
    night = NightResource()
    with pytest.raises(Incomplete, match="no API calls left"):
        pull_everything(night, "run")
    used = night.org.budget.used
    assert used == ALLOWED * 4 // 5, "the reserve is the people's"
    assert not night.has_calls_left
    monkeypatch.setattr("dagster_project.publish.assets.read_organization", lambda *_: None)
    monkeypatch.setattr("dagster_project.publish.assets.may_write", lambda *_, **__: Permission)
    monkeypatch.setattr("dagster_project.publish.assets.duckdb.connect", lambda *_, **__: NoTasks())
    with pytest.raises(Incomplete, match="no API calls left"):
        write_tasks(night, "run")
    assert night.org.budget.used == used, "writing asked for nothing beyond the reserve"
    assert len(logins) == 1


class Permission:
    is_allowed = True


class NoTasks:
    """Stands for the published file."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def sql(self, _):
        return self

    def to_arrow_table(self):
        import pyarrow as pa

        from connectors.salesforce.schema.objects import ACTION_KEY_FIELD

        return pa.table({ACTION_KEY_FIELD: ["key"], "Subject": ["call"]})


def test_step_that_ran_out_of_calls_is_not_tried_again(workplace, logins):
    ran = dg.materialize(
        [salesforce_log], resources={"night": NightResource()}, raise_on_error=False, instance=None
    )
    kinds = {event.event_type_value for event in ran.all_events}
    assert not ran.success
    assert "STEP_UP_FOR_RETRY" not in kinds
    assert len(logins) == 1


def test_nights_that_run_out_of_calls_come_to_an_end_by_turns(workplace, monkeypatch):
    for day in range(6):
        now = (NOW.replace(tzinfo=UTC) + timedelta(days=day)).isoformat()
        requests.put(f"{workplace.login_url}/sandbox/clock", json={"now": now}, timeout=5).raise_for_status()
        monkeypatch.setenv("GYAKUSAN_NOW", now)
        night = NightResource()
        with suppress(Incomplete):
            pull_everything(night, f"night {day}")
    ends = night.log.read("extraction_windows", where="kind in ('closed', 'absent')")
    streams = {
        stream: ends.filter(pc.field("stream") == stream) for stream in set(ends["stream"].to_pylist())
    }
    assert streams.keys() == {each.stream for each in OBJECTS}
    firsts = night.log.read("extraction_windows", ["stream"], where="kind = 'closed' and reason = 'first'")
    assert len(set(firsts["stream"].to_pylist())) == firsts.num_rows, "nothing is read whole twice"
