"""Working units of reps: country, company, weekdays, part-time, first and last days, absences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.calendars import BusinessCalendar, CalendarError
from dagster_project.plan.input_frames import PlanInputError
from dagster_project.plan.inputs import PlanInputs
from dagster_project.plan.people.rep_file import WEEKDAYS
from dagster_project.plan.people.working_days import WorkingDays, working_days
from dagster_project.plan.plan import make_plans
from tests.plan.frames import FEW_DRAWS, inputs, quotas, reps

NOVEMBER, NOVEMBER_END = date(2026, 11, 1), date(2026, 11, 30)
CULTURE_DAY, THANKSGIVING = date(2026, 11, 3), date(2026, 11, 26)
Away = tuple[str | None, date, str]


def people(**changes: Any) -> pl.DataFrame:
    """One rep A, with these columns."""
    return reps("A").with_columns(**{name: pl.lit(value) for name, value in changes.items()})


def away(*rows: Away) -> pl.DataFrame:
    return pl.DataFrame(
        list(rows), schema={"rep_id": pl.String, "absence_date": pl.Date, "part": pl.String}, orient="row"
    )


def november(table: pl.DataFrame, *absences: Away, calendar: BusinessCalendar | None = None) -> WorkingDays:
    given = inputs(
        plan_date=date(2026, 11, 2),
        as_of_date=date(2026, 10, 31),
        calendar=calendar or BusinessCalendar(),
        reps=table,
        absences=away(*absences),
    )
    return working_days(given, table["rep_id"].to_list(), NOVEMBER, NOVEMBER_END)


def by_day(found: WorkingDays, rep: int = 0) -> dict[date, int]:
    return dict(zip(found.days, found.units[rep].tolist(), strict=True))


def test_a_full_month_in_japan() -> None:
    found = november(people())
    assert found.units.tolist() == [[100] * 19]
    assert CULTURE_DAY not in found.days


def test_a_rep_elsewhere_works_by_that_country_s_calendar() -> None:
    table = pl.concat(
        [people(country_code="US"), reps("B").with_columns(country_code=pl.lit(None, pl.String))]
    )
    found = november(table)
    american, japanese = by_day(found, 0), by_day(found, 1)
    assert (american[CULTURE_DAY], japanese[CULTURE_DAY]) == (100, 0)
    assert (american[THANKSGIVING], japanese[THANKSGIVING]) == (0, 100)


def test_a_region_has_holidays_of_its_own() -> None:
    all_saints = date(2027, 11, 1)
    given = inputs(plan_date=all_saints, calendar=BusinessCalendar("DE"), reps=people(region="BY"))
    found = working_days(given, ["A"], all_saints, all_saints)
    assert by_day(found) == {all_saints: 0}
    elsewhere = working_days(replace(given, reps=people(region="BE")), ["A"], all_saints, all_saints)
    assert by_day(elsewhere) == {all_saints: 100}


def test_the_organisation_s_region_is_not_another_country_s() -> None:
    found = november(people(country_code="US"), calendar=BusinessCalendar("DE", "BY"))
    assert by_day(found)[THANKSGIVING] == 0


def test_company_days_are_off_in_every_country() -> None:
    company = BusinessCalendar(company_days_off=frozenset({date(2026, 11, 20)}))
    found = november(people(country_code="US"), calendar=company)
    assert date(2026, 11, 20) not in found.days


@pytest.mark.parametrize(
    ("changes", "total", "days"),
    [
        ({}, 1900, 19),
        ({"working_share": 0.6}, 1140, 19),
        ({"working_share": 0.0}, 0, 0),
        ({"working_share": 1.5}, 1900, 19),
        # Mondays and Thursdays but for Labour Thanksgiving Day, the 23rd.
        ({"weekdays": "Mon Thu"}, 800, 8),
        ({"weekdays": "Mon Thu", "working_share": 0.5}, 400, 8),
        ({"weekdays": "Sat Sun"}, 0, 0),
        ({"first_date": date(2026, 11, 16)}, 1000, 10),
        ({"last_date": date(2026, 11, 13)}, 900, 9),
        ({"first_date": date(2026, 11, 16), "last_date": date(2026, 11, 16)}, 100, 1),
        ({"first_date": date(2020, 4, 1), "last_date": date(2030, 3, 31)}, 1900, 19),
        ({"first_date": date(2026, 12, 1)}, 0, 0),
    ],
)
def test_part_time_and_dates_of_employment(changes: dict[str, Any], total: int, days: int) -> None:
    units = november(people(**changes)).units
    assert (units.sum(), (units > 0).sum()) == (total, days)


FRIDAY = date(2026, 11, 13)


@pytest.mark.parametrize(
    ("absences", "left"),
    [
        ([("A", FRIDAY, "day")], 0),
        ([("A", FRIDAY, "morning")], 50),
        ([("A", FRIDAY, "afternoon")], 50),
        ([("A", FRIDAY, "morning"), ("A", FRIDAY, "afternoon")], 0),
        ([("A", FRIDAY, "morning"), ("A", FRIDAY, "morning")], 50),
        ([("A", FRIDAY, "morning"), ("A", FRIDAY, "day")], 0),
        ([("A", FRIDAY, "morning"), (None, FRIDAY, "morning")], 50),
        ([("A", FRIDAY, "morning"), (None, FRIDAY, "afternoon")], 0),
        ([(None, FRIDAY, "afternoon")], 50),
        ([("B", FRIDAY, "day")], 100),
        ([("A", CULTURE_DAY, "day"), ("A", date(2026, 11, 14), "day")], 100),
    ],
)
def test_absences_count_each_half_once(absences: list[Away], left: int) -> None:
    assert by_day(november(people(), *absences))[FRIDAY] == left


def test_half_a_part_timer_s_day() -> None:
    found = november(people(working_share=0.55), ("A", FRIDAY, "morning"))
    assert by_day(found)[FRIDAY] == 27


def test_a_rep_away_all_month_is_planned_nothing_and_told_so() -> None:
    days = [NOVEMBER + timedelta(days=offset) for offset in range(30)]
    given = inputs(
        plan_date=date(2026, 11, 2),
        as_of_date=date(2026, 10, 31),
        absences=away(*(("A", day, "day") for day in days)),
        quotas=quotas({"A": 1e6}, month=NOVEMBER),
        parameters=FEW_DRAWS,
    )
    plan = make_plans(given).plans.row(0, named=True)
    assert (plan["business_days_left"], plan["planned_touches"]) == (0, 0)
    assert "no_day_left" in plan["note_codes"]


@pytest.mark.parametrize(
    ("first", "last", "is_planned"),
    [
        (None, date(2026, 11, 9), False),
        (None, date(2026, 11, 10), True),
        (date(2026, 11, 25), None, True),
        (date(2026, 12, 1), None, False),
    ],
)
def test_who_has_left_or_is_yet_to_come_is_not_planned_for(
    first: date | None, last: date | None, is_planned: bool
) -> None:
    given = inputs(
        plan_date=date(2026, 11, 10),
        as_of_date=date(2026, 11, 9),
        reps=people(first_date=first, last_date=last),
    )
    assert given.reps["is_active"].to_list() == [is_planned]


def test_a_joiner_s_quota_is_taken_as_given() -> None:
    joiner = inputs(reps=people(first_date=date(2027, 2, 22)), parameters=FEW_DRAWS)
    plan = make_plans(joiner).plans.row(0, named=True)
    assert (plan["quota_amount"], plan["business_days_left"]) == (1_000_000, 5)


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(CalendarError, match=r"'XX'.*ISO 3166"):
        november(people(country_code="XX"))
    with pytest.raises(CalendarError, match=r"'US-CALI'.*such as CA"):
        november(people(country_code="US", region="CALI"))
    with pytest.raises(PlanInputError, match="weekdays 'Montag'"):
        november(people(weekdays="Montag"))
    with pytest.raises(PlanInputError, match="part of a day: noon"):
        november(people(), ("A", FRIDAY, "noon"))


def test_no_rep_at_all() -> None:
    found = working_days(inputs(), [], date(2027, 2, 1), date(2027, 2, 28))
    assert found.units.shape == (0, len(found.days))


DAYS = st.dates(NOVEMBER, NOVEMBER_END)
PARTS = st.sampled_from(["day", "morning", "afternoon"])
ABSENCES = st.lists(st.tuples(st.sampled_from(["A", "B", None]), DAYS, PARTS), max_size=12)


@st.composite
def orgs(draw: st.DrawFn) -> PlanInputs:
    drawn = [
        {
            "rep_id": rep,
            "country_code": draw(st.sampled_from([None, "JP", "US", "IL"])),
            "working_share": draw(st.floats(0, 1)),
            "weekdays": draw(
                st.none()
                | st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda names: " ".join(sorted(names)))
            ),
            "first_date": draw(st.none() | DAYS),
            "last_date": draw(st.none() | DAYS),
        }
        for rep in ("A", "B")
    ]
    kinds = {"first_date": pl.Date, "last_date": pl.Date, "weekdays": pl.String, "country_code": pl.String}
    return inputs(
        plan_date=date(2026, 11, 2),
        calendar=BusinessCalendar(),
        reps=reps("A", "B").join(pl.DataFrame(drawn, schema_overrides=kinds), on="rep_id"),
        absences=away(*draw(ABSENCES)),
    )


def units_by_day(given: PlanInputs, rep_ids: tuple[str, ...] = ("A", "B")) -> dict[tuple[str, date], int]:
    """Days without any unit left out: which of them are listed is no matter."""
    found = working_days(given, rep_ids, NOVEMBER, NOVEMBER_END)
    return {
        (rep, day): units
        for rep, row in zip(rep_ids, found.units.tolist(), strict=True)
        for day, units in zip(found.days, row, strict=True)
        if units
    }


@given(orgs(), ABSENCES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_units_only_depend_on_which_halves_are_taken(
    given: PlanInputs, more: list[Away], chance: Any
) -> None:
    found = units_by_day(given)
    assert all(0 < units <= 100 for units in found.values())
    rows = given.absences.rows()
    chance.shuffle(rows)
    assert units_by_day(replace(given, absences=away(*rows, *rows))) == found
    assert units_by_day(given, ("B", "A")) == found
    fewer = units_by_day(replace(given, absences=away(*rows, *more)))
    assert all(units <= found[key] for key, units in fewer.items())


@given(orgs())
@settings(max_examples=60, deadline=None)
def test_units_as_a_person_would_reckon_them(given: PlanInputs) -> None:
    expected: dict[tuple[str, date], int] = {}
    taken: dict[tuple[str, date], set[str]] = {}
    for rep, day, part in given.absences.rows():
        for each in ("A", "B") if rep is None else (rep,):
            taken.setdefault((each, day), set()).update({"morning", "afternoon"} if part == "day" else {part})
    for row in given.reps.iter_rows(named=True):
        calendar = BusinessCalendar(row["country_code"] or "JP")
        for day in calendar.business_days(row["first_date"] or NOVEMBER, row["last_date"] or NOVEMBER_END):
            if row["weekdays"] and f"{day:%a}" not in row["weekdays"].split():
                continue
            full = int(np.rint(100 * row["working_share"]))
            units = full * (2 - len(taken.get((row["rep_id"], day), ()))) // 2
            if units:
                expected[row["rep_id"], day] = units
    assert units_by_day(given) == expected
