"""Mails: none is lost, none leaves for what never happened, and in development one can read them."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.mail.mailbox import CAPACITY, PostgresMailbox
from auth_service.application.notices import notify
from auth_service.domain.audit import Origin
from auth_service.domain.mails import MailKind
from auth_service.settings import AuthSettings
from breezeway.db.engine import create_engine
from breezeway.errors import Misconfigured
from breezeway.mail.message import Mail
from breezeway.testing.eventually import eventually
from breezeway.testing.mail_server import MailServer, mail_server

MAILBOX = "/api/v1/dev/mailbox"
PASSWORD = "correct horse battery staple"


async def test_mails_leave_over_smtp_as_plain_text(start: Any, production: dict[str, str]) -> None:
    async with mail_server() as (server, settings):
        async with start(GATEWAY_URL="https://breezeway.example", **settings, **production) as auth:
            await auth.http.post(
                "/api/v1/auth/register",
                json={"email": "asha@example.com", "password": PASSWORD, "full_name": "Asha Rao"},
            )
            await eventually(lambda: arrived(server, 1), 30)
            assert (await auth.http.get(MAILBOX)).status_code == 404
        mail = server.mails[0]
        assert (mail["to"], mail["subject"]) == ("asha@example.com", "Breezeway: Confirm your e-mail address")
        assert mail["from"] == "Breezeway <no-reply@breezeway.example>"
        assert mail.get_content_type() == "text/plain"
        assert mail["auto-submitted"] == "auto-generated"
        # The address is not proved yet, so the name may be anybody's words.
        assert "Asha Rao" not in mail.get_content()
        assert "https://breezeway.example/verify-email#token=" in mail.get_content()


@pytest.mark.parametrize("name", ["Asha\r\nBcc: thief@example.com", "Asha\nSubject: x"])
async def test_a_name_adds_no_header(start: Any, production: dict[str, str], name: str) -> None:
    """Mail-header injection: a line break never gets as far as a name, and names never get into a header."""
    async with mail_server() as (server, settings), start(**settings, **production) as auth:
        body = {"email": "asha@example.com", "password": PASSWORD, "full_name": name}
        assert (await auth.http.post("/api/v1/auth/register", json=body)).status_code == 422
        odd = {"email": '"a, thief@example.com"@example.com', "password": PASSWORD}
        await auth.http.post("/api/v1/auth/register", json=odd)
        await auth.register("ravi@example.com")
        await eventually(lambda: arrived(server, 1), 30)
    for envelope in server.envelopes:
        assert envelope.rcpt_tos[0] in ("ravi@example.com", '"a, thief@example.com"@example.com')
        assert len(envelope.rcpt_tos) == 1


async def test_a_mail_server_that_is_away_loses_no_mail(start: Any, auth_url: str) -> None:
    async with mail_server() as (server, settings):
        server.refusal = "451 try again later"
        async with start(**settings) as auth:
            await auth.register("asha@example.com")
            await eventually(lambda: attempted(auth_url, 1), 30)
            await auth.deliver()
            assert server.mails == []
        server.refusal = ""
        # Another process, later: the mail is in the database, not in the memory of the one that has ended.
        async with start(**settings) as auth:
            auth.clock.advance(31)
            await eventually(lambda: arrived(server, 1), 30)
            await auth.deliver()
    assert len(server.mails) == 1
    assert "#token=" in server.mails[0].get_content()


async def test_pauses_grow_and_what_is_stale_is_given_up(start: Any, auth_url: str) -> None:
    async with start(SMTP_HOST="127.0.0.1", SMTP_PORT=1, SMTP_TLS="none") as auth:
        await auth.register("asha@example.com")
        await auth.http.post("/api/v1/auth/password/forgot", json={"email": "asha@example.com"})
        for attempts, pause in ((1, 31), (2, 61), (3, 121), (4, 241)):
            await eventually(lambda attempts=attempts: attempted(auth_url, attempts, kind="reset_password"), 30)
            await auth.deliver()
            assert await attempted(auth_url, attempts, kind="reset_password"), "not before its time"
            auth.clock.advance(pause)
        auth.clock.advance(3_600)
        await eventually(lambda: gone(auth_url, "reset_password"), 30)
        assert not await gone(auth_url, "verify_email"), "this one is worth a day"


async def test_what_was_rolled_back_is_never_mailed(auth: Any) -> None:
    user = await auth.register()
    async with auth.app.state.services.signing_in._units() as work:
        found = await work.users.by_email(user["email"])
        await notify(work, found.id, MailKind.PASSWORD_CHANGED, auth.clock.now(), Origin())
        # Left without a commit, as any failure does.
    await auth.mail_to(user["email"], "Confirm your e-mail address")
    mails = (await auth.http.get(MAILBOX)).json()["items"]
    assert [mail["subject"] for mail in mails] == ["Breezeway: Confirm your e-mail address"]


async def test_a23_what_waits_in_the_database_holds_no_token(start: Any, auth_url: str) -> None:
    """A-23: a dump of the database with mails that wait and mails that have been sent: no link can be made from it."""
    async with mail_server() as (server, settings), start(**settings) as auth:
        await auth.register("asha@example.com")
        await auth.http.post("/api/v1/auth/password/forgot", json={"email": "asha@example.com"})
        waiting = await dump(auth_url)
        await eventually(lambda: arrived(server, 2), 30)
        sent = await dump(auth_url)
    tokens = [mail.get_content().split("#token=")[1].split()[0] for mail in server.mails]
    assert "reset_password" in waiting
    for token in tokens:
        for state in (waiting, sent):
            assert token not in state
            assert token.encode().hex() not in state


async def test_the_owner_hears_of_a_reused_refresh_token(auth: Any) -> None:
    """A-02: the reuse of a refresh token ends the family, stands in the audit log, and is told to the user."""
    session, headers = await auth.user()
    for _ in range(3):
        await auth.http.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})
    told = await auth.mail_to(session["user"]["email"], "A sign-in was ended for your safety")
    assert "When:" in told
    assert "IST" in told
    await auth.deliver()
    mails = (await auth.http.get(MAILBOX)).json()["items"]
    assert len([mail for mail in mails if "safety" in mail["subject"]]) == 1, "once, however often it is tried"
    back = await auth.login(session["user"]["email"])
    headers = {"Authorization": f"Bearer {back['access_token']}"}
    events = (await auth.http.get("/api/v1/audit", headers=headers)).json()["items"]
    assert "refresh_token.reused" in [event["event"] for event in events]


async def test_the_mailbox_is_paged_newest_first(auth: Any) -> None:
    for n in range(3):
        user = await auth.register()
        await auth.mail_to(user["email"], "Confirm")
        auth.clock.advance(n)
    first = (await auth.http.get(f"{MAILBOX}?limit=2")).json()
    rest = (await auth.http.get(f"{MAILBOX}?limit=2&cursor={first['next']}")).json()
    assert [mail["to"] for mail in first["items"] + rest["items"]] == [
        "user3@example.com",
        "user2@example.com",
        "user1@example.com",
    ]
    one = first["items"][0]
    assert (await auth.http.get(f"{MAILBOX}/{one['id']}")).json() == one
    missing = await auth.http.get(f"{MAILBOX}/01a1fd11-a5c9-71c0-9e89-ec0d6287f1a7")
    assert (missing.status_code, missing.json()["code"]) == (404, "mail_not_found")


async def test_the_mailbox_is_for_the_machine_itself_and_administrators(auth: Any) -> None:
    _, admin = await auth.user()
    _, user = await auth.user()
    far = auth.as_service("gateway") | {"X-Forwarded-For": "192.168.1.20"}
    near = auth.as_service("gateway") | {"X-Forwarded-For": "::1"}
    assert (await auth.http.get(MAILBOX, headers=near)).status_code == 200
    assert (await auth.http.get(MAILBOX, headers=far)).status_code == 404
    assert (await auth.http.get(MAILBOX, headers=far | user)).status_code == 404
    assert (await auth.http.get(MAILBOX, headers=far | admin)).status_code == 200


async def test_there_is_no_mailbox_in_production(start: Any, production: dict[str, str]) -> None:
    async with start(**production) as auth:
        _, admin = await auth.user()
        for path in (MAILBOX, f"{MAILBOX}/01a1fd11-a5c9-71c0-9e89-ec0d6287f1a7"):
            answer = await auth.http.get(path, headers=admin)
            assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


async def test_the_mailbox_keeps_the_newest(auth_url: str, auth: Any) -> None:
    engine = create_engine(auth_url, application="tests", pooled=False)
    mailbox = PostgresMailbox(engine, auth.clock)
    for n in range(CAPACITY + 3):
        await mailbox.send(Mail("asha@example.com", f"number {n}", "text"))
    kept = await mailbox.page(None, None, CAPACITY + 10)
    assert len(kept) == CAPACITY
    assert kept[0].mail.subject == f"number {CAPACITY + 2}"
    await engine.dispose()


async def test_production_does_not_start_when_nobody_could_confirm(start: Any, production: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as refused:
        async with start(BREEZEWAY_LOGIN_NEEDS_VERIFIED_EMAIL="true", **production):
            pass
    assert refused.value.code == "mail_not_configured"


def test_the_password_of_the_mail_server_is_not_printed() -> None:
    values = {"SMTP_PASSWORD": "canary-of-smtp", "BREEZEWAY_INTERNAL_KEY": "k" * 40}
    urls = {"REDIS_URL": "redis://x", "DATABASE_URL": "postgresql://x"}
    assert "canary-of-smtp" not in repr(AuthSettings.model_validate(values | urls))


async def arrived(server: MailServer, count: int) -> bool:
    return len(server.mails) >= count


async def attempted(url: str, attempts: int, kind: str = "verify_email") -> bool:
    return await one(url, "SELECT attempts FROM mail_outbox WHERE kind = :kind", kind=kind) == attempts


async def gone(url: str, kind: str) -> bool:
    return await one(url, "SELECT count(*) FROM mail_outbox WHERE kind = :kind", kind=kind) == 0


async def one(url: str, statement: str, **values: Any) -> Any:
    async with AsyncSession(create_engine(url, application="tests", pooled=False)) as session:
        return (await session.execute(text(statement), values)).scalar()


async def dump(url: str) -> str:
    async with AsyncSession(create_engine(url, application="tests", pooled=False)) as session:
        rows = [
            str(row)
            for table in ("mail_outbox", "mailed_tokens", "development_mailbox", "audit_events", "users")
            for row in (await session.execute(text(f"SELECT t.*::text FROM {table} t"))).all()  # noqa: S608
        ]
    return "\n".join(rows)
