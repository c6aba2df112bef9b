"""What administrators do, and who leaves."""

import asyncio
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from breezeway.db.engine import create_engine
from breezeway.testing.eventually import eventually

USERS = "/api/v1/users"
ME = f"{USERS}/me"
KEYS = "/api/v1/auth/api-keys"
PASSWORD = "correct horse battery staple"


def database(url: str) -> AsyncSession:
    return AsyncSession(create_engine(url, application="tests", pooled=False))


async def refused(auth: Any, headers: dict[str, str]) -> None:
    async def is_401() -> bool:
        return bool((await auth.http.get(ME, headers=headers)).status_code == 401)

    await eventually(is_401, 60)


async def test_users_are_listed_searched_and_paged(auth: Any) -> None:
    _, admin = await auth.user()
    for email in ("asha@example.com", "100%_sure@example.com", "ravi@example.org"):
        await auth.register(email)
    first = (await auth.http.get(USERS, params={"limit": 3}, headers=admin)).json()
    rest = (await auth.http.get(USERS, params={"cursor": first["next"]}, headers=admin)).json()
    emails = [item["email"] for item in first["items"] + rest["items"]]
    assert emails == ["user1@example.com", "asha@example.com", "100%_sure@example.com", "ravi@example.org"]
    assert rest["next"] is None
    for wanted, found in (("ASHA", 1), ("example.com", 3), ("%", 1), ("_", 1), ("nobody", 0)):
        page = (await auth.http.get(USERS, params={"q": wanted}, headers=admin)).json()
        assert len(page["items"]) == found, wanted
    assert "password" not in str(first)


async def test_only_administrators_administer(auth: Any) -> None:
    session, admin = await auth.user()
    _, user = await auth.user()
    target = session["user"]["id"]
    for method, path, body in (
        ("GET", USERS, None),
        ("GET", f"{USERS}/{target}", None),
        ("PATCH", f"{USERS}/{target}", {"role": "user"}),
        ("POST", f"{USERS}/{target}/disable", None),
        ("POST", f"{USERS}/{target}/enable", None),
        ("POST", f"{USERS}/{target}/force-reset", None),
    ):
        answer = await auth.http.request(method, path, json=body, headers=user)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_only"), path
        if path != USERS:
            nobody = path.replace(target, str(uuid4()))
            answer = await auth.http.request(method, nobody, json=body, headers=admin)
            assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found"), nobody


async def test_a_disabled_user_is_out_within_two_seconds(auth: Any) -> None:
    """Sign-in, refresh token, access token and API key all stop; enabling brings back the password and the key."""
    _, admin = await auth.user()
    session, headers = await auth.user()
    user = session["user"]
    made = (await auth.http.post(KEYS, json={"name": "k", "scopes": ["read"]}, headers=headers)).json()
    body = {"key": made["key"], "ip": None}
    gateway = auth.as_service("gateway")
    token = (await auth.http.post("/internal/api-keys/exchange", json=body, headers=gateway)).json()["access_token"]
    answer = await auth.http.post(f"{USERS}/{user['id']}/disable", headers=admin)
    assert (answer.status_code, answer.json()["disabled_at"] is not None) == (200, True)
    await refused(auth, headers)
    await refused(auth, {"Authorization": f"Bearer {token}"})
    refreshed = await auth.http.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert refreshed.status_code == 401
    login = {"email": user["email"], "password": PASSWORD}
    signed_in = await auth.http.post("/api/v1/auth/login", json=login)
    assert (signed_in.status_code, signed_in.json()["code"]) == (403, "user_disabled")
    exchanged = await auth.http.post("/internal/api-keys/exchange", json=body, headers=gateway)
    assert (exchanged.status_code, exchanged.json()["code"]) == (401, "api_key_invalid")
    again = await auth.http.post(f"{USERS}/{user['id']}/disable", headers=admin)
    assert again.json()["disabled_at"] == answer.json()["disabled_at"]
    assert (await auth.http.post(f"{USERS}/{user['id']}/enable", headers=admin)).json()["disabled_at"] is None
    auth.clock.advance(1)  # a token of the second in which everything was revoked does not count
    assert (await auth.http.post("/internal/api-keys/exchange", json=body, headers=gateway)).status_code == 200
    await auth.login(user["email"])


async def test_there_is_always_an_administrator(auth: Any) -> None:
    first, admin = await auth.user()
    second, other = await auth.user()
    one, two = first["user"]["id"], second["user"]["id"]
    for method, path, body in (
        ("POST", f"{USERS}/{one}/disable", None),
        ("PATCH", f"{USERS}/{one}", {"role": "user"}),
        ("DELETE", ME, {"password": PASSWORD}),
    ):
        answer = await auth.http.request(method, path, json=body, headers=admin)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin"), path
    promoted = await auth.http.patch(f"{USERS}/{two}", json={"role": "admin"}, headers=admin)
    assert promoted.json()["role"] == "admin"
    await refused(auth, other)
    auth.clock.advance(1)
    other = {"Authorization": f"Bearer {(await auth.login(second['user']['email']))['access_token']}"}
    answers = await asyncio.gather(
        auth.http.post(f"{USERS}/{two}/disable", headers=admin), auth.http.post(f"{USERS}/{one}/disable", headers=other)
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 409])


async def test_a_forced_reset_takes_the_password_and_asks_for_another(auth: Any) -> None:
    _, admin = await auth.user()
    session, headers = await auth.user()
    user = session["user"]
    assert (await auth.http.post(f"{USERS}/{user['id']}/force-reset", headers=admin)).status_code == 200
    await refused(auth, headers)
    login = await auth.http.post("/api/v1/auth/login", json={"email": user["email"], "password": PASSWORD})
    assert (login.status_code, login.json()["code"]) == (401, "invalid_credentials")
    token = await auth.token_to(user["email"], "Choose a new password")
    chosen = {"token": token, "new_password": "another horse, another battery"}
    assert (await auth.http.post("/api/v1/auth/password/reset", json=chosen)).status_code < 300
    auth.clock.advance(1)
    await auth.login(user["email"], chosen["new_password"])


async def test_what_an_administrator_did_is_on_both_records(auth: Any) -> None:
    first, admin = await auth.user()
    second, _ = await auth.user()
    target, by = second["user"]["id"], first["user"]["id"]
    await auth.http.patch(f"{USERS}/{target}", json={"role": "admin"}, headers=admin)
    await auth.http.patch(f"{USERS}/{target}", json={"role": "user"}, headers=admin)
    await auth.http.post(f"{USERS}/{target}/disable", headers=admin)
    await auth.http.post(f"{USERS}/{target}/enable", headers=admin)
    await auth.http.post(f"{USERS}/{target}/force-reset", headers=admin)
    own = (await auth.http.get("/api/v1/audit?kind=admin", headers=admin)).json()["items"]
    acts = ["user.role_changed", "user.role_changed", "user.disabled", "user.enabled", "password.taken_by_admin"]
    assert [item["detail"]["act"] for item in reversed(own)] == acts
    theirs = (await auth.http.get(f"/api/v1/audit?user_id={target}", headers=admin)).json()["items"]
    told = [item for item in reversed(theirs) if item["event"] in acts]
    assert [(item["event"], item["detail"]["by"], item["ip"]) for item in told] == [(act, by, None) for act in acts]


async def test_who_leaves_takes_everything_along(auth: Any, auth_url: str) -> None:
    await auth.user()
    session, headers = await auth.user()
    user = session["user"]
    await auth.connected(headers)
    await auth.http.post(KEYS, json={"name": "k", "scopes": ["read"]}, headers=headers)
    await auth.http.put(f"{ME}/preferences/theme", json="dark", headers=headers)
    wrong = await auth.http.request("DELETE", ME, json={"password": "not this one"}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_password")
    gone = await auth.http.request("DELETE", ME, json={"password": PASSWORD}, headers=headers)
    assert gone.status_code == 204, gone.text
    await refused(auth, headers)
    login = await auth.http.post("/api/v1/auth/login", json={"email": user["email"], "password": PASSWORD})
    assert (login.status_code, login.json()["code"]) == (401, "invalid_credentials")
    async with database(auth_url) as db:
        query = text(
            "SELECT table_name FROM information_schema.columns "
            "WHERE column_name = 'user_id' AND table_schema = 'public'"
        )
        tables = set((await db.execute(query)).scalars()) - {"audit_events", "revocations"}
        assert {"api_keys", "broker_accounts", "sign_ins", "user_preferences"} <= tables
        for table in tables:
            left = await db.execute(text(f"SELECT 1 FROM {table} WHERE user_id = :id"), {"id": user["id"]})  # noqa: S608
            assert left.first() is None, table
        told = "SELECT event FROM event_outbox WHERE event->>'user_id' = :id ORDER BY id DESC LIMIT 1"
        last = (await db.execute(text(told), {"id": user["id"]})).scalar_one()
        # Elsewhere what is kept of them is deleted when this arrives.
        assert (last["kind"], user["email"] in str(last)) == ("user.deleted", False)
        rows = (await db.execute(text("SELECT a.*::text FROM audit_events a"))).all()
        assert user["email"] not in str(rows)
        assert "user.deleted" in str(rows)
    assert (await auth.app.state.services.audit_log.verify()).intact
    assert (await auth.register(user["email"]))["role"] == "user"


async def test_leaving_takes_the_second_factor_too(auth: Any) -> None:
    await auth.user()
    _, headers = await auth.user()
    enrolled = (await auth.http.post("/api/v1/auth/mfa/totp", headers=headers)).json()
    app = pyotp.TOTP(enrolled["secret"])
    confirm = {"code": app.at(auth.clock.now())}
    assert (await auth.http.post("/api/v1/auth/mfa/totp/confirm", json=confirm, headers=headers)).status_code == 200
    for otp, code in ((None, "otp_required"), (confirm["code"], "invalid_otp")):
        body = {"password": PASSWORD} | ({"otp": otp} if otp else {})
        answer = await auth.http.request("DELETE", ME, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    auth.clock.advance(30)
    body = {"password": PASSWORD, "otp": app.at(auth.clock.now())}
    assert (await auth.http.request("DELETE", ME, json=body, headers=headers)).status_code == 204


async def test_the_only_user_may_leave(auth: Any) -> None:
    _, headers = await auth.user()
    assert (await auth.http.request("DELETE", ME, json={"password": PASSWORD}, headers=headers)).status_code == 204
    assert (await auth.register())["role"] == "admin"


@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": PASSWORD, "sure": True}])
async def test_leaving_takes_the_password(auth: Any, body: dict[str, Any]) -> None:
    _, headers = await auth.user()
    assert (await auth.http.request("DELETE", ME, json=body, headers=headers)).status_code == 422
