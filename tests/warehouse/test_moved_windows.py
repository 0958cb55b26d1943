"""Rolling figures of which a night recomputes only the windows that see something else (design decision 8).

The units of random nights go through the model that tells which windows moved, and on through the estimators; what is kept
and what is recomputed must together be what a computation of everything gives.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dagster_project.estimate.scoped_incidence import incidence_of_moved
from dagster_project.estimate.velocity import velocity_table
from dagster_project.estimate.velocity_change import velocity_change_table
from tests.warehouse import helpers
from tests.warehouse.conftest import NewWarehouse

FIRST = date(2026, 1, 1)
NIGHT = date(2026, 9, 10)
MODEL = "int_window_contents"
COUNTED = ["unit_kind", "series_name", "team_id", "rep_id", "started_date", "last_date", "exit_name"]
DEALS = ["team_id", "rep_id", "deal_type", "lead_source", "started_date", "last_date", "exit_name"]
Contents = Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame, date, pl.DataFrame | None], pl.DataFrame]


@dataclass
class Deal:
    """A deal and the stay in a stage that goes with it; `ends` is None while it is open."""

    starts: date
    rep: int
    ends: date | None = None
    exit_name: str = "open"
    amount: int | None = None
    stage: str = "Qualify"


@dataclass
class Team:
    """An organisation whose deals change from night to night."""

    seed: int
    deals: list[Deal] = field(default_factory=list)
    team_of: dict[int, int] = field(default_factory=dict)
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.team_of = {rep: rep % 6 for rep in range(9)}
        for _ in range(160):
            starts = FIRST + timedelta(days=self.draw.randrange((NIGHT - FIRST).days))
            self.deals.append(self.begun(starts))
            ends = starts + timedelta(days=self.draw.randrange(90))
            if ends <= NIGHT:
                self.close(self.deals[-1], ends)

    def begun(self, starts: date) -> Deal:
        stage, amount = self.draw.choice(["Qualify", "Propose"]), self.draw.choice([None, 10, 200])
        return Deal(starts, self.draw.randrange(9), amount=amount, stage=stage)

    def close(self, deal: Deal, ends: date) -> None:
        deal.ends, deal.exit_name = max(ends, deal.starts), self.draw.choice(["won", "lost"])

    def any_deal(self) -> Deal:
        return self.draw.choice(self.deals)

    def ordinary_day(self, today: date) -> None:
        """Deals begin and open ones close."""
        self.deals.extend(self.begun(today) for _ in range(2))
        for deal in self.draw.sample([each for each in self.deals if each.ends is None], 2):
            self.close(deal, today)

    def edit_of_the_past(self, number: int, today: date) -> None:
        """Something long known turns out otherwise; the numbers go through all that may."""
        deal, late = self.any_deal(), today - timedelta(days=self.draw.randrange(20, 120))
        over = self.draw.choice([each for each in self.deals if each.ends and each.ends > each.starts])
        edits: list[Callable[[], None]] = [
            lambda: self.deals.append(self.begun(late)),
            lambda: setattr(over, "ends", (over.ends or today) - timedelta(days=1)),
            lambda: self.deals.remove(deal),
            lambda: over.__dict__.update(exit_name="lost" if over.exit_name == "won" else "won"),
            lambda: setattr(deal, "rep", self.draw.randrange(12)),
            lambda: setattr(over, "amount", self.draw.randrange(1000)),
            lambda: over.__dict__.update(ends=None, exit_name="open"),
            lambda: over.__dict__.update(exit_name="deleted"),
            lambda: self.team_of.update({deal.rep: (self.team_of[deal.rep] + 1) % 6}),
        ]
        edits[number % len(edits)]()

    def rows(self, today: date) -> pl.DataFrame:
        return pl.DataFrame(
            [
                {
                    "team_id": f"t{self.team_of.setdefault(deal.rep, 1)}",
                    "rep_id": f"r{deal.rep}",
                    "deal_type": "New",
                    "lead_source": None if deal.rep % 2 else "Web",
                    "started_date": deal.starts,
                    "last_date": deal.ends or today,
                    "exit_name": deal.exit_name,
                    "amount": deal.amount,
                    "stage": deal.stage,
                }
                for deal in self.deals
            ],
            schema_overrides={"lead_source": pl.String, "amount": pl.Int64},
            infer_schema_length=None,
        )

    def units(self, today: date) -> pl.DataFrame:
        """Rows as int_incidence_units has them: the deals, and each one's stay in a stage."""
        rows = self.rows(today)
        both = pl.concat(
            [
                rows.with_columns(unit_kind=pl.lit("deal"), series_name=pl.lit("deal")),
                rows.with_columns(
                    unit_kind=pl.lit("stage"), series_name="stage", amount=pl.lit(None, pl.Int64)
                ),
            ]
        )
        return both.group_by(COUNTED).agg(*summed()).with_columns(horizon_limit_days=pl.lit(None, pl.Int32))

    def velocity_deals(self, today: date) -> pl.DataFrame:
        """Rows as int_velocity_deals has them."""
        return self.rows(today).group_by(DEALS).agg(*summed())


def summed() -> list[pl.Expr]:
    amount = pl.col("amount")
    counts = [pl.len().cast(pl.Int64).alias("units"), amount.count().cast(pl.Int64).alias("priced_units")]
    return [*counts, amount.sum().alias("amount")]


def windows_of(today: date) -> pl.DataFrame:
    """The calendar as int_as_of_windows has it, with a from-to window."""
    days = [FIRST + timedelta(days=number) for number in range(110, (today - FIRST).days + 1)]
    calendar = [
        each for each in days if each.weekday() == 0 or (each + timedelta(days=1)).day == 1 or each == today
    ]
    before = FIRST - timedelta(days=1)
    rolling = [
        (each, name, each - timedelta(days=length) if length else before, each, each == today)
        for each in calendar
        for name, length in (("30d", 30), ("90d", 90), ("all", 0))
    ]
    chosen = (date(2026, 5, 1), "2026-03-01..2026-05-01", date(2026, 3, 1), date(2026, 5, 1), True)
    names = ["as_of_date", "window_name", "window_from_date", "window_to_date", "is_last_night"]
    return pl.DataFrame([*rolling, chosen], schema=names, orient="row")


@pytest.fixture(scope="module")
def contents_of(new_warehouse: NewWarehouse) -> Contents:
    """The model's own SQL, as dbt compiles it for a night that starts from the last one."""
    warehouse = new_warehouse("compiled")
    helpers.write_run(warehouse, NIGHT)
    helpers.dbt(warehouse, "compile", "--select", MODEL)
    (compiled,) = warehouse.target.glob(f"compiled/*/models/intermediate/{MODEL}.sql")
    sql = compiled.read_text()

    def contents(
        units: pl.DataFrame,
        deals: pl.DataFrame,
        windows: pl.DataFrame,
        today: date,
        before: pl.DataFrame | None,
    ) -> pl.DataFrame:
        with duckdb.connect() as connection:
            connection.execute("attach ':memory:' as warehouse; create schema warehouse.intermediate")
            connection.execute("create schema warehouse.staging; use warehouse.intermediate")
            connection.register("given_units", units)
            connection.register("given_deals", deals)
            connection.register("given_windows", windows)
            for name in (
                "stg_run_parameters",
                "int_incidence_units",
                "int_velocity_deals",
                "int_as_of_windows",
            ):
                schema = "staging" if name.startswith("stg") else "intermediate"
                given = {
                    "stg_run_parameters": f"select date '{today}' as as_of_date",
                    "int_incidence_units": "select * from given_units",
                    "int_velocity_deals": "select * from given_deals",
                    "int_as_of_windows": "select * from given_windows",
                }[name]
                connection.execute(f"create table warehouse.{schema}.{name} as {given}")
            held = "given_before" if before is not None else "(select ''::varchar as content where false)"
            if before is not None:
                connection.register("given_before", before)
                connection.execute(f"create table {MODEL}_before as select * from {held}")
            else:
                connection.execute(
                    f"create table {MODEL}_before as select '' as unit_kind, '' as series_name, date '1970-01-01' "
                    "as as_of_date, '' as window_name, '' as content where false"
                )
            return connection.sql(sql).pl()

    return contents


@dataclass(frozen=True)
class Figures:
    """Everything that is computed of windows."""

    incidence: pl.DataFrame
    velocity: pl.DataFrame
    change: pl.DataFrame

    @classmethod
    def of(cls, units: pl.DataFrame, deals: pl.DataFrame, contents: pl.DataFrame) -> Figures:
        """The figures of the windows in `contents`."""
        of_deals = contents.filter(unit_kind="velocity")
        return cls(
            pl.concat(incidence_of_moved(units, contents.filter(pl.col("unit_kind") != "velocity"))),
            velocity_table(units.filter(unit_kind="deal"), of_deals),
            velocity_change_table(deals, of_deals),
        )

    def kept(self, contents: pl.DataFrame) -> Figures:
        """The rows of the windows that did not move."""
        still = contents.filter(~pl.col("is_moved"))
        keys = ["as_of_date", "window_name"]
        of_deals = still.filter(unit_kind="velocity")
        return Figures(
            self.incidence.join(still, on=["unit_kind", "series_name", *keys], how="semi"),
            self.velocity.join(of_deals, on=keys, how="semi"),
            self.change.join(of_deals, on=keys, how="semi"),
        )

    def and_of(self, other: Figures) -> Figures:
        names = ("incidence", "velocity", "change")
        return Figures(*(pl.concat([getattr(self, name), getattr(other, name)]) for name in names))


def assert_same(found: Figures, expected: Figures) -> None:
    for name in ("incidence", "velocity", "change"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        order = [each for each, kind in mine.schema.items() if not kind.is_float()]
        assert_frame_equal(mine.sort(order), theirs.sort(order), abs_tol=1e-9)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_nights_of_changes_give_what_a_computation_of_everything_gives(
    contents_of: Contents, seed: int
) -> None:
    """Nights on which nothing happens, the day goes on, or the past is edited; one night is left out."""
    team, today = Team(seed), NIGHT
    before: pl.DataFrame | None = None
    held: Figures | None = None
    for night in range(12):
        units, deals, windows = team.units(today), team.velocity_deals(today), windows_of(today)
        contents = contents_of(units, deals, windows, today, before)
        moved = contents.filter("is_moved")
        fresh = Figures.of(units, deals, moved)
        held = fresh if held is None else held.kept(contents).and_of(fresh)
        assert_same(held, Figures.of(units, deals, contents))
        assert night or moved.height == contents.height
        before = contents
        today += timedelta(days=2 if night == 3 else 1)
        if night != 1:
            team.ordinary_day(today)
        if night >= 2:
            team.edit_of_the_past(night, today)


def test_an_ordinary_night_recomputes_last_night_s_windows_only(contents_of: Contents) -> None:
    """Thursday after Wednesday: three rolling windows of each series; the from-to window and all of the past stay."""
    team = Team(99)
    first = contents_of(team.units(NIGHT), team.velocity_deals(NIGHT), windows_of(NIGHT), NIGHT, None)
    today = NIGHT + timedelta(days=1)
    team.ordinary_day(today)
    second = contents_of(team.units(today), team.velocity_deals(today), windows_of(today), today, first)
    moved = second.filter("is_moved")
    assert moved["as_of_date"].unique().to_list() == [today]
    assert moved.group_by("unit_kind", "series_name").len()["len"].to_list() == [3] * 4
    assert second.height > 250


def test_yesterday_s_monday_is_recomputed_because_it_showed_more(contents_of: Contents) -> None:
    """The organisation has every age day as of last night only."""
    monday = date(2026, 9, 7)
    team = Team(5)
    team.deals = [deal for deal in team.deals if deal.starts <= monday and (deal.ends or monday) <= monday]
    first = contents_of(team.units(monday), team.velocity_deals(monday), windows_of(monday), monday, None)
    today = monday + timedelta(days=1)
    again = contents_of(team.units(today), team.velocity_deals(today), windows_of(today), today, first)
    assert sorted(again.filter("is_moved")["as_of_date"].unique().to_list()) == [monday, today]
