"""How well each coefficient, as of the start of each past month, predicted that month (method §2, "Which window").

Everything before a month's first day is known, nothing after it. What is predicted: which of the deals then open are won
within the month, the money they bring, and the month's won ÷ (won + lost).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate

import polars as pl

from dagster_project.estimate.arrays import FloatArray
from dagster_project.estimate.backtest_alternatives import close_rate_guesses, share_guesses
from dagster_project.estimate.backtest_hazards import age_only, day_number, hazard_guesses
from dagster_project.estimate.backtest_past import (
    MonthOutcome,
    next_month,
    open_deals,
    past_months,
    spells_known,
    with_amounts,
)
from dagster_project.estimate.backtest_scores import (
    ROW_SCHEMA,
    Guess,
    choose,
    scored_amount,
    scored_rate,
    scored_wins,
    with_intervals,
)
from dagster_project.estimate.past_exits import ExitsAsOf, exits_as_of

DEFAULT_PROBABILITY = 0.5
NO_AMOUNTS = pl.DataFrame(
    schema={"opportunity_id": pl.String, "valid_from_date": pl.Date, "amount": pl.Float64}
)
# Below this no coefficient is shown either (method §2).
LEAST_CLOSED = 30


def backtest_table(
    spells: pl.DataFrame,
    stage_probability: Mapping[str, float],
    last_day: date,
    asked: tuple[date | None, date | None] = (None, None),
    amounts: pl.DataFrame = NO_AMOUNTS,
) -> pl.DataFrame:
    """One row per month × target × method × window × calendar; see `backtest_scores.SCHEMA` for the columns.

    `spells`: one row per stay, as known now: opportunity_id, spell_number, series_name (the stage), started_date,
    last_date (of the exit, or `last_day`), exit_name, next_stage_name, clock_started_date. `stage_probability`: the
    CRM's share by stage. `amounts`: see `with_amounts`. Months: every whole one with at least 30 closes before it, up to `last_day`, within `asked` (first
    days of the first and last month).
    """
    outcomes = past_months(spells, last_day)
    first, last = asked[0] or date.min, asked[1] or date.max
    # Months before the first asked for still teach how far a month strays, and which choice was best by then.
    begin = _enough_closed(outcomes)
    wanted = [position for position, each in enumerate(outcomes) if position >= begin and each.month <= last]
    eves = [day_number(outcomes[position].month) - 1 for position in wanted]
    counted = exits_as_of(spells.with_columns(units=pl.lit(1)), eves) if eves else iter(())
    rows = [
        row
        for position, exits in zip(wanted, counted, strict=True)
        for row in _month_rows(
            spells, stage_probability, amounts, exits, outcomes[position], outcomes[:position]
        )
    ]
    table = choose(with_intervals(pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row")))
    return table.filter(pl.col("month") >= first)


def _enough_closed(outcomes: Sequence[MonthOutcome]) -> int:
    """Position of the first month with enough closes before it to learn from."""
    closed = accumulate(each.won + each.lost for each in outcomes)
    return next(
        (position + 1 for position, count in enumerate(closed) if count >= LEAST_CLOSED), len(outcomes)
    )


def _month_rows(
    spells: pl.DataFrame,
    stage_probability: Mapping[str, float],
    amounts: pl.DataFrame,
    exits: ExitsAsOf,
    came: MonthOutcome,
    before: Sequence[MonthOutcome],
) -> Iterator[dict[str, object]]:
    """What each method says of one month, beside what came of it."""
    month = came.month
    as_of, end = month - timedelta(days=1), next_month(month) - timedelta(days=1)
    known = spells_known(spells, as_of)
    deals = with_amounts(open_deals(spells, known, as_of, end), amounts, as_of, end)
    for guess in close_rate_guesses(before):
        yield scored_rate(month, guess, came)
    if deals.is_empty():
        return
    won = deals["is_won"].cast(pl.Float64).to_numpy()
    guesses = [
        *hazard_guesses(exits, deals, as_of, end),
        *age_only(known, deals, as_of, end),
        *share_guesses(before, deals.height),
        Guess("stage_probability", probability=_crm_probability(deals, stage_probability)),
    ]
    for guess in guesses:
        yield scored_wins(month, guess, won)
        if not amounts.is_empty():
            yield scored_amount(month, guess, deals["amount"].to_numpy(), deals["won_amount"].to_numpy())


def _crm_probability(deals: pl.DataFrame, stage_probability: Mapping[str, float]) -> FloatArray:
    """What the weighted pipeline multiplies amounts by; a stage the CRM says nothing of counts half."""
    column = deals["stage_name"].replace_strict(
        dict(stage_probability), default=DEFAULT_PROBABILITY, return_dtype=pl.Float64
    )
    return column.to_numpy()
