"""Reading an org that misbehaves: a clear word, the cursor where it was, nothing lost."""

from __future__ import annotations

import socket

import pytest

from connectors.salesforce.connection.budget import ApiBudget
from connectors.salesforce.connection.client import connect
from connectors.salesforce.connection.errors import SessionRefused, UnreachableHost, WrongCredentials
from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.reading import rest
from connectors.salesforce.reading.pull import is_complete, problems
from connectors.sandbox.records.starting_rows import INTEGRATION_USERNAME
from tests.salesforce.conftest import FAST, event_ids, only
from tests.salesforce.seed import OPPORTUNITIES


def closed_windows(log) -> int:
    return log.read("extraction_windows", where="kind = 'closed'").num_rows


@pytest.mark.parametrize("path", ["/queryAll", "/results"])
def test_cut_reply_is_read_again(org, log, path):
    org.faults({"name": "truncated_page", "times": 1, "path": path})
    (pulled,) = org.pull(log, objects=only("Opportunity"))
    assert (pulled.status, pulled.rows_received) == ("closed", pulled.rows_counted)


def test_page_that_stays_cut_keeps_the_cursor(org, log):
    org.faults({"name": "truncated_page", "path": "/results"})
    pulled = org.pull(log, objects=only("Opportunity", "Account"))
    assert [each.status for each in pulled] == ["incomplete", "incomplete"]
    assert not is_complete(pulled)
    assert closed_windows(log) == 0
    org.faults()
    assert is_complete(org.pull(log, objects=only("Opportunity", "Account")))


def test_counts_that_disagree_keep_the_cursor_and_what_landed(org, log, monkeypatch):
    counted = rest.count_rows
    monkeypatch.setattr(rest, "count_rows", lambda *given: counted(*given) + 1)
    (pulled,) = org.pull(log, objects=only("Account"))
    assert (pulled.status, closed_windows(log)) == ("incomplete", 0)
    assert "40 rows received, 40 reported, 41 counted" in pulled.message
    assert log.read("account").num_rows == 40
    monkeypatch.undo()
    (again,) = org.pull(log, objects=only("Account"))
    assert (again.status, again.rows_appended) == ("closed", 0)


@pytest.mark.parametrize("path", ["/describe", "/queryAll", "/jobs/query", "/results"])
def test_token_that_expires_in_mid_run_is_renewed(org, log, path):
    client = org.client()
    org.faults({"name": "expire_token", "times": 1, "after": 1, "path": path})
    pulled = org.pull(log, objects=only("Account", "Opportunity"), client=client, bulk_page_rows=50)
    assert is_complete(pulled), problems(pulled)
    assert log.read("opportunity").num_rows == OPPORTUNITIES


def test_token_that_never_lasts_ends_with_a_clear_error(org, log):
    client = org.client()
    org.faults({"name": "expire_token", "times": 99})
    with pytest.raises(SessionRefused, match="renewed login"):
        org.pull(log, objects=only("Account"), client=client)


def test_passing_503s_are_survived(org, log):
    org.faults({"name": "error_503", "times": 2})
    assert is_complete(org.pull(log, objects=only("Account")))


def test_lasting_503_is_incomplete_and_the_rest_goes_on(org, log):
    org.faults({"name": "error_503", "path": "/sobjects/Account"})
    account, opportunity = org.pull(log, objects=only("Account", "Opportunity"))
    assert (account.status, opportunity.status) == ("incomplete", "closed")
    assert "SERVER_UNAVAILABLE" in account.message


def test_fault_that_stays_is_given_one_attempt_by_all_objects_but_the_first(org, log):
    client = org.client()
    some = only("User", "Account", "Lead")
    org.faults({"name": "truncated_page", "path": "/queryAll"})
    pulled = org.pull(log, objects=some, client=client)
    assert [each.status for each in pulled] == ["incomplete"] * 3
    # The window is read twice, and only its very first count is retried.
    first, second, third = (each.api_calls for each in pulled)
    assert second == third <= 5
    assert first - second <= FAST.attempts
    org.faults()
    assert is_complete(org.pull(log, objects=some, client=client))


def test_faults_are_retried_again_once_a_window_with_rows_has_closed(org, log):
    client = org.client()
    org.faults({"name": "error_503", "times": FAST.attempts, "path": "/sobjects/User/"})
    user, account = org.pull(log, objects=only("User", "Account"), client=client)
    assert (user.status, account.status) == ("incomplete", "closed")
    org.faults({"name": "error_503", "times": 1})
    assert is_complete(org.pull(log, objects=only("User"), client=client))


def test_limit_of_the_org_ends_as_incomplete_with_everything_landed(org, log):
    some = only("User", "Account", "Lead")
    org.faults({"name": "request_limit", "after": 9})
    pulled = org.pull(log, objects=some)
    by_status = {each.status for each in pulled}
    assert by_status == {"closed", "incomplete"}
    kept = event_ids(log)
    assert kept
    org.faults()
    assert is_complete(org.pull(log, "later", objects=some))
    assert kept < event_ids(log)


def test_org_that_refused_for_the_day_is_not_asked_for_the_other_objects(org, log):
    client = org.client()
    org.faults({"name": "request_limit", "after": 6})
    pulled = org.pull(log, objects=only("User", "Account", "Lead", "Opportunity"), client=client)
    calls = [each.api_calls for each in pulled]
    assert [each.status for each in pulled[1:]] == ["incomplete"] * 3
    assert calls[2:] == [0, 0]
    assert "no API calls left" in pulled[-1].message


def test_own_budget_ends_as_incomplete_before_the_org_refuses(org, log):
    client = org.client(ApiBudget(max_calls=12))
    pulled = org.pull(log, objects=only("User", "Account", "Lead"), client=client)
    assert pulled[0].status == "closed"
    assert pulled[-1].status == "incomplete"
    assert "no API calls left" in pulled[-1].message
    assert client.budget.calls == 12


def test_reserve_is_kept_back(org, log):
    client = org.client(ApiBudget(reserve_share=1.0))
    client.limits()
    pulled = org.pull(log, client=client)
    assert {each.status for each in pulled} == {"incomplete"}


def test_wrong_secret_is_named_and_never_shown(org):
    wrong = Credentials(org.credentials.login_url, org.credentials.client_id, "not-the-secret")
    with pytest.raises(WrongCredentials, match="invalid client credentials") as caught:
        connect(wrong, retry=FAST)
    assert "not-the-secret" not in str(caught.value)


def test_password_login_works(org):
    own = org.credentials
    client = connect(
        Credentials(
            own.login_url, own.client_id, own.client_secret, INTEGRATION_USERNAME, own.client_secret + "token"
        )
    )
    assert client.user_id.startswith("005")


def test_unreachable_host_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableHost, match=f"127.0.0.1:{port}"):
        connect(Credentials(f"http://127.0.0.1:{port}", "id", "secret"), retry=FAST)


def test_host_lost_in_mid_run_keeps_what_landed(org, log):
    client = org.client()
    org.pull(log, objects=only("Account"), client=client)
    object.__setattr__(client.session.token(), "instance_url", "http://127.0.0.1:1")
    client.__dict__.pop("salesforce", None)
    client.session.allow_loopback("http://127.0.0.1:1")
    with pytest.raises(UnreachableHost):
        org.pull(log, objects=only("Opportunity"), client=client)
    assert log.read("account").num_rows == 40


def test_required_object_without_permission_fails_by_name_and_the_rest_goes_on(org, log):
    org.faults({"name": "deny_object", "object": "Account"})
    account, opportunity = org.pull(log, objects=only("Account", "Opportunity"))
    assert (account.status, opportunity.status) == ("failed", "closed")
    assert "grant the integration user read access" in problems([account])[0]


def test_optional_object_that_is_absent_is_a_note(org, log):
    org.faults({"name": "deny_object", "object": "ForecastingQuota"})
    pulled = org.pull(log, objects=only("ForecastingQuota"))
    assert [each.status for each in pulled] == ["absent"]
    assert is_complete(pulled)


def schema_changes(log) -> set[tuple[str, str]]:
    changes = log.read("schema_changes", ["kind", "record_id"], where="kind <> 'seen'").to_pylist()
    return {(row["kind"], row["record_id"]) for row in changes}


def test_hidden_field_is_a_fact_and_read_back_in_full_when_shown(org, log):
    org.faults({"name": "deny_field", "object": "Opportunity", "field": "Amount"})
    (hidden,) = org.pull(log, objects=only("Opportunity"))
    assert hidden.status == "closed"
    assert schema_changes(log) == {("missing", "Opportunity.Amount")}
    assert log.read("opportunity", where='"Amount" is not null').num_rows == 0
    org.faults()
    org.advance(hours=1)
    (shown,) = org.pull(log, objects=only("Opportunity"))
    assert shown.window_from_at is None
    assert ("new", "Opportunity.Amount") in schema_changes(log)
    amounts = log.latest("opportunity", where='"Amount" is not null').num_rows
    assert amounts == sum(
        row["Amount"] is not None for row in org.query("SELECT Amount FROM Opportunity", "queryAll")
    )


def test_field_that_vanishes_is_a_fact_once(org, log):
    org.pull(log, objects=only("Opportunity"))
    org.faults({"name": "deny_field", "object": "Opportunity", "field": "NextStep"})
    for _ in range(2):
        org.advance(hours=1)
        (pulled,) = org.pull(log, objects=only("Opportunity"))
        assert pulled.status == "closed"
    assert log.read("schema_changes", where="kind = 'hidden'").num_rows == 1
