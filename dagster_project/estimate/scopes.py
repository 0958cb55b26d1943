"""Who a figure is about: the organisation, each team, each rep, as sums over (team, rep) groups."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray

ORGANIZATION, TEAM, REP = "organization", "team", "rep"
# Below five teams a spread between teams cannot be told from chance, so reps go straight to the organisation (method §2).
FEWEST_TEAMS = 5


@dataclass(frozen=True)
class Scopes:
    """One kind of scope: ids in order, and a scopes × groups matrix of ones and zeros."""

    kind: str
    ids: list[str]
    membership: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, group: IntArray) -> IntArray:
        """Which of the scopes each element of `group` belongs to; -1 for none."""
        if not len(self):
            return np.full(group.shape, -1)
        of_group = np.where(self.membership.any(axis=0), self.membership.argmax(axis=0), -1)
        return np.asarray(of_group[group], dtype=np.int64)


@dataclass(frozen=True)
class ScopeIndex:
    """Groups (distinct team and rep) of a table of units, the scopes over them, and each rep's team (-1 without)."""

    group: IntArray
    groups: int
    organization: Scopes
    teams: Scopes
    reps: Scopes
    rep_team: IntArray

    def all_scopes(self) -> tuple[Scopes, Scopes, Scopes]:
        """The organisation, teams and reps."""
        return self.organization, self.teams, self.reps

    def rows(self, chosen: BoolArray) -> ScopeIndex:
        """The same scopes for some of the rows."""
        return replace(self, group=self.group[chosen])

    def alone(self) -> ScopeIndex:
        """The organisation only, all rows in one group."""
        nobody = np.empty((0, 1))
        return ScopeIndex(
            group=np.zeros_like(self.group),
            groups=1,
            organization=Scopes(ORGANIZATION, [""], np.ones((1, 1))),
            teams=Scopes(TEAM, [], nobody),
            reps=Scopes(REP, [], nobody),
            rep_team=np.empty(0, dtype=np.int64),
        )

    def parent_team(self, scopes: Scopes) -> IntArray | None:
        """Each scope's team to shrink it to; None where it is shrunk to the organisation."""
        return self.rep_team if scopes.kind == REP and self.has_team_level else None

    @property
    def has_team_level(self) -> bool:
        """Whether reps are shrunk to their team before the organisation."""
        return len(self.teams) >= FEWEST_TEAMS


def scope_index(units: pl.DataFrame) -> ScopeIndex:
    """Index the rows of `units` (columns team_id, rep_id, text; null or '' is nobody's and counts for the rest only)."""
    pairs = units.select(pl.col("team_id", "rep_id").fill_null(""))
    keys = pairs.unique().sort("team_id", "rep_id")
    rows = pairs.join(
        keys.with_row_index("group"), on=["team_id", "rep_id"], how="left", maintain_order="left"
    )
    teams = _scopes(TEAM, keys["team_id"])
    reps = _scopes(REP, keys["rep_id"])
    return ScopeIndex(
        group=rows["group"].cast(pl.Int64).to_numpy(),
        groups=keys.height,
        organization=Scopes(ORGANIZATION, [""], np.ones((1, keys.height))),
        teams=teams,
        reps=reps,
        rep_team=_last_team(keys, teams, reps),
    )


def _scopes(kind: str, column: pl.Series) -> Scopes:
    ids = column.unique().sort().to_list()
    named = [value for value in ids if value]
    values = column.to_numpy().astype(str)
    membership = np.array([values == value for value in named], dtype=np.float64).reshape(
        len(named), column.len()
    )
    return Scopes(kind, named, membership)


def _last_team(keys: pl.DataFrame, teams: Scopes, reps: Scopes) -> IntArray:
    position = {team: index for index, team in enumerate(teams.ids)}
    team_of = dict(zip(keys["rep_id"].to_list(), keys["team_id"].to_list(), strict=True))
    return np.array([position.get(team_of[rep], -1) for rep in reps.ids], dtype=np.int64)
