"""Two nights on the generated organisation: what is published, written, and not written twice."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
import requests

from tests.nightly.harness import GYAKUSAN, Workplace, clean_environment
from tests.nightly.pages import METRICS, queries, rendered

CHECKOUT = Path(__file__).parents[2]


def soql(workplace: Workplace, query: str) -> list[dict[str, object]]:
    token = requests.post(
        f"{workplace.login_url}/services/oauth2/token",
        data={
            "grant_type": "client_credentials",
            "client_id": workplace.client_id,
            "client_secret": workplace.client_secret,
        },
        timeout=10,
    ).json()["access_token"]
    reply = requests.get(
        f"{workplace.login_url}/services/data/v62.0/query",
        params={"q": query},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert reply.ok, reply.text
    return list(reply.json()["records"])


OUR_TASKS = (
    "select GyakusanActionKey__c, OwnerId, WhatId, Subject, Status from Task "
    "where GyakusanActionKey__c != null and IsDeleted = false"
)


def test_the_tasks_in_the_org_are_those_published(generated: Workplace) -> None:
    wanted = generated.query("select GyakusanActionKey__c, OwnerId, WhatId, Subject from sync_next_actions")
    live = soql(generated, OUR_TASKS)
    shown = {(t["GyakusanActionKey__c"], t["OwnerId"], t["WhatId"], t["Subject"]) for t in live}
    assert len(wanted) > 0
    assert shown == set(wanted)


def test_at_most_five_a_rep_and_one_per_opportunity(generated: Workplace) -> None:
    per_rep = generated.query(
        "select rep_id, count(*) from actions_planned where not is_data_card group by 1"
    )
    assert 0 < max(count for _, count in per_rep) <= 5
    assert generated.query("select opportunity_id from actions_planned group by 1 having count(*) > 1") == []


def test_several_types_of_action_are_weighed(generated: Workplace) -> None:
    assert generated.value("select count(distinct action_type) from candidates") >= 6


def test_every_candidate_carries_its_propensity_and_its_reason(generated: Workplace) -> None:
    assert (
        generated.value(
            "select count(*) from candidates where propensity is null or propensity <= 0 or propensity > 1"
        )
        == 0
    )
    assert (
        generated.value("select count(*) from candidates where not is_chosen and left_out_reason is null")
        == 0
    )


def test_days_sum_to_weeks_and_weeks_to_the_month(generated: Workplace) -> None:
    totals = generated.query(
        "select scope_kind, scope_id, measure, sum(target) filter (where level = 'day'), "
        "sum(target) filter (where level = 'week'), sum(target) filter (where level = 'month') from plan_steps group by all"
    )
    assert {row[0] for row in totals} == {"rep", "team", "organization"}
    assert [row for row in totals if not row[3] == row[4] == row[5]] == []


def test_every_number_of_the_day_is_in_a_block_or_said_not_to_fit(generated: Workplace) -> None:
    totals = generated.query(
        "with blocks as (select rep_id, sum(touches + left_touches) as touches, "
        "sum(appointments + left_appointments) as appointments, sum(meetings + left_meetings) as meetings, "
        "sum(booked_meetings) as booked from day_blocks group by rep_id), "
        "steps as (select rep_id, measure, target from plan_steps "
        "where scope_kind = 'rep' and level = 'day' and period_start = plan_date) "
        "select touches, appointments, meetings, max(target) filter (where measure = 'touches'), "
        "max(target) filter (where measure = 'appointments'), "
        "greatest(max(target) filter (where measure = 'meetings') - max(booked), 0) "
        "from blocks inner join steps using (rep_id) group by all"
    )
    assert totals
    assert [row for row in totals if row[:3] != row[3:]] == []


def test_cards_fit_in_what_the_calendar_leaves_and_stand_in_the_day_s_list(generated: Workplace) -> None:
    too_many = (
        "select count(*) from (select b.rep_id, b.block, any_value(b.free_minutes) as free, sum(a.minutes) as taken "
        "from day_blocks as b inner join actions_planned as a using (rep_id, block) where not a.is_data_card "
        "group by all) where taken > free"
    )
    assert generated.value(too_many) == 0
    uneven = "select count(*) from day_blocks where busy_minutes + review_minutes + free_minutes <> minutes"
    assert generated.value(uneven) == 0
    listed = "select count(*) from day_list where list = 'must_do' and action_key is not null"
    assert generated.value(listed) == generated.value("select count(*) from actions_planned")


def test_reps_sum_to_teams_and_teams_to_the_organisation(generated: Workplace) -> None:
    totals = generated.query(
        "select level, measure, period_start, sum(target) filter (where scope_kind = 'rep'), "
        "sum(target) filter (where scope_kind = 'team'), sum(target) filter (where scope_kind = 'organization') "
        "from plan_steps group by all"
    )
    assert [row for row in totals if not row[3] == row[4] == row[5]] == []


def test_the_first_plan_is_a_reset_with_its_week_and_coefficients(generated: Workplace) -> None:
    assert generated.value("select count(*) from plan_today where reset_date is distinct from plan_date") == 0
    assert generated.value("select count(distinct scope_id) from plan_weeks") == generated.value(
        "select count(*) from plan_today"
    )
    used = "select count(*) from plan_coefficients where measure = 'win_rate' and scope_id = ''"
    assert (
        generated.value(f"{used} and lower_80 < value and value < upper_80 and last_month_value is not null")
        == 1
    )


def test_quotas_come_from_the_org(generated: Workplace) -> None:
    assert (
        generated.value(
            "select count(*) from plan_today where scope_kind = 'rep' and quota_amount is not null"
        )
        >= 12
    )


def test_the_windows_of_the_first_night_agree_with_the_source(generated: Workplace) -> None:
    wrong = "rows_received <> rows_counted or rows_received <> rows_processed or kind <> 'closed'"
    assert generated.query(f"select object_name, kind from extraction_windows where {wrong} order by 1") == [
        ("EmailMessage", "absent"),
        ("OpportunityLineItem", "absent"),
    ]
    [counted] = soql(generated, "select count(Id) from Opportunity")
    live = generated.value("select count(*) from fct_opportunity where status <> 'deleted'")
    assert counted["expr0"] == live


def test_the_planted_bottleneck_is_the_first(generated: Workplace) -> None:
    [(stage,)] = generated.query(
        "select arg_max(stage_name, p_top) from fct_bottleneck where scope_kind = 'organization' and window_name = '365d'"
    )
    assert stage == "Needs Analysis"


FIGURES_IN_SUMMARY = {
    r"([\d,]+) opportunities": "select count(*) from fct_opportunity",
    r"\(([\d,]+) open": "select count(*) from fct_opportunity where status = 'open'",
    r"([\d,]+) activities": "select count(*) from fct_activity",
    r"([\d,]+) chosen from": "select count(*) from sync_next_actions",
    r"chosen from ([\d,]+) candidates": "select count(*) from candidates",
    r"([\d,]+) held out": "select count(*) from candidates where left_out_reason = 'held_out'",
    r"Refused\s+([\d,]+) rows": "select count(*) from refused_rows",
    r"Read\s+([\d,]+) rows": "select sum(rows_received) from extraction_windows where run_id = "
    "(select min_by(run_id, observed_at) from extraction_windows)",
    r": ([\d,]+) reps, quota": "select count(*) from plan_today where scope_kind = 'rep'",
}


@pytest.mark.parametrize("pattern", FIGURES_IN_SUMMARY)
def test_the_summary_agrees_with_sql_on_the_published_marts(generated: Workplace, pattern: str) -> None:
    summary = (generated.folder / "first_night.txt").read_text()
    found = re.search(pattern, summary)
    assert found is not None, summary
    assert int(found[1].replace(",", "")) == generated.value(FIGURES_IN_SUMMARY[pattern])


def test_todays_page_shows_plan_and_cards(generated: Workplace) -> None:
    page = generated.run("today").stdout
    [(rep_id,)] = generated.query(
        "select rep_id from actions_planned group by 1 order by count(*) desc, 1 limit 1"
    )
    page_of_rep = generated.run("today", rep_id).stdout
    assert page.strip()
    for (subject,) in generated.query(f"select subject from actions_planned where rep_id = '{rep_id}'"):
        assert " ".join(subject.split()) in page_of_rep


def test_the_readme_shows_a_real_list(generated: Workplace) -> None:
    readme = (CHECKOUT / "README.md").read_text()
    sample = readme.split("## What a rep sees")[1].split("```")[1].strip().splitlines()
    page = generated.run("today", "林").stdout
    assert [line for line in sample if line != "..." and line not in page] == []


@pytest.mark.parametrize("path", sorted(METRICS.glob("*.md")), ids=lambda path: path.stem)
def test_the_pages_show_what_their_queries_give(generated: Workplace, path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    with duckdb.connect(str(generated.published), read_only=True) as connection:
        assert rendered(page, connection) == page


def test_the_pages_of_marts_show_something() -> None:
    """All but the mart that is empty where all deals follow one sales process."""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in METRICS.glob("*_*.md")}
    assert [name for name, page in pages.items() if not queries(page)] == ["dim_sales_process"]


def test_dbt_docs_say_what_every_column_of_every_table_is(generated: Workplace, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    shutil.copy(generated.folder / "dbt_target" / "partial_parse.msgpack", target)
    finished = subprocess.run(
        [str(GYAKUSAN.parent / "dbt"), "docs", "generate", "--static"],
        env=clean_environment(
            GYAKUSAN_LOG=str(generated.folder / "log"),
            GYAKUSAN_RUN=str(generated.folder / "run"),
            GYAKUSAN_WAREHOUSE=str(generated.folder / "warehouse" / "gyakusan.duckdb"),
            DBT_TARGET_PATH=str(target),
            DBT_LOG_PATH=str(tmp_path / "logs"),
            DBT_PROJECT_DIR=str(CHECKOUT / "dbt"),
            DBT_PROFILES_DIR=str(CHECKOUT / "dbt"),
            PYTHONPATH=str(CHECKOUT),
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    manifest, catalog = (
        json.loads((target / f"{name}.json").read_text()) for name in ("manifest", "catalog")
    )
    assert len(catalog["nodes"]) > 60
    undescribed = []
    for name, table in catalog["nodes"].items():
        said = {
            column.lower(): each["description"].strip()
            for column, each in manifest["nodes"][name]["columns"].items()
        }
        undescribed += [f"{name}.{column}" for column in table["columns"] if not said.get(column.lower())]
    assert undescribed == []
    assert manifest["exposures"]["exposure.gyakusan.night_report"]["description"].strip() in (
        (target / "static_index.html").read_text(encoding="utf-8")
    )


def test_a_second_night_the_same_day_writes_nothing(generated: Workplace) -> None:
    before = sorted(str(task) for task in soql(generated, OUR_TASKS))
    tables = "select * from sync_next_actions order by all"
    wanted = generated.query(tables)
    second = generated.night()
    assert "0 tasks written" in second.stdout
    assert sorted(str(task) for task in soql(generated, OUR_TASKS)) == before
    assert generated.query(tables) == wanted


def test_a_rebuilt_warehouse_is_identical(generated: Workplace) -> None:
    sql = "select * exclude (known_at) from {} order by all"
    marts = [
        "fct_opportunity",
        "fct_stage_spells",
        "fct_activity",
        "fct_conversion_rolling",
        "fct_revenue_velocity",
    ]
    before = {
        name: generated.query(
            (sql if name == "run_parameters" else sql.replace(" exclude (known_at)", "")).format(name)
        )
        for name in marts
    }
    (generated.folder / "warehouse" / "gyakusan.duckdb").unlink()
    generated.night()
    after = {name: generated.query(f"select * from {name} order by all") for name in marts}
    assert after == before


def test_a_dry_run_shows_what_it_would_write_and_changes_nothing(generated: Workplace) -> None:
    [task] = soql(
        generated,
        OUR_TASKS.replace("Subject, Status", "Id, Subject") + " order by GyakusanActionKey__c limit 1",
    )
    before = soql(generated, OUR_TASKS)
    wanted = generated.night("--dry-run", GYAKUSAN_NOW="2026-10-16T05:00:00+09:00")
    assert "would create" in wanted.stdout
    assert soql(generated, OUR_TASKS) == before
    assert task["Id"]


def rows_as_text(path: Path) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every mart; doubles to eight digits, as parallel sums differ in the last ones."""
    rows = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        marts = "table_name like 'fct_%' or table_name like 'dim_%'"
        for (name,) in connection.execute(f"select table_name from duckdb_tables() where {marts}").fetchall():
            columns = connection.execute(f"describe {name}").fetchall()
            shown = [
                f"printf('%.8g', {c})" if kind == "DOUBLE" else f"{c}::varchar" for c, kind, *_ in columns
            ]
            rows[name] = connection.execute(f"select {', '.join(shown)} from {name} order by all").fetchall()
    return rows


def test_a_replay_of_the_last_day_is_tonights_marts_and_nothing_else(generated: Workplace) -> None:
    before = generated.published.stat().st_mtime_ns
    facts = {path: path.stat().st_size for path in (generated.folder / "log").glob("*/*.parquet")}
    # The dry run above published the marts of the next day.
    [(last_day, now)] = generated.query("select as_of_date, known_at from run_parameters")
    finished = generated.run(
        "replay",
        "--as-of",
        str(last_day),
        GYAKUSAN_NOW=now.isoformat(),
        GYAKUSAN_SALESFORCE_URL="http://127.0.0.1:9",
    )
    assert finished.returncode == 0, finished.stderr
    replayed = generated.folder / "published" / "replay" / f"marts_as_of_{last_day}.duckdb"
    assert str(replayed) in finished.stdout
    tonight, again = rows_as_text(generated.published), rows_as_text(replayed)
    assert len(tonight) > 15
    assert {name for name, rows in tonight.items() if again.get(name) != rows} == set()
    assert tonight.keys() == again.keys()
    assert generated.published.stat().st_mtime_ns == before
    assert facts == {path: path.stat().st_size for path in (generated.folder / "log").glob("*/*.parquet")}


def test_the_next_day_repeats_no_card_and_shows_what_still_stands(generated: Workplace) -> None:
    """Last in this file: it moves the workplace a day on."""
    first_day = {task["GyakusanActionKey__c"] for task in soql(generated, OUR_TASKS)}
    requests.put(f"{generated.login_url}/sandbox/clock", json={"now": "2026-10-15T20:00:00Z"}, timeout=10)
    generated.night(GYAKUSAN_NOW="2026-10-16T05:00:00+09:00")
    assert generated.value("select max(plan_date) from plan_today").isoformat() == "2026-10-16"
    assert first_day.isdisjoint(key for (key,) in generated.query("select action_key from actions_planned"))
    [(rep_id, subject)] = generated.query(
        "select rep_id, subject from candidates where left_out_reason = 'still_on_list' order by action_key limit 1"
    )
    assert " ".join(subject.split()) in generated.run("today", rep_id).stdout
    assert first_day < {task["GyakusanActionKey__c"] for task in soql(generated, OUR_TASKS)}
    most = generated.query(
        "select count(*) filter (where is_chosen or left_out_reason = 'still_on_list') from candidates "
        "where not is_data_card group by rep_id"
    )
    assert max(count for (count,) in most) <= 5
