"""What may be told of the reasons picked on evening reviews: never one person's, whatever rows are subtracted."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from dagster_project.review.reasons import REASONS
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

AS_OF = date(2026, 6, 30)
TEAMS = {"00E1": 14, "00E2": 8, "00E3": 6, "00E4": 5, "00E5": 3, "00E6": 1, None: 2}
REPS = {
    f"005{place:012d}AAA": team
    for place, team in enumerate(t for t, size in TEAMS.items() for _ in range(size))
}
MONTHS = [date(year, month, 1) for year in (2023, 2024, 2025) for month in range(1, 13)]
MONTHS += [date(2026, month, 1) for month in range(1, 7)]
FEWEST = 5
Cell = tuple[date, str]
Picks = Mapping[Cell, Mapping[str, int]]


def reviews(drawn: random.Random) -> Iterator[tuple[str, date, str | None]]:
    """Rep, day and pick of every review: each month other people, of whom few or nearly all pick a reason."""
    for month in MONTHS:
        leaning = drawn.choice([0.1, 0.3, 0.6, 0.95])
        favourite = drawn.choice(list(REASONS))
        there = drawn.choice([0.5, 0.8, 1.0])
        for rep in REPS:
            if drawn.random() > there:
                continue
            for day in drawn.sample(range(28), drawn.randint(1, 2)):
                other = drawn.choice([None, None, *REASONS])
                yield rep, month + timedelta(days=day), favourite if drawn.random() < leaning else other


def task(rep: str, day: date, pick: str | None) -> dict[str, Any]:
    written = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return {
        "Id": f"00T{rep[6:15]}{day:%y%m%d}",
        "OwnerId": rep,
        "Subject": "3-minute review",
        "Description": "LEFT 3 touches",
        "Status": "Completed",
        "IsClosed": True,
        "ActivityDate": day,
        "CompletedDateTime": written,
        "CreatedDate": written,
        "SystemModstamp": written,
        "IsDeleted": False,
        "GyakusanActionKey__c": f"review:{rep}:{day}",
        "GyakusanReview__c": pick,
    }


@pytest.fixture(scope="module")
def told() -> list[tuple[str, date, str | None]]:
    return list(reviews(random.Random(5)))


@pytest.fixture(scope="module")
def warehouse(new_warehouse: NewWarehouse, told: list[tuple[str, date, str | None]]) -> Warehouse:
    made = new_warehouse("reviews")
    stamp = datetime(2022, 1, 1, tzinfo=UTC)
    stamped = {"SystemModstamp": stamp, "CreatedDate": stamp, "IsDeleted": False}
    users = [
        {
            "Id": rep,
            "Name": rep,
            "Username": f"{rep}@example.com",
            "IsActive": True,
            "UserRoleId": team,
            **stamped,
        }
        for rep, team in REPS.items()
    ]
    card = task(next(iter(REPS)), AS_OF, None) | {
        "Id": "00Tcard",
        "GyakusanActionKey__c": "unstick_stage:006x:1:2",
    }
    helpers.land(made, {"User": users, "Task": [card, *(task(*each) for each in told)]})
    helpers.write_run(made, AS_OF)
    selected = ["+fct_review_reasons", "+int_own_tasks"]
    helpers.dbt(
        made,
        "build",
        "--exclude-resource-type",
        "unit_test",
        "--indirect-selection",
        "buildable",
        "--select",
        *selected,
    )
    return made


def picks(told: list[tuple[str, date, str | None]]) -> dict[Cell, dict[str, int]]:
    """How often each rep picked a reason, by month and reason."""
    found: dict[Cell, dict[str, int]] = {(month, reason): {} for month in MONTHS for reason in REASONS}
    for rep, day, pick in told:
        if pick:
            cell = found[day.replace(day=1), pick]
            cell[rep] = cell.get(rep, 0) + 1
    return found


def members(told: list[tuple[str, date, str | None]]) -> dict[date, set[str]]:
    found = defaultdict(set)
    for rep, day, _ in told:
        found[day.replace(day=1)].add(rep)
    return found


def group(kind: str, scope_id: str, month: date, told: list[tuple[str, date, str | None]]) -> set[str]:
    return {rep for rep in members(told)[month] if kind == "organization" or REPS[rep] == scope_id}


def test_every_scope_has_a_row_for_every_reason_whether_or_not_anybody_picked_it(
    warehouse: Warehouse, told: list[tuple[str, date, str | None]]
) -> None:
    rows = warehouse.rows("from fct_review_reasons")
    over = [month for month in MONTHS if month < date(2026, 6, 1)]
    scopes = {("organization", "")} | {("team", team) for team in TEAMS if team}
    wanted = {
        (month, kind, scope, reason)
        for month in over
        for kind, scope in scopes
        for reason in REASONS
        if group(kind, scope, month, told)
    }
    assert {
        (r["month_start_date"], r["scope_kind"], r["scope_id"], r["review_reason"]) for r in rows
    } == wanted


def test_what_is_shown_is_right(warehouse: Warehouse, told: list[tuple[str, date, str | None]]) -> None:
    counted, shown = picks(told), 0
    for row in warehouse.rows("from fct_review_reasons where not is_withheld"):
        of = group(row["scope_kind"], row["scope_id"], row["month_start_date"], told)
        cell = counted[row["month_start_date"], row["review_reason"]]
        inside = {rep: number for rep, number in cell.items() if rep in of}
        assert row["reviews"] == sum(inside.values())
        assert row["reps"] == min(len(inside), len(of) - 1)
        shown += row["scope_kind"] == "team"
    assert shown > 20


@dataclass(frozen=True)
class Shown:
    """A published row as anybody reads it: whom it is about, and how many of them picked the reason at most."""

    people: frozenset[str]
    reps: int

    @property
    def at_most(self) -> int:
        """All but one may stand for all."""
        return self.reps + (self.reps == len(self.people) - 1)


def shown_rows(
    warehouse: Warehouse, told: list[tuple[str, date, str | None]], kind: str
) -> dict[Cell, list[Shown]]:
    found: dict[Cell, list[Shown]] = defaultdict(list)
    for row in warehouse.rows(f"from fct_review_reasons where not is_withheld and scope_kind = '{kind}'"):
        month = row["month_start_date"]
        people = frozenset(group(kind, row["scope_id"], month, told))
        found[month, row["review_reason"]].append(Shown(people, row["reps"]))
    return found


def test_no_difference_of_shown_rows_is_about_few_or_about_all(
    warehouse: Warehouse, told: list[tuple[str, date, str | None]]
) -> None:
    """Any teams together, and the organisation less any of them."""
    counted, differences = picks(told), 0
    whole, teams = (shown_rows(warehouse, told, kind) for kind in ("organization", "team"))
    for cell in {*whole, *teams}:
        for some in subsets(teams[cell]):
            inside: frozenset[str] = frozenset().union(*(team.people for team in some))
            for people, least in [
                (inside, sum(team.reps for team in some)),
                *(
                    (one.people - inside, one.reps - sum(team.at_most for team in some))
                    for one in whole[cell]
                ),
            ]:
                picked = people & counted[cell].keys()
                assert not picked or len(picked) >= FEWEST
                assert not people or least < len(people)
                differences += bool(picked) and bool(some)
    assert differences > 100


def subsets(rows: list[Shown]) -> list[tuple[Shown, ...]]:
    return [some for size in range(len(rows) + 1) for some in combinations(rows, size)]


def test_whom_teams_are_made_of_decides_first_which_are_told_of(
    warehouse: Warehouse, told: list[tuple[str, date, str | None]]
) -> None:
    """Else that a row is withheld could itself tell: of a team of one, that its one rep has picked the reason."""
    few = [team for team, size in TEAMS.items() if team and size <= FEWEST]
    names = ", ".join(f"'{team}'" for team in few)
    assert warehouse.rows(f"from fct_review_reasons where scope_id in ({names}) and not is_withheld") == []


def test_a_running_month_is_not_told_of(warehouse: Warehouse) -> None:
    """From one day to the next its figures would say who has just picked what."""
    last = warehouse.row("select max(month_start_date) as last from fct_review_reasons")["last"]
    assert last == date(2026, 5, 1)


def test_a_review_is_ours_is_no_touch_no_card_and_keeps_its_text(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "select distinct is_own_write, is_done, is_touch, is_appointment, description "
        "from intermediate.int_activities where action_key like 'review:%'"
    )
    assert found == [
        {
            "is_own_write": True,
            "is_done": True,
            "is_touch": False,
            "is_appointment": False,
            "description": None,
        }
    ]
    cards = warehouse.rows("select activity_id from intermediate.int_own_tasks")
    assert [row["activity_id"] for row in cards] == ["00Tcard"]


def test_where_the_team_has_decided_so_nothing_is_withheld(
    warehouse: Warehouse, told: list[tuple[str, date, str | None]]
) -> None:
    """Last in this file: it builds the mart anew."""
    helpers.write_run(warehouse, AS_OF, are_review_reasons_open=True)
    helpers.dbt(warehouse, "run", "--select", "stg_run_parameters", "fct_review_reasons")
    rows = warehouse.rows("from fct_review_reasons where scope_kind = 'team'")
    counted = picks(told)
    assert not any(row["is_withheld"] for row in rows)
    assert max(row["month_start_date"] for row in rows) == date(2026, 6, 1)
    wrong = [
        row
        for row in rows
        if row["reps"]
        != len(
            group("team", row["scope_id"], row["month_start_date"], told)
            & counted[row["month_start_date"], row["review_reason"]].keys()
        )
    ]
    assert wrong == []
