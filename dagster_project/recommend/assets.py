"""Each rep's next actions, every candidate with its propensity, committed to the log before anything is sent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from dagster_project.decisions import (
    ACTIONS_PLANNED,
    CANDIDATES,
    DAY_BLOCKS,
    DECIDED,
    commit_decisions,
    decided_rows,
)
from dagster_project.permission import decision_kind
from dagster_project.progress import current
from dagster_project.recommend.inputs import read_inputs
from dagster_project.recommend.recommend import RecommendSettings, RecommendTables, recommend
from dagster_project.resources import NightResource
from dagster_project.transform.names import mart_keys
from dagster_project.transform.run import RunDates, run_dates
from dagster_project.undone import (
    DELETED,
    frame,
    marked_as_taken_back,
    only_what_stood,
    tasks_with_keys,
    without_undone,
)

RECOMMEND_MARTS = (
    "dim_rep",
    "fct_opportunity",
    "fct_stage_spells",
    "fct_activity",
    "fct_win_ahead",
    "run_parameters",
)
KEY = ("plan_date", "action_key")


def choose_actions(night: NightResource, dates: RunDates) -> RecommendTables:
    """Candidates and chosen actions of every rep for ``plan_date``."""
    settings, log = night.settings, night.log
    past = frame(log.read(CANDIDATES, where=f"kind = '{DECIDED}'")) if CANDIDATES in log.streams() else None
    inputs = read_inputs(
        settings.warehouse_file,
        plan_date=dates.plan_date,
        # What was taken back was never shown: neither as a card of an earlier night nor as its owner's refusal.
        past_candidates=None if past is None else without_undone(log, past, DELETED),
        task_facts=tasks_with_keys(log),
        day_blocks=decided_rows(log, DAY_BLOCKS, dates.plan_date),
        holidays=dates.calendar.closed_weekdays(
            dates.as_of_date - timedelta(days=1000), dates.plan_date + timedelta(days=60)
        ),
        settings=RecommendSettings(salt=settings.experiment_salt, held_out_share=settings.held_out_share),
    )
    tables = recommend(inputs)
    stands = only_what_stood(log, dates.plan_date, tables.actions)
    left_out = tables.actions.filter(~stands)["action_key"]
    return replace(
        tables,
        candidates=marked_as_taken_back(log, tables.candidates, left_out),
        actions=without_undone(log, tables.actions.filter(stands), DELETED),
    )


@dg.multi_asset(
    name="recommend",
    specs=[
        dg.AssetSpec(
            [CANDIDATES],
            deps=[*mart_keys(RECOMMEND_MARTS), [DAY_BLOCKS]],
            group_name="recommend",
            kinds={"polars", "parquet"},
            description="One row per plan date and action key: everything weighed, chosen or not, with its propensity.",
        ),
        dg.AssetSpec(
            [ACTIONS_PLANNED],
            deps=[*mart_keys(RECOMMEND_MARTS), [DAY_BLOCKS]],
            group_name="recommend",
            kinds={"polars", "parquet"},
            description="One row per plan date and action key: the cards chosen for each rep, with their text.",
        ),
    ],
)
def next_actions(
    context: dg.AssetExecutionContext, night: NightResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Weigh every candidate, choose at most five a rep, and commit both."""
    with current().step("Next actions"):
        dates = run_dates(night)
        tables = choose_actions(night, dates)
        for stream, rows in ((CANDIDATES, tables.candidates), (ACTIONS_PLANNED, tables.actions)):
            appended = commit_decisions(
                night.log,
                stream,
                rows,
                key=KEY,
                plan_date=dates.plan_date,
                run_id=context.run_id,
                now=night.now,
                kind=decision_kind(night),
            )
            yield dg.MaterializeResult(
                asset_key=[stream], metadata={"dagster/row_count": rows.height, "new_facts": appended}
            )
