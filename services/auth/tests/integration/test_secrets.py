"""Secrets stay where they belong: not in answers, not in a dump of the database, not with another user."""

import asyncio
import base64
import os
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.broker_accounts import PostgresBrokerAccounts
from auth_service.adapters.vault import Vault, VaultKeys
from breezeway.db.engine import create_engine
from breezeway.errors import Misconfigured

CANARIES = ("sim-secret-canary-7731", "session-key-canary-9942", "sim+key=canary=4410", "apisession-canary-55")
PASSWORD = "correct horse battery staple"


async def test_a23_a_dump_of_the_database_holds_no_secret(auth: Any, auth_url: str) -> None:
    session, headers = await auth.user()
    await auth.connected(headers)
    account = await auth.account(headers)
    url = await auth.http.get(f"/api/v1/broker-accounts/{account}/login-url", headers=headers)
    dump = await everything(auth_url)
    assert "Simulator" in dump, "the dump sees what is there"
    nonce = url.json()["url"].split("state=")[1]
    for secret in (*CANARIES, PASSWORD, session["refresh_token"], session["access_token"], nonce, "SIM00001"):
        assert secret not in dump
        assert secret.encode().hex() not in dump


async def test_secrets_are_never_in_an_answer(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.connected(headers)
    base = f"/api/v1/broker-accounts/{account}"
    seen = [
        await auth.http.get("/api/v1/broker-accounts", headers=headers),
        await auth.http.get(base, headers=headers),
        await auth.http.patch(base, json={"label": "x", "api_key": CANARIES[2]}, headers=headers),
        await auth.http.post(f"{base}/session", json={"api_session": CANARIES[3]}, headers=headers),
        await auth.http.get(f"{base}/session", headers=headers),
        await auth.http.get(f"{base}/profile", headers=headers),
        await auth.http.get(f"{base}/login-url", headers=headers),
        await auth.http.patch(base, json={"api_secret": CANARIES[0], "oops": 1}, headers=headers),
    ]
    for answer in seen:
        for canary in CANARIES:
            assert canary not in answer.text, answer.request.url
    assert seen[1].json()["api_key"] == "••••4410"


async def test_a22_another_users_things_do_not_exist(auth: Any) -> None:
    owner_session, owner = await auth.user()
    _, stranger = await auth.user()
    account = await auth.connected(owner)
    base = f"/api/v1/broker-accounts/{account}"
    sign_in = (await auth.http.get("/api/v1/auth/sessions", headers=owner)).json()["items"][0]["id"]
    for method, path, body in (
        ("GET", base, None),
        ("PATCH", base, {"label": "mine"}),
        ("DELETE", base, None),
        ("GET", f"{base}/login-url", None),
        ("GET", f"{base}/session", None),
        ("POST", f"{base}/session", {"api_session": "x"}),
        ("DELETE", f"{base}/session", None),
        ("GET", f"{base}/profile", None),
        ("GET", f"{base}/funds", None),
        ("GET", f"{base}/holdings", None),
        ("GET", f"{base}/positions", None),
        ("DELETE", f"/api/v1/auth/sessions/{sign_in}", None),
    ):
        answer = await auth.http.request(method, path, json=body, headers=stranger)
        assert answer.status_code == 404, (method, path)
        nobody = await auth.http.request(method, path, json=body)
        assert nobody.status_code == 401, (method, path)
    assert (await auth.http.get("/api/v1/broker-accounts", headers=stranger)).json()["items"] == []
    assert (await auth.http.get(f"{base}/session", headers=owner)).json()["state"] == "active"
    refreshed = await auth.http.post("/api/v1/auth/refresh", json={"refresh_token": owner_session["refresh_token"]})
    assert refreshed.status_code == 200


async def test_a24_a_row_with_anothers_envelope_does_not_open(auth: Any, auth_url: str) -> None:
    _, headers = await auth.user()
    mine, other = await auth.account(headers), await auth.account(headers)
    swap = text("UPDATE broker_accounts SET api_secret_sealed = (SELECT s FROM other) WHERE id = :mine")
    async with session_on(auth_url) as session:
        await session.execute(
            text("CREATE TEMP TABLE other AS SELECT api_secret_sealed AS s FROM broker_accounts WHERE id = :id"),
            {"id": UUID(other)},
        )
        await session.execute(swap, {"mine": UUID(mine)})
        await session.commit()
    answer = await auth.http.get(f"/api/v1/broker-accounts/{mine}/login-url", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (500, "vault_sealed")


async def test_the_vault_opens_with_an_older_key_after_a_new_one_was_added(start: Any, auth_url: str) -> None:
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    async with start(BREEZEWAY_VAULT_KEY=f"v1:{old}") as auth:
        _, headers = await auth.user()
        account = await auth.account(headers)
    async with session_on(auth_url) as session:
        both = PostgresBrokerAccounts(session, Vault(VaultKeys.parse(f"v1:{old},v2:{new}")))
        assert (await both.keys(UUID(account))).api_secret == CANARIES[0]
        newest_only = PostgresBrokerAccounts(session, Vault(VaultKeys.parse(f"v2:{new}")))
        with pytest.raises(Misconfigured, match="lacks version 'v1'"):
            await newest_only.keys(UUID(account))


async def test_a26_a_failed_statement_does_not_show_its_values(auth_url: str) -> None:
    async with session_on(auth_url) as session:
        with pytest.raises(DBAPIError) as failed:
            await session.execute(text("SELECT 1 FROM no_such_table WHERE digest = :value"), {"value": CANARIES[0]})
    assert CANARIES[0] not in repr(failed.value)
    assert CANARIES[0] not in str(failed.value)


async def test_the_audit_log_is_chained_and_final(auth: Any, auth_url: str) -> None:
    session, headers = await auth.user()
    await auth.connected(headers)
    failed = {"email": session["user"]["email"], "password": "wrong password"}
    await asyncio.gather(*(auth.http.post("/api/v1/auth/login", json=failed) for _ in range(20)))
    async with session_on(auth_url) as db:
        events = (await db.execute(text("SELECT event FROM audit_events ORDER BY seq"))).scalars().all()
        assert events[:4] == [
            "user.registered",
            "sign_in.succeeded",
            "broker_account.added",
            "broker_session.connected",
        ]
        assert events.count("sign_in.failed") == 20
        for statement in ("UPDATE audit_events SET ip = 'x'", "DELETE FROM audit_events", "TRUNCATE audit_events"):
            with pytest.raises(DBAPIError, match="append-only"):
                await db.execute(text(statement))
            await db.rollback()
    assert (await auth.app.state.services.audit_log.verify()).intact


def session_on(url: str) -> AsyncSession:
    return AsyncSession(create_engine(url, application="tests", pooled=False))


async def everything(url: str) -> str:
    """Every value of every table, as text; binary values in hexadecimal."""
    async with session_on(url) as session:
        tables = (
            (await session.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).scalars().all()
        )
        rows = [
            str(row)
            for table in tables
            for row in (await session.execute(text(f'SELECT t.*::text FROM "{table}" t'))).all()  # noqa: S608
        ]
    return "\n".join(rows)
