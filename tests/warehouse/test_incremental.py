"""A warehouse built night by night holds what a rebuild from the log holds, row for row (design decision 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.warehouse import helpers, nights
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse
from tests.warehouse.nights import History

TOLERANCE = 1e-9
NAMES = ("nightly", "rebuilt")
Differences = dict[str, list[tuple[object, ...]]]


def build_nights(warehouse: Warehouse, history: History) -> tuple[list[str | None], datetime]:
    """Every night in turn: why each was built from nothing (None: it was not), and the instant of the last."""
    pulls = [
        (nights.build(warehouse, pulled_at), pulled_at) for pulled_at in nights.landed(warehouse, history)
    ]
    return [reason for reason, _ in pulls], pulls[-1][1]


def rebuilt(warehouse: Warehouse, pulled_at: datetime) -> Warehouse:
    """The last night once more, from the same log into a warehouse file that did not exist before."""
    again = replace(warehouse, root=warehouse.root / "rebuilt")
    again.root.mkdir()
    (again.root / helpers.LOG_FOLDER).symlink_to(
        warehouse.root / helpers.LOG_FOLDER, target_is_directory=True
    )
    assert nights.build(again, pulled_at) is not None
    return again


def differences(one: Warehouse, other: Warehouse) -> Differences:
    """Table of schema main -> rows that only one of the two holds, its name first; empty when they agree."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, warehouse in zip(NAMES, (one, other), strict=True):
            path = str(warehouse.root / "warehouse.duckdb").replace("'", "''")
            connection.execute(f"attach '{path}' as {name} (read_only)")
        found = {table: unequal_rows(connection, table) for table in tables(connection)}
    return {table: rows for table, rows in found.items() if rows}


def tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """All tables that either warehouse has in schema main."""
    named = connection.execute(
        "select distinct table_name from information_schema.tables where table_schema = 'main' order by 1"
    )
    return [name for (name,) in named.fetchall()]


def unequal_rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[object, ...]]:
    """Some rows of one that are not in the other: doubles equal to 1e-9 of their size, all else exactly.

    Rows alike in everything but doubles are numbered in the order of these, and compared one by one.
    """
    kinds = {name: kind for name, kind, *_ in connection.execute(f"describe nightly.main.{table}").fetchall()}
    exact = [f'"{name}"' for name, kind in kinds.items() if kind != "DOUBLE"]
    doubles = [f'"{name}"' for name, kind in kinds.items() if kind == "DOUBLE"]
    order = f"order by {', '.join(doubles)}" if doubles else ""
    number = f"row_number() over (partition by {', '.join(exact)} {order})"
    sides = {name: f"(select *, {number} as place from {name}.main.{table})" for name in NAMES}
    same = [f"one.{name} is not distinct from other.{name}" for name in [*exact, "place"]]
    condition = " and ".join([*same, *map(is_near, doubles)])
    pairs = [NAMES, NAMES[::-1]]
    queries = [
        f"""select '{mine}' as held_by, one.* from {sides[mine]} as one
        where not exists (select 1 from {sides[theirs]} as other where {condition}) limit 5"""
        for mine, theirs in pairs
    ]
    return [row for query in queries for row in connection.execute(query).fetchall()]


def is_near(name: str) -> str:
    return f"""(one.{name} is not distinct from other.{name}
        or abs(one.{name} - other.{name}) <= {TOLERANCE} * greatest(1, abs(one.{name})))"""


def assert_incremental_is_full(warehouse: Warehouse, history: History) -> Sequence[str | None]:
    reasons, last_pull = build_nights(warehouse, history)
    assert differences(warehouse, rebuilt(warehouse, last_pull)) == {}
    return reasons


def test_two_nights_after_the_first(new_warehouse: NewWarehouse) -> None:
    """A second night on the same day, and one after a night left out: neither starts from nothing or touches every deal."""
    warehouse = new_warehouse("changing")
    reasons = assert_incremental_is_full(warehouse, History(seed=1, changes=700, gaps=(9, 48)))
    assert reasons[1:] == [None] * 2
    untouched = warehouse.rows(
        """select opportunity_id from staging.stg_opportunity
        where opportunity_id not in (select record_id from intermediate.int_changed_records)"""
    )
    assert untouched


histories = st.builds(
    History,
    seed=st.integers(10, 2**31),
    changes=st.sampled_from([300, 1000]),
    gaps=st.lists(st.sampled_from(nights.GAPS), min_size=1, max_size=4).map(tuple),
    disturbed=st.frozensets(st.integers(1, 3), max_size=1),
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(history=History(2, 1000, (24, 24), disturbed=(1,)))
@example(history=History(3, 1000, (48, 24, 24, 9)))
@given(history=histories)
def test_changing_organisations(new_warehouse: NewWarehouse, history: History) -> None:
    assert_incremental_is_full(new_warehouse("changing"), history)
