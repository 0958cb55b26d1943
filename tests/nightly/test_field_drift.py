"""Nights after an administrator changed fields: told in the summary, and whole where nothing needed is lost."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.nightly.conftest import MakeWorkplace
from tests.nightly.harness import Workplace
from tests.nightly.test_bad_input import faults, one_line, set_clock

pytestmark = pytest.mark.slow

REP = "0055g000000001mAAA"


@pytest.fixture(scope="module")
def drifting(make_workplace: MakeWorkplace, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """One rep and one deal, read once."""
    folder = tmp_path_factory.mktemp("drifting org")
    (folder / "User.csv").write_text(
        f"Id,Name,Username,IsActive,CreatedDate\n{REP},佐藤,s@example.com,true,2026-01-01T00:00:00.000+0000\n"
    )
    (folder / "Opportunity.csv").write_text(
        "Id,Name,OwnerId,StageName,Amount,NextStep,CloseDate,CreatedDate\n"
        f"0065g0000000001AAA,商談,{REP},Prospecting,100000,電話,2026-11-30,2026-09-01T00:00:00.000+0000\n"
    )
    made = make_workplace(
        "drifting",
        "--load",
        str(folder),
        now="2026-10-15T05:00:00+09:00",
        GYAKUSAN_REQUIRE_QUOTAS="false",
        GYAKUSAN_WRITE_BACK="off",
    )
    made.night()
    return made


def change_field(workplace: Workplace, name: str, action: str, **further: Any) -> None:
    body = {"object": "Opportunity", "name": name, "action": action, **further}
    reply = requests.post(f"{workplace.login_url}/sandbox/fields", json=body, timeout=30)
    assert reply.ok, reply.text


def test_a_lost_field_wants_a_person_and_a_retyped_one_breaks_nothing(drifting: Workplace) -> None:
    set_clock(drifting, "2026-10-16T05:00:00+09:00")
    faults(drifting, {"name": "deny_field", "object": "Opportunity", "field": "NextStep"})
    change_field(drifting, "Score__c", "add", type="double")
    change_field(drifting, "Amount", "retype", type="string", length=80)
    second = drifting.run("nightly", GYAKUSAN_NOW="2026-10-16T05:00:00+09:00")
    one_line(second, 7, "Opportunity.NextStep", "GYAKUSAN_FIELDS_NOT_NEEDED")
    assert (
        "Opportunity: fields no longer shown to this user: NextStep with values in 1 records" in second.stdout
    )
    assert "fields retyped: Amount (currency to string)" in second.stdout
    assert "new fields: Score__c (read back in full)" in second.stdout
    assert "not in the org, or not shown: " in second.stdout
    assert drifting.query("select next_step, amount from fct_opportunity") == [("電話", None)]
