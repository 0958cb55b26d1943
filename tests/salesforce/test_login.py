"""Logins by every flow, what is refused before anything is sent, and renewal in the middle of a pull."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.salesforce.connection.client import connect
from connectors.salesforce.connection.errors import WrongCredentials
from connectors.salesforce.connection.login import Credentials, default_audience, fetch_token, machine_clock
from connectors.sandbox.process import SandboxProcess, start
from connectors.sandbox.records.starting_rows import INTEGRATION_USERNAME
from tests.salesforce.conftest import FAST, LiveOrg, only
from tests.salesforce.seed import OPPORTUNITIES

PREFIX = "GYAKUSAN_SALESFORCE_"
SIGNING_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> str:
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, hidden).decode()


KEY = pem(SIGNING_KEY)


@pytest.fixture(scope="module")
def sandbox(org_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("logins")
    public = SIGNING_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "public.pem").write_bytes(public)
    (folder / "org.duckdb").write_bytes(org_template.read_bytes())
    with start(folder / "org.duckdb", certificate=folder / "public.pem") as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(sandbox: SandboxProcess) -> Iterator[None]:
    yield
    requests.put(f"{sandbox.url}/sandbox/faults", json={"faults": []}, timeout=5).raise_for_status()


def granted_refresh_token(sandbox: SandboxProcess) -> str:
    """By the web server flow, as a person grants it once in a browser."""
    client = {"client_id": sandbox.client_id, "redirect_uri": "http://localhost:1717/done"}
    reply = requests.get(
        f"{sandbox.url}/services/oauth2/authorize",
        params={"response_type": "code", "login_hint": INTEGRATION_USERNAME, **client},
        allow_redirects=False,
        timeout=5,
    )
    code = parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_secret": sandbox.client_secret,
        **client,
    }
    granted = requests.post(f"{sandbox.url}/services/oauth2/token", data=form, timeout=5).json()
    return str(granted["refresh_token"])


def client_credentials(sandbox: SandboxProcess) -> Credentials:
    return Credentials(sandbox.url, sandbox.client_id, sandbox.client_secret)


def password(sandbox: SandboxProcess) -> Credentials:
    own = client_credentials(sandbox)
    return Credentials(
        own.login_url, own.client_id, own.client_secret, INTEGRATION_USERNAME, own.client_secret + "TOKEN"
    )


def jwt_bearer(sandbox: SandboxProcess) -> Credentials:
    return Credentials(sandbox.url, sandbox.client_id, username=INTEGRATION_USERNAME, private_key=KEY)


def refresh(sandbox: SandboxProcess) -> Credentials:
    return Credentials(sandbox.url, sandbox.client_id, refresh_token=granted_refresh_token(sandbox))


FLOWS = [client_credentials, password, jwt_bearer, refresh]


@pytest.mark.parametrize("flow", FLOWS)
def test_each_flow_logs_in_as_the_integration_user(sandbox, flow: Callable[[SandboxProcess], Credentials]):
    client = connect(flow(sandbox), retry=FAST)
    (user,) = client.restful(
        "query", params={"q": f"select Username from User where Id = '{client.user_id}'"}
    )["records"]
    assert user["Username"] == INTEGRATION_USERNAME


EXPIRING = [
    {"path": "/describe"},
    {"path": "/queryAll"},
    {"path": "/jobs/query", "after": 1},  # between handing in a Bulk job and asking for its state
    {"path": "/results", "after": 1},  # between two pages of its result
]


@pytest.mark.parametrize("flow", FLOWS)
def test_a_token_that_expires_in_the_middle_of_a_pull_is_renewed(sandbox, log, flow):
    org = LiveOrg(flow(sandbox))
    client = org.client()
    first = client.session.token().access_token
    org.faults(*({"name": "expire_token", "times": 1, **each} for each in EXPIRING))
    pulled = org.pull(log, objects=only("Opportunity"), client=client, bulk_page_rows=50)
    assert [each.status for each in pulled] == ["closed"]
    assert log.read("opportunity").num_rows == OPPORTUNITIES
    assert client.session.token().access_token != first
    struck = requests.get(f"{sandbox.url}/sandbox/faults", timeout=5).json()
    assert [each["struck"] for each in struck] == [1] * len(EXPIRING)


def test_a_refresh_token_taken_back_in_mid_run_ends_in_words(sandbox, log):
    org = LiveOrg(refresh(sandbox))
    client = org.client()
    token = org.credentials.refresh_token
    requests.post(
        f"{sandbox.url}/services/oauth2/revoke", data={"token": token}, timeout=5
    ).raise_for_status()
    with pytest.raises(WrongCredentials, match="authorize the app again") as caught:
        org.pull(log, objects=only("Account"), client=client)
    assert token not in str(caught.value)


def switch(sandbox: SandboxProcess, **settings: object) -> None:
    requests.put(f"{sandbox.url}/sandbox/logins", json=settings, timeout=5).raise_for_status()


@pytest.fixture
def rotating(sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The sandbox while its app replaces a refresh token whenever it is used."""
    switch(sandbox, rotate_refresh_tokens=True)
    yield sandbox
    switch(sandbox, rotate_refresh_tokens=False)


def test_a_refresh_token_that_is_replaced_lives_on_in_its_file(rotating, log, tmp_path: Path):
    path = tmp_path / "refresh_token"
    path.write_text(granted_refresh_token(rotating) + "\n")
    credentials = Credentials(rotating.url, rotating.client_id, refresh_token_file=str(path))
    before = path.read_text()
    org = LiveOrg(credentials)
    client = org.client()
    org.faults(*({"name": "expire_token", "times": 1, **each} for each in EXPIRING))
    pulled = org.pull(log, objects=only("Opportunity"), client=client, bulk_page_rows=50)
    assert [each.status for each in pulled] == ["closed"]
    assert path.read_text() != before
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir() if "refresh" in each.name] == ["refresh_token"]
    # The next night starts from the file.
    assert connect(credentials, retry=FAST).user_id == client.user_id


def test_a_refresh_token_that_is_replaced_needs_a_file(rotating):
    with pytest.raises(WrongCredentials, match="no place to keep the new one") as caught:
        fetch_token(refresh(rotating), retry=FAST)
    assert f"{PREFIX}REFRESH_TOKEN_FILE" in str(caught.value)
    assert "5Aep" not in str(caught.value)


def test_threads_that_meet_an_expired_token_renew_it_once(rotating, tmp_path: Path):
    path = tmp_path / "refresh_token"
    path.write_text(granted_refresh_token(rotating))
    client = connect(Credentials(rotating.url, rotating.client_id, refresh_token_file=str(path)), retry=FAST)
    LiveOrg(client_credentials(rotating)).faults({"name": "expire_token", "times": 1})
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(client.call, "GET", "limits") for _ in range(8)]
    # A second use of the same refresh token would have ended every session.
    assert [each.result().status_code for each in calls] == [200] * 8


@pytest.mark.parametrize(("busy", "passes"), [(1, True), (FAST.attempts, False)])
def test_a_login_that_is_to_be_asked_again_is_asked_again(sandbox, busy: int, passes: bool):
    switch(sandbox, busy_replies=busy)
    if passes:
        assert fetch_token(client_credentials(sandbox), retry=FAST).user_id
    else:
        with pytest.raises(WrongCredentials, match="retry your request"):
            fetch_token(client_credentials(sandbox), retry=FAST)


def test_a_rep_logs_in_by_jwt_and_what_they_write_is_theirs(sandbox):
    rep = connect(Credentials(sandbox.url, sandbox.client_id, username="REP1@example.com", private_key=KEY))
    task_id = rep.restful("sobjects/Task", "POST", json={"Subject": "call"})["id"]
    task = rep.restful(f"sobjects/Task/{task_id}")
    assert {task["CreatedById"], task["LastModifiedById"], task["OwnerId"]} == {rep.user_id}
    assert rep.user_id != connect(client_credentials(sandbox)).user_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"private_key": pem(OTHER_KEY)}, "invalid assertion"),
        ({"username": "nobody@example.com"}, "user hasn't approved this consumer"),
        ({"audience": "https://login.example.com"}, "audience is invalid"),
        ({"client_id": "another-app"}, "client identifier invalid"),
    ],
)
def test_a_refused_assertion_says_why_and_what_to_check(sandbox, change: dict[str, str], words: str):
    given = {"client_id": sandbox.client_id, "username": INTEGRATION_USERNAME, "private_key": KEY} | change
    with pytest.raises(WrongCredentials, match=words) as caught:
        fetch_token(Credentials(sandbox.url, **given), retry=FAST)
    assert "by JWT bearer was refused" in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_machine_whose_clock_is_off_signs_by_the_servers(sandbox, hours: int):
    credentials = jwt_bearer(sandbox)
    off = machine_clock() + timedelta(hours=hours)
    assert fetch_token(credentials, retry=FAST, clock=lambda: off).user_id.startswith("005")


@pytest.mark.parametrize(
    "key", ["no key at all", pem(SIGNING_KEY, b"secret"), pem(ec.generate_private_key(ec.SECP256R1()))]
)
def test_a_key_of_no_use_is_refused_without_showing_it(sandbox, key: str):
    credentials = Credentials(sandbox.url, sandbox.client_id, username="me", private_key=key)
    with pytest.raises(WrongCredentials, match="without passphrase") as caught:
        fetch_token(credentials, retry=FAST)
    assert key[30:60] not in str(caught.value) or key == "no key at all"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("login_url", "audience"),
    [
        ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme.develop.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme--uat.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://acme.scratch.my.salesforce.com", "https://test.salesforce.com"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://test.salesforce.com.example.org", "https://login.salesforce.com"),
    ],
)
def test_an_assertion_is_meant_for_the_server_that_knows_the_org(login_url: str, audience: str):
    assert default_audience(login_url) == audience


# which flow the environment asks for


def from_environment(**variables: str) -> Credentials:
    shared = {"URL": "https://acme.my.salesforce.com/", "CLIENT_ID": "app"}
    return Credentials.from_environment(
        {f"{PREFIX}{name}": value for name, value in {**shared, **variables}.items()} | {"HOME": "/"}
    )


@pytest.mark.parametrize(
    ("variables", "flow"),
    [
        ({"CLIENT_SECRET": "s"}, "client credentials"),
        ({"CLIENT_SECRET": "s", "USERNAME": "u", "PASSWORD": "p"}, "user name and password"),
        (
            {"CLIENT_SECRET": "s", "USERNAME": "u", "PASSWORD": "p", "SECURITY_TOKEN": "t"},
            "user name and password",
        ),
        ({"USERNAME": "u", "PRIVATE_KEY": "k"}, "JWT bearer"),
        ({"USERNAME": "u", "PRIVATE_KEY": "k", "LOGIN_AUDIENCE": "https://site"}, "JWT bearer"),
        ({"REFRESH_TOKEN": "r"}, "refresh token"),
        ({"REFRESH_TOKEN": "r", "CLIENT_SECRET": "s"}, "refresh token"),
        ({"REFRESH_TOKEN_FILE": "f"}, "refresh token"),
        # A variable that is set to nothing is not set.
        ({"CLIENT_SECRET": "s", "PASSWORD": "", "PRIVATE_KEY": ""}, "client credentials"),
    ],
)
def test_what_is_set_chooses_the_flow(variables: dict[str, str], flow: str):
    credentials = from_environment(**variables)
    assert credentials.flow.name == flow
    assert credentials.login_url == "https://acme.my.salesforce.com"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "set {}CLIENT_SECRET, or {}PRIVATE_KEY_FILE to log in by key"),
        ({"USERNAME": "u"}, "set {}CLIENT_SECRET, {}PASSWORD, or {}PRIVATE_KEY_FILE to log in by key"),
        ({"USERNAME": "u", "CLIENT_SECRET": "s"}, "set {}PASSWORD, or {}PRIVATE_KEY_FILE to log in by key"),
        ({"PASSWORD": "p"}, "set {}USERNAME, {}CLIENT_SECRET"),
        ({"PRIVATE_KEY": "k"}, "set {}USERNAME"),
        ({"CLIENT_SECRET": "s", "URL": "", "CLIENT_ID": ""}, "set {}URL, {}CLIENT_ID"),
        ({"PRIVATE_KEY": "k", "PRIVATE_KEY_FILE": "f", "USERNAME": "u"}, "unset {}PRIVATE_KEY or {}PRIVATE_KEY_FILE"),
        ({"PRIVATE_KEY": "k", "USERNAME": "u", "CLIENT_SECRET": "s"}, "unset {}CLIENT_SECRET, or {}PRIVATE_KEY"),
        ({"PRIVATE_KEY_FILE": "f", "USERNAME": "u", "REFRESH_TOKEN": "r"}, "unset {}REFRESH_TOKEN, or {}PRIVATE_KEY_FILE"),
        ({"REFRESH_TOKEN": "r", "REFRESH_TOKEN_FILE": "f"}, "unset {}REFRESH_TOKEN or {}REFRESH_TOKEN_FILE"),
        ({"REFRESH_TOKEN_FILE": "f", "PASSWORD": "p"}, "unset {}PASSWORD, or {}REFRESH_TOKEN_FILE"),
        ({"PRIVATE_KEY": "k", "USERNAME": "u", "REFRESH_TOKEN_FILE": "f"}, "unset {}REFRESH_TOKEN_FILE, or {}PRIVATE_KEY"),
        ({"REFRESH_TOKEN": "r", "USERNAME": "u"}, "unset {}USERNAME, or {}REFRESH_TOKEN"),
        ({"REFRESH_TOKEN": "r", "CLIENT_SECRET": "s", "PASSWORD": "p"}, "unset {}PASSWORD, or {}REFRESH_TOKEN"),
        ({"CLIENT_SECRET": "s", "SECURITY_TOKEN": "t"}, "unset {}SECURITY_TOKEN, or {}CLIENT_SECRET"),
        ({"CLIENT_SECRET": "s", "LOGIN_AUDIENCE": "a"}, "unset {}LOGIN_AUDIENCE, or {}CLIENT_SECRET"),
    ],
)  # fmt: skip
def test_an_incomplete_or_ambiguous_set_is_refused_by_name(variables: dict[str, str], named: str):
    with pytest.raises(WrongCredentials) as caught:
        from_environment(**variables)
    assert str(caught.value).endswith(named.replace("{}", PREFIX))


def test_the_security_token_follows_the_password():
    form = from_environment(CLIENT_SECRET="s", USERNAME="u", PASSWORD="p", SECURITY_TOKEN="t").form(
        machine_clock()
    )
    assert (form["username"], form["password"]) == ("u", "pt")


def test_a_key_comes_from_a_file_or_from_one_line(tmp_path: Path):
    (tmp_path / "key.pem").write_text(KEY)
    by_file = from_environment(USERNAME="u", PRIVATE_KEY_FILE=str(tmp_path / "key.pem"))
    in_one_line = from_environment(USERNAME="u", PRIVATE_KEY=KEY.replace("\n", "\\n"))
    assert by_file == in_one_line
    assert by_file.private_key == KEY


def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(WrongCredentials, match="No such file") as caught:
        from_environment(USERNAME="u", PRIVATE_KEY_FILE=str(tmp_path / "gone.pem"))
    assert str(tmp_path / "gone.pem") in str(caught.value)
    assert str(caught.value).endswith(f"{PREFIX}PRIVATE_KEY_FILE")


def test_no_secret_shows_in_a_repr():
    credentials = Credentials("u", "id", "hidden-1", "me", "hidden-2", "hidden-3", "hidden-4")
    assert "hidden" not in repr(credentials)
