"""Logging in and out over HTTP: the OAuth endpoints, the identity behind a token, and SOAP's login()."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from connectors.sandbox.errors import SalesforceError, not_found
from connectors.sandbox.login import soap
from connectors.sandbox.login.access import Access
from connectors.sandbox.login.logins import Granted, OAuthError
from connectors.sandbox.routes.replies import datetime_text, json_reply
from connectors.sandbox.server import Call, Server

_SCOPE = "api refresh_token id"


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)) | dict(call.query)


def _authorization(call: Call) -> str:
    return call.headers.get("authorization", "")


def _oauth_reply(answer: Callable[[], Response]) -> Response:
    """What a route answers, a refusal in OAuth's own form."""
    try:
        return answer()
    except OAuthError as error:
        return json_reply({"error": error.error, "error_description": error.description}, 400)


def token(server: Server, call: Call) -> Response:
    """POST /services/oauth2/token."""
    return _oauth_reply(lambda: _token(server, call))


def _token(server: Server, call: Call) -> Response:
    granted = server.logins.grant(_form(call), _authorization(call), urlsplit(call.origin).netloc)
    issued_at = str(int(server.org.now().timestamp() * 1000))
    refresh = {"refresh_token": granted.refresh_token} if granted.refresh_token else {}
    return json_reply(
        {"access_token": granted.access_token, **refresh, "signature": "sandbox", "scope": _SCOPE,
         "instance_url": call.origin, "id": identity_url(server, call, granted.user_id), "token_type": "Bearer",
         "issued_at": issued_at}
    )  # fmt: skip


def put_logins(server: Server, call: Call) -> Response:
    """PUT /sandbox/logins {"rotate_refresh_tokens": bool, "busy_replies": number}: how logins go from now on."""
    asked = call.json()
    server.tokens.rotates = asked.get("rotate_refresh_tokens", server.tokens.rotates) is True
    server.logins.busy_replies = int(str(asked.get("busy_replies", server.logins.busy_replies)))
    told = {"rotate_refresh_tokens": server.tokens.rotates, "busy_replies": server.logins.busy_replies}
    return json_reply(told)


def authorize(server: Server, call: Call) -> Response:
    """GET /services/oauth2/authorize: leads straight back with a code, as after a person has consented."""
    return _oauth_reply(lambda: _authorized(server, call))


def _authorized(server: Server, call: Call) -> Response:
    if call.query.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response type not supported")
    answer = {"code": server.logins.code(call.query)}
    answer |= {"state": call.query["state"]} if "state" in call.query else {}
    target = call.query["redirect_uri"]
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}{urlencode(answer)}", 302)


def revoke(server: Server, call: Call) -> Response:
    """POST or GET /services/oauth2/revoke?token=."""
    if server.tokens.revoke(_form(call).get("token", "")):
        return Response(status_code=200)
    return json_reply({"error": "invalid_token", "error_description": "token is not valid"}, 400)


def introspect(server: Server, call: Call) -> Response:
    """POST /services/oauth2/introspect: for the connected app, or for who holds a valid token."""
    return _oauth_reply(lambda: _introspected(server, call))


def _introspected(server: Server, call: Call) -> Response:
    form = _form(call)
    if _authorization(call).lower().startswith("bearer "):
        server.tokens.check(_authorization(call))
    else:
        server.logins.check_client(form, _authorization(call))
    wanted = form.get("token", "")
    found = server.tokens.access.get(wanted)
    user_id = found.user_id if found else server.tokens.refresh.get(wanted)
    if user_id is None:
        return json_reply({"active": False})
    return json_reply(_description(server, call, user_id, found))


def _description(server: Server, call: Call, user_id: str, access: Access | None) -> dict[str, object]:
    issued_at = int(access.issued_at.timestamp()) if access else None
    times = {"iat": issued_at, "nbf": issued_at, "exp": issued_at + 7200} if issued_at else {}
    return {
        "active": True, "scope": _SCOPE, "client_id": server.tokens.client_id,
        "username": _user(server, user_id)["Username"], "sub": identity_url(server, call, user_id),
        "token_type": "access_token" if access else "refresh_token", **times,
    }  # fmt: skip


def userinfo(server: Server, call: Call) -> Response:
    """GET /services/oauth2/userinfo: the user the token acts as."""
    user = _user(server, call.user_id)
    return json_reply(
        {"sub": identity_url(server, call, call.user_id), "user_id": call.user_id,
         "organization_id": server.org.organization_id, "preferred_username": user["Username"],
         "nickname": user["Alias"], "name": user["Name"], "email": user["Email"], "email_verified": True,
         "given_name": user["FirstName"], "family_name": user["LastName"],
         "active": bool(user["IsActive"]), "user_type": "STANDARD", "is_app_installed": True,
         "language": user["LanguageLocaleKey"] or "en_US", "locale": user["LocaleSidKey"] or "en_US",
         "zoneinfo": _zone(server, user), "utcOffset": 0, "updated_at": datetime_text(server.org.now()),
         "urls": _urls(server, call)}
    )  # fmt: skip


def identity(server: Server, call: Call) -> Response:
    """GET /id/ORGANIZATION/USER, the address that `id` of a token reply names; the token may stand in the query."""
    given = call.query.get("oauth_token")
    try:
        user_id = server.tokens.check(f"Bearer {given}" if given else _authorization(call)).user_id
    except SalesforceError:
        return Response("Bad_OAuth_Token", 403, media_type="text/plain")
    asked = (call.parameters["organization"][:15], call.parameters["user"][:15])
    if asked != (server.org.organization_id[:15], user_id[:15]):
        raise not_found()
    return json_reply(_identity(server, call, user_id))


def _identity(server: Server, call: Call, user_id: str) -> dict[str, object]:
    user = _user(server, user_id)
    return {
        "id": identity_url(server, call, user_id), "asserted_user": True, "user_id": user_id,
        "organization_id": server.org.organization_id, "username": user["Username"], "nick_name": user["Alias"],
        "display_name": user["Name"], "email": user["Email"], "first_name": user["FirstName"],
        "last_name": user["LastName"], "timezone": _zone(server, user), "active": bool(user["IsActive"]),
        "user_type": "STANDARD", "language": user["LanguageLocaleKey"] or "en_US",
        "locale": user["LocaleSidKey"] or "en_US", "utcOffset": 0,
        "last_modified_date": datetime_text(server.org.now()), "is_app_installed": True,
        "urls": _urls(server, call),
    }  # fmt: skip


def identity_url(server: Server, call: Call, user_id: str) -> str:
    """The address of a user's identity."""
    return f"{call.origin}/id/{server.org.organization_id}/{user_id}"


def _zone(server: Server, user: Mapping[str, object]) -> str:
    return str(user["TimeZoneSidKey"] or server.org.time_zone)


def _urls(server: Server, call: Call) -> dict[str, str]:
    data = f"{call.origin}/services/data/v{{version}}"
    own = server.org.organization_id
    return {
        "rest": f"{data}/", "sobjects": f"{data}/sobjects/", "query": f"{data}/query/", "custom_domain": call.origin,
        "recent": f"{data}/recent/", "search": f"{data}/search/", "tooling_rest": f"{data}/tooling/",
        "partner": f"{call.origin}/services/Soap/u/{{version}}/{own}",
        "enterprise": f"{call.origin}/services/Soap/c/{{version}}/{own}",
        "metadata": f"{call.origin}/services/Soap/m/{{version}}/{own}",
        "profile": f"{call.origin}/{own}",
    }  # fmt: skip


def _user(server: Server, user_id: str) -> Mapping[str, object]:
    rows = server.org.fetch_rows('select * from "User" where "Id" = $1', [user_id])
    if not rows:
        raise SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", 401)
    return rows[0]


def soap_call(server: Server, call: Call) -> Response:
    """POST /services/Soap/u|c/NN.0: login() and logout(), the calls that clients still make this way."""
    try:
        request = soap.parse(call.body)
        if request.operation == "login":
            return soap.reply(_soap_login(server, call, request))
        access = server.tokens.check(f"Bearer {request.values.get('sessionId', '')}")
        if request.operation == "logout":
            server.tokens.revoke(request.values["sessionId"])
            return soap.reply("<logoutResponse/>")
        if request.operation == "getUserInfo":
            info = _soap_user(server, access.user_id)
            return soap.reply(f"<getUserInfoResponse><result>{info}</result></getUserInfoResponse>")
    except SalesforceError as error:
        return soap.fault(error.code, error.message)
    return soap.fault("INVALID_OPERATION", f"this sandbox has no SOAP operation {request.operation}")


def _soap_login(server: Server, call: Call, request: soap.SoapRequest) -> str:
    try:
        granted = server.logins.password_login(
            request.values.get("username", ""), request.values.get("password", "")
        )
    except OAuthError as error:
        message = "Invalid username, password, security token; or user locked out."
        raise SalesforceError("INVALID_LOGIN", message) from error
    return f"<loginResponse><result>{_soap_result(server, call, granted)}</result></loginResponse>"


def _soap_result(server: Server, call: Call, granted: Granted) -> str:
    kind, version = call.parameters["kind"].lower(), call.version
    own = f"{version}/{server.org.organization_id[:15]}"
    return soap.elements(
        metadataServerUrl=f"{call.origin}/services/Soap/m/{own}", passwordExpired="false", sandbox="true",
        serverUrl=f"{call.origin}/services/Soap/{kind}/{own}", sessionId=granted.access_token, userId=granted.user_id,
    ) + f"<userInfo>{_soap_user(server, granted.user_id)}</userInfo>"  # fmt: skip


def _soap_user(server: Server, user_id: str) -> str:
    user = _user(server, user_id)
    organization = server.org.fetch_rows('select "Name" from "Organization" limit 1')[0]
    return soap.elements(
        organizationId=server.org.organization_id, organizationName=organization["Name"],
        userEmail=user["Email"], userFullName=user["Name"], userId=user_id, userName=user["Username"],
        userLanguage=user["LanguageLocaleKey"] or "en_US", userLocale=user["LocaleSidKey"] or "en_US",
        userTimeZone=_zone(server, user), userType="Standard",
    )  # fmt: skip
