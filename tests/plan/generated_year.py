"""A generated organisation's year as the plan's inputs of each night, from what had happened by then and no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import polars as pl

from connectors.sandbox.generate import generate
from connectors.sandbox.generator.spec import OrganizationSpec
from dagster_project.calendars import BusinessCalendar, month_end, month_start
from dagster_project.log_odds import DrawSettings
from dagster_project.plan.inputs import PlanInputs, PlanParameters

FIRST, LAST = date(2025, 10, 1), date(2026, 9, 30)
WINDOW_DAYS = 180
ZONE = "Asia/Tokyo"
STEPS = (
    ("touch_to_appointment", "touches", "appointments"),
    ("appointment_to_meeting", "appointments", "meetings"),
    ("meeting_to_won", "meetings", "won_deals"),
)
# A part-timer, a colleague abroad, and a quota that is raised in the middle of a month.
PART_TIME, ABROAD, RAISED = 3, 4, 5
RAISED_ON = date(2026, 2, 18)


@dataclass(frozen=True)
class GeneratedYear:
    """The organisation's tables, read once, and the inputs of any night of its year."""

    spec: OrganizationSpec
    calendar: BusinessCalendar

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        return {name: pl.DataFrame(pl.from_arrow(table)) for name, table in generate(self.spec).items()}

    @cached_property
    def people(self) -> pl.DataFrame:
        """Sellers and inside sales: field reps in the first team, where inside sales work for them, the rest full."""
        users = self.tables["User"].filter(pl.col("Title").is_in(["Account Executive", "インサイドセールス"]))
        first_team = users["UserRoleId"].min()
        inside = pl.col("Title") == "インサイドセールス"
        place = pl.int_range(pl.len())
        return users.sort("Id").select(
            rep_id="Id",
            team_id="UserRoleId",
            language=pl.col("LanguageLocaleKey").str.slice(0, 2),
            email="Email",
            role=pl.when(inside)
            .then(pl.lit("inside_sales"))
            .when(pl.col("UserRoleId") == first_team)
            .then(pl.lit("field"))
            .otherwise(pl.lit("full")),
            working_share=pl.when(place == PART_TIME).then(0.6).otherwise(1.0),
            country_code=pl.when(place == ABROAD).then(pl.lit("US")),
            joined=_local("CreatedDate"),
            left=pl.when(~pl.col("IsActive")).then(_local("LastModifiedDate")),
        )

    @cached_property
    def deals(self) -> pl.DataFrame:
        return (
            self.tables["Opportunity"]
            .filter(~pl.col("IsDeleted"))
            .select(
                opportunity_id="Id",
                rep_id="OwnerId",
                amount=pl.col("Amount").cast(pl.Float64),
                is_won="IsWon",
                created=_local("CreatedDate"),
                closed=pl.when("IsClosed").then("CloseDate"),
            )
        )

    @cached_property
    def done(self) -> pl.DataFrame:
        """One row per rep, day and measure."""
        first_meetings = self.tables["Event"].filter(
            ~pl.col("IsDeleted"), pl.col("Subject").is_in(["初回商談", "First meeting"])
        )
        touches = self.tables["Task"].filter(
            ~pl.col("IsDeleted"), pl.col("IsClosed"), pl.col("TaskSubtype").is_in(["Call", "Email"])
        )
        parts = {
            "touches": touches.select(rep_id="OwnerId", activity_date="ActivityDate"),
            "appointments": first_meetings.select(rep_id="OwnerId", activity_date=_local("CreatedDate")),
            "meetings": first_meetings.select(rep_id="OwnerId", activity_date="ActivityDate"),
        }
        together = pl.concat(rows.with_columns(measure=pl.lit(name)) for name, rows in parts.items())
        counted = (
            together.drop_nulls()
            .group_by("rep_id", "activity_date", "measure")
            .agg(done=pl.len().cast(pl.Int64))
        )
        return counted.sort("activity_date", "rep_id", "measure")

    @cached_property
    def days_off(self) -> pl.DataFrame:
        away = self.tables["Event"].filter(pl.col("IsAllDayEvent"), pl.col("ShowAs") == "OutOfOffice")
        return away.select(
            rep_id="OwnerId",
            absence_date="ActivityDate",
            part=pl.when(pl.col("ActivityDate").dt.day() % 5 == 0)
            .then(pl.lit("morning"))
            .otherwise(pl.lit("day")),
        )

    @cached_property
    def quotas(self) -> pl.DataFrame:
        return self.tables["ForecastingQuota"].select(
            rep_id="QuotaOwnerId",
            month_start_date="StartDate",
            quota_amount=pl.col("QuotaAmount").cast(pl.Float64),
            currency=pl.lit("JPY"),
            source=pl.lit("forecasting_quota"),
        )

    def days(self) -> list[date]:
        """Every business day of the year."""
        return self.calendar.business_days(FIRST, LAST)

    def night(self, plan_date: date) -> PlanInputs:
        """The inputs on the eve of a day."""
        as_of = plan_date - timedelta(days=1)
        known = self.done.filter(pl.col("activity_date") <= as_of)
        people = self.people.filter(pl.col("joined") <= plan_date)
        deals = self.deals.filter(pl.col("created") <= as_of).with_columns(
            closed=pl.when(pl.col("closed") <= as_of).then("closed")
        )
        counts = self._counts(known, deals, as_of)
        month = known.filter(pl.col("activity_date") >= month_start(plan_date))
        return PlanInputs(
            as_of_date=as_of,
            plan_date=plan_date,
            calendar=self.calendar,
            currency="JPY",
            reps=people.drop("joined", "left").with_columns(
                is_active=people["left"].is_null() | (people["left"] >= plan_date)
            ),
            quotas=self._quotas(as_of),
            opportunities=_opportunities(deals, as_of),
            win_ahead=_win_ahead(deals, plan_date),
            activity_conversion=_conversions(counts),
            win_by_horizon=_win_curve(deals, as_of),
            revenue_velocity=_velocity(counts),
            activity_to_date=_to_date(month),
            absences=self.days_off,
            activity_by_day=known.filter(pl.col("activity_date") >= plan_date - timedelta(days=45)),
            parameters=PlanParameters(draws=DrawSettings(draws=64)),
        )

    def _quotas(self, as_of: date) -> pl.DataFrame:
        if as_of < RAISED_ON:
            return self.quotas
        raised = pl.col("rep_id") == self.people["rep_id"][RAISED]
        return self.quotas.with_columns(
            quota_amount=pl.when(raised).then(1.2).otherwise(1.0) * pl.col("quota_amount")
        )

    def _counts(self, known: pl.DataFrame, deals: pl.DataFrame, as_of: date) -> pl.DataFrame:
        """One row per scope: what was done and closed in the window up to a day."""
        since = as_of - timedelta(days=WINDOW_DAYS)
        activity = (
            known.filter(pl.col("activity_date") > since)
            .group_by("rep_id")
            .agg(
                pl.col("done").filter(pl.col("measure") == measure).sum().alias(measure)
                for measure in ("touches", "appointments", "meetings")
            )
        )
        closed = deals.filter(pl.col("closed") > since).with_columns(
            days=(pl.col("closed") - pl.col("created")).dt.total_days()
        )
        won = pl.col("is_won")
        results = closed.group_by("rep_id").agg(
            won_deals=won.sum().cast(pl.Int64),
            lost=(~won).sum().cast(pl.Int64),
            won_amount=pl.col("amount").filter(won).sum(),
            won_days=pl.col("days").filter(won).sum(),
        )
        of_reps = self.people.join(activity, on="rep_id", how="left").join(results, on="rep_id", how="left")
        scopes = (("rep", pl.col("rep_id")), ("team", pl.col("team_id")), ("organization", pl.lit("")))
        sums = ("touches", "appointments", "meetings", "won_deals", "lost", "won_amount", "won_days")
        return pl.concat(
            of_reps.group_by(scope_kind=pl.lit(kind), scope_id=name).agg(pl.col(sums).sum())
            for kind, name in scopes
        )


def generated_year() -> GeneratedYear:
    """Fourteen reps in two teams, one of which has field reps and inside sales, from half a year before the year on."""
    spec = OrganizationSpec(
        reps=11,
        teams=2,
        inside_sales_reps=2,
        late_joiners=1,
        former_reps=1,
        now=datetime(LAST.year, LAST.month, LAST.day, 15, tzinfo=UTC),
        start_date=date(2025, 4, 1),
    )
    closed = frozenset(date(2025, 12, day) for day in (29, 30, 31)) | {date(2026, 1, 2)}
    return GeneratedYear(spec, BusinessCalendar("JP", company_days_off=closed))


def _local(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(ZONE).dt.date()


def _opportunities(deals: pl.DataFrame, as_of: date) -> pl.DataFrame:
    is_open = pl.col("closed").is_null()
    recent = pl.col("is_won") & (pl.col("closed") > as_of - timedelta(days=365))
    return deals.filter(is_open | recent).select(
        "opportunity_id",
        "rep_id",
        "amount",
        status=pl.when(is_open).then(pl.lit("open")).otherwise(pl.lit("won")),
        currency=pl.lit("JPY"),
        closed_date="closed",
    )


def _win_ahead(deals: pl.DataFrame, plan_date: date) -> pl.DataFrame:
    """A quarter of open deals are won, half of them within a month: crude, and the same every night."""
    end = month_end(plan_date)
    chance = 0.25 * (1 - 0.5 ** (((end - plan_date).days + 1) / 30))
    return deals.filter(pl.col("closed").is_null()).select(
        "opportunity_id",
        horizon_date=pl.lit(end),
        p_win=pl.lit(chance),
        lower_80=pl.lit(chance * 0.7),
        upper_80=pl.lit(chance * 1.3),
    )


def _conversions(counts: pl.DataFrame) -> pl.DataFrame:
    """Each scope's rate, drawn to the organisation's by twenty."""
    tables = []
    for step, begun, reached in STEPS:
        everybody = counts.filter(pl.col("scope_kind") == "organization")
        overall = float(everybody[reached][0]) / max(float(everybody[begun][0]), 1.0)
        rate = ((pl.col(reached) + 20 * overall) / (pl.col(begun) + 20)).clip(0, 1)
        tables.append(
            counts.select(
                "scope_kind",
                "scope_id",
                window_name=pl.lit("180d"),
                step=pl.lit(step),
                entered=begun,
                rate_shrunk=rate,
                lower_80=rate * 0.8,
                upper_80=(rate * 1.2).clip(0, 1),
                is_too_few=pl.lit(False),
            )
        )
    return pl.concat(tables)


def _win_curve(deals: pl.DataFrame, as_of: date) -> pl.DataFrame:
    won = deals.filter("is_won", pl.col("closed") <= as_of)
    days = (won["closed"] - won["created"]).dt.total_days()
    horizons = list(range(0, 181, 5))
    shares = [0.25 * float((days <= horizon).mean() or 0.0) for horizon in horizons]
    return pl.DataFrame({"horizon_days": horizons, "win_incidence": shares}).with_columns(
        window_name=pl.lit("180d"),
        scope_kind=pl.lit("organization"),
        scope_id=pl.lit(""),
        deals=pl.lit(len(won)),
        win_incidence_shrunk=pl.lit(None, pl.Float64),
        is_too_few=pl.lit(False),
    )


def _velocity(counts: pl.DataFrame) -> pl.DataFrame:
    won = pl.col("won_deals")
    some = pl.when(won > 0)
    return counts.select(
        "scope_kind",
        "scope_id",
        "lost",
        window_name=pl.lit("180d"),
        average_price=some.then(pl.col("won_amount") / won),
        win_rate=some.then(won / (won + pl.col("lost"))),
        average_cycle_days=some.then(pl.col("won_days") / won),
        rv_realised=pl.col("won_amount") / WINDOW_DAYS,
        won="won_deals",
    )


def _to_date(month: pl.DataFrame) -> pl.DataFrame:
    return month.group_by("rep_id").agg(
        *(
            pl.col("done").filter(pl.col("measure") == measure).sum().alias(f"done_{measure}")
            for measure in ("touches", "appointments", "meetings")
        ),
        booked_appointments=pl.lit(0, pl.Int64),
        recent_meetings=pl.lit(0, pl.Int64),
    )
