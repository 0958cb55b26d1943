"""Every way to a token, whom it acts as, and what can be asked about it."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import soap_login

from connectors.sandbox.errors import SandboxError
from connectors.sandbox.login.assertions import verifying_key
from connectors.sandbox.process import SandboxProcess, SandboxStartError, start
from tests.sandbox.conftest import Caller

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
INTEGRATION = "integration@sandbox.gyakusan.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
REDIRECT = "http://localhost:1717/OauthRedirect"


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gyakusan")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2040, 1, 1))
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("logins")
    (folder / "app.crt").write_bytes(certificate())
    with start(folder / "org.duckdb", certificate=folder / "app.crt") as running:
        caller = Caller(running)
        caller.log_in()
        for name, active in (("rep", True), ("gone", False)):
            user = {"Username": f"{name}@example.com", "Email": f"{name}@example.com", "Alias": name}
            caller.create("User", **user, LastName=name, IsActive=active, TimeZoneSidKey="UTC",
                          LocaleSidKey="en_US", LanguageLocaleKey="en_US", EmailEncodingKey="UTF-8")  # fmt: skip
        yield running


def ask(org: SandboxProcess, path: str = "token", **form: str) -> requests.Response:
    return requests.post(f"{org.url}/services/oauth2/{path}", data=form, timeout=10)


def client(org: SandboxProcess) -> dict[str, str]:
    return {"client_id": org.client_id, "client_secret": org.client_secret}


def by_password(org: SandboxProcess, username: str = "rep@example.com", token: str = "") -> requests.Response:
    password = org.client_secret + token
    return ask(org, grant_type="password", username=username, password=password, **client(org))


def assertion(org: SandboxProcess, key: rsa.RSAPrivateKey = KEY, **claims: object) -> str:
    expires = int(time.time()) + 120
    shared = {
        "iss": org.client_id,
        "sub": "rep@example.com",
        "aud": "https://login.salesforce.com",
        "exp": expires,
    }
    return jwt.encode({**shared, **claims}, key, algorithm="RS256")


def by_assertion(org: SandboxProcess, **claims: object) -> requests.Response:
    return ask(org, grant_type=JWT_GRANT, assertion=assertion(org, **claims))


def as_user(org: SandboxProcess, token: str) -> Caller:
    caller = Caller(org)
    caller.session.headers["Authorization"] = f"Bearer {token}"
    return caller


def code_of(org: SandboxProcess, **query: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": org.client_id,
        "redirect_uri": REDIRECT,
        "state": "st",
        **query,
    }
    reply = requests.get(
        f"{org.url}/services/oauth2/authorize", params=asked, allow_redirects=False, timeout=10
    )
    assert reply.status_code == 302, reply.text
    assert reply.headers["Location"].startswith(REDIRECT)
    answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert answer["state"] == ["st"]
    return answer["code"][0]


def refresh_token(org: SandboxProcess, username: str = "rep@example.com") -> str:
    code = code_of(org, login_hint=username)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **client(org)}
    return str(ask(org, **form).json()["refresh_token"])


def soap_form(username: str, password: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/">'
        '<env:Body><n1:login xmlns:n1="urn:partner.soap.sforce.com">'
        f"<n1:username>{username}</n1:username><n1:password>{password}</n1:password></n1:login></env:Body></env:Envelope>"
    )


def soap(org: SandboxProcess, text: str, kind: str = "u") -> requests.Response:
    headers = {"Content-Type": "text/xml", "SOAPAction": "login"}
    url = f"{org.url}/services/Soap/{kind}/59.0"
    return requests.post(url, data=text, headers=headers, timeout=10)


def tokens(org: SandboxProcess) -> dict[str, str]:
    """A token of the rep by every flow that can act as somebody."""
    refreshed = {"refresh_token": refresh_token(org), "client_id": org.client_id}
    found = re.search(
        "<sessionId>(.*)</sessionId>", soap(org, soap_form("rep@example.com", org.client_secret)).text
    )
    assert found is not None
    return {
        "password": by_password(org).json()["access_token"],
        "security token": by_password(org, token="AbC123").json()["access_token"],
        "jwt": by_assertion(org).json()["access_token"],
        "refresh": ask(org, grant_type="refresh_token", **refreshed).json()["access_token"],
        "soap": found.group(1),
    }


def test_whoever_logs_in_is_who_writes(org: SandboxProcess) -> None:
    for flow, token in tokens(org).items():
        caller = as_user(org, token)
        info = caller.call("GET", "/services/oauth2/userinfo").json()
        assert info["preferred_username"] == "rep@example.com", flow
        task_id = caller.create("Task", Subject=flow)
        task = caller.call("GET", f"sobjects/Task/{task_id}").json()
        assert {task[each] for each in ("CreatedById", "LastModifiedById", "OwnerId")} == {info["user_id"]}, (
            flow
        )


def test_an_owner_edits_what_the_integration_user_made(org: SandboxProcess) -> None:
    integration, rep = Caller(org), as_user(org, by_password(org).json()["access_token"])
    integration.log_in()
    rep_id = rep.call("GET", "/services/oauth2/userinfo").json()["user_id"]
    task_id = integration.create("Task", Subject="planned", OwnerId=rep_id)
    deal_id = integration.deal(OwnerId=rep_id)
    assert rep.call("PATCH", f"sobjects/Task/{task_id}", json={"Status": "Completed"}).ok
    assert rep.call("PATCH", f"sobjects/Opportunity/{deal_id}", json={"StageName": "Qualification"}).ok
    task = integration.call("GET", f"sobjects/Task/{task_id}").json()
    assert task["LastModifiedById"] == rep_id != task["CreatedById"]
    history = rep.query(f"select CreatedById from OpportunityHistory where OpportunityId = '{deal_id}'")
    assert {each["CreatedById"] for each in history} == {rep_id, task["CreatedById"]}


def test_deleting_and_ingesting_are_done_by_the_user_too(org: SandboxProcess) -> None:
    rep = as_user(org, by_password(org).json()["access_token"])
    rep_id = rep.call("GET", "/services/oauth2/userinfo").json()["user_id"]
    integration = Caller(org)
    integration.log_in()
    task_id = integration.create("Task", Subject="x")
    assert rep.call("DELETE", f"sobjects/Task/{task_id}").status_code == 204
    (task,) = rep.query(f"select LastModifiedById from Task where Id = '{task_id}'", everything=True)
    assert task["LastModifiedById"] == rep_id
    job = rep.call("POST", "jobs/ingest", json={"object": "Account", "operation": "insert"}).json()
    assert job["createdById"] == rep_id
    asked = {"operation": "query", "query": "select Id from User"}
    assert rep.call("POST", "jobs/query", json=asked).json()["createdById"] == rep_id


def test_a_token_has_the_form_that_salesforces_own_clients_know(org: SandboxProcess) -> None:
    granted = by_assertion(org).json()
    assert re.fullmatch(r"00D\w{12,15}![.\w]+", granted["access_token"])
    assert granted["instance_url"] == org.url
    assert granted["token_type"] == "Bearer"
    assert "refresh_token" not in granted


@pytest.mark.parametrize("audience", ["https://login.salesforce.com", "https://test.salesforce.com", "own"])
def test_an_assertion_may_be_meant_for_any_server_that_knows_the_org(
    org: SandboxProcess, audience: str
) -> None:
    assert by_assertion(org, aud=org.url if audience == "own" else audience).status_code == 200


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "https://login.example.com"}, "audience is invalid"),
        ({"exp": int(time.time()) - 300}, "expired authorization code"),
        ({"exp": int(time.time()) + 3600}, "assertion is valid for too long"),
        ({"exp": "soon"}, "invalid assertion"),
        ({"iss": "another"}, "client identifier invalid"),
        ({"sub": "nobody@example.com"}, "user hasn't approved this consumer"),
        ({"sub": "gone@example.com"}, "user hasn't approved this consumer"),
        ({"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}, "invalid assertion"),
    ],
)
def test_a_bad_assertion_is_refused(org: SandboxProcess, claims: Mapping[str, object], words: str) -> None:
    reply = by_assertion(org, **claims)
    assert reply.status_code == 400
    assert reply.json()["error_description"] == words


def test_only_rs256_counts(org: SandboxProcess) -> None:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = {"iss": org.client_id, "sub": "rep@example.com", "aud": "https://login.salesforce.com",
              "exp": int(time.time()) + 60}  # fmt: skip

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    import hmac
    import json

    unsigned = part(b'{"alg":"none"}') + "." + part(json.dumps(claims).encode()) + "."
    hashed = part(b'{"alg":"HS256"}') + "." + part(json.dumps(claims).encode())
    hashed += "." + part(hmac.digest(public, hashed.encode(), "sha256"))
    for forged in (unsigned, hashed, "nonsense", ""):
        reply = ask(org, grant_type=JWT_GRANT, assertion=forged)
        assert (reply.status_code, reply.json()["error_description"]) == (400, "invalid assertion")


def test_an_assertion_counts_by_the_orgs_clock_too(org: SandboxProcess) -> None:
    caller = Caller(org)
    then = datetime(2024, 6, 10, 8, tzinfo=UTC)
    caller.set_clock(then.isoformat())
    in_time = int((then + timedelta(minutes=2)).timestamp())
    try:
        assert by_assertion(org, exp=in_time).status_code == 200
        assert by_assertion(org).status_code == 200
        assert by_assertion(org, exp=in_time - 600).status_code == 400
    finally:
        caller.set_clock(None)


def test_without_a_certificate_there_are_no_assertions(caller: Caller) -> None:
    reply = by_assertion(caller.sandbox)
    assert reply.json()["error"] == "invalid_client"
    assert "--certificate" in reply.json()["error_description"]


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxStartError, match=r"gone\.pem"):
        start(tmp_path / "org.duckdb", certificate=tmp_path / "gone.pem")


@pytest.mark.parametrize(
    "text", ["no key", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"]
)
def test_a_certificate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SandboxError, match="not PEM"):
        verifying_key(text.encode())


def test_a_certificate_without_rsa_key_is_refused() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    with pytest.raises(SandboxError, match="RS256"):
        verifying_key(public.public_bytes(serialization.Encoding.PEM, form))


@pytest.mark.parametrize("username", ["nobody@example.com", "gone@example.com", ""])
def test_who_is_not_an_active_user_stays_outside(org: SandboxProcess, username: str) -> None:
    reply = by_password(org, username)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")
    assert soap(org, soap_form(username, org.client_secret)).status_code == 500


def test_a_wrong_password_is_refused(org: SandboxProcess) -> None:
    form = {"grant_type": "password", "username": "rep@example.com", "password": "guess", **client(org)}
    assert ask(org, **form).json()["error"] == "invalid_grant"


def test_the_web_server_flow_proves_its_code(org: SandboxProcess) -> None:
    verifier = "a-verifier-that-nobody-else-knows"
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    public = {"grant_type": "authorization_code", "client_id": org.client_id, "redirect_uri": REDIRECT}
    code = code_of(org, code_challenge=challenge)
    assert ask(org, **public, code=code, code_verifier="wrong").json()["error"] == "invalid_grant"
    # A code is used up even by a wrong answer.
    assert ask(org, **public, code=code, code_verifier=verifier).json()["error"] == "invalid_grant"
    granted = ask(org, **public, code=code_of(org, code_challenge=challenge), code_verifier=verifier).json()
    assert granted["refresh_token"]
    # Without a challenge it takes the secret.
    assert ask(org, **public, code=code_of(org)).json()["error"] == "invalid_client"


def test_a_code_leads_back_to_this_machine_only(org: SandboxProcess) -> None:
    asked = {"response_type": "code", "client_id": org.client_id, "redirect_uri": "https://evil.example.com/"}
    reply = requests.get(
        f"{org.url}/services/oauth2/authorize", params=asked, allow_redirects=False, timeout=10
    )
    assert (reply.status_code, reply.json()["error"]) == (400, "redirect_uri_mismatch")


def test_a_refresh_token_works_until_it_is_revoked_and_takes_its_access_tokens_along(
    org: SandboxProcess,
) -> None:
    refresh = refresh_token(org)
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": org.client_id}
    first, second = (ask(org, **form).json()["access_token"] for _ in range(2))
    assert as_user(org, first).call("GET", "limits").ok
    assert as_user(org, second).call("GET", "limits").ok
    assert ask(org, **form, client_secret="wrong").json()["error"] == "invalid_client"
    assert ask(org, "revoke", token=refresh).status_code == 200
    assert ask(org, **form).json() == {
        "error": "invalid_grant",
        "error_description": "expired access/refresh token",
    }
    assert as_user(org, first).call("GET", "limits").status_code == 401
    assert ask(org, "revoke", token=refresh).status_code == 400


def test_a_rotated_refresh_token_is_good_once_and_its_second_use_ends_everything(org: SandboxProcess) -> None:
    switch = f"{org.url}/sandbox/logins"
    first = refresh_token(org)
    form = {"grant_type": "refresh_token", "client_id": org.client_id}
    requests.put(switch, json={"rotate_refresh_tokens": True}, timeout=5).raise_for_status()
    try:
        granted = ask(org, **form, refresh_token=first).json()
        second = granted["refresh_token"]
        assert second != first
        assert as_user(org, granted["access_token"]).call("GET", "limits").ok
        third = ask(org, **form, refresh_token=second).json()
        assert ask(org, **form, refresh_token=first).json()["error"] == "invalid_grant"
        assert ask(org, **form, refresh_token=third["refresh_token"]).json()["error"] == "invalid_grant"
        assert as_user(org, third["access_token"]).call("GET", "limits").status_code == 401
    finally:
        requests.put(switch, json={"rotate_refresh_tokens": False}, timeout=5).raise_for_status()


def test_introspection_tells_a_live_token_from_a_dead_one(org: SandboxProcess) -> None:
    token = by_password(org).json()["access_token"]
    told = ask(org, "introspect", token=token, **client(org)).json()
    assert (told["active"], told["username"], told["token_type"]) == (True, "rep@example.com", "access_token")
    assert told["iat"] < told["exp"]
    assert ask(org, "revoke", token=token).status_code == 200
    assert ask(org, "introspect", token=token, **client(org)).json() == {"active": False}
    assert ask(org, "introspect", token=token).status_code == 400


def test_the_identity_behind_a_token(org: SandboxProcess) -> None:
    granted = by_password(org).json()
    token = granted["access_token"]
    in_query = requests.get(granted["id"], params={"format": "json", "oauth_token": token}, timeout=10).json()
    in_header = requests.get(granted["id"], headers={"Authorization": f"Bearer {token}"}, timeout=10).json()
    assert in_query == in_header
    assert in_query["username"] == "rep@example.com"
    assert granted["id"].endswith(f"/id/{in_query['organization_id']}/{in_query['user_id']}")
    refused = requests.get(granted["id"], params={"oauth_token": "stale"}, timeout=10)
    assert (refused.status_code, refused.text) == (403, "Bad_OAuth_Token")


@pytest.mark.parametrize("kind", ["u", "c"])
def test_soap_login_answers_with_everything_a_client_reads(org: SandboxProcess, kind: str) -> None:
    reply = soap(org, soap_form("REP@example.com", org.client_secret + "token"), kind)
    assert reply.status_code == 200
    values = {each.tag.rpartition("}")[2]: each.text for each in ElementTree.fromstring(reply.content).iter()}
    assert values["serverUrl"].startswith(f"{org.url}/services/Soap/{kind}/59.0/00D")
    assert values["userName"] == "rep@example.com"
    assert values["passwordExpired"] == "false"
    assert as_user(org, values["sessionId"]).call("GET", f"sobjects/User/{values['userId']}").ok
    assert values["organizationId"].startswith("00D")


def test_a_refused_soap_login_is_a_fault(org: SandboxProcess) -> None:
    reply = soap(
        org, soap_form("rep@example.com", "wrong & <wrong>".replace("&", "&amp;").replace("<", "&lt;"))
    )
    assert reply.status_code == 500
    assert "<faultcode>sf:INVALID_LOGIN</faultcode>" in reply.text
    assert "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>" in reply.text
    assert "wrong" not in reply.text


def test_simple_salesforce_logs_in_by_soap(org: SandboxProcess) -> None:
    headers = {"content-type": "text/xml", "charset": "UTF-8", "SOAPAction": "login"}
    url = f"{org.url}/services/Soap/u/59.0"
    session_id, instance = soap_login(url, soap_form(INTEGRATION, org.client_secret), headers, None)
    assert instance == urlsplit(org.url).netloc
    assert as_user(org, session_id).call("GET", "limits").ok
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        soap_login(url, soap_form(INTEGRATION, "wrong"), headers, None)


@pytest.mark.parametrize(
    "text",
    [
        "not xml",
        "",
        "<a/>",
        '<!DOCTYPE lolz [<!ENTITY lol "lol">]><a>&lol;</a>',
        "<Envelope><Body><convertLead/></Body></Envelope>",
    ],
)
def test_what_is_no_login_is_a_fault_too(org: SandboxProcess, text: str) -> None:
    reply = soap(org, text)
    assert reply.status_code == 500
    assert "<soapenv:Fault>" in reply.text


def test_soap_logout_ends_the_session(org: SandboxProcess) -> None:
    token = by_password(org).json()["access_token"]
    text = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><e:Header>'
        f"<SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body>{{}}</e:Body></e:Envelope>"
    )
    assert "rep@example.com" in soap(org, text.format("<getUserInfo/>")).text
    assert soap(org, text.format("<logout/>")).status_code == 200
    assert "INVALID_SESSION_ID" in soap(org, text.format("<logout/>")).text
    assert as_user(org, token).call("GET", "limits").status_code == 401


def test_what_is_kept_secret_does_not_show(tmp_path: Path) -> None:
    from connectors.sandbox.login.access import Tokens

    assert "hidden" not in repr(Tokens("id", "hidden", b"hidden"))
