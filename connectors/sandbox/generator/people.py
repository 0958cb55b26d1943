"""The selling organisation: Organization, UserRole, User, OpportunityStage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.days import WorkCalendar, day_number
from connectors.sandbox.generator.draws import BoolArray, FloatArray, IntArray, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import NEVER, seller_first_days, seller_last_days
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.tables import (
    ADMINISTRATOR,
    FIRST_INSIDE_SALES,
    FIRST_MANAGER,
    FIRST_SELLER,
    audit,
    booleans,
    constant,
    join,
    numerals,
    percents,
    table,
    take,
    user_ids,
)
from connectors.sandbox.generator.words import (
    ENGLISH_FIRST_NAMES,
    ENGLISH_LAST_NAMES,
    JAPANESE_FIRST_NAMES,
    JAPANESE_LAST_NAMES,
    TEAM_NAMES,
)

HEAD_OF_SALES = 2


def seller_teams(spec: OrganizationSpec) -> IntArray:
    """Team index of each seller: consecutive blocks; former reps sat in the first teams."""
    active = np.arange(spec.reps) * spec.teams // spec.reps
    return np.concatenate([active, np.arange(spec.former_reps) % spec.teams])


def seller_is_japanese(spec: OrganizationSpec) -> BoolArray:
    """Whether each seller works in Japanese: spread evenly so that every team has both."""
    step = np.arange(spec.sellers) * (1 - spec.japanese_share)
    is_japanese: BoolArray = np.floor(step + 0.999) == np.floor(step + 0.999 - (1 - spec.japanese_share))
    return is_japanese


def activity_rates(spec: OrganizationSpec, step: str, base: float) -> FloatArray:
    """Each seller's true rate of one activity step ('touch_to_appointment', 'appointment_to_meeting')."""
    score = 2.0 * uniform(spec.seed, f"rep/{step}", np.arange(spec.sellers)) - 1.0
    logit = np.log(base / (1 - base)) + spec.activity_rate_spread * np.sqrt(3.0) * score
    result: FloatArray = 1 / (1 + np.exp(-logit))
    return result


def logging_shares(spec: OrganizationSpec) -> FloatArray:
    """Share of what each seller does that reaches the CRM."""
    shares = 0.92 + 0.08 * uniform(spec.seed, "rep/logging", np.arange(spec.sellers))
    shares[: spec.quiet_reps] = spec.quiet_logging_share
    return shares


@dataclass(frozen=True)
class _Users:
    """One element per user."""

    number: IntArray
    team: IntArray
    manager: IntArray
    is_japanese: BoolArray
    is_active: BoolArray
    joined: IntArray
    left: IntArray
    title: list[str]


def _roster(spec: OrganizationSpec, today: int) -> _Users:
    """Administrator, head of sales, managers, sellers who have joined by today, inside sales."""
    first = day_number(spec.first_date) - 90
    teams, inside = np.arange(spec.teams), np.arange(spec.inside_sales_reps)
    seller_team, none = seller_teams(spec), np.full(1, -1)
    joined = np.where(seller_first_days(spec) > first + 90, seller_first_days(spec), first)
    japanese = np.concatenate(
        [[True, True], np.ones(spec.teams, bool), seller_is_japanese(spec), np.ones(len(inside), bool)]
    )
    number = np.concatenate(
        [
            [ADMINISTRATOR, HEAD_OF_SALES],
            FIRST_MANAGER + teams,
            FIRST_SELLER + np.arange(spec.sellers),
            FIRST_INSIDE_SALES + inside,
        ]
    )
    team = np.concatenate([none, none, teams, seller_team, inside % spec.teams])
    managed = np.concatenate([FIRST_MANAGER + seller_team, FIRST_MANAGER + inside % spec.teams])
    manager = np.concatenate([none, none, np.full(spec.teams, HEAD_OF_SALES), managed])
    before = np.full(2 + spec.teams, first)
    left = np.concatenate(
        [np.full(2 + spec.teams, NEVER), seller_last_days(spec), np.full(len(inside), NEVER)]
    )
    title = ["System Administrator", "営業本部長", *["マネージャー"] * spec.teams]
    title += ["Account Executive"] * spec.sellers + ["インサイドセールス"] * len(inside)
    joined = np.concatenate([before, joined, np.full(len(inside), first)])
    here = joined <= today
    kept = [text for text, keep in zip(title, here.tolist(), strict=True) if keep]
    return _Users(
        number[here],
        team[here],
        manager[here],
        japanese[here],
        (left >= today)[here],
        joined[here],
        left[here],
        kept,
    )


def _names(users: _Users) -> tuple[Column, Column, Column]:
    """Last name, first name, full name; distinct enough, two of them alike on purpose (髙橋, 高橋)."""
    count = np.arange(len(users.number))
    japanese = pa.array(users.is_japanese)
    last = pa.compute.if_else(
        japanese,
        take(JAPANESE_LAST_NAMES, (count * 5) % len(JAPANESE_LAST_NAMES)),
        take(ENGLISH_LAST_NAMES, count % len(ENGLISH_LAST_NAMES)),
    )
    first = pa.compute.if_else(
        japanese,
        take(JAPANESE_FIRST_NAMES, (count * 3) % len(JAPANESE_FIRST_NAMES)),
        take(ENGLISH_FIRST_NAMES, count % len(ENGLISH_FIRST_NAMES)),
    )
    full = pa.compute.if_else(japanese, join(last, " ", first), join(first, " ", last))
    return last, first, full


def users_table(spec: OrganizationSpec, calendar: WorkCalendar) -> pa.Table:
    """One row per user who has joined by now."""
    users = _roster(spec, day_number(spec.local_today))
    count = len(users.number)
    last, first, full = _names(users)
    login = join("user", numerals(users.number), "@example.co.jp")
    language = pa.array(np.where(users.is_japanese, "ja", "en_US").astype(object), type=pa.string())
    created = calendar.instants(users.joined, 8 * 3600)
    left = calendar.instants(
        np.where(users.is_active, users.joined, np.minimum(users.left, 10**6)), 20 * 3600
    )
    return table(
        {
            "Id": user_ids(users.number),
            "Username": login,
            "Email": login,
            "LastName": last,
            "FirstName": first,
            "Name": full,
            "Alias": join("u", numerals(users.number)),
            "Title": pa.array(users.title, type=pa.string()),
            "IsActive": booleans(users.is_active),
            "TimeZoneSidKey": constant(spec.time_zone, count),
            "LocaleSidKey": language,
            "LanguageLocaleKey": language,
            "EmailEncodingKey": constant("UTF-8", count),
            "UserRoleId": record_ids("UserRole", users.team + 2, users.number == ADMINISTRATOR),
            "ManagerId": user_ids(np.maximum(users.manager, 0), users.manager < 0),
            "UserType": constant("Standard", count),
            "ForecastEnabled": booleans(users.number != ADMINISTRATOR),
            "DefaultCurrencyIsoCode": constant(spec.currency, count),
            **audit(created, np.full(count, ADMINISTRATOR), np.where(users.is_active, created, left)),
        }
    )


def roles_table(spec: OrganizationSpec, calendar: WorkCalendar) -> pa.Table:
    """The head of sales' role and one role per team below it."""
    names = ["営業本部"]
    for team in range(spec.teams):
        cycle = team // len(TEAM_NAMES)
        names.append(TEAM_NAMES[team % len(TEAM_NAMES)] + (f" {cycle + 1}" if cycle else ""))
    number = np.arange(1, spec.teams + 2)
    stamps = audit(
        calendar.instants(np.full(len(names), calendar.first), 3600), np.full(len(names), ADMINISTRATOR)
    )
    return table(
        {
            "Id": record_ids("UserRole", number),
            "Name": pa.array(names),
            "DeveloperName": join("Role", numerals(number)),
            "ParentRoleId": record_ids("UserRole", np.full(len(names), 1), number == 1),
            **{name: stamps[name] for name in ("LastModifiedDate", "LastModifiedById", "SystemModstamp")},
        }
    )


def organization_table(spec: OrganizationSpec, calendar: WorkCalendar) -> pa.Table:
    """The one Organization row."""
    return table(
        {
            "Id": record_ids("Organization", np.array([1])),
            "Name": pa.array([spec.name]),
            "LanguageLocaleKey": pa.array(["ja"]),
            "DefaultLocaleSidKey": pa.array(["ja_JP"]),
            "TimeZoneSidKey": pa.array([spec.time_zone]),
            "FiscalYearStartMonth": pa.array([spec.fiscal_year_start_month], type=pa.int64()),
            "UsesStartDateAsFiscalYearName": pa.array([True]),
            "OrganizationType": pa.array(["Enterprise Edition"]),
            "IsSandbox": pa.array([True]),
            "InstanceName": pa.array(["JP99S"]),
            "Country": pa.array([spec.country]),
            "DefaultCurrencyIsoCode": pa.array([spec.currency]),
            **audit(calendar.instants(np.array([calendar.first]), 3600), np.array([ADMINISTRATOR])),
        }
    )


def stages_table(spec: OrganizationSpec, calendar: WorkCalendar) -> pa.Table:
    """The stages in order, and one that is no longer in use."""
    names = [*spec.stage_names, "Closed Won", "Closed Lost", "Value Proposition"]
    forecast = [*(stage.forecast_category for stage in spec.stages), "Closed", "Omitted", "Pipeline"]
    labels = {"BestCase": "Best Case", "Forecast": "Commit", "MostLikely": "Most Likely"}
    chances = [*(stage.probability for stage in spec.stages), 100.0, 0.0, 50.0]
    count, open_count = len(names), len(spec.stages)
    position = np.arange(count)
    return table(
        {
            "Id": record_ids("OpportunityStage", position + 1),
            "MasterLabel": pa.array(names),
            "ApiName": pa.array(names),
            "IsActive": booleans(position < count - 1),
            "SortOrder": pa.array(position + 1),
            "IsClosed": booleans((position >= open_count) & (position < count - 1)),
            "IsWon": booleans(position == open_count),
            "ForecastCategory": pa.array(forecast),
            "ForecastCategoryName": pa.array([labels.get(name, name) for name in forecast]),
            "DefaultProbability": percents(np.array(chances)),
            **audit(calendar.instants(np.full(count, calendar.first), 3600), np.full(count, ADMINISTRATOR)),
        }
    )
