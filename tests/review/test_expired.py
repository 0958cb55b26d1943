"""Reviews of earlier days over HTTP: what nobody touched goes, what anybody did to one keeps it."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa
import requests

from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.writing.upserts import upsert_actions
from dagster_project.review.expired import REVIEWS_EXPIRED, Expired, delete_expired
from dagster_project.review.keys import review_key
from tests.salesforce.conftest import LiveOrg, log, only, org, org_template, running
from tests.salesforce.seed import rep

__all__ = ["log", "org", "org_template", "running"]

YESTERDAY, TODAY = date(2026, 10, 14), date(2026, 10, 15)


def key(place: int, day: date = YESTERDAY) -> str:
    named = pl.DataFrame({"rep_id": [f"005Gy{place:010d}AAA"], "day": [day]})
    return str(named.select(review_key(pl.col("rep_id"), pl.col("day"))).item())


def written(org: LiveOrg, *keys: str, day: date = YESTERDAY) -> list[str]:
    """Our tasks of a day, one per key; their Ids."""
    rows = [
        {
            "GyakusanActionKey__c": each,
            "OwnerId": rep(0),
            "Subject": "review",
            "ActivityDate": day,
            "Status": "Not Started",
        }
        for each in keys
    ]
    result = upsert_actions(org.client(), pa.Table.from_pylist(rows))
    assert result.count("created") == len(keys)
    return [str(row.task_id) for row in result.rows]


def as_rep(org: LiveOrg, task_id: str, **values: Any) -> None:
    plain: Credentials = org.credentials
    [user] = org.query(f"SELECT Username FROM User WHERE Id = '{rep(0)}'")
    form = {
        "grant_type": "password",
        "username": user["Username"],
        "password": plain.client_secret,
        "client_id": plain.client_id,
        "client_secret": plain.client_secret,
    }
    token = requests.post(f"{plain.login_url}/services/oauth2/token", data=form, timeout=5).json()
    requests.patch(
        f"{plain.login_url}/services/data/v62.0/sobjects/Task/{task_id}",
        json=values,
        headers={"Authorization": f"Bearer {token['access_token']}"},
        timeout=5,
    ).raise_for_status()


def expire(org: LiveOrg, log: Any, *, dry_run: bool = False) -> Expired:
    org.advance(minutes=5)
    org.pull(log, objects=only("Task"))
    return delete_expired(org.client(), log, TODAY, run_id="evening", now=org.now, dry_run=dry_run)


def standing(org: LiveOrg) -> set[str]:
    found = org.query("SELECT GyakusanActionKey__c FROM Task WHERE GyakusanActionKey__c LIKE 'review:%'")
    return {str(each["GyakusanActionKey__c"]) for each in found}


def test_only_what_nobody_touched_goes_and_is_on_record(org, log):
    keys = [key(place) for place in range(4)]
    untouched, picked, finished, renamed = written(org, *keys)
    [todays] = written(org, key(0, TODAY), day=TODAY)
    as_rep(org, picked, GyakusanReview__c="No time")
    as_rep(org, finished, Status="Completed")
    as_rep(org, renamed, Subject="mine now")
    assert expire(org, log, dry_run=True) == Expired(untouched=1)
    assert standing(org) == {*keys, key(0, TODAY)}
    assert expire(org, log) == Expired(untouched=1, deleted=1)
    assert standing(org) == {*keys[1:], key(0, TODAY)}
    [fact] = log.read(REVIEWS_EXPIRED).to_pylist()
    assert (fact["record_id"], fact["task_id"], fact["plan_date"]) == (keys[0], untouched, YESTERDAY)
    assert expire(org, log) == Expired()
    assert todays


def test_what_was_picked_since_the_pull_is_seen_before_it_is_deleted(org, log):
    [task_id] = written(org, key(5))
    org.advance(minutes=5)
    org.pull(log, objects=only("Task"))
    as_rep(org, task_id, GyakusanReview__c="Other priority")
    assert delete_expired(org.client(), log, TODAY, run_id="evening", now=org.now, dry_run=False) == Expired()
    assert key(5) in standing(org)


def test_a_refused_deletion_is_no_fact(org, log):
    [task_id] = written(org, key(6))
    org.faults({"name": "lock_row", "path": task_id})
    assert expire(org, log) == Expired(untouched=1, deleted=0)
    assert REVIEWS_EXPIRED not in log.streams()
