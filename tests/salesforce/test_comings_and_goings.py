"""Whatever is done to an org between pulls: after the last pull and sweep the log's last state is the org."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.event_log import EventLog
from connectors.salesforce.reading.pull import is_complete, problems
from tests.salesforce.conftest import LiveOrg, only
from tests.salesforce.leaving import create, delete, merge, purge, replication, undelete, update

OBJECTS = only("Account", "Contact", "Opportunity")
NEVER, NOW = timedelta(days=9_000), timedelta(0)
REQUIRED = {
    "Account": {"Name": "a"},
    "Contact": {"LastName": "c"},
    "Opportunity": {"Name": "o", "StageName": "Prospecting", "CloseDate": "2030-01-01"},
}
CHANGED = {"Account": "Name", "Contact": "LastName", "Opportunity": "NextStep"}


@dataclass
class Life:
    """Does to the org what a step says; `made` are records of one kind in the order they were made."""

    org: LiveOrg
    made: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in REQUIRED})

    def states(self, name: str) -> dict[str, bool]:
        """Id -> whether it is in the recycle bin, of those made here and not purged."""
        listed = ", ".join(f"'{each}'" for each in self.made[name]) or "''"
        rows = self.org.query(f"SELECT Id, IsDeleted FROM {name} WHERE Id IN ({listed})", "queryAll")
        return {row["Id"]: row["IsDeleted"] for row in rows}

    def step(self, action: str, name: str, number: int) -> None:
        states = self.states(name)
        pools = {
            "update": [each for each, is_deleted in states.items() if not is_deleted],
            "delete": [each for each, is_deleted in states.items() if not is_deleted],
            "undelete": [each for each, is_deleted in states.items() if is_deleted],
            "purge": list(states),
        }
        if action == "create":
            parents = [each for each, is_deleted in self.states("Account").items() if not is_deleted]
            child = {"AccountId": parents[number % len(parents)]} if parents and name != "Account" else {}
            self.made[name].append(create(self.org, name, **REQUIRED[name], **child))
        elif action == "merge":
            self.merge("Contact" if name == "Contact" else "Account", number)
        elif pool := pools[action]:
            self.single(action, name, pool[number % len(pool)], number)

    def single(self, action: str, name: str, record_id: str, number: int) -> None:
        if action == "update":
            update(self.org, name, record_id, **{CHANGED[name]: f"changed {number}"})
        elif action == "delete":
            delete(self.org, name, record_id)
        elif action == "undelete":
            undelete(self.org, record_id)
        else:
            purge(self.org, record_id)

    def merge(self, name: str, number: int) -> None:
        alive = [each for each, is_deleted in self.states(name).items() if not is_deleted]
        if len(alive) > 1:
            winner, loser = alive[number % len(alive)], alive[number % len(alive) - 1]
            merge(self.org, winner, loser)


steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "update", "delete", "undelete", "purge", "merge"]),
        st.sampled_from(list(REQUIRED)),
        st.integers(0, 50),
        st.sampled_from([True, False, False]),
    ),
    min_size=6,
    max_size=12,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(steps=steps, is_logged=st.booleans())
def test_last_state_of_the_log_is_the_org(org, steps, is_logged):
    replication(org, purge_stays_in_delete_log=is_logged)
    life = Life(org)
    for name in ("Account", "Account", "Contact", "Opportunity"):
        life.step("create", name, 0)
    with TemporaryDirectory() as folder:
        log = EventLog(Path(folder) / "log")
        pull(org, log, NEVER)
        for action, name, number, is_pulled in steps:
            life.step(action, name, number)
            org.advance(minutes=3)
            if is_pulled:
                pull(org, log, NEVER)
        pull(org, log, NOW)
        for declared in OBJECTS:
            assert in_log(log, declared.stream) == in_org(org, declared.name)


def pull(org: LiveOrg, log: EventLog, every: timedelta) -> None:
    org.advance(minutes=2)
    pulled = org.pull(log, f"run {org.now}", objects=OBJECTS, sweep_every=every)
    assert is_complete(pulled), problems(pulled)


def in_org(org: LiveOrg, name: str) -> dict[str, tuple[object, ...]]:
    """Id -> whether deleted, a value, the parent, of all that the org shows, its recycle bin included."""
    parent = "MasterRecordId" if name == "Account" else "AccountId"
    rows = org.query(f"SELECT Id, IsDeleted, {CHANGED[name]}, {parent} FROM {name}", "queryAll")
    return {row["Id"]: (row["IsDeleted"], row[CHANGED[name]], row[parent]) for row in rows}


def in_log(log: EventLog, stream: str) -> dict[str, tuple[object, ...]]:
    """The same of all records the log does not hold as purged."""
    name = stream.capitalize()
    parent = "MasterRecordId" if name == "Account" else "AccountId"
    rows = log.latest(stream, where="kind <> 'purged'").to_pylist()
    for row in rows:
        assert row["IsDeleted"] == (row["kind"] == "deleted"), row["record_id"]
    return {row["record_id"]: (row["IsDeleted"], row[CHANGED[name]], row[parent]) for row in rows}
