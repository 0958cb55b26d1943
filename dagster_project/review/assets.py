"""The evening: a light pull, each rep's review as a fact, and its task by the same road as the cards'."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from connectors.salesforce.reading.pull import problems, pull
from connectors.salesforce.reading.windows import PulledWindow
from connectors.salesforce.schema.objects import ACTION_KEY_FIELD, OBJECTS
from connectors.salesforce.writing.apply_actions import WriteOutcome, write_actions
from connectors.salesforce.writing.task_writer import key_problem
from dagster_project.decisions import commit_decisions, decided_rows
from dagster_project.errors import Incomplete, WriteRefused
from dagster_project.gate.judge import judge
from dagster_project.ingest.assets import pull_options
from dagster_project.ingest.org import actionable_errors
from dagster_project.ingest.organization import read_organization
from dagster_project.permission import decision_kind, may_write
from dagster_project.progress import current
from dagster_project.publish.assets import outcome_metadata
from dagster_project.publish.written import need_acceptance
from dagster_project.resources import NightResource
from dagster_project.review.expired import delete_expired
from dagster_project.review.reading import planned_targets, read_inputs
from dagster_project.review.reasons import REVIEW_FIELD
from dagster_project.review.reviews import REVIEW_SCHEMA, make_reviews, sync_reviews
from dagster_project.transform.evening_marts import evening_marts
from dagster_project.transform.run import run_dates
from dagster_project.undone import DELETED, without_undone

REVIEWS: Final = "reviews"
# What tells of a day's work; stages too, since the gate refuses deals in stages it does not know.
EVENING_OBJECTS: Final = (
    "User",
    "Lead",
    "OpportunityStage",
    "Opportunity",
    "OpportunityHistory",
    "Task",
    "Event",
)
# Sweeps and whole re-reads of formulas are the night's.
NEVER: Final = timedelta(days=36_500)


@dataclass(frozen=True)
class ReviewDay:
    """The day under review in the organisation's zone, and whether anybody has a plan for it."""

    day: date
    next_day: date
    is_planned: bool


def review_day(night: NightResource) -> ReviewDay:
    """Today, the next business day, and whether a night planned today."""
    dates = run_dates(night)
    day = night.now.astimezone(ZoneInfo(dates.time_zone)).date()
    targets = planned_targets(night.log, day)
    return ReviewDay(
        day, dates.calendar.next_business_day(day), not targets.filter(pl.col("day") == day).is_empty()
    )


def pull_the_day(night: NightResource, run_id: str) -> list[PulledWindow]:
    """Pull the few objects a review needs.

    Raises:
        Incomplete: naming each object that was not read completely.
    """
    options = replace(
        pull_options(night.settings, is_local=night.org.is_local), sweep_every=NEVER, formulas_every=NEVER
    )
    with actionable_errors():
        pulled = pull(
            night.org,
            night.log,
            run_id=run_id,
            clock=lambda: night.now,
            objects=[each for each in OBJECTS if each.name in EVENING_OBJECTS],
            progress=current().rows,
            options=options,
        )
    unread = problems(pulled)
    if unread:
        raise Incomplete("; ".join(unread), where="Salesforce", remedy="mend what is named and run again")
    return pulled


@dg.asset(group_name="review", kinds={"salesforce", "parquet"})
def evening_pull(context: dg.AssetExecutionContext, night: NightResource) -> dg.MaterializeResult[None]:
    """What the day brought, in the log and judged by the gate; nothing on a day nobody has a plan for.

    Raises:
        BatchStopped: the batch would falsify every mart.
    """
    day = review_day(night)
    if not day.is_planned:
        current().note(f"Nobody has a plan for {day.day}: nothing is reviewed")
        return dg.MaterializeResult(metadata={"day": str(day.day), "is_planned": False})
    with current().step("Reading Salesforce"):
        pulled = pull_the_day(night, context.run_id)
    with current().step("Gate"):
        report = judge(night.log, context.run_id, night.now)
    return dg.MaterializeResult(
        metadata={
            "day": str(day.day),
            "is_planned": True,
            "new_facts": sum(each.rows_appended for each in pulled),
            "api_calls": sum(each.api_calls for each in pulled),
            "refused": sum(stream.refused for stream in report.streams),
        }
    )


def reviews_of(night: NightResource, day: ReviewDay) -> pl.DataFrame:
    """The reviews of a day (``REVIEW_SCHEMA``); none on a day nobody has a plan for."""
    if not day.is_planned:
        return pl.DataFrame(schema=REVIEW_SCHEMA)
    with (
        current().step("Marts (dbt)"),
        evening_marts(night.settings, night.log, day.day, night.now) as warehouse,
    ):
        inputs = read_inputs(warehouse, night.log, day=day.day, next_day=day.next_day, now=night.now)
    return make_reviews(inputs)


@dg.asset(deps=[evening_pull], group_name="review", kinds={"dbt", "polars", "parquet"})
def reviews(context: dg.AssetExecutionContext, night: NightResource) -> dg.MaterializeResult[None]:
    """One row per day and rep: done against the day's plan, what is left, what comes first on the next day."""
    day = review_day(night)
    rows = reviews_of(night, day)
    appended = commit_decisions(
        night.log,
        REVIEWS,
        rows,
        key=["plan_date", "rep_id"],
        plan_date=day.day,
        run_id=context.run_id,
        now=night.now,
        kind=decision_kind(night),
    )
    return dg.MaterializeResult(metadata={"dagster/row_count": rows.height, "new_facts": appended})


def missing_of_the_package(night: NightResource) -> str:
    """Why the org cannot take reviews: without our key there would be two, without the pick list no answer."""
    with actionable_errors():
        fields = night.org.restful("sobjects/Task/describe")["fields"]
    key = key_problem(fields)
    if key:
        return f"Task.{ACTION_KEY_FIELD} {key}"
    shown = {each["name"] for each in fields}
    return "" if REVIEW_FIELD in shown else f"Task.{REVIEW_FIELD} is not in the org or not visible"


def write_reviews(night: NightResource, run_id: str, day: ReviewDay) -> WriteOutcome:
    """Bring the org's review tasks of the day to the facts, and take away those of earlier days nobody touched.

    Raises:
        WriteRefused: writing to this org is not allowed.
    """
    permission = may_write(night.settings, read_organization(night.log, night.settings.time_zone))
    if permission.is_refused:
        raise WriteRefused(permission.reason, where="GYAKUSAN_WRITE_BACK", remedy="set it, or use --dry-run")
    missing = missing_of_the_package(night)
    if missing:
        return WriteOutcome("none", (), notes=(f"{missing}: no reviews are written",))
    dry_run = night.dry_run or not permission.is_allowed
    rows = without_undone(night.log, decided_rows(night.log, REVIEWS, day.day), DELETED)
    with actionable_errors():
        outcome = write_actions(
            night.org,
            night.log,
            sync_reviews(rows).to_arrow(),
            run_id=run_id,
            clock=lambda: night.now,
            dry_run=dry_run,
            allow_production=night.settings.write_back == "any",
        )
        expired = delete_expired(night.org, night.log, day.day, run_id=run_id, now=night.now, dry_run=dry_run)
    verb = "would be deleted" if dry_run else "deleted"
    count = expired.untouched if dry_run else expired.deleted
    told = (f"{count} earlier reviews that nobody touched {verb}",) if count else ()
    return replace(outcome, notes=(*outcome.notes, *told))


@dg.asset(deps=[reviews], group_name="review", kinds={"salesforce"})
def review_tasks(context: dg.AssetExecutionContext, night: NightResource) -> dg.MaterializeResult[Any]:
    """One task per rep and day in Salesforce, upserted by external id and read back.

    Raises:
        WriteRefused: writing is not allowed, or more was rejected than the set share.
    """
    day = review_day(night)
    if not day.is_planned:
        return dg.MaterializeResult(metadata={"written": 0})
    with current().step("Writing back"):
        outcome = write_reviews(night, context.run_id, day)
    current().outcome = outcome
    need_acceptance(outcome, night.settings.rejected_share_limit)
    return dg.MaterializeResult(metadata=outcome_metadata(outcome))
