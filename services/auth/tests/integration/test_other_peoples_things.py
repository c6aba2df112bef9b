"""A-22: every route with an id in its path, tried with the token and the API key of somebody else."""

import re
from typing import Any

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from breezeway.db.engine import create_engine

BODIES: dict[str, Any] = {
    "PATCH /api/v1/broker-accounts/{account_id}": {"label": "mine"},
    "POST /api/v1/broker-accounts/{account_id}/session": {"api_session": "12345678"},
    "PATCH /api/v1/users/{user_id}": {"role": "user"},
    "PUT /api/v1/users/me/preferences/{key}": {"mine": True},
}
OWN_BY_NATURE = {"PUT /api/v1/users/me/preferences/{key}"}
"""The path has no id of somebody else's: the caller writes under their own name, which is checked below."""

OPEN = {"GET /api/v1/dev/mailbox/{mail_id}"}


async def belongings(auth: Any, headers: dict[str, str], session: dict[str, Any]) -> dict[str, str]:
    """One of everything that has an id, by the name of its path parameter."""
    account = await auth.connected(headers)
    key = await auth.http.post("/api/v1/auth/api-keys", json={"name": "k", "scopes": ["read"]}, headers=headers)
    await auth.http.put("/api/v1/users/me/preferences/layout", json={"owner": True}, headers=headers)
    sign_ins = (await auth.http.get("/api/v1/auth/sessions", headers=headers)).json()["items"]
    return {
        "account_id": account,
        "key_id": key.json()["id"],
        "session_id": sign_ins[0]["id"],
        "user_id": session["user"]["id"],
        "key": "layout",
    }


async def routes_with_ids(auth: Any) -> list[tuple[str, str]]:
    paths = (await auth.http.get("/openapi.json")).json()["paths"]
    return [
        (method.upper(), path)
        for path, operations in paths.items()
        if "{" in path
        for method in operations
        if f"{method.upper()} {path}" not in OPEN
    ]


async def snapshot(auth: Any, headers: dict[str, str]) -> list[Any]:
    """What the owner sees of everything."""
    seen = []
    for path in (
        "/api/v1/users/me",
        "/api/v1/broker-accounts",
        "/api/v1/auth/api-keys",
        "/api/v1/auth/sessions",
        "/api/v1/users/me/preferences",
    ):
        answer = await auth.http.get(path, headers=headers)
        assert answer.status_code == 200
        seen.append(answer.json())
    return seen


@pytest.mark.parametrize("with_key", [False, True])
async def test_a_22_no_route_shows_or_changes_what_is_somebody_elses(auth: Any, with_key: bool) -> None:
    """A-22: user B walks every `{id}` route with user A's ids; once signed in, once with an API key of every scope."""
    await auth.user()
    owner_session, owner = await auth.user()
    _, stranger = await auth.user()
    ids = await belongings(auth, owner, owner_session)
    if with_key:
        wish = {"name": "all", "scopes": ["read", "data", "trade"]}
        made = (await auth.http.post("/api/v1/auth/api-keys", json=wish, headers=stranger)).json()
        body = {"key": made["key"], "ip": None}
        gateway = auth.as_service("gateway")
        token = (await auth.http.post("/internal/api-keys/exchange", json=body, headers=gateway)).json()["access_token"]
        stranger = {"Authorization": f"Bearer {token}"}
    before = await snapshot(auth, owner)
    walked = await routes_with_ids(auth)
    assert len(walked) >= 18
    for method, path in walked:
        names = re.findall(r"{(\w+)}", path)
        assert set(names) <= set(ids), f"{path}: this test does not know whose {names} are"
        url = path.format_map(ids)
        route = f"{method} {path}"
        nobody = await auth.http.request(method, url, json=BODIES.get(route))
        assert nobody.status_code == 401, route
        if route in OWN_BY_NATURE:
            continue
        answer = await auth.http.request(method, url, json=BODIES.get(route), headers=stranger)
        assert answer.status_code in (403, 404), (route, answer.text)
        assert owner_session["user"]["email"] not in answer.text
    assert await snapshot(auth, owner) == before
    mine = await auth.http.get("/api/v1/users/me/preferences/layout", headers=owner)
    assert mine.json() == {"owner": True}


async def test_a_23_a_dump_holds_no_key_seed_or_token_that_works(auth: Any, auth_url: str) -> None:
    """A-23: whoever has the database alone can use nothing of it: no API key, seed, recovery code or mailed token."""
    session, headers = await auth.user()
    made = (
        await auth.http.post("/api/v1/auth/api-keys", json={"name": "k", "scopes": ["read"]}, headers=headers)
    ).json()
    enrolled = (await auth.http.post("/api/v1/auth/mfa/totp", headers=headers)).json()
    confirm = {"code": pyotp.TOTP(enrolled["secret"]).at(auth.clock.now())}
    answer = await auth.http.post("/api/v1/auth/mfa/totp/confirm", json=confirm, headers=headers)
    codes = answer.json()["recovery_codes"]
    await auth.http.post("/api/v1/auth/password/forgot", json={"email": session["user"]["email"]})
    mailed = await auth.token_to(session["user"]["email"], "Set a new password")
    secrets = [made["key"], made["key"].rsplit("_", 1)[1], enrolled["secret"], mailed, *codes]
    secrets += [code.replace("-", "") for code in codes] + [session["refresh_token"], session["access_token"]]
    async with AsyncSession(create_engine(auth_url, application="tests", pooled=False)) as db:
        tables = (await db.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).scalars().all()
        rows = [
            str(row)
            for table in tables
            # The development mailbox is where a mailed token is meant to be read; production has nobody who writes it.
            if table != "development_mailbox"
            for row in (await db.execute(text(f'SELECT t.*::text FROM "{table}" t'))).all()  # noqa: S608
        ]
    dump = "\n".join(rows)
    assert session["user"]["email"] in dump, "the dump sees what is there"
    for secret in secrets:
        assert secret not in dump
        assert secret.encode().hex() not in dump


async def test_a_24_a_seed_that_was_moved_to_another_user_does_not_open(auth: Any, auth_url: str) -> None:
    """A-24: somebody who may write rows gives a victim the attacker's own second factor; the vault refuses it."""
    people = []
    for _ in range(2):
        session, headers = await auth.user()
        enrolled = (await auth.http.post("/api/v1/auth/mfa/totp", headers=headers)).json()
        app = pyotp.TOTP(enrolled["secret"])
        confirm = {"code": app.at(auth.clock.now())}
        await auth.http.post("/api/v1/auth/mfa/totp/confirm", json=confirm, headers=headers)
        people.append((session["user"], app))
    (victim, _), (attacker, app) = people
    async with AsyncSession(create_engine(auth_url, application="tests", pooled=False)) as db:
        await db.execute(
            text(
                "UPDATE totp_factors SET last_step = 0, seed_sealed = "
                "(SELECT seed_sealed FROM totp_factors WHERE user_id = :attacker) WHERE user_id = :victim"
            ),
            {"attacker": attacker["id"], "victim": victim["id"]},
        )
        await db.commit()
    auth.clock.advance(60)
    login = {"email": victim["email"], "password": "correct horse battery staple", "otp": app.at(auth.clock.now())}
    answer = await auth.http.post("/api/v1/auth/login", json=login)
    assert (answer.status_code, answer.json()["code"]) == (500, "vault_sealed")
