"""A log of a sales organisation of any size, written by DuckDB straight into the log's Parquet files.

Three years of opportunities, each with six history rows and twenty activities, in two batches: all that was there at the
first night, and what half a per cent of the opportunities did on the day after it. Kept in the machine's folder for
temporary files between runs.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from connectors.event_log import EventLog
from connectors.event_log.files import ROW_GROUP_ROWS, batch_path
from connectors.salesforce.schema.objects import OBJECTS
from connectors.sandbox.records import ids
from dagster_project.gate.verdicts import GATE_VERDICTS, VERDICT_FIELDS, checked_row, record

FIRST_NIGHT = datetime(2026, 9, 30, 20, tzinfo=UTC)
SECOND_NIGHT = datetime(2026, 10, 1, 20, tzinfo=UTC)
HISTORY_ROWS, TASKS, EVENTS = 6, 16, 4
# One opportunity in this many changes in a day.
CHANGED_EVERY = 200

_VERSION = 4
_FIRST_END = "timestamptz '2026-09-30 15:00:00+00'"
# The last hour of that day saw nothing: what happened at its very end belongs to the next.
_LAST_CHANGE = "timestamptz '2026-09-30 14:00:00+00'"
_CHANGED_AT = "timestamptz '2026-10-01 03:00:00+00'"
_SPAN_SECONDS = 3 * 365 * 86_400
_DEALS_PER_REP, _REPS_PER_TEAM = 1_250, 8
_STAGES = ("Prospecting", "Qualification", "Proposal", "Negotiation", "Closed Won", "Closed Lost")
_WORDS = (
    "called the buyer about the renewal", "sent the revised quote", "met purchasing and the plant manager",
    "asked for a decision by the end of the month", "no answer, left a message", "見積書を送付しました",
    "先方の決裁者と面談の日程を調整中", "trial goes well, legal has questions", "next: security review, then contract",
)  # fmt: skip
# Stages (numbers into _STAGES) of the six history rows but the last; of a closed deal the sixth is its close.
_PATHS = ((1, 2, 2, 3, 4), (1, 1, 2, 3, 3), (1, 2, 3, 2, 4), (1, 1, 1, 2, 2), (1, 2, 4, 4, 4))

_KEY_PREFIX = {
    "user": "005", "user_role": "00E", "account": "001", "contact": "003", "lead": "00Q", "opportunity": "006",
    "opportunity_history": "008", "opportunity_field_history": "017", "opportunity_contact_role": "00K",
    "opportunity_stage": "01J", "task": "00T", "event": "00U", "period": "026", "forecasting_quota": "0J9",
}  # fmt: skip


def record_id(stream: str, number: str) -> str:
    """SQL of the id of record `number` of a stream; digits alone in the number, so that all share one suffix."""
    short = _KEY_PREFIX[stream] + ids.POD[:-1]
    suffix = ids.with_suffix(short + "0" * 8)[-3:]
    return f"'{short}' || lpad(({number})::varchar, 8, '0') || '{suffix}'"


def cached_log(deals: int) -> Path:
    """The log's folder with both batches, made when it is not there yet; not to be changed."""
    folder = Path(tempfile.gettempdir()) / "gyakusan-bench"
    path = folder / f"log-{_VERSION}-{deals}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder))
        _Filling(aside, deals).fill()
        aside.replace(path)
    return path


def first_night_log(cached: Path, folder: Path) -> EventLog:
    """The log as of the first night, of links to the cached files."""
    return _linked(cached, folder, FIRST_NIGHT, keep=1)


def second_night_log(cached: Path, folder: Path) -> EventLog:
    """The log as of the second night, with what changed."""
    return _linked(cached, folder, SECOND_NIGHT, keep=2)


def _linked(cached: Path, folder: Path, now: datetime, keep: int) -> EventLog:
    for contract in sorted(cached.glob("*/contract.parquet")):
        target = folder / contract.parent.name
        target.mkdir(parents=True, exist_ok=True)
        batches = sorted(path for path in contract.parent.glob("*.parquet") if path != contract)
        for path in [contract, *batches[:keep]]:
            if not (target / path.name).exists():
                (target / path.name).symlink_to(path)
    log = EventLog(folder)
    log.evolve(GATE_VERDICTS, VERDICT_FIELDS)
    streams = [each.stream for each in OBJECTS]
    rows = [checked_row(stream, log.last_sequence(stream)) for stream in streams]
    record(log, rows, run_id=f"{now}", now=now)
    return log


class _Filling:
    """Writes one log. Numbers count from 1; `h` is a hash of the number that columns draw from."""

    def __init__(self, folder: Path, deals: int) -> None:
        self.log = EventLog(folder)
        self.deals = deals
        self.reps = max(10, deals // _DEALS_PER_REP)
        self.teams = max(2, self.reps // _REPS_PER_TEAM)
        self.accounts, self.contacts, self.leads = deals // 4, deals // 2, deals // 10
        self.connection = duckdb.connect(
            config={"temp_directory": str(folder / ".spill"), "memory_limit": "4GB"}
        )
        self.connection.execute("set timezone = 'UTC'; set preserve_insertion_order = true")

    def fill(self) -> None:
        """Every stream: its contract, the first batch, and for those that change the second."""
        for each in OBJECTS:
            self.log.evolve(each.stream, each.base_contract())
        self._make_deals()
        self._people()
        self._periods_and_quotas()
        self._opportunities()
        self._histories()
        self._activities()
        self.connection.close()
        shutil.rmtree(self.log.root / ".spill", ignore_errors=True)

    def _make_deals(self) -> None:
        self.connection.execute(
            f"""create table deals as
            select *, least(closes_at, {_LAST_CHANGE}) as last_at,
              case when closes_at >= {_FIRST_END} then 0 when h % 100 < 28 + rep % 12 then 5 else 6 end as close_stage
            from (select n, h, 1 + (h >> 8) % {self.reps} as rep, 1 + (h >> 16) % {self.accounts} as account,
                {_FIRST_END} - to_seconds({_SPAN_SECONDS} - n * {_SPAN_SECONDS - 86_400} // {self.deals}) as created_at,
                created_at + to_seconds(86_400 * (5 + (h >> 24) % 115) + h % 30_000) as closes_at,
                (50_000 + (h >> 4) % 4_000_000)::decimal(18, 4) as amount
              from (select n, (hash(n) >> 8)::bigint as h from range(1, {self.deals} + 1) as numbers(n)))"""
        )
        paths = ", ".join(f"[{', '.join(map(str, path))}]" for path in _PATHS)
        # In a macro, not a column: a list in every row is slow to copy.
        self.connection.execute(
            f"""create macro stage_at(h, k, close_stage) as ([{", ".join(f"'{each}'" for each in _STAGES)}])[
              if(k >= 5 and close_stage > 0, close_stage, ([{paths}])[1 + h % {len(_PATHS)}][least(k, 4) + 1])]"""
        )

    def _write(
        self, stream: str, source: str, columns: Mapping[str, str], *, second_night: bool = False
    ) -> None:
        """One batch: `source` gives the number `n` and what `columns` (name → SQL) draw from; others are null."""
        count = self.connection.execute(f"select count(*) from ({source})").fetchone()
        first = self.log.last_sequence(stream) + 1
        last = first + (count[0] if count else 0) - 1
        observed = SECOND_NIGHT if second_night else FIRST_NIGHT
        of_fact = {
            "event_id": "md5(\"Id\" || version)", "record_id": '"Id"', "kind": "'observed'",
            "occurred_at": '"SystemModstamp"', "observed_at": f"timestamptz '{observed.isoformat()}'",
            "sequence": f"{first - 1} + row_number() over ()", "run_id": f"'{observed:%Y%m%d}'", "source": "'bulk'",
            "values_hash": "md5(version || \"Id\")", "uncast": "null::varchar",
        }  # fmt: skip
        types = {each.name: each.type for each in self.log.contract(stream) if each.name not in of_fact}
        given = ", ".join(
            f'{sql} as "{name}"' for name, sql in {**dict.fromkeys(types, "null"), **columns}.items()
        )
        own = [f'"{name}"::{_sql_type(kind)} as "{name}"' for name, kind in types.items()]
        facts = [f'{sql} as "{name}"' for name, sql in of_fact.items()]
        path = batch_path(self.log.root / stream, first, last)
        self.connection.execute(
            f"""copy (select {", ".join([*facts, *own])} from (
                select '{observed:%d}' as version, {given} from ({source}) as made))
              to '{path}' (format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS})"""
        )

    def _people(self) -> None:
        stamp = {"SystemModstamp": f"{_FIRST_END} - to_days(2)"}
        created = stamp | {"CreatedDate": f"{_FIRST_END} - to_days(1100 - (h % 1000)::int)"}
        self._write(
            "user_role",
            _numbers(self.teams),
            stamp | {"Id": record_id("user_role", "n"), "Name": "'Team ' || n"},
        )
        self._write("user", _numbers(self.reps), created | {
            "Id": record_id("user", "n"), "Name": "'Rep ' || n", "Email": "'rep' || n || '@example.com'",
            "IsActive": "true", "UserRoleId": record_id("user_role", f"1 + n % {self.teams}"),
            "LanguageLocaleKey": "if(n % 2 = 0, 'ja', 'en_US')", "TimeZoneSidKey": "'Asia/Tokyo'",
        })  # fmt: skip
        self._write("account", _numbers(self.accounts), created | {
            "Id": record_id("account", "n"), "Name": "'株式会社 ' || (h % 100_000_000)", "Type": "'Customer'",
            "OwnerId": record_id("user", f"1 + h % {self.reps}"), "NumberOfEmployees": "(h % 5_000)::bigint",
            "Industry": "['Manufacturing', 'Retail', 'Software', 'Health'][1 + h % 4]",
        })  # fmt: skip
        self._write("contact", _numbers(self.contacts), created | {
            "Id": record_id("contact", "n"), "Name": "'Contact ' || n", "LastName": "'Contact ' || n",
            "AccountId": record_id("account", f"1 + n % {self.accounts}"), "Email": "'c' || n || '@example.com'",
            "Title": "['部長', 'Buyer', 'Engineer', 'Director', '課長'][1 + h % 5]",
        })  # fmt: skip
        converted = "if(h % 4 = 0, {}, null)"
        self._write("lead", _numbers(self.leads), created | {
            "Id": record_id("lead", "n"), "Name": "'Lead ' || n", "Company": "'Company ' || h % 100_000",
            "Status": "if(h % 4 = 0, 'Qualified', 'Open')", "OwnerId": record_id("user", f"1 + h % {self.reps}"),
            "LeadSource": "['Web', 'Event', 'Partner'][1 + h % 3]", "IsConverted": "h % 4 = 0",
            "ConvertedContactId": converted.format(record_id("contact", "n")),
            "ConvertedAccountId": converted.format(record_id("account", f"1 + n % {self.accounts}")),
            "ConvertedOpportunityId": converted.format(record_id("opportunity", "n")),
        })  # fmt: skip
        stages = _numbers(len(_STAGES))
        names = ", ".join(f"'{each}'" for each in _STAGES)
        self._write("opportunity_stage", stages, stamp | {
            "Id": record_id("opportunity_stage", "n"), "ApiName": f"([{names}])[n]", "MasterLabel": f"([{names}])[n]",
            "IsActive": "true", "IsClosed": "n > 4", "IsWon": "n = 5", "SortOrder": "n::bigint",
            "DefaultProbability": "([10, 25, 50, 75, 100, 0])[n]::double",
        })  # fmt: skip

    def _periods_and_quotas(self) -> None:
        month = "(date '2026-01-01' + to_months((n - 1)::int))::date"
        stamp = {"SystemModstamp": f"{_FIRST_END} - to_days(2)"}
        self._write("period", _numbers(12), stamp | {
            "Id": record_id("period", "n"), "Type": "'Month'", "StartDate": month, "EndDate": f"last_day({month})",
        })  # fmt: skip
        self._write("forecasting_quota", _numbers(12 * self.reps), stamp | {
            "Id": record_id("forecasting_quota", "n"), "QuotaAmount": "10_000_000::decimal(18, 4)",
            "QuotaOwnerId": record_id("user", "1 + (n - 1) // 12"), "PeriodId": record_id("period", "1 + (n - 1) % 12"),
        })  # fmt: skip

    def _opportunities(self) -> None:
        columns = {
            "Id": record_id("opportunity", "n"),
            "Name": "'Deal ' || n || ' ' || ['renewal', 'expansion', '新規', 'pilot'][1 + h % 4]",
            "AccountId": record_id("account", "account"),
            "OwnerId": record_id("user", "rep"),
            "StageName": "stage_at(h, 5, close_stage)",
            "Amount": "case when h % 20 > 0 then amount end",
            "Probability": "(h % 101)::double",
            "CloseDate": "if(close_stage > 0, closes_at, closes_at + to_days(14))::date",
            "Type": "['New Business', 'Renewal', 'Upsell'][1 + h % 3]",
            "NextStep": "case when h % 3 = 0 then 'send the quote' end",
            "LeadSource": "['Web', 'Event', 'Partner', 'Phone'][1 + h % 4]",
            "IsClosed": "close_stage > 0",
            "IsWon": "close_stage = 5",
            "IsDeleted": "false",
            "CreatedDate": "created_at",
            "LastModifiedDate": "last_at",
            "LastStageChangeDate": "last_at",
            "SystemModstamp": "last_at",
            "PushCount": "(h % 4)::bigint",
        }
        self._write("opportunity", "select * from deals", columns)
        changed = dict.fromkeys(("LastModifiedDate", "SystemModstamp"), _CHANGED_AT)
        if_open = "if(close_stage = 0, {}, {})"
        self._write(
            "opportunity",
            self._changed_deals(),
            columns | changed | {
                "StageName": if_open.format("'Closed Won'", columns["StageName"]),
                "IsClosed": "true",
                "IsWon": if_open.format("true", columns["IsWon"]),
                "CloseDate": if_open.format(f"{_CHANGED_AT}::date", columns["CloseDate"]),
                "LastStageChangeDate": if_open.format(_CHANGED_AT, "last_at"),
            },
            second_night=True,
        )  # fmt: skip
        self._write("opportunity_contact_role", "select * from deals", {
            "Id": record_id("opportunity_contact_role", "n"), "OpportunityId": record_id("opportunity", "n"),
            "ContactId": record_id("contact", f"1 + (h >> 12) % {self.contacts}"), "IsPrimary": "true",
            "Role": "['Decision Maker', 'Evaluator', null][1 + h % 3]", "CreatedDate": "created_at",
            "SystemModstamp": "created_at",
        })  # fmt: skip

    def _histories(self) -> None:
        at = "created_at + to_seconds((epoch(last_at - created_at) * k / 5)::bigint - if(close_stage = 0, 1, 0))"
        columns = {
            "Id": record_id("opportunity_history", f"(n - 1) * {HISTORY_ROWS} + k + 1"),
            "OpportunityId": record_id("opportunity", "n"),
            "StageName": "stage_at(h, k, close_stage)",
            "Amount": "case when h % 20 > 0 then amount * (1 + k) / 6 end",
            "Probability": "(20 * k)::double",
            "CloseDate": "(closes_at + to_days(((h >> k) % 3)::int))::date",
            "CreatedDate": at,
            "SystemModstamp": at,
            "CreatedById": record_id("user", "rep"),
        }
        every = f"select *, k from deals cross join range({HISTORY_ROWS}) as numbers(k)"
        self._write("opportunity_history", every, columns)
        again = columns | {
            "Id": record_id("opportunity_history", f"{self.deals * HISTORY_ROWS} + n"),
            "StageName": "if(close_stage = 0, 'Closed Won', stage_at(h, k, close_stage))",
            "CreatedDate": _CHANGED_AT,
            "SystemModstamp": _CHANGED_AT,
        }
        self._write(
            "opportunity_history",
            f"select *, 5 as k from ({self._changed_deals()})",
            again,
            second_night=True,
        )
        owners = "select * from deals where h % 10 = 0"
        middle = "created_at + (last_at - created_at) / 2"
        self._write("opportunity_field_history", owners, {
            "Id": record_id("opportunity_field_history", "n"), "OpportunityId": record_id("opportunity", "n"),
            "Field": "'Owner'", "OldValue": record_id("user", f"1 + (rep + 1) % {self.reps}"),
            "NewValue": record_id("user", "rep"), "CreatedDate": middle, "SystemModstamp": middle,
        })  # fmt: skip

    def _activities(self) -> None:
        draws = "select *, (hash(n, k) >> 8)::bigint as g from deals cross join range({}) as numbers(k)"
        task_at = "created_at + to_seconds((epoch(last_at - created_at) * (g % 1000) / 1000)::bigint)"
        words = ", ".join(f"'{each}'" for each in _WORDS)
        shared = {
            "WhatId": f"if(g % 20 > 0, {record_id('opportunity', 'n')}, {record_id('account', 'account')})",
            "WhoId": f"if(g % 3 > 0, {record_id('contact', f'1 + (h >> 12) % {self.contacts}')}, null)",
            "OwnerId": record_id("user", "rep"),
            "AccountId": record_id("account", "account"),
            "Description": f"case when g % 3 = 0 then ([{words}])[1 + g % 9] || '; ' || ([{words}])[1 + (g >> 5) % 9] "
            "|| ' ' || g % 100_000 end",
            "IsDeleted": "false",
        }
        tasks = shared | {
            "Id": record_id("task", f"(n - 1) * {TASKS} + k + 1"),
            "Subject": "['Call', 'Email', 'Send quote', 'Follow up', '訪問'][1 + g % 5] || ' ' || g % 10_000",
            "TaskSubtype": "['Call', 'Email', 'Call', 'Task'][1 + g % 4]",
            "CallType": "case when g % 4 % 2 = 0 then if(g % 11 = 0, 'Inbound', 'Outbound') end",
            "CallDisposition": "case when g % 8 = 0 then 'Connected' end",
            "Status": "'Completed'",
            "IsClosed": "true",
            "ActivityDate": f"({task_at})::date",
            "CompletedDateTime": task_at,
            "CreatedDate": f"{task_at} - interval 1 hour",
            "SystemModstamp": task_at,
        }
        self._write("task", draws.format(TASKS), tasks)
        start = f"{task_at} + to_hours(if(close_stage = 0, 72, 0))"
        events = shared | {
            "Id": record_id("event", f"(n - 1) * {EVENTS} + k + 1"),
            "Subject": "['初回商談', 'Demo', 'Review', '訪問'][1 + g % 4]",
            "StartDateTime": start,
            "EndDateTime": f"{start} + interval 1 hour",
            "ActivityDate": f"({start})::date",
            "DurationInMinutes": "60::bigint",
            "IsAllDayEvent": "false",
            "CreatedDate": f"{task_at} - interval 2 days",
            "SystemModstamp": task_at,
        }
        self._write("event", draws.format(EVENTS), events)
        moved = dict.fromkeys(("CreatedDate", "SystemModstamp"), _CHANGED_AT)
        for stream, columns, each in (("task", tasks, TASKS), ("event", events, EVENTS)):
            new = {"Id": record_id(stream, f"{self.deals * each} + n * {each} + k")}
            dated = {"CompletedDateTime": _CHANGED_AT, "ActivityDate": f"{_CHANGED_AT}::date"}
            source = draws.replace("from deals", f"from ({self._changed_deals()})").format(each)
            self._write(
                stream, source, columns | new | moved | (dated if stream == "task" else {}), second_night=True
            )

    def _changed_deals(self) -> str:
        return f"select * from deals where n % {CHANGED_EVERY} = 0"


def _numbers(count: int) -> str:
    return f"select n, (hash(n) >> 8)::bigint as h from range(1, {count} + 1) as numbers(n)"


_SQL_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.date32(): "date",
}


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    return "decimal(18, 4)" if pa.types.is_decimal(kind) else _SQL_TYPES[kind]
