"""Everything a sales team and its CRM do to records between two nights, drawn at random or told by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.warehouse.changing_org import Org, Row, stage_names

Change = Callable[[Org], None]


def note_history(org: Org, deal: str) -> None:
    """An OpportunityHistory row of the deal as it stands: mostly at once, at times late, at times never."""
    row = org.tables["Opportunity"][deal]
    noted = {name: row.get(name) for name in ("StageName", "Amount", "CloseDate")}
    if org.chance(0.9):
        org.create("OpportunityHistory", OpportunityId=deal, is_late=org.chance(0.15), **noted)


def note_field(org: Org, deal: str, field: str, old: object, new: object) -> None:
    org.create(
        "OpportunityFieldHistory",
        OpportunityId=deal,
        Field=field,
        OldValue=None if old is None else str(old),
        NewValue=None if new is None else str(new),
        is_late=org.chance(0.15),
    )


def create_deal(org: Org) -> None:
    stage = org.draw.choice([*stage_names(org, is_closed=False), "Qualify", "Qualify"])
    deal = org.create(
        "Opportunity",
        Name="deal",
        AccountId=org.any_id("Account"),
        OwnerId=org.any_id("User"),
        StageName=stage,
        Amount=org.draw.choice([None, "0", "500", "1000", "2500.5", "8000"]),
        CurrencyIsoCode="USD" if org.chance(0.1) else "JPY",
        CloseDate=org.day(org.draw.randrange(1, 90)),
        Type=org.draw.choice([None, "New Business", "Renewal"]),
        RecordTypeId=org.draw.choice([None, "012new", "012renewal"]),
        LeadSource=org.draw.choice([None, "Web", "Referral"]),
        NextStep=None,
        IsClosed=False,
        IsWon=False,
        is_late=org.chance(0.05),
    )
    note_history(org, deal)


def open_deal(org: Org) -> str | None:
    return org.any_id("Opportunity", lambda row: not row["IsClosed"])


def closed_deal(org: Org) -> str | None:
    return org.any_id("Opportunity", lambda row: bool(row["IsClosed"]))


def enter(org: Org, deal: str, stage: str, **values: object) -> None:
    """The deal goes to a stage, which a field history may tell too."""
    before = org.tables["Opportunity"][deal]["StageName"]
    is_closed = stage.startswith("Closed")
    flags = {"StageName": stage, "IsClosed": is_closed, "IsWon": stage == "Closed Won"}
    changed_at = {"LastStageChangeDate": org.now} if org.chance(0.3) else {}
    org.change("Opportunity", deal, **flags, **changed_at, **values)
    note_history(org, deal)
    if org.chance(0.3):
        note_field(org, deal, "StageName", before, stage)


def move_stage(org: Org) -> None:
    if deal := open_deal(org):
        enter(org, deal, org.draw.choice(stage_names(org, is_closed=False)))


def enter_unknown_stage(org: Org) -> None:
    """A stage the org's list does not have: an import, or a value long removed."""
    if deal := open_deal(org):
        enter(org, deal, "Limbo")


def move_twice_in_one_second(org: Org) -> None:
    if deal := open_deal(org):
        enter(org, deal, "Propose")
        enter(org, deal, "Analyse")


def close_deal(org: Org) -> None:
    if deal := open_deal(org):
        close_date = org.day(org.draw.choice([0, 0, 0, -3, 2, 20]))
        enter(org, deal, org.draw.choice(["Closed Won", "Closed Lost"]), CloseDate=close_date)


def reopen_deal(org: Org) -> None:
    if deal := closed_deal(org):
        enter(org, deal, org.draw.choice(stage_names(org, is_closed=False)))


def correct_close(org: Org) -> None:
    if deal := closed_deal(org):
        enter(org, deal, org.draw.choice(["Closed Won", "Closed Lost"]))


def edit_deal(org: Org) -> None:
    """Amount, close date or other values, also of deals closed long ago."""
    if deal := org.any_id("Opportunity"):
        field, value = org.draw.choice(
            [
                ("Amount", org.draw.choice([None, "0", "700", "12000"])),
                ("CloseDate", org.day(org.draw.randrange(-40, 60))),
                ("NextStep", org.draw.choice([None, "call", "visit"])),
                ("Type", org.draw.choice(["New Business", "Renewal"])),
                ("LeadSource", "Fair"),
                ("CurrencyIsoCode", org.draw.choice(["JPY", "USD"])),
                ("AccountId", org.any_id("Account")),
                ("RecordTypeId", "012renewal"),
            ]
        )
        before = org.tables["Opportunity"][deal].get(field)
        org.change("Opportunity", deal, **{field: value})
        if field in ("Amount", "CloseDate"):
            note_history(org, deal)
        if field == "NextStep" or org.chance(0.3):
            note_field(org, deal, field, before, value)


def change_owner(org: Org) -> None:
    if deal := org.any_id("Opportunity"):
        before, after = org.tables["Opportunity"][deal]["OwnerId"], org.any_id("User")
        org.change("Opportunity", deal, OwnerId=after)
        if org.chance(0.7) and before != after:
            note_field(org, deal, "Owner", before, after)
            note_field(org, deal, "Owner", "a name", "another name")


def delete_record(org: Org) -> None:
    name = org.draw.choice(["Opportunity", "Task", "Event", "Contact", "OpportunityContactRole", "Lead"])
    if record_id := org.any_id(name):
        if org.chance(0.5):
            org.change(name, record_id, IsDeleted=True)
        else:
            org.tables[name][record_id]["IsDeleted"] = True
            org.vanish(name, record_id, "deleted")


def undelete_record(org: Org) -> None:
    name = org.draw.choice(["Opportunity", "Task", "Event", "Contact"])
    in_the_bin = [key for key, row in org.tables[name].items() if row["IsDeleted"]]
    if in_the_bin:
        org.change(name, org.draw.choice(in_the_bin), IsDeleted=False)


def purge_record(org: Org) -> None:
    name = org.draw.choice(["Opportunity", "Task", "Event", "Contact", "OpportunityHistory"])
    if record_id := org.any_id(name):
        org.vanish(name, record_id, "purged")


def merge_accounts(org: Org) -> None:
    """The loser is gone, and what hung on it hangs on the winner."""
    winner, loser = org.any_id("Account"), org.any_id("Account")
    if winner and loser and winner != loser:
        org.change("Account", loser, IsDeleted=True, MasterRecordId=winner)
        for name in ("Opportunity", "Contact"):
            for record_id, row in org.tables[name].items():
                if row.get("AccountId") == loser:
                    org.change(name, record_id, AccountId=winner)


def merge_contacts(org: Org) -> None:
    winner, loser = org.any_id("Contact"), org.any_id("Contact")
    if winner and loser and winner != loser:
        for record_id, row in org.tables["Task"].items():
            if row.get("WhoId") == loser:
                org.change("Task", record_id, WhoId=winner)
        org.vanish("Contact", loser, "purged")


def someone(org: Org) -> str | None:
    return org.any_id("Lead") if org.chance(0.3) else org.any_id("Contact")


def something(org: Org) -> str | None:
    return org.draw.choice([None, org.any_id("Account"), *[org.any_id("Opportunity")] * 4])


def log_task(org: Org) -> None:
    """A call or mail, done today or days ago, or still to do."""
    is_done, done_at = org.chance(0.8), org.now - timedelta(days=org.draw.choice([0, 0, 0, 1, 5, 40]))
    kind = org.draw.choice([("Call", "Outbound"), ("Call", "Inbound"), ("Email", None), ("Task", None)])
    org.create(
        "Task",
        OwnerId=org.any_id("User"),
        WhoId=someone(org),
        WhatId=something(org),
        Subject=org.draw.choice(["call", "受電", "mail [G:0123456789]"]),
        TaskSubtype=kind[0],
        CallType=kind[1],
        CallDisposition=org.draw.choice([None, "Connected", "no answer"]),
        CallDurationInSeconds=org.draw.choice([None, 90, 600]),
        Status="Completed" if is_done else "Not Started",
        IsClosed=is_done,
        CompletedDateTime=done_at if is_done and org.chance(0.7) else None,
        ActivityDate=done_at.date().isoformat(),
        is_late=org.chance(0.1),
    )


def edit_task(org: Org) -> None:
    if task := org.any_id("Task"):
        values: Row = org.draw.choice(
            [
                {"IsClosed": True, "Status": "Completed", "CompletedDateTime": org.now},
                {"IsClosed": False, "Status": "Not Started", "CompletedDateTime": None},
                {"ActivityDate": org.day(-30), "CompletedDateTime": org.now - timedelta(days=30)},
                {"TaskSubtype": "Email", "CallType": None},
                {"CallType": "Inbound"},
                {"WhatId": something(org)},
                {"WhoId": someone(org)},
                {"OwnerId": org.any_id("User")},
                {"CallDurationInSeconds": 1200},
            ]
        )
        org.change("Task", task, **values)


def set_meeting(org: Org) -> None:
    """An event, mostly in the days to come, at times written up afterwards or for the whole day."""
    starts_at = org.now + timedelta(hours=org.draw.choice([-300, -30, 1, 6, 20, 30, 60, 200]))
    is_all_day = org.chance(0.1)
    if is_all_day:
        starts_at = starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
    org.create(
        "Event",
        OwnerId=org.any_id("User"),
        WhoId=someone(org),
        WhatId=something(org),
        Subject="visit",
        StartDateTime=starts_at,
        EndDateTime=None if is_all_day else starts_at + timedelta(hours=1),
        ActivityDate=starts_at.date().isoformat(),
        DurationInMinutes=60,
        IsAllDayEvent=is_all_day,
        is_late=org.chance(0.1),
    )


def edit_meeting(org: Org) -> None:
    if event := org.any_id("Event"):
        starts_at = org.now + timedelta(hours=org.draw.choice([-20, 5, 40]))
        values: Row = org.draw.choice(
            [
                {"StartDateTime": starts_at, "EndDateTime": starts_at + timedelta(hours=1)},
                {"Subject": "Canceled: visit"},
                {"WhatId": something(org)},
                {"OwnerId": org.any_id("User")},
            ]
        )
        org.change("Event", event, **values)


def add_person(org: Org) -> None:
    account = org.any_id("Account") if org.chance(0.6) else org.create("Account", Name="firm")
    org.create("Contact", Name="person", AccountId=account, Title=org.draw.choice([None, "部長", "担当"]))


def edit_person(org: Org) -> None:
    if contact := org.any_id("Contact"):
        values: Row = org.draw.choice(
            [{"Title": "社長"}, {"Title": None}, {"AccountId": org.any_id("Account")}]
        )
        org.change("Contact", contact, **values)


def rename_account(org: Org) -> None:
    if account := org.any_id("Account"):
        org.change("Account", account, Name=f"firm {org.draw.randrange(99)}")


def add_lead(org: Org) -> None:
    org.create("Lead", Name="lead", OwnerId=org.any_id("User"), IsConverted=False)


def convert_lead(org: Org) -> None:
    """The lead's touches become those of a contact, an account and perhaps a deal."""
    if lead := org.any_id("Lead", lambda row: not row["IsConverted"]):
        org.change(
            "Lead",
            lead,
            IsConverted=True,
            ConvertedDate=org.day(0),
            ConvertedContactId=org.any_id("Contact"),
            ConvertedAccountId=org.any_id("Account"),
            ConvertedOpportunityId=org.any_id("Opportunity") if org.chance(0.7) else None,
        )


def set_role(org: Org) -> None:
    if (deal := org.any_id("Opportunity")) and (contact := org.any_id("Contact")):
        role = org.draw.choice([None, "Decision Maker", "Evaluator"])
        org.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact, Role=role)


def edit_user(org: Org) -> None:
    if user := org.any_id("User"):
        team = f"00E{org.draw.randrange(2)}"
        values: list[Row] = [{"UserRoleId": team}, {"IsActive": False}, {"Name": "Rep renamed"}]
        org.change("User", user, **org.draw.choice(values))


def rename_team(org: Org) -> None:
    if team := org.any_id("UserRole"):
        org.change("UserRole", team, Name=f"Team {org.draw.randrange(9)}")


def change_quota(org: Org) -> None:
    org.create("ForecastingQuota", QuotaOwnerId=org.any_id("User"), PeriodId="026q3", QuotaAmount="5000")


def rename_stage(org: Org) -> None:
    """An administrator replaces a stage's name: in the list, and on every record that stands in it."""
    old = org.draw.choice(stage_names(org, is_closed=False))
    stage = org.any_id("OpportunityStage", lambda row: row["ApiName"] == old)
    new = f"{old} {org.draw.randrange(9)}"
    if stage:
        org.change("OpportunityStage", stage, ApiName=new, MasterLabel=new)
        for deal, row in org.tables["Opportunity"].items():
            if row["StageName"] == old:
                org.change("Opportunity", deal, StageName=new)


def retire_stage(org: Org) -> None:
    stages = stage_names(org, is_closed=False)
    if len(stages) > 2:
        name = org.draw.choice(stages)
        stage = org.any_id("OpportunityStage", lambda row: row["ApiName"] == name)
        org.change("OpportunityStage", str(stage), IsActive=False)


def reorder_stages(org: Org) -> None:
    stage = org.any_id("OpportunityStage", lambda row: not row["IsClosed"])
    org.change("OpportunityStage", str(stage), SortOrder=org.draw.randrange(1, 6))


def change_rate(org: Org) -> None:
    org.change("CurrencyType", "01LUSD", ConversionRate=org.draw.choice(["0.01", "0.008"]))


# Change -> how often it happens, beside the others.
DAILY: Mapping[Change, float] = {
    create_deal: 8, move_stage: 14, move_twice_in_one_second: 1, enter_unknown_stage: 0.1, close_deal: 7, reopen_deal: 2, correct_close: 1,
    edit_deal: 8, change_owner: 3, delete_record: 2, undelete_record: 1, purge_record: 0.7, log_task: 20,
    edit_task: 5, set_meeting: 6, edit_meeting: 3, add_person: 4, edit_person: 1, rename_account: 0.5, add_lead: 2,
    convert_lead: 1, set_role: 2, merge_accounts: 0.3, merge_contacts: 0.3, edit_user: 0.4, rename_team: 0.2,
    change_quota: 0.2,
}  # fmt: skip
RARELY: Mapping[Change, float] = {rename_stage: 1, retire_stage: 1, reorder_stages: 1, change_rate: 1}
