"""The marts of a generated organisation, made from its history by the shipped estimates."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from dagster_project.calendars import month_end, month_start
from dagster_project.estimate.calendar_factor import calendar_factor_table
from dagster_project.estimate.scoped_incidence import incidence_table
from dagster_project.estimate.win_ahead import win_ahead_table
from dagster_project.log_odds import DrawSettings
from dagster_project.plan.chances.pace import RECENT_DAYS
from dagster_project.plan.input_frames import empty
from dagster_project.plan.inputs import PlanInputs, PlanParameters
from tests.plan.calibration_world import (
    CALENDAR,
    HISTORY_DAYS,
    OPEN,
    PRICE,
    REPS,
    STAGES,
    TEAMS,
    WON,
    World,
)

IDS = np.array([f"R{number:03}" for number in range(REPS)])
TEAM_IDS = np.array([f"T{number % TEAMS}" for number in range(REPS)])
EXITS = np.array(["won", "lost", "advanced", "open"])
WINDOW_DAYS = 180
CHOICE = ("365d", "factor")
PAST_MONTHS = 6


def plan_inputs(world: World, parameters: PlanParameters | None = None) -> PlanInputs:
    """What the plan reads as of the eve of the plan date."""
    return PlanInputs(
        as_of_date=world.as_of_date,
        plan_date=world.plan_date,
        calendar=CALENDAR,
        currency="JPY",
        reps=pl.DataFrame(
            {"rep_id": IDS, "team_id": TEAM_IDS, "email": IDS},
        ).with_columns(language=pl.lit("en"), is_active=True, role=pl.lit("full")),
        quotas=_quotas(world),
        opportunities=_opportunities(world),
        win_ahead=_win_ahead(world),
        past_months=_past_months(world),
        calendar_factors=_calendar_factors(world),
        revenue_velocity=_velocity(world),
        activity_to_date=_activity(world),
        absences=empty("absences"),
        parameters=parameters or PlanParameters(draws=DrawSettings(draws=512)),
        **_incidences(world),
    )


def _quotas(world: World) -> pl.DataFrame:
    """From easy to hopeless, around what the rep's pace brings in the mean."""
    random = np.random.default_rng([7, world.plan_date.toordinal()])
    mean = 22 * world.pace * world.ratio * 0.27 * PRICE
    amounts = mean * np.exp(0.45 * random.standard_normal(REPS) - 0.05)
    return pl.DataFrame({"rep_id": IDS, "quota_amount": amounts}).with_columns(
        month_start_date=pl.lit(month_start(world.plan_date)), currency=pl.lit("JPY"), source=pl.lit("quota")
    )


def _opportunities(world: World) -> pl.DataFrame:
    deals = world.deals
    shown = deals.is_open | ((deals.exit == WON) & (deals.ended > HISTORY_DAYS - 366))
    is_open = deals.is_open[shown]
    return pl.DataFrame(
        {
            "opportunity_id": np.char.add("D", np.flatnonzero(shown).astype(str)),
            "rep_id": IDS[deals.rep[shown]],
            "status": np.where(is_open, "open", "won"),
            "amount": deals.amount[shown],
            "ended": deals.ended[shown],
        }
    ).with_columns(
        currency=pl.lit("JPY"),
        closed_date=pl.when(pl.col("status") == "won").then(_date(world, "ended")),
    )


def _date(world: World, column: str) -> pl.Expr:
    return pl.lit(world.first_date) + pl.duration(days=pl.col(column))


def _spells(world: World) -> pl.DataFrame:
    """Stays in a stage as the estimators read them."""
    history = world.history
    return history.select(
        series_name=pl.Series(STAGES[history["stage"].to_numpy()]),
        started_date=_date(world, "started"),
        last_date=_date(world, "last"),
        exit_name=pl.Series(EXITS[history["to"].to_numpy()]),
        next_stage_name=pl.when(pl.col("to") == 2).then(pl.lit("second")).otherwise(pl.lit("")),
        units=pl.lit(1, pl.Int64),
    )


def _states(world: World, eves: list[date]) -> pl.DataFrame:
    """Stage and days in it of every deal open at the end of each of these days."""
    stays = world.history.with_columns(started_date=_date(world, "started"), last_date=_date(world, "last"))
    rows = []
    for eve in eves:
        # A stay is left on its last day, but for those still open, which last beyond the history.
        there = stays.filter(
            pl.col("started_date") <= eve, (pl.col("last_date") > eve) | (pl.col("to") == OPEN)
        )
        rows.append(
            there.select(
                as_of_date=pl.lit(eve),
                stage_name=pl.Series(STAGES[there["stage"].to_numpy()]),
                stage_age_days=(pl.lit(eve) - pl.col("started_date")).dt.total_days().cast(pl.Int32),
            )
        )
    return pl.concat(rows)


def _chances(world: World, states: pl.DataFrame, ends: dict[date, list[date]]) -> pl.DataFrame:
    """The shipped chances of every state, as of each eve with the history until then."""
    eves = sorted(ends)
    horizons = pl.DataFrame(
        [(eve, end, "month_end") for eve in eves for end in ends[eve]],
        schema={"as_of_date": pl.Date, "horizon_date": pl.Date, "horizon_kind": pl.String},
        orient="row",
    )
    choices = pl.DataFrame(
        [(eve, *CHOICE) for eve in eves], schema=["as_of_date", "window_name", "calendar"], orient="row"
    )
    return win_ahead_table(_spells(world), states, choices, horizons)


def _win_ahead(world: World) -> pl.DataFrame:
    deals = world.deals
    there = np.flatnonzero(deals.is_open)
    open_now = pl.DataFrame(
        {
            "opportunity_id": np.char.add("D", there.astype(str)),
            "stage_name": STAGES[deals.stage[there]],
            "stage_age_days": (HISTORY_DAYS - 1 - deals.entered[there]).astype(np.int32),
        }
    ).with_columns(as_of_date=pl.lit(world.as_of_date))
    ends = [month_end(world.plan_date)]
    for _ in range(5):
        ends.append(month_end(ends[-1] + timedelta(days=1)))
    states = open_now.select("as_of_date", "stage_name", "stage_age_days").unique()
    chances = _chances(world, states, {world.as_of_date: ends})
    return open_now.join(chances, on=["as_of_date", "stage_name", "stage_age_days"])


def _past_months(world: World) -> pl.DataFrame:
    """The forecasts of the last months' eves, and what came out of the deals open then."""
    ends = [month_start(world.plan_date) - timedelta(days=1)]
    for _ in range(PAST_MONTHS):
        ends.insert(0, month_start(ends[0]) - timedelta(days=1))
    eves = ends[:-1]
    states = _states(world, eves)
    chances = _chances(world, states.unique(), {eve: [end] for eve, end in zip(eves, ends[1:], strict=True)})
    expected = (
        states.join(chances, on=["as_of_date", "stage_name", "stage_age_days"])
        .group_by("as_of_date")
        .agg(open_deals=pl.len().cast(pl.Int64), expected_deals=pl.col("p_win").sum())
    )
    deals = world.deals
    realised = []
    for eve, end in zip(eves, ends[1:], strict=True):
        first, last = ((day - world.first_date).days for day in (eve, end))
        won = (deals.started <= first) & (deals.exit == WON) & (deals.ended > first) & (deals.ended <= last)
        realised.append((eve, int(won.sum())))
    return expected.join(
        pl.DataFrame(realised, schema={"as_of_date": pl.Date, "realised_deals": pl.Int64}, orient="row"),
        on="as_of_date",
    )


def _calendar_factors(world: World) -> pl.DataFrame:
    stages = _spells(world).with_columns(unit_kind=pl.lit("stage"))
    return calendar_factor_table(stages)


def _velocity(world: World) -> pl.DataFrame:
    deals = world.deals
    closed = pl.DataFrame(
        {
            "rep": IDS[deals.rep],
            "team": TEAM_IDS[deals.rep],
            "exit": deals.exit,
            "amount": deals.amount,
            "ended": deals.ended,
            "cycle": deals.ended - deals.started,
        }
    ).filter(pl.col("ended") >= HISTORY_DAYS - WINDOW_DAYS, pl.col("exit") != OPEN)
    is_won = pl.col("exit") == WON
    rows = []
    for kind, key in (("organization", pl.lit("")), ("team", pl.col("team")), ("rep", pl.col("rep"))):
        rows.append(
            closed.group_by(scope_id=key).agg(
                scope_kind=pl.lit(kind),
                average_price=pl.col("amount").filter(is_won).mean(),
                win_rate=is_won.mean(),
                average_cycle_days=pl.col("cycle").filter(is_won).mean(),
                rv_realised=pl.col("amount").filter(is_won).sum() / WINDOW_DAYS,
                won=is_won.sum(),
                lost=(~is_won).sum(),
            )
        )
    return pl.concat(rows).with_columns(window_name=pl.lit(f"{WINDOW_DAYS}d"))


def _activity(world: World) -> pl.DataFrame:
    start = (month_start(world.plan_date) - world.first_date).days
    begun, rep = world.deals.started, world.deals.rep
    this_month = np.bincount(rep[begun >= start], minlength=REPS)
    recent = np.bincount(rep[(begun >= start - RECENT_DAYS) & (begun < start)], minlength=REPS)
    return pl.DataFrame({"rep_id": IDS, "done_meetings": this_month, "recent_meetings": recent}).with_columns(
        done_touches=0, done_appointments=0, booked_appointments=0
    )


def _incidences(world: World) -> dict[str, pl.DataFrame]:
    """Meeting to won deal and win by horizon of the last 180 days, through the shipped estimate."""
    deals = world.deals
    units = pl.DataFrame(
        {
            "team_id": TEAM_IDS[deals.rep],
            "rep_id": IDS[deals.rep],
            "started": deals.started,
            "last": np.where(deals.is_open, HISTORY_DAYS - 1, deals.ended),
            "exit": deals.exit,
        }
    ).with_columns(
        started_date=_date(world, "started"),
        last_date=_date(world, "last"),
        units=pl.lit(1, pl.Int64),
        horizon_limit_days=pl.lit(None, pl.Int32),
    )

    def named(kind: str, series: str, won: str) -> pl.DataFrame:
        names = np.array([won, "lost", "", "open"])[deals.exit]
        return units.with_columns(
            unit_kind=pl.lit(kind), series_name=pl.lit(series), exit_name=pl.Series(names)
        )

    windows = pl.DataFrame(
        {
            "as_of_date": [world.as_of_date],
            "window_name": [f"{WINDOW_DAYS}d"],
            "window_from_date": [world.as_of_date - timedelta(days=WINDOW_DAYS)],
            "window_to_date": [world.as_of_date],
            "is_last_night": [True],
        }
    )
    steps = incidence_table(named("activity_step", "meeting_to_won", "converted"), windows).select(
        "window_name", "scope_kind", "scope_id", "rate_shrunk", "lower_80", "upper_80",
        step="series_name", entered="begun_units", is_too_few=pl.col("units") < 30,
    )  # fmt: skip
    curve = incidence_table(named("deal", "deal", "won"), windows).select(
        "window_name", "scope_kind", "scope_id", "horizon_days",
        deals="units", win_incidence="rate_raw", win_incidence_shrunk="rate_shrunk", is_too_few=pl.lit(False),
    )  # fmt: skip
    return {"activity_conversion": steps, "win_by_horizon": curve}
