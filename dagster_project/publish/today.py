"""One rep's page in the terminal: the plan as a staircase, today's cards, from the published file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from dagster_project.errors import SettingsError
from dagster_project.plan.text import staircase
from dagster_project.publish.safe_text import safe
from dagster_project.publish.written import waiting_line

WORDS = {
    "ja": {
        "today": "今日の一手",
        "none": "今日の一手はありません",
        "standing": "続いているもの",
        "waiting": "Salesforceにまだ書き込めていないもの",
    },
    "en": {
        "today": "Today's next actions",
        "none": "No action stands out today",
        "standing": "Still on the list",
        "waiting": "Not in Salesforce yet",
    },
}
REP_SQL = """
    select rep_id, rep_name, team_name, language from dim_rep
    where rep_id in (select rep_id from plan_today)
    order by {order} limit 2
"""
STANDING_SQL = """
    select subject from candidates where rep_id = ? and left_out_reason = 'still_on_list' order by fired_date, action_key
"""
WAITING_SQL = """
    select waiting.*, candidates.subject from waiting inner join candidates using (action_key)
    where candidates.rep_id = ? and (candidates.is_chosen or candidates.left_out_reason = 'still_on_list')
    order by first_tried_at, action_key
"""
FIRST = "(select count(*) from actions_planned as a where a.rep_id = dim_rep.rep_id) desc, rep_name, rep_id"


def _frame(connection: duckdb.DuckDBPyConnection, sql: str, *values: object) -> pl.DataFrame:
    frame: pl.DataFrame = connection.sql(sql, params=list(values)).pl()
    return frame


def find_rep(connection: duckdb.DuckDBPyConnection, rep: str | None) -> dict[str, Any]:
    """The planned rep of that name or id; the one with the longest list where none is named.

    Raises:
        SettingsError: nobody, or more than one, is meant.
    """
    if rep is None:
        found = _frame(connection, REP_SQL.format(order=FIRST)).head(1)
    else:
        sql = "select rep_id, rep_name, team_name, language from dim_rep where rep_id = ? or contains(lower(rep_name), lower(?))"
        found = _frame(connection, sql, rep, rep)
    if found.height != 1:
        known = connection.execute(
            "select string_agg(rep_name, ', ' order by rep_name) from dim_rep where is_active"
        ).fetchone()
        raise SettingsError(
            f"{found.height} reps match {rep!r}",
            where="dim_rep of the published marts",
            remedy=f"name one of: {safe(known[0] if known else '')}",
        )
    return found.row(0, named=True)


def _card(place: int, card: dict[str, Any]) -> list[str]:
    """The card as the task in the CRM says it."""
    said = (card["description"] or "").splitlines()
    return [f"{place}. {safe(card['subject'])}", *(f"   {safe(line)}" for line in said)]


def card_lines(connection: duckdb.DuckDBPyConnection, rep_id: str, words: dict[str, str]) -> list[str]:
    """Today's new cards of one rep in their order, then those of earlier days that still stand."""
    cards = _frame(connection, "select * from actions_planned where rep_id = ? order by rank", rep_id)
    standing = _frame(connection, STANDING_SQL, rep_id)
    numbered = enumerate(cards.iter_rows(named=True), start=1)
    new = [words["today"], *(line for place, card in numbered for line in _card(place, card))]
    old = [words["standing"], *(f"- {safe(subject)}" for (subject,) in standing.iter_rows())]
    shown = (new if cards.height else []) + (old if standing.height else [])
    return shown or [words["none"]]


def waiting_page_lines(
    connection: duckdb.DuckDBPyConnection, rep_id: str, waiting: pa.Table, words: dict[str, str]
) -> list[str]:
    """The rep's cards the org has not taken: since when they are tried, and Salesforce's last words."""
    connection.register("waiting", waiting)
    rows = _frame(connection, WAITING_SQL, rep_id).to_dicts()
    zone = str(connection.execute("select time_zone from run_parameters").fetchall()[0][0])
    if not rows:
        return []
    return [words["waiting"], *(f"- {safe(row['subject'])}: {waiting_line(row, zone)}" for row in rows)]


def todays_page(published: Path, rep: str | None, waiting: pa.Table | None = None) -> str:
    """Plan and list of one rep, and what of it ``waiting`` (write_facts.waiting_writes) says is not in the org yet.

    Raises:
        SettingsError: nothing is published yet, or the rep is not known.
    """
    if not published.exists():
        raise SettingsError(
            "nothing is published yet", where=str(published), remedy="run gyakusan nightly first"
        )
    with duckdb.connect(str(published), read_only=True) as connection:
        who = find_rep(connection, rep)
        words = WORDS.get(who["language"], WORDS["en"])
        plan = _frame(connection, "select * from plan_today where rep_id = ?", who["rep_id"])
        steps = _frame(connection, "select * from plan_steps where rep_id = ?", who["rep_id"])
        lines = ["", f"{safe(who['rep_name'])}  {safe(who['team_name'] or '')}".rstrip()]
        if not plan.is_empty():
            lines += [staircase(plan.row(0, named=True), steps), ""]
        lines += card_lines(connection, who["rep_id"], words)
        if waiting is not None and waiting.num_rows:
            lines += waiting_page_lines(connection, who["rep_id"], waiting, words)
        return "\n".join(lines)
