"""Whose plan is asked for: a rep by name or id, a team, or the whole organisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from dagster_project.errors import SettingsError
from dagster_project.publish.safe_text import safe
from dagster_project.publish.tables import rows

REP_SQL = """
    select rep_id, rep_name, team_id, team_name, language from dim_rep
    where rep_id = ? or contains(lower(rep_name), lower(?)) order by rep_name, rep_id
"""
TEAM_SQL = """
    select distinct team_id, team_name from dim_rep
    where team_id is not null and (team_id = ? or contains(lower(team_name), lower(?))) order by team_name, team_id
"""
NAMES_SQL = """
    select
        (select string_agg(rep_name, ', ' order by rep_name) from dim_rep where is_active),
        (select string_agg(distinct team_name, ', ' order by team_name) from dim_rep)
"""


@dataclass(frozen=True)
class Scope:
    """A rep, a team or the organisation.

    Attributes:
        kind: rep, team or organization.
        scope_id: rep_id, team_id, or '' for the organisation.
        name: as the CRM has it, not yet made safe; empty for the organisation.
        team_name: of a rep, empty where there is none.
        language: the rep's own; none for teams and the organisation, whose plan says.
    """

    kind: str
    scope_id: str
    name: str = ""
    team_name: str = ""
    language: str | None = None


ORGANIZATION = Scope("organization", "")


def find_scope(connection: duckdb.DuckDBPyConnection, named: str | None, *, is_team: bool = False) -> Scope:
    """The one rep of that name or id, else the one team; the organisation where nothing is named.

    Args:
        is_team: ``named`` is a team, or a rep whose team is meant.

    Raises:
        SettingsError: nobody, or more than one, is meant.
    """
    if not named:
        if is_team:
            raise _unclear(connection, "no team is named")
        return ORGANIZATION
    reps = _exact(rows(connection, REP_SQL, named, named), "rep_id", "rep_name", named)
    teams = _exact(rows(connection, TEAM_SQL, named, named), "team_id", "team_name", named)
    if is_team and len(teams) != 1:
        teams = reps.drop_nulls("team_id").select("team_id", "team_name").unique()
    if not is_team and reps.height == 1:
        return rep_scope(reps.row(0, named=True))
    if teams.height == 1 and (is_team or reps.is_empty()):
        team_id, team_name = teams.row(0)
        return Scope("team", team_id, team_name or team_id)
    found = f"{teams.height} teams" if is_team else f"{reps.height} reps and {teams.height} teams"
    raise _unclear(connection, f"{found} match {named!r}")


def find_rep(connection: duckdb.DuckDBPyConnection, named: str) -> Scope:
    """The one rep of that name or id.

    Raises:
        SettingsError: nobody, or more than one, is meant.
    """
    reps = _exact(rows(connection, REP_SQL, named, named), "rep_id", "rep_name", named)
    if reps.height != 1:
        raise _unclear(connection, f"{reps.height} reps match {named!r}")
    return rep_scope(reps.row(0, named=True))


def rep_scope(rep: dict[str, Any]) -> Scope:
    """The scope of a row of dim_rep."""
    return Scope("rep", rep["rep_id"], rep["rep_name"] or "", rep["team_name"] or "", rep["language"])


def _exact(found: pl.DataFrame, id_column: str, name_column: str, named: str) -> pl.DataFrame:
    """Of several that contain the name, those that have it whole; all of them where none has."""
    whole = found.filter(
        (pl.col(id_column) == named) | (pl.col(name_column).str.to_lowercase() == named.lower())
    )
    return whole if whole.height else found


def _unclear(connection: duckdb.DuckDBPyConnection, what: str) -> SettingsError:
    [(reps, teams)] = connection.execute(NAMES_SQL).fetchall()
    return SettingsError(
        what,
        where="dim_rep of the published marts",
        remedy=f"name one of: {safe(reps)}; teams: {safe(teams)}",
    )
