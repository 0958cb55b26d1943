"""The business events of random histories, pulled on two nights, against plain Python."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.warehouse import cases, helpers
from tests.warehouse.conftest import NewWarehouse
from tests.warehouse.helpers import Warehouse

STAGES = [name for name, *_ in cases.STAGES]
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_NIGHT = datetime(2026, 4, 1, tzinfo=UTC)
SECOND_NIGHT = datetime(2026, 7, 1, tzinfo=UTC)
DEALS = 300
Event = tuple[str, datetime, str | None, str | None]


@dataclass
class Deal:
    """A deal that moves: rows of its history in order, hand-overs, and the nights it lies in the bin."""

    name: str
    is_tracked: bool
    rows: list[tuple[datetime, str, Decimal | None, date]] = field(default_factory=list)
    owners: list[tuple[datetime, str, str]] = field(default_factory=list)
    deleted: tuple[datetime | None, datetime | None] = (None, None)

    def until(self, night: datetime) -> Deal:
        """What of it had happened by a night."""
        rows = [row for row in self.rows if row[0] < night]
        owners = [row for row in self.owners if row[0] < night]
        return Deal(self.name, self.is_tracked, rows, owners, self.deleted)

    def owner(self) -> str:
        return self.owners[-1][2] if self.owners else "005one"


def random_deal(draw: random.Random, number: int) -> Deal:
    """Up to eight changes of stage, amount or close date, some in one second; up to two hand-overs."""
    deal = Deal(f"{number:04}", is_tracked=draw.random() < 0.8)
    at = START + timedelta(hours=draw.randrange(1500))
    stage, amount, close = (
        draw.choice(STAGES[:4]),
        draw.choice([None, Decimal(0), Decimal(100)]),
        date(2026, 6, 1),
    )
    for _ in range(draw.randint(1, 8)):
        deal.rows.append((at, stage, amount, close))
        stage = draw.choice([stage, *STAGES])
        amount = draw.choice([amount, None, Decimal(0), Decimal(draw.randrange(1, 9) * 50)])
        close += timedelta(days=draw.choice([0, 0, 14, -7]))
        at += draw.choice([timedelta(0), timedelta(seconds=1), timedelta(hours=draw.randrange(1, 1500))])
    first = deal.rows[0][0]
    for old, new in [("005one", "005two"), ("005two", "005one")][: draw.randint(0, 2)]:
        first += timedelta(hours=draw.randrange(2, 1200), minutes=7)
        deal.owners.append((first, old, new))
    gone_at = max(row[0] for row in deal.until(FIRST_NIGHT).rows + deal.rows[:1]) + timedelta(seconds=5)
    in_bin = draw.random() < 0.15 and deal.rows[-1][0] < FIRST_NIGHT - timedelta(days=1)
    if in_bin and all(at < gone_at for at, *_ in deal.owners):
        back_at = FIRST_NIGHT + timedelta(days=9) if draw.random() < 0.5 else None
        deal.deleted = (gone_at, back_at)
    return deal


def expected(deal: Deal) -> list[Event]:
    """Its events by walking its history row by row, of a deal both of whose histories are read."""
    at, stage, amount, close = deal.rows[0]
    found: list[Event] = [("OpportunityCreated", at, None, stage)]
    if stage.startswith("Closed"):
        found.append((close_of(stage), at, None, stage))
    place = len(found) - 1
    for at, new_stage, new_amount, new_close in deal.rows[1:]:
        if stage.startswith("Closed") and new_stage.startswith("Closed"):
            if new_stage != stage:
                _, closed_at, before, _ = found[place]
                found[place] = (close_of(new_stage), closed_at, before, new_stage)
                if before is None:
                    found[0] = (*found[0][:3], new_stage)
        elif new_stage != stage:
            place = len(found)
            found.append((stage_event(stage, new_stage), at, stage, new_stage))
        if new_amount != amount:
            found.append(("AmountChanged", at, money(amount), money(new_amount)))
        if new_close != close:
            name = "CloseDatePushed" if new_close > close else "CloseDatePulledIn"
            found.append((name, at, close.isoformat(), new_close.isoformat()))
        stage, amount, close = new_stage, new_amount, new_close
    found += [("OwnerChanged", at, old, new) for at, old, new in deal.owners]
    found += [
        (name, at, None, None) for name, at in zip(("Deleted", "Undeleted"), deal.deleted, strict=True) if at
    ]
    return found


def close_of(stage: str) -> str:
    return "Won" if stage == "Closed Won" else "Lost"


def stage_event(before: str, after: str) -> str:
    if after.startswith("Closed"):
        return close_of(after)
    return "Reopened" if before.startswith("Closed") else "StageChanged"


def money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.4f}"


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def opportunity(deal: Deal, night: datetime) -> cases.Row:
    """The record as that night's pull saw it."""
    gone_at, back_at = deal.deleted
    is_gone = gone_at is not None and gone_at < night and not (back_at and back_at < night)
    touched = [at for at, *_ in deal.rows] + [at for at, *_ in deal.owners]
    touched += [at for at in deal.deleted if at and at < night]
    _, stage, amount, close = deal.rows[-1]
    return cases.deal(
        deal.name,
        stage,
        text(deal.rows[0][0]),
        modified=text(max(touched)),
        Amount=money(amount),
        CloseDate=close.isoformat(),
        OwnerId=deal.owner(),
        IsDeleted=is_gone,
    )


def tables(deals: list[Deal], night: datetime) -> dict[str, list[cases.Row]]:
    """What one night's pull brings: every record, and the histories of those that are tracked."""
    seen = [seen for deal in deals if (seen := deal.until(night)).rows]
    history: list[cases.Row] = [
        {
            "Id": f"008{deal.name}{number:03}",
            "OpportunityId": f"006{deal.name}",
            "StageName": stage,
            "Amount": money(amount),
            "CloseDate": close.isoformat(),
            "CreatedDate": text(at),
            "SystemModstamp": text(at),
        }
        for deal in seen
        if deal.is_tracked
        for number, (at, stage, amount, close) in enumerate(deal.rows)
    ]
    hand_overs: list[cases.Row] = [
        {"Id": f"017{deal.name}{number}", "OpportunityId": f"006{deal.name}", "Field": "Owner",
         "OldValue": old, "NewValue": new, "CreatedDate": text(at)}
        for deal in seen
        if deal.is_tracked
        for number, (at, old, new) in enumerate(deal.owners)
    ]  # fmt: skip
    return {
        "Opportunity": [opportunity(deal, night) for deal in seen],
        "OpportunityHistory": history,
        "OpportunityFieldHistory": hand_overs,
    }


@dataclass(frozen=True)
class TwoNights:
    """The marts after the second night, and the keys the first one gave."""

    warehouse: Warehouse
    deals: dict[str, Deal]
    first_keys: dict[str, tuple[Any, ...]]


KEYED = "select crm_event_id, event_type, opportunity_id, occurred_at, after_value, observed_at from fct_crm_events"


@pytest.fixture(scope="module")
def two_nights(new_warehouse: NewWarehouse) -> TwoNights:
    draw = random.Random(20260702)
    deals = [random_deal(draw, number) for number in range(DEALS)]
    warehouse = new_warehouse("events")
    helpers.land(warehouse, {"OpportunityStage": cases.stages(), **cases.people()}, FIRST_NIGHT)
    first_keys: dict[str, tuple[Any, ...]] = {}
    for night in (FIRST_NIGHT, SECOND_NIGHT):
        helpers.land(warehouse, tables(deals, night), night)
        helpers.write_run(warehouse, night.date() - timedelta(days=1), known_at=night)
        helpers.build(warehouse)
        if night == FIRST_NIGHT:
            first_keys = {row.pop("crm_event_id"): tuple(row.values()) for row in warehouse.rows(KEYED)}
    known = {f"006{deal.name}": deal.until(SECOND_NIGHT) for deal in deals}
    return TwoNights(warehouse, {name: deal for name, deal in known.items() if deal.rows}, first_keys)


def built(nights: TwoNights) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {name: [] for name in nights.deals}
    for row in nights.warehouse.rows("from fct_crm_events"):
        event = (row["event_type"], row["occurred_at"], row["before_value"], row["after_value"])
        found[row["opportunity_id"]].append(event)
    return found


def test_random_histories(two_nights: TwoNights) -> None:
    found = built(two_nights)
    tracked = {name: deal for name, deal in two_nights.deals.items() if deal.is_tracked}
    assert len(tracked) > DEALS / 2
    assert {name: Counter(found[name]) for name in tracked} == {
        name: Counter(expected(deal)) for name, deal in tracked.items()
    }


def test_random_histories_hold_every_kind_of_deal_event(two_nights: TwoNights) -> None:
    kinds = Counter(event[0] for found in built(two_nights).values() for event in found)
    assert set(kinds) == {
        *(
            "OpportunityCreated",
            "StageChanged",
            "Won",
            "Lost",
            "Reopened",
            "AmountChanged",
            "CloseDatePushed",
        ),
        *("CloseDatePulledIn", "OwnerChanged", "Deleted", "Undeleted"),
    }


def test_change_only_seen_by_us(two_nights: TwoNights) -> None:
    """Without any history, what differs between two looks changed, once, as far as we can tell."""
    found = built(two_nights)
    differing = 0
    for name, deal in two_nights.deals.items():
        if deal.is_tracked or not deal.until(FIRST_NIGHT).rows:
            continue
        before, after = deal.until(FIRST_NIGHT), deal
        amounts = [(event[2], event[3]) for event in found[name] if event[0] == "AmountChanged"]
        old, new = money(before.rows[-1][2]), money(after.rows[-1][2])
        assert amounts == ([(old, new)] if new is not None and old != new else [])
        owners = [(event[2], event[3]) for event in found[name] if event[0] == "OwnerChanged"]
        assert owners == ([(before.owner(), after.owner())] if before.owner() != after.owner() else [])
        differing += len(amounts) + len(owners)
    assert differing > 5


def test_keys_are_the_same_every_night(two_nights: TwoNights) -> None:
    """What the first night knew keeps its key, clocks and words, unless the close it told was corrected since."""
    second = {row.pop("crm_event_id"): tuple(row.values()) for row in two_nights.warehouse.rows(KEYED)}
    tracked = {
        key: values for key, values in two_nights.first_keys.items() if two_nights.deals[values[1]].is_tracked
    }
    changed = {key: values for key, values in tracked.items() if second.get(key) != values}
    assert len(tracked) > DEALS
    assert {values[3] for values in changed.values()} <= {"Closed Won", "Closed Lost"}
    assert len(changed) < len(tracked) / 10


def test_observed_when_the_log_first_held_it(two_nights: TwoNights) -> None:
    rows = two_nights.warehouse.rows(
        "select occurred_at, observed_at from fct_crm_events where entry_source <> 'record'"
    )
    assert {row["observed_at"] for row in rows} == {FIRST_NIGHT, SECOND_NIGHT}
    assert [
        row
        for row in rows
        if row["observed_at"] != (FIRST_NIGHT if row["occurred_at"] < FIRST_NIGHT else SECOND_NIGHT)
    ] == []


def test_amounts_fold_to_the_amount_of_today(two_nights: TwoNights) -> None:
    """Created amount plus every change is the deal's amount, where its history is read."""
    rows = two_nights.warehouse.rows(
        """
        select e.opportunity_id, any_value(o.original_amount) as amount,
            sum(coalesce(e.after_amount, 0) - coalesce(e.before_amount, 0)) as folded
        from fct_crm_events as e
        inner join fct_opportunity as o on e.opportunity_id = o.opportunity_id
        where e.event_type in ('OpportunityCreated', 'AmountChanged')
        group by 1"""
    )
    tracked = [row for row in rows if two_nights.deals[row["opportunity_id"]].is_tracked]
    assert [row for row in tracked if (row["amount"] or 0) != row["folded"]] == []
    assert sum(row["folded"] for row in tracked) > 0


def test_won_events_less_reopened_are_won_deals(two_nights: TwoNights) -> None:
    row = two_nights.warehouse.row(
        """select
            (select count(*) from fct_crm_events where event_type = 'Won')
            - (select count(*) from fct_crm_events where event_type = 'Reopened' and before_value = 'Closed Won')
            as won,
            (select count(*) from fct_opportunity where stage_name = 'Closed Won') as won_deals"""
    )
    assert row["won"] == row["won_deals"] > 0


def test_pushes_are_those_of_the_deal(two_nights: TwoNights) -> None:
    row = two_nights.warehouse.row(
        """select (select count(*) from fct_crm_events where event_type = 'CloseDatePushed'
                and entry_source = 'opportunity_history') as events,
            (select sum(close_date_pushes)::bigint from fct_opportunity) as pushes"""
    )
    assert row["events"] == row["pushes"] > 0


def test_exits_of_spells_are_the_reps_own(two_nights: TwoNights) -> None:
    """Whoever a spell's exit belongs to, the event that ends it belongs to."""
    rows = two_nights.warehouse.rows(
        """select s.spell_id from fct_stage_spells as s
        left join fct_crm_events as e on s.opportunity_id = e.opportunity_id and s.left_at = e.occurred_at
            and e.event_type in ('StageChanged', 'Won', 'Lost') and e.before_value = s.stage_name
            and e.rep_id is not distinct from s.rep_id
        where s.exit not in ('open', 'deleted') and e.crm_event_id is null"""
    )
    assert rows == []
