"""Who is away when, and who does what in a team, read off hand-made marts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from connectors.sandbox.generate import OrganizationSpec, generate
from dagster_project.plan.people.queries import ABSENCE_WORDS, ABSENCES, DECLINED_WORDS, REPS, ROLE_VALUES

AS_OF, START, END = date(2026, 11, 16), date(2026, 11, 1), date(2026, 11, 30)
TABLES = """
create table run_parameters as select 'Asia/Tokyo' as time_zone;
create table dim_rep (
    rep_id varchar, team_id varchar, language varchar default 'ja', is_active boolean default true, email varchar,
    time_zone varchar, user_created_date date, first_activity_date date
);
create table fct_opportunity (opportunity_id varchar, rep_id varchar, status varchar default 'open');
create table fct_activity (
    rep_id varchar, activity_kind varchar default 'event', subject varchar, activity_date date,
    activity_at timestamptz, is_touch boolean default false, is_first_meeting boolean default false,
    is_all_day boolean default false, is_cancelled boolean default false, is_out_of_office boolean default false,
    is_own_write boolean default false, opportunity_id varchar, duration_minutes int, result_text varchar
);
"""


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(TABLES)
        yield connection


def rows(marts: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    values = {
        "as_of_date": AS_OF,
        "month_start_date": START,
        "month_end_date": END,
        "absence_words": ABSENCE_WORDS,
        "declined_words": DECLINED_WORDS,
        **ROLE_VALUES,
    }
    used = {name: value for name, value in values.items() if f"${name}" in query}
    return sorted(marts.execute(query, used).fetchall(), key=str)


def timed(marts: duckdb.DuckDBPyConnection, starts: str, minutes: int, zone: str = "Asia/Tokyo") -> None:
    """An out-of-office event that starts at a time of the rep's own clock."""
    marts.execute("insert into dim_rep (rep_id, time_zone) values ('A', ?)", [zone])
    at = datetime.fromisoformat(starts).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    in_tokyo = at.astimezone(ZoneInfo("Asia/Tokyo")).date()
    marts.execute(
        "insert into fct_activity (rep_id, activity_date, activity_at, duration_minutes, is_out_of_office) "
        "values ('A', ?, ?, ?, true)",
        [in_tokyo, at, minutes],
    )


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "Pacific/Auckland", "Europe/London"])
@pytest.mark.parametrize(
    ("starts", "minutes", "parts"),
    [
        ("2026-11-18 09:00", 180, {18: "morning"}),
        ("2026-11-18 09:00", 179, {}),
        ("2026-11-18 13:00", 300, {18: "afternoon"}),
        ("2026-11-18 12:00", 180, {18: "afternoon"}),
        ("2026-11-18 10:00", 300, {18: "morning"}),
        ("2026-11-18 09:00", 540, {18: "day"}),
        ("2026-11-18 00:00", 1440, {18: "day"}),
        ("2026-11-18 18:00", 300, {}),
        # From Wednesday noon to Friday noon.
        ("2026-11-18 12:30", 2880, {18: "afternoon", 19: "day", 20: "morning"}),
        ("2026-11-30 09:00", 540, {30: "day"}),
    ],
)
def test_a_timed_absence_takes_halves_of_the_rep_s_own_day(
    marts: duckdb.DuckDBPyConnection, zone: str, starts: str, minutes: int, parts: dict[int, str]
) -> None:
    timed(marts, starts, minutes, zone)
    assert rows(marts, ABSENCES) == [("A", date(2026, 11, day), part) for day, part in parts.items()]


def test_the_clock_goes_back_during_an_absence(marts: duckdb.DuckDBPyConnection) -> None:
    # 1 November 2026 has 25 hours in New York: 55 hours after 9:00 on Friday it is 15:00 on Sunday, not 16:00.
    timed(marts, "2026-10-30 09:00", 55 * 60, "America/New_York")
    assert rows(marts, ABSENCES) == [
        ("A", date(2026, 10, 30), "day"),
        ("A", date(2026, 10, 31), "day"),
        ("A", date(2026, 11, 1), "morning"),
    ]


@pytest.mark.parametrize(
    ("columns", "days"),
    [
        ("subject: '夏季休暇', duration_minutes: 2880", [18, 19]),
        ("subject: 'OOO: family', duration_minutes: 1440", [18]),
        ("subject: 'Out of Office'", [18]),
        ("subject: 'Dentist', is_out_of_office: true", [18]),
        ("subject: 'Private', result_text: '有給'", [18]),
        ("subject: '休暇', duration_minutes: 0", [18]),
        ("subject: 'Trade show', duration_minutes: 1440", []),
        ("subject: '休暇', is_cancelled: true", []),
        ("subject: 'Dentist', is_out_of_office: true, is_cancelled: true", []),
        ("subject: 'Declined: vacation'", []),
        ("subject: '【辞退】休暇'", []),
        ("subject: 'PTO policy workshop', opportunity_id: '006'", []),
        ("subject: '休暇', rep_id: null", []),
        ("subject: '休暇の件で電話', activity_kind: 'task'", []),
    ],
)
def test_an_all_day_absence_is_a_date(
    marts: duckdb.DuckDBPyConnection, columns: str, days: list[int]
) -> None:
    # Midnight of the organisation's zone: whatever the rep's own zone, the date stays.
    event = "{rep_id: 'A', activity_date: date '2026-11-18', activity_at: '2026-11-17 15:00:00Z', is_all_day: true}"
    marts.execute("insert into dim_rep (rep_id, time_zone) values ('A', 'America/Los_Angeles')")
    marts.execute(f"insert into fct_activity by name select unnest({event})")
    names = [part.split(":")[0].strip() for part in columns.split(",")]
    told = ", ".join(f"{name} = ({{{columns}}}).{name}" for name in names)
    marts.execute(f"update fct_activity set {told}")
    assert rows(marts, ABSENCES) == [("A", date(2026, 11, day), "day") for day in days]


def rep(marts: duckdb.DuckDBPyConnection, rep_id: str, team: str | None = "team") -> None:
    marts.execute("insert into dim_rep (rep_id, team_id) values (?, ?)", [rep_id, team])


def deals(marts: duckdb.DuckDBPyConnection, rep_id: str, count: int) -> None:
    marts.execute(
        "insert into fct_opportunity (opportunity_id, rep_id) select ? || n, ? from range(?) as numbers(n)",
        [rep_id, rep_id, count],
    )


def touches(marts: duckdb.DuckDBPyConnection, rep_id: str, of: str, count: int, days_ago: int = 90) -> None:
    """Calls on the first deals of a rep, one a deal."""
    day = AS_OF - timedelta(days=days_ago)
    marts.execute(
        "insert into fct_activity (rep_id, activity_kind, activity_date, activity_at, is_touch, opportunity_id) "
        "select ?, 'task', ?, ?, true, ? || n % 20 from range(?) as numbers(n)",
        [rep_id, day, datetime(day.year, day.month, day.day, 3, tzinfo=UTC), of, count],
    )


def meetings(marts: duckdb.DuckDBPyConnection, rep_id: str, count: int, days_ago: int = 60) -> None:
    day = AS_OF - timedelta(days=days_ago)
    marts.execute(
        "insert into fct_activity (rep_id, activity_date, activity_at, is_first_meeting, opportunity_id) "
        "select ?, ?, ?, true, ? || n from range(?) as numbers(n)",
        [rep_id, day, datetime(day.year, day.month, day.day, 3, tzinfo=UTC), rep_id, count],
    )


def roles(marts: duckdb.DuckDBPyConnection) -> dict[object, object]:
    return {row[0]: row[6] for row in rows(marts, REPS)}


def team_with_inside_sales(marts: duckdb.DuckDBPyConnection) -> None:
    """I calls for F and G, who hold the meetings."""
    for name in "IFG":
        rep(marts, name)
    for name in "FG":
        deals(marts, name, 20)
        meetings(marts, name, 10)
        touches(marts, "I", name, 60)


def test_inside_sales_and_the_field_reps_they_call_for(marts: duckdb.DuckDBPyConnection) -> None:
    team_with_inside_sales(marts)
    assert roles(marts) == {"I": "inside_sales", "F": "field", "G": "field"}


def test_who_makes_most_of_the_own_touches_does_everything(marts: duckdb.DuckDBPyConnection) -> None:
    team_with_inside_sales(marts)
    touches(marts, "G", "G", 61)
    assert roles(marts) == {"I": "inside_sales", "F": "field", "G": "full"}


def test_touches_after_the_first_meeting_do_not_say_whose_the_appointment_was(
    marts: duckdb.DuckDBPyConnection,
) -> None:
    team_with_inside_sales(marts)
    # Only the ten deals that have met; those without a meeting are still before it.
    marts.execute(
        "delete from fct_opportunity where right(opportunity_id, 2) >= '10' and length(opportunity_id) = 3"
    )
    touches(marts, "F", "F", 400, days_ago=30)
    assert roles(marts)["F"] == "field"


def test_a_team_where_everybody_does_everything(marts: duckdb.DuckDBPyConnection) -> None:
    for name in "FGH":
        rep(marts, name)
        deals(marts, name, 20)
        touches(marts, name, name, 100)
        meetings(marts, name, 15)
    assert set(roles(marts).values()) == {"full"}


@pytest.mark.parametrize(
    "change", ["too few touches", "newcomer", "has deals", "holds meetings", "another team"]
)
def test_what_is_no_inside_sales(marts: duckdb.DuckDBPyConnection, change: str) -> None:
    rep(marts, "I", None if change == "another team" else "team")
    rep(marts, "F")
    deals(marts, "F", 20)
    meetings(marts, "F", 20)
    touches(marts, "F", "F", 30)
    touches(
        marts,
        "I",
        "F",
        29 if change == "too few touches" else 100,
        days_ago=59 if change == "newcomer" else 90,
    )
    if change == "has deals":
        deals(marts, "I", 3)
    if change == "holds meetings":
        meetings(marts, "I", 4)
    assert roles(marts) == {"I": "full", "F": "full"}


def test_a_rep_of_a_cold_calling_team_who_met_nobody_yet(marts: duckdb.DuckDBPyConnection) -> None:
    """One meeting in a hundred calls: that forty calls led to none says nothing."""
    for name in "FGI":
        rep(marts, name)
    for name in "FG":
        touches(marts, name, name, 500)
        meetings(marts, name, 5)
        deals(marts, name, 20)
    touches(marts, "I", "I", 40)
    assert roles(marts)["I"] == "full"


def test_inside_sales_of_one_team_leave_another_as_it_is(marts: duckdb.DuckDBPyConnection) -> None:
    team_with_inside_sales(marts)
    for name in "XY":
        rep(marts, name, "other")
        deals(marts, name, 20)
        meetings(marts, name, 10)
        touches(marts, "I", name, 100)
    assert (roles(marts)["X"], roles(marts)["I"]) == ("full", "inside_sales")


@pytest.mark.parametrize(
    ("created", "first_activity", "first_date"),
    [
        (date(2026, 11, 9), None, date(2026, 11, 9)),
        (date(2026, 11, 9), date(2026, 11, 9), date(2026, 11, 9)),
        (date(2026, 10, 30), None, None),
        # Brought over from an older CRM: at work long before.
        (date(2026, 11, 9), date(2025, 4, 1), None),
        (None, None, None),
    ],
)
def test_a_user_created_in_the_month_joined_then(
    marts: duckdb.DuckDBPyConnection,
    created: date | None,
    first_activity: date | None,
    first_date: date | None,
) -> None:
    marts.execute(
        "insert into dim_rep (rep_id, user_created_date, first_activity_date) values ('A', ?, ?)",
        [created, first_activity],
    )
    assert [row[7] for row in rows(marts, REPS)] == [first_date]


# What staging makes of the generator's own tidy tasks and events.
FROM_GENERATOR = """
insert into dim_rep (rep_id, team_id) select Id, UserRoleId from users;
insert into fct_opportunity
    select Id, OwnerId, case when IsClosed then 'closed' else 'open' end from opportunities where not IsDeleted;
insert into fct_activity by name
    select OwnerId as rep_id, 'task' as activity_kind, CompletedDateTime as activity_at,
        CompletedDateTime::date as activity_date, WhatId as opportunity_id, true as is_touch
    from tasks where IsClosed and not IsDeleted and TaskSubtype in ('Call', 'Email') and CallType is distinct from 'Inbound'
        and WhatId like '006%';
insert into fct_activity by name
    select OwnerId as rep_id, StartDateTime as activity_at, ActivityDate as activity_date, WhatId as opportunity_id,
        row_number() over (partition by WhatId order by StartDateTime) = 1 as is_first_meeting
    from events where WhatId like '006%' and ShowAs = 'Busy' and not IsDeleted and EndDateTime < '2026-10-15';
"""


@pytest.mark.parametrize("inside_sales_reps", [0, 2])
def test_roles_of_a_generated_organisation(marts: duckdb.DuckDBPyConnection, inside_sales_reps: int) -> None:
    spec = OrganizationSpec(months=7, reps=4, teams=2, inside_sales_reps=inside_sales_reps, late_joiners=0)
    tables = generate(spec)
    for name in ("Task", "Event", "Opportunity", "User"):
        marts.register({"Opportunity": "opportunities"}.get(name, f"{name.lower()}s"), tables[name])
    marts.execute(FROM_GENERATOR)
    found = roles(marts)
    role_of = {
        "インサイドセールス": "inside_sales",
        "Account Executive": "field" if inside_sales_reps else "full",
    }
    sellers = marts.execute("select Id, Title from users where UserRoleId is not null").fetchall()
    for rep_id, title in sellers:
        assert found[rep_id] == role_of.get(title, "full"), (rep_id, title)
    assert sum(role == "inside_sales" for role in found.values()) == inside_sales_reps
