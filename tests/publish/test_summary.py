"""What the summary says to leaders: the chance of the organisation's quota, and of the team that needs them most."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.publish.figures import figure_sql
from dagster_project.publish.summary import plan_lines

FIGURES: dict[str, Any] = {
    "currency": "JPY",
    "plan_date": date(2026, 10, 15),
    "planned_reps": 2,
    "quota_amount": 1_234_567_890.0,
    "won_amount_to_date": 0,
    "probability_of_quota": 0.42,
    "least_likely_team": "東日本\x1b営業部",
    "least_likely_probability": 0.004,
    "chosen_actions": 0,
    "candidates": 0,
    "held_out": 0,
    "carried_over": 0,
}


def test_one_line_on_chances() -> None:
    lines = plan_lines(FIGURES)
    assert lines[0].endswith("2 reps, quota ¥1,234,567,890, won so far this month ¥0")
    assert lines[1].strip() == "Chance of the organisation's quota 42%; least likely team: 東日本 営業部, <1%"


def test_no_chance_is_named_where_none_is_known() -> None:
    assert "Chance" not in "\n".join(plan_lines(FIGURES | {"probability_of_quota": None}))
    assert "team" not in "\n".join(plan_lines(FIGURES | {"least_likely_team": None}))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "marts.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """
            create table dim_rep as select * from (values
                ('A', 'east', 'East'), ('B', 'east', 'East'), ('C', 'west', 'West'), ('D', null, null)
            ) as t(rep_id, team_id, team_name);
            create table plan_today as select * from (values
                ('rep', 'A', 'A', .9, 5, 'revenue'), ('rep', 'B', 'B', null, null, null), ('rep', 'C', 'C', .1, 7, null),
                ('rep', 'D', 'D', .5, 900, 'won_deals'), ('team', 'east', null, .8, 5, 'revenue'),
                ('team', 'west', null, .2, 7, null), ('team', 'gone', null, null, null, null),
                ('organization', '', null, .6, 12, 'revenue')
            ) as t(scope_kind, scope_id, rep_id, probability_of_quota, quota_amount, goal_measure)
            """
        )
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("planned_reps", 4),
        ("quota_amount", 12),
        ("probability_of_quota", 0.6),
        ("least_likely_team", "West"),
        ("least_likely_probability", 0.2),
    ],
)
def test_the_figures_count_each_rep_once_and_find_the_team(published: Path, name: str, value: Any) -> None:
    with duckdb.connect(str(published), read_only=True) as connection:
        [(found,)] = connection.execute(figure_sql(name)).fetchall()
    assert float(found) == value if isinstance(value, float) else found == value
