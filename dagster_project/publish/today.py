"""One rep's page in the terminal: the plan as a staircase, the day's blocks and lists, from the published file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from dagster_project.plan.words.staircase import staircase
from dagster_project.publish.day_text import day_lines, read_day_of
from dagster_project.publish.safe_text import safe
from dagster_project.publish.scope import Scope, find_rep, rep_scope
from dagster_project.publish.tables import published_marts, rows, table_of_rep
from dagster_project.publish.written import waiting_line
from dagster_project.wording import words

# The one with the longest list where none is named.
FIRST_SQL = """
    select rep_id, rep_name, team_id, team_name, language from dim_rep
    where rep_id in (select rep_id from plan_today)
    order by (select count(*) from actions_planned as a where a.rep_id = dim_rep.rep_id) desc, rep_name, rep_id limit 1
"""
WAITING_SQL = """
    select waiting.*, candidates.subject from waiting inner join candidates using (action_key)
    where candidates.rep_id = ? and (candidates.is_chosen or candidates.left_out_reason = 'still_on_list')
    order by first_tried_at, action_key
"""


def waiting_page_lines(
    connection: duckdb.DuckDBPyConnection, rep_id: str, waiting: pa.Table, language: str
) -> list[str]:
    """The rep's cards the org has not taken: since when they are tried, and Salesforce's last words."""
    connection.register("waiting", waiting)
    found = rows(connection, WAITING_SQL, rep_id).to_dicts()
    zone = str(connection.execute("select time_zone from run_parameters").fetchall()[0][0])
    if not found:
        return []
    lines = [f"- {safe(row['subject'])}: {waiting_line(row, zone)}" for row in found]
    return ["", words(language)["waiting"], *lines]


def todays_page(published: Path, rep: str | None, waiting: pa.Table | None = None) -> str:
    """Plan and day of one rep, and what of it ``waiting`` (write_facts.waiting_writes) says is not in the org yet.

    Raises:
        SettingsError: nothing is published yet, or the rep is not known.
    """
    with published_marts(published) as connection:
        who = _rep(connection, rep)
        language = who.language or "en"
        lines = ["", f"{safe(who.name)}  {safe(who.team_name)}".rstrip()]
        plan = table_of_rep(connection, "plan_today", who.scope_id)
        if not plan.is_empty():
            steps = table_of_rep(connection, "plan_steps", who.scope_id)
            lines += [staircase(plan.row(0, named=True), steps), ""]
        lines += day_lines(read_day_of(connection, who.scope_id), language)
        if waiting is not None and waiting.num_rows:
            lines += waiting_page_lines(connection, who.scope_id, waiting, language)
        return "\n".join(lines)


def _rep(connection: duckdb.DuckDBPyConnection, named: str | None) -> Scope:
    first = pl.DataFrame() if named else rows(connection, FIRST_SQL)
    return rep_scope(first.row(0, named=True)) if first.height else find_rep(connection, named or "")
