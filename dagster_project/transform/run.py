"""The dates and choices of one run, from the settings and what the org says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from connectors.event_log import EventLog
from dagster_project.calendars import BusinessCalendar
from dagster_project.ingest.organization import read_organization
from dagster_project.settings import Settings
from dagster_project.transform.parameters import RunParameters, last_complete_day

if TYPE_CHECKING:
    from dagster_project.resources import NightResource

# A single-currency org tells its currency to no integration user; the team sets it.
DEFAULT_CURRENCY = "JPY"


@dataclass(frozen=True)
class RunDates:
    """The last complete day, the business day that is planned, and the calendar both are counted on."""

    as_of_date: date
    plan_date: date
    time_zone: str
    currency: str
    calendar: BusinessCalendar


def parameters_of(night: NightResource) -> RunParameters:
    """What tonight's marts are computed as of: the last complete day, as known now."""
    return parameters_as_of(night.settings, night.log, as_of_date=None, known_at=night.now)


def parameters_as_of(
    settings: Settings, log: EventLog, *, as_of_date: date | None, known_at: datetime
) -> RunParameters:
    """Parameters of a day (the last complete one at `known_at` for None) from what was known at an instant.

    The organisation's own zone and currency unless set otherwise.
    """
    organization = read_organization(log, settings.time_zone, known_at)
    time_zone = settings.time_zone or organization.time_zone
    return RunParameters(
        as_of_date=as_of_date or last_complete_day(known_at, time_zone),
        known_at=known_at,
        time_zone=time_zone,
        minimum_at_risk=settings.minimum_at_risk,
        clock_stage_name=settings.clock_stage_name,
        country_code=settings.country_code,
        region=settings.region,
        currency=settings.currency or organization.currency or DEFAULT_CURRENCY,
        are_review_reasons_open=settings.review_reasons == "team",
        quota_spread=settings.quota_spread,
    )


def run_dates(night: NightResource) -> RunDates:
    """The dates of this run (design decision 9)."""
    parameters = parameters_of(night)
    calendar = BusinessCalendar(
        parameters.country_code, parameters.region, frozenset(night.settings.company_holidays)
    )
    return RunDates(
        as_of_date=parameters.as_of_date,
        plan_date=calendar.next_business_day(parameters.as_of_date),
        time_zone=parameters.time_zone,
        currency=parameters.currency,
        calendar=calendar,
    )
