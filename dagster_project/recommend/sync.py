"""The last table before Salesforce: each action as the Task that will be upserted by its own key."""

from __future__ import annotations

from typing import Final

import polars as pl

from dagster_project.recommend.text import shortened

REASON_LENGTH: Final = 255
KEY_LENGTH: Final = 80
STATUS: Final = "Not Started"
LEAD_PREFIX: Final = "00Q"


def sync_next_actions(actions: pl.DataFrame) -> pl.DataFrame:
    """One row per action, columns named as on Task. Actions without an owner cannot be sent and are left out.

    WhatId is the opportunity, else the account; a task about a lead has none, because Salesforce refuses both.
    """
    is_about_lead = pl.col("who_id").str.starts_with(LEAD_PREFIX).fill_null(False)
    return actions.filter(pl.col("rep_id").is_not_null() & (pl.col("rep_id") != "")).select(
        GyakusanActionKey__c=pl.col("action_key"),
        OwnerId=pl.col("rep_id"),
        WhatId=pl.when(~is_about_lead).then(pl.coalesce("opportunity_id", "account_id")),
        WhoId=pl.col("who_id"),
        Subject=pl.col("subject"),
        Description=pl.col("description"),
        ActivityDate=pl.col("due_date"),
        Priority=pl.col("priority"),
        Status=pl.lit(STATUS),
        GyakusanActionType__c=pl.col("action_type"),
        GyakusanExpectedGain__c=pl.col("gain_amount"),
        GyakusanReason__c=shortened(pl.col("fact"), REASON_LENGTH),
    )
