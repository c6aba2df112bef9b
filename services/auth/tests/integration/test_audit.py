"""The audit log: read by its owner, changed by nobody, and a change shows."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from breezeway.db.engine import create_engine

AUDIT = "/api/v1/audit"
TAMPERINGS = (
    "UPDATE audit_events SET ip = '203.0.113.99' WHERE seq = 3",
    "UPDATE audit_events SET at = at + interval '1 second' WHERE seq = 3",
    "UPDATE audit_events SET event = 'something.else' WHERE seq = 3",
    """UPDATE audit_events SET detail = '{"reason": "nothing happened"}' WHERE seq = 3""",
    "UPDATE audit_events SET user_id = NULL WHERE seq = 3",
    "UPDATE audit_events SET hash = decode(repeat('00', 32), 'hex') WHERE seq = 3",
    "DELETE FROM audit_events WHERE seq = 2",
)


@asynccontextmanager
async def owner(url: str) -> AsyncIterator[AsyncSession]:
    """A session of the tables' owner, who can switch the trigger off."""
    engine = create_engine(url, application="tests", pooled=False)
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


async def tamper(url: str, *statements: str) -> None:
    async with owner(url) as session:
        await session.execute(text("ALTER TABLE audit_events DISABLE TRIGGER audit_events_are_final"))
        for statement in statements:
            await session.execute(text(statement))
        await session.execute(text("ALTER TABLE audit_events ENABLE TRIGGER audit_events_are_final"))
        await session.commit()


async def events_of(auth: Any, headers: dict[str, str], **query: str) -> list[str]:
    answer = await auth.http.get(AUDIT, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["event"] for item in answer.json()["items"]]


async def verified(auth: Any, anchor: bytes | None = None) -> Any:
    return await auth.app.state.services.audit_log.verify(anchor)


async def test_events_are_listed_newest_first_and_filtered(auth: Any) -> None:
    session, headers = await auth.user()
    wrong = {"email": session["user"]["email"], "password": "wrong password"}
    await auth.http.post("/api/v1/auth/login", json=wrong)
    before = auth.clock.now()
    auth.clock.advance(60)
    await auth.account(headers)
    assert await events_of(auth, headers) == [
        "broker_account.added", "sign_in.failed", "sign_in.succeeded", "user.registered",
    ]  # fmt: skip
    assert await events_of(auth, headers, kind="sign_in") == ["sign_in.failed", "sign_in.succeeded"]
    assert await events_of(auth, headers, kind="sign_in.failed") == ["sign_in.failed"]
    assert await events_of(auth, headers, kind="sign") == []
    since = (before + timedelta(seconds=1)).isoformat()
    assert await events_of(auth, headers, **{"from": since}) == ["broker_account.added"]
    assert len(await events_of(auth, headers, to=since)) == 3
    first = (await auth.http.get(AUDIT, params={"limit": 3}, headers=headers)).json()
    rest = (await auth.http.get(AUDIT, params={"limit": 3, "cursor": first["next"]}, headers=headers)).json()
    assert [item["event"] for item in rest["items"]] == ["user.registered"]
    assert rest["next"] is None
    for wrong_query in ({"kind": "x' OR 1"}, {"from": "yesterday"}, {"cursor": "zz!"}, {"user_id": "me"}):
        assert (await auth.http.get(AUDIT, params=wrong_query, headers=headers)).status_code == 422, wrong_query


async def test_a_change_of_broker_keys_names_the_fields_and_not_the_values(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    path = f"/api/v1/broker-accounts/{account}"
    for body in ({"label": "x"}, {"api_key": "canary-a", "api_secret": "canary-b"}):
        assert (await auth.http.patch(path, json=body, headers=headers)).status_code == 200
    answer = await auth.http.get(AUDIT, params={"kind": "broker_account.changed"}, headers=headers)
    assert [item["detail"]["fields"] for item in answer.json()["items"]] == ["api_key api_secret", "label"]
    assert "canary" not in answer.text


async def test_a22_events_are_ones_own(auth: Any) -> None:
    admin_session, admin = await auth.user()
    session, headers = await auth.user()
    await auth.http.post("/api/v1/auth/login", json={"email": "nobody@example.com", "password": "whatever it is"})
    mine, theirs = session["user"]["id"], admin_session["user"]["id"]
    assert await events_of(auth, headers) == ["sign_in.succeeded", "user.registered"]
    assert await events_of(auth, headers, user_id=mine) == ["sign_in.succeeded", "user.registered"]
    for query in ({"user_id": theirs}, {"everyone": "true"}):
        answer = await auth.http.get(AUDIT, params=query, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_only")
    assert await events_of(auth, admin, user_id=mine) == ["sign_in.succeeded", "user.registered"]
    assert "sign_in.failed" in await events_of(auth, admin, everyone="true")
    assert "sign_in.failed" not in await events_of(auth, admin)


async def test_the_database_refuses_every_change(auth: Any, auth_url: str) -> None:
    await auth.user()
    async with owner(auth_url) as session:
        for statement in (
            *TAMPERINGS,
            "TRUNCATE audit_events",
            "INSERT INTO audit_events (seq, id, at, event, detail, hash) "
            "VALUES (1, gen_random_uuid(), now(), 'x', '{}', '')",
        ):
            with pytest.raises(DBAPIError):
                await session.execute(text(statement))
            await session.rollback()
    assert (await verified(auth)).intact


@pytest.mark.parametrize("statement", TAMPERINGS)
async def test_a_row_that_somebody_changed_is_named(auth: Any, auth_url: str, statement: str) -> None:
    """What a superuser can do who switches the trigger off: change, or remove, without the chain showing it? No."""
    for _ in range(3):
        await auth.user()
    assert (await verified(auth)).entries == 6
    await tamper(auth_url, statement)
    report = await verified(auth)
    assert report.broken is not None
    assert report.broken.seq == 3
    assert report.entries == (1 if statement.startswith("DELETE") else 2)
    assert not report.intact


async def test_an_end_that_was_cut_off_shows_by_its_anchor(auth: Any, auth_url: str) -> None:
    for _ in range(2):
        await auth.user()
    anchor = (await verified(auth)).newest.hash
    await auth.user()
    assert (await verified(auth, anchor)).intact
    await tamper(auth_url, "DELETE FROM audit_events WHERE seq >= 4")
    assert (await verified(auth)).intact, "a chain does not know its end"
    assert (await verified(auth, anchor)).anchored is False
    assert not (await verified(auth, anchor)).intact


async def test_a_trigger_that_is_switched_off_is_reported(auth: Any, auth_url: str) -> None:
    await auth.user()
    async with owner(auth_url) as session:
        await session.execute(text("ALTER TABLE audit_events DISABLE TRIGGER audit_events_are_final"))
        await session.commit()
        try:
            report = await verified(auth)
        finally:
            await session.execute(text("ALTER TABLE audit_events ENABLE TRIGGER audit_events_are_final"))
            await session.commit()
    assert (report.final, report.broken, report.intact) == (False, None, False)


async def test_the_command_says_what_is_wrong(auth: Any, auth_url: str, tmp_path: Path) -> None:
    await auth.user()
    environment = {
        **os.environ,
        "BREEZEWAY_HOME": str(tmp_path),
        "BREEZEWAY_ENVIRONMENT": "test",
        "BREEZEWAY_INTERNAL_KEY": "x" * 32,
        "DATABASE_URL": auth_url,
        "REDIS_URL": "redis://127.0.0.1:1",
    }

    def run(*rest: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "auth_service.commands", "audit", "verify", *rest]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    good = run()
    assert (good.returncode, good.stderr) == (0, "")
    anchor = good.stdout.split("hash ")[1].split()[0]
    assert run("--anchor", anchor).returncode == 0
    assert run("--anchor", "00" * 32).returncode == 1
    await tamper(auth_url, "UPDATE audit_events SET ip = 'elsewhere' WHERE seq = 1")
    broken = run()
    assert broken.returncode == 1
    assert broken.stderr.startswith("BROKEN at entry 1 (id ")
