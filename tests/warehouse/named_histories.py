"""Deals whose story over the nights is told by name; each runs beside the random ones, on a deal of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tests.warehouse.changing_org import Org

REP, OTHER_REP = "005000000000000", "005000000000001"
Story = Callable[[Org, str, int], None]


def to_stage(
    org: Org, deal: str, stage: str, *, is_noted: bool = True, is_late: bool = False, **values: Any
) -> None:
    """The deal enters a stage; its history row comes at once, a night late, or never."""
    is_closed = stage.startswith("Closed")
    org.change(
        "Opportunity", deal, StageName=stage, IsClosed=is_closed, IsWon=stage == "Closed Won", **values
    )
    if is_noted:
        org.create("OpportunityHistory", OpportunityId=deal, StageName=stage, is_late=is_late)


def history_a_night_late(org: Org, deal: str, night: int) -> None:
    if night == 1:
        to_stage(org, deal, "Propose", is_late=True)


def reopened_and_won(org: Org, deal: str, night: int) -> None:
    stages = {0: "Closed Lost", 1: "Analyse", 2: "Closed Won"}
    if night in stages:
        to_stage(org, deal, stages[night], CloseDate=org.day(0))


def deleted_and_undeleted(org: Org, deal: str, night: int) -> None:
    if night in (1, 2):
        org.change("Opportunity", deal, IsDeleted=night == 1)


def purged(org: Org, deal: str, night: int) -> None:
    if night == 1:
        org.vanish("Opportunity", deal, "purged")


def owner_changed(org: Org, deal: str, night: int) -> None:
    if night == 1:
        org.change("Opportunity", deal, OwnerId=OTHER_REP)
        org.create(
            "OpportunityFieldHistory", OpportunityId=deal, Field="Owner", OldValue=REP, NewValue=OTHER_REP
        )


def past_edited(org: Org, deal: str, night: int) -> None:
    """Amount and close date of a deal that was won before the first night."""
    if night == 0:
        to_stage(org, deal, "Closed Won", CloseDate=org.day(0), Amount="1000")
    if night == 1:
        org.change("Opportunity", deal, Amount="90000")
    if night == 2:
        org.change("Opportunity", deal, CloseDate=org.day(-40))


def closes_on_a_day_to_come(org: Org, deal: str, night: int) -> None:
    """Lost without a history row, on a date that only the third night reaches."""
    if night == 0:
        to_stage(org, deal, "Closed Lost", is_noted=False, CloseDate=org.day(2))


def task_backdated(org: Org, deal: str, night: int) -> None:
    task = f"00T{deal[3:]}"
    if night == 0:
        org.create(
            "Task",
            task,
            WhatId=deal,
            OwnerId=REP,
            TaskSubtype="Call",
            IsClosed=True,
            ActivityDate=org.day(-1),
        )
    if night == 1:
        org.change("Task", task, ActivityDate=org.day(-30))


def meeting_passes(org: Org, deal: str, night: int) -> None:
    """Nothing lands: a meeting that goes on past midnight is over on the next day."""
    if night == 0:
        starts_at = org.now + timedelta(hours=8, minutes=30)
        ends_at = starts_at + timedelta(hours=1)
        org.create("Event", WhatId=deal, OwnerId=REP, StartDateTime=starts_at, EndDateTime=ends_at)


def lead_converted(org: Org, deal: str, night: int) -> None:
    """The touches of the lead become the deal's."""
    lead = f"00Q{deal[3:]}"
    if night == 0:
        org.create("Lead", lead, Name="lead", OwnerId=REP, IsConverted=False)
        org.create(
            "Task", WhoId=lead, OwnerId=REP, TaskSubtype="Call", IsClosed=True, ActivityDate=org.day(-5)
        )
    if night == 1:
        org.change("Lead", lead, IsConverted=True, ConvertedOpportunityId=deal)


def contact_promoted(org: Org, deal: str, night: int) -> None:
    contact = f"003{deal[3:]}"
    if night == 0:
        org.create("Contact", contact, Name="person", Title="担当")
        org.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
        to_stage(org, deal, "Closed Lost", CloseDate=org.day(0))
    if night == 1:
        org.change("Contact", contact, Title="社長")


def rep_changes_team(org: Org, deal: str, night: int) -> None:
    if night == 0:
        org.create("User", f"005{deal[3:]}", Name="mover", UserRoleId="00E0", IsActive=True)
        to_stage(org, deal, "Closed Won", OwnerId=f"005{deal[3:]}", CloseDate=org.day(0))
    if night == 2:
        org.change("User", f"005{deal[3:]}", UserRoleId="00E1")


STORIES: tuple[Story, ...] = (
    history_a_night_late, reopened_and_won, deleted_and_undeleted, purged, owner_changed, past_edited,
    closes_on_a_day_to_come, task_backdated, meeting_passes, lead_converted, contact_promoted, rep_changes_team,
)  # fmt: skip


def begin() -> tuple[Org, Mapping[str, Story]]:
    """An organisation in which nothing happens but the stories, and the deal of each by its id."""
    org = Org(seed=0)
    # Ids that the random organisation never reaches.
    org.created = 10**9
    deals = {
        org.create(
            "Opportunity",
            Name=story.__name__,
            OwnerId=REP,
            StageName="Qualify",
            Amount="500",
            CloseDate=org.day(90),
            IsClosed=False,
            IsWon=False,
        ): story
        for story in STORIES
    }
    return org, deals
