"""The end of a night in the terminal: what was read, written, refused, where the time went, where to look next."""

from __future__ import annotations

from typing import Any

import duckdb

from connectors.event_log import EventLog
from dagster_project.errors import NeedsAttention
from dagster_project.nightly import NightResult
from dagster_project.progress import Progress
from dagster_project.publish.figures import read_figures
from dagster_project.publish.lost_fields import lost_fields
from dagster_project.publish.safe_text import safe
from dagster_project.publish.written import dry_run_lines, written_lines
from dagster_project.settings import Settings
from dagster_project.wording import aligned, money, percent

READ_SQL = """
    select stream, sum(rows_received)::bigint as received, sum(rows_appended)::bigint as news,
        sum(api_calls)::bigint as calls,
        string_agg(distinct case when kind <> 'absent' then object_name || ': ' || nullif(message, '') end, '; ')
            as message
    from extraction_windows where run_id = $run_id group by stream order by received desc, stream
"""


def _rows(result: NightResult, sql: str, **values: object) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(result.published_file), read_only=True) as connection:
        return connection.execute(sql, values).fetchall()


def read_lines(result: NightResult) -> list[str]:
    """What was read, and how much of it was news."""
    rows = _rows(result, READ_SQL, run_id=result.run_id)
    received, news, calls = (sum(row[place] or 0 for row in rows) for place in (1, 2, 3))
    busiest = ", ".join(f"{stream} {count:,}" for stream, _, count, _, _ in rows if count)
    lines = [
        f"Read      {received:,} rows, {news:,} new facts, {calls:,} API calls"
        + (f" ({busiest})" if busiest else "")
    ]
    lines += [f"          {safe(message)}" for *_, message in rows if message]
    absent = _rows(
        result,
        "select object_name from extraction_windows where run_id = $run_id and kind = 'absent' order by 1",
        run_id=result.run_id,
    )
    return lines + (
        [f"          not in the org, or not shown: {', '.join(name for (name,) in absent)}"] if absent else []
    )


def mart_lines(figures: dict[str, Any]) -> list[str]:
    """Revenue Velocity and the bottleneck, for the organisation."""
    currency = figures["currency"] or ""

    def a_day(name: str) -> str:
        return "–" if figures[name] is None else f"{money(float(figures[name]), currency, 'en')} a day"

    return [
        f"Marts     as of {figures['as_of_date']}: {figures['opportunities']:,} opportunities "
        f"({figures['open_opportunities']:,} open, {figures['zombie_deals'] or 0:,} of them zombies), {figures['activities']:,} activities",
        f"          Revenue Velocity, last 90 days: realised {a_day('rv_realised')}, "
        f"flow {a_day('rv_flow')}, snapshot {a_day('rv_snapshot')}; win rate {percent(figures['win_rate'])}",
        f"          Bottleneck, last 365 days: {safe(figures['bottleneck'] or 'no clear one')}",
    ]


def plan_lines(figures: dict[str, Any]) -> list[str]:
    """Goals and what stands against them."""
    currency = figures["currency"] or ""
    quota = (
        money(float(figures["quota_amount"]), currency, "en")
        if figures["quota_amount"] is not None
        else "no quota"
    )
    won = money(float(figures["won_amount_to_date"] or 0), currency, "en")
    return [
        f"Plan      {figures['plan_date']}: {figures['planned_reps']:,} reps, quota {quota}, won so far this month {won}",
        *_chance_lines(figures),
        f"Actions   {figures['chosen_actions']:,} chosen from {figures['candidates']:,} candidates, "
        f"{figures['held_out']:,} held out to learn what the cards are worth",
        *(
            [
                f"          {figures['carried_over']:,} of earlier nights are sent again: the org never took them"
            ]
            if figures["carried_over"]
            else []
        ),
    ]


def _chance_lines(figures: dict[str, Any]) -> list[str]:
    """The chance of the organisation's quota, and of the team that needs a leader most."""
    if figures["probability_of_quota"] is None:
        return []
    team = figures["least_likely_team"]
    least = (
        f"; least likely team: {safe(team)}, {percent(figures['least_likely_probability'])}" if team else ""
    )
    return [f"          Chance of the organisation's quota {percent(figures['probability_of_quota'])}{least}"]


def time_lines(progress: Progress) -> list[str]:
    """Where the time went, in seconds."""
    total = sum(progress.seconds.values())
    rows = [[f"          {name}", f"{spent:.1f} s"] for name, spent in progress.seconds.items()]
    return [f"Time      {total:.1f} s", *aligned(rows)]


def summary_text(settings: Settings, result: NightResult, progress: Progress) -> str:
    """The whole summary; every figure is read by SQL from the published file, but for tonight's writes."""
    figures = read_figures(result.published_file)
    refused = f"Refused   {figures['refused_rows']:,} rows set aside" + (
        " (gyakusan gate lists them with their reasons)" if figures["refused_rows"] else ""
    )
    lines = [
        *read_lines(result),
        refused,
        *mart_lines(figures),
        *plan_lines(figures),
        *written_lines(progress.outcome, figures["time_zone"]),
        *(dry_run_lines(progress.outcome) if progress.dry_run else []),
        *time_lines(progress),
        f"Look at   {result.published_file} (DuckDB), gyakusan today REP, gyakusan serve",
    ]
    return "\n".join(lines)


def attention(settings: Settings, result: NightResult) -> None:
    """Raise where something keeps a finished night from being whole.

    Raises:
        NeedsAttention: rows of this run were refused, fields that were there are no longer shown, or reps have
            no quota.
    """
    refused = _rows(
        result,
        "select stream, record_id_judged, reason from refused_rows where run_id = $run_id",
        run_id=result.run_id,
    )
    if refused:
        stream, record_id, reason = refused[0]
        raise NeedsAttention(
            f"{len(refused)} rows were refused tonight, first {stream} {record_id}: {safe(reason)}",
            where="gate",
            remedy="mend them in the CRM, or readmit them with gyakusan gate --accept ID",
        )
    lost = lost_fields(EventLog(settings.log_dir), settings.fields_not_needed)
    if lost:
        raise NeedsAttention(
            f"{len(lost)} fields are no longer shown, their last known values are used: {', '.join(lost)}",
            where="permissions of the integration user",
            remedy="let it read them again, or name them in GYAKUSAN_FIELDS_NOT_NEEDED",
        )
    missing = _rows(
        result,
        "select rep_id from plan_today where scope_kind = 'rep' and quota_amount is null order by rep_id",
    )
    if missing and settings.require_quotas:
        raise NeedsAttention(
            f"{len(missing)} reps have no quota this month, first {missing[0][0]}",
            where="ForecastingQuota, or GYAKUSAN_QUOTA_FILE",
            remedy="give them one, or set GYAKUSAN_REQUIRE_QUOTAS=false",
        )
