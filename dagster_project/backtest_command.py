"""What ``gyakusan backtest`` does: score every coefficient on the past months, say which is best, keep the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import duckdb
import polars as pl

from dagster_project.errors import SettingsError
from dagster_project.estimate.backtest import LEAST_CLOSED, backtest_table
from dagster_project.estimate.backtest_scores import AMOUNT, CLOSE_RATE, LEVELS, OWN_METHOD, WINS, summary
from dagster_project.estimate.hazard_choice import best_choice
from dagster_project.publish.published_file import publish_tables
from dagster_project.settings import Settings, load_settings_to_look_at

# A renamed or skipped-over stage is still a step ahead; days are those of the organisation's zone.
SPELLS = """
    select
        spells.opportunity_id,
        spells.spell_number,
        spells.stage_name as series_name,
        cast(timezone(parameters.time_zone, spells.entered_at) as date) as started_date,
        coalesce(cast(timezone(parameters.time_zone, spells.left_at) as date), parameters.as_of_date) as last_date,
        case when spells.exit = 'skipped_ahead' then 'advanced' else spells.exit end as exit_name,
        spells.next_stage_name,
        opportunities.clock_started_date
    from fct_stage_spells as spells
    inner join fct_opportunity as opportunities on spells.opportunity_id = opportunities.opportunity_id
    cross join run_parameters as parameters
"""
PROBABILITIES = (
    "select stage_name, default_probability / 100 from dim_stage where default_probability is not null"
)
# What a deal was worth from each day on, in the organisation's currency at the rate it has now.
AMOUNTS = """
    with changes as (
        select
            opportunity_id, occurred_date, before_amount, after_amount,
            row_number() over (partition by opportunity_id order by occurred_at, crm_event_id) as change_number
        from fct_crm_events
        where event_type = 'AmountChanged'
    ),
    amounts as (
        select opportunity_id, change_number, occurred_date as valid_from_date, after_amount as amount from changes
        union all
        select opportunity_id, 0, date '1900-01-01', before_amount from changes where change_number = 1
    )
    select
        opportunities.opportunity_id,
        coalesce(amounts.valid_from_date, date '1900-01-01') as valid_from_date,
        cast(case
            when amounts.opportunity_id is null then opportunities.amount
            when opportunities.original_amount <> 0
                then amounts.amount * cast(opportunities.amount / opportunities.original_amount as double)
            when opportunities.currency = opportunities.original_currency then amounts.amount
        end as double) as amount
    from fct_opportunity as opportunities
    left join amounts on opportunities.opportunity_id = amounts.opportunity_id
    order by valid_from_date, amounts.change_number
"""
IN_USE = """
    select window_name, calendar, months_before
    from fct_hazard_choice
    where is_chosen
    qualify as_of_date = max(as_of_date) over ()
"""


def backtest(first_month: str, last_month: str) -> None:
    """Print how well each method predicted the months, and keep one row per month and method beside the marts.

    Raises:
        SettingsError: a month that is none, no marts yet, or not enough months to test on.
    """
    asked = month_asked(first_month, "--from"), month_asked(last_month, "--to")
    settings = load_settings_to_look_at()
    table, in_use = tested(settings, asked)
    target = backtest_file(settings)
    publish_tables(target, {"fct_backtest": table.to_arrow()})
    click.echo("\n".join([*report_lines(table), in_use]))
    click.echo(f"One row per month and method: fct_backtest in {target}")


def backtest_file(settings: Settings) -> Path:
    """Where the scores stand: beside the published marts."""
    return settings.published_file.with_name("backtest.duckdb")


def month_asked(text: str, option: str) -> date | None:
    """First day of a month written as YYYY-MM; None for no text.

    Raises:
        SettingsError: it is no month.
    """
    try:
        return date.fromisoformat(f"{text}-01") if text else None
    except ValueError as error:
        raise SettingsError(f"{text!r} is not a month", where=option, remedy="write it as 2026-06") from error


def tested(settings: Settings, asked: tuple[date | None, date | None]) -> tuple[pl.DataFrame, str]:
    """The backtest of the published marts, and what they themselves use.

    Raises:
        SettingsError: there are no marts yet, or no month with enough closed deals before it.
    """
    published = settings.published_file
    if not published.exists():
        raise SettingsError("there are no marts yet", where=str(published), remedy="run gyakusan nightly")
    with duckdb.connect(str(published), read_only=True) as connection:
        spells = connection.sql(SPELLS).pl()
        probability = dict(connection.sql(PROBABILITIES).fetchall())
        amounts = connection.sql(AMOUNTS).pl()
        in_use = connection.sql(IN_USE).fetchall()
        [(last_day,)] = connection.sql("select max(as_of_date) from run_parameters").fetchall()
    table = backtest_table(spells, probability, last_day, asked, amounts)
    if table.is_empty():
        raise SettingsError(
            "there is no month to test on",
            where=f"marts as of {last_day}",
            remedy=f"it takes a whole month, within --from and --to, with {LEAST_CLOSED} closed deals before it",
        )
    return table, "".join(
        f"In use as of {last_day}: window {window}, calendar {calendar}, by the {months} months before"
        for window, calendar, months in in_use
    )


def report_lines(table: pl.DataFrame) -> Iterator[str]:
    """Three small tables, best first, and the choice."""
    scores = summary(table)
    for target, what in ((WINS, "Wins among deals"), (AMOUNT, "Money won of deals")):
        yield from _sum_lines(scores.filter(pl.col("target") == target), what)
    yield from _rate_lines(scores.filter(pl.col("target") == CLOSE_RATE))
    yield ""
    own = table.filter((pl.col("method") == OWN_METHOD) & (pl.col("target") == WINS))
    if not own.is_empty():
        choice = best_choice(own)
        yield f"Best on these months: window {choice.window_name}, calendar {choice.calendar}"


def _sum_lines(scores: pl.DataFrame, what: str) -> Iterator[str]:
    if scores.is_empty():
        return
    yield f"{what} open at the month's start ({scores['months'][0]} months, {scores['deals'][0]:,} deals)"
    yield (
        f"{'method':<28}{'window':<8}{'calendar':<15}{'log loss':>10}{'error':>14}"
        f"{'80 % held':>11}{'width':>14}{'95 % held':>11}{'width':>14}"
    )
    for row in scores.iter_rows(named=True):
        loss = "" if row["log_loss"] is None else f"{row['log_loss']:.4f}"
        held = "".join(
            f"{row[f'coverage_{level}']:>11.0%}{row[f'mean_width_{level}']:>14,.0f}" for level in LEVELS
        )
        name = f"{row['method']:<28}{row['window_name']:<8}{row['calendar']:<15}"
        yield f"{name}{loss:>10}{row['mean_absolute_error']:>14,.1f}{held}"
    yield ""


def _rate_lines(scores: pl.DataFrame) -> Iterator[str]:
    if scores.is_empty():
        return
    yield f"Won ÷ (won + lost) by close month ({scores['months'][0]} months)"
    yield f"{'method':<51}{'mean absolute error':>20}"
    for row in scores.iter_rows(named=True):
        yield f"{row['method']:<51}{row['mean_absolute_error']:>20.3f}"
