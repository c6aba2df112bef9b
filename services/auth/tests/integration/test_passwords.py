"""Changing a password and resetting a forgotten one, over HTTP, on real stores."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from breezeway.testing.eventually import eventually

CHANGE = "/api/v1/auth/password/change"
FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"
ME = "/api/v1/users/me"
PASSWORD = "correct horse battery staple"
NEW = "another long passphrase"
LINK = "Set a new password"
NOTICE = "Your password was changed"


async def test_changing_the_password_ends_every_other_sign_in(auth: Any) -> None:
    session, headers = await auth.user()
    email = session["user"]["email"]
    other = await auth.login(email)
    answer = await change(auth, headers)
    assert answer.status_code == 204, answer.text
    await revoked(auth, bearer(other))
    assert (await refresh(auth, other)).status_code == 401
    assert (await auth.http.get(ME, headers=headers)).status_code == 200, "this one goes on"
    assert (await refresh(auth, session)).status_code == 200
    assert (await login(auth, email, PASSWORD)).status_code == 401
    await auth.login(email, NEW)
    assert "Every other sign-in has ended" in await auth.mail_to(email, NOTICE)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"current_password": "not the password"}, "wrong_password", "body.current_password"),
        ({"new_password": "password123"}, "common_password", "body.new_password"),
        ({"new_password": "user1@example.com"}, "common_password", "body.new_password"),
        ({"new_password": "short"}, "invalid_input", "body.new_password"),
        ({"new_password": "x" * 257}, "invalid_input", "body.new_password"),
        ({"new_password": "lone \ud800 surrogate"}, "invalid_input", "body.new_password"),
    ],
)
async def test_a20_a_password_that_may_not_be_set_changes_nothing(
    auth: Any, changes: dict[str, str], code: str, field: str
) -> None:
    """A-20: what may not be a password is refused before anything is hashed or changed, and not repeated."""
    session, headers = await auth.user()
    answer = await change(auth, headers, **changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["field"] == field
    for value in changes.values():
        assert value.encode("utf-8", "replace").decode() not in answer.text
    await auth.login(session["user"]["email"], PASSWORD)


async def test_a20_a_password_of_ten_megabytes_is_not_read(auth: Any) -> None:
    """A-20: memory stays bounded: the body is refused before it is parsed, let alone hashed."""
    body = {"email": "asha@example.com", "password": "x" * 10_000_000}
    for path in ("/api/v1/auth/register", "/api/v1/auth/login"):
        answer = await auth.http.post(path, json=body)
        assert answer.status_code == 413
    form = {"username": "asha@example.com", "password": "x" * 10_000_000}
    assert (await auth.http.post("/api/v1/auth/token", data=form)).status_code == 413


async def test_a_stolen_access_token_does_not_guess_the_password(start: Any, production: dict[str, str]) -> None:
    async with start(LOGIN_LIMIT_PER_MINUTE=3, **production) as auth:
        _, headers = await auth.user()
        answers = [await change(auth, headers, current_password=f"guess number {n}") for n in range(5)]
        assert [answer.status_code for answer in answers] == [422, 422, 422, 429, 429]


async def test_a_forgotten_password_is_reset_with_the_mailed_link(auth: Any) -> None:
    session, headers = await auth.user()
    email = session["user"]["email"]
    token = await forgotten(auth, email)
    assert (await reset(auth, token)).status_code == 204
    await revoked(auth, headers)
    assert (await refresh(auth, session)).status_code == 401, "every sign-in has ended"
    assert (await login(auth, email, PASSWORD)).status_code == 401
    again = await auth.login(email, NEW)
    assert again["user"]["email_verified"] is True, "who has the link reads the mail"
    assert "API keys" in await auth.mail_to(email, NOTICE)


async def test_a17_reset_token_works_once(auth: Any) -> None:
    """A-17: the same token again."""
    email = (await auth.register())["email"]
    token = await forgotten(auth, email)
    assert (await reset(auth, token)).status_code == 204
    again = await reset(auth, token, "yet another passphrase")
    assert (again.status_code, again.json()["code"]) == (400, "invalid_token")
    await auth.login(email, NEW)


async def test_a17_fifty_concurrent_uses_of_one_token_change_one_password(auth: Any) -> None:
    """A-17: one token, fifty passwords at once: exactly one of them is set."""
    email = (await auth.register())["email"]
    token = await forgotten(auth, email)
    passwords = [f"{NEW} number {n}" for n in range(50)]
    answers = await asyncio.gather(*(reset(auth, token, password) for password in passwords))
    assert sorted(answer.status_code for answer in answers) == [204, *[400] * 49]
    winner = next(password for password, answer in zip(passwords, answers, strict=True) if answer.status_code == 204)
    await auth.login(email, winner)


async def test_a17_a_token_ends_after_thirty_minutes(auth: Any) -> None:
    """A-17: a link that lay around for too long."""
    email = (await auth.register())["email"]
    token = await forgotten(auth, email)
    auth.clock.advance(30 * 60 + 1)
    assert (await reset(auth, token)).status_code == 400
    auth.clock.advance(-2)
    assert (await reset(auth, token)).status_code == 204


async def test_a17_changing_the_password_voids_the_link(auth: Any) -> None:
    """A-17: the owner has noticed and changed the password; the link in a stolen mailbox is worth nothing any more."""
    session, headers = await auth.user()
    first = await forgotten(auth, session["user"]["email"])
    second = await forgotten(auth, session["user"]["email"], count=2)
    assert (await change(auth, headers)).status_code == 204
    for token in (first, second):
        assert (await reset(auth, token, "the thief's passphrase")).status_code == 400
    await auth.login(session["user"]["email"], NEW)


async def test_a17_a_token_is_its_owners_and_for_its_purpose_only(auth: Any) -> None:
    """A-17: a token cannot be turned against another user, nor one that was mailed for something else used here."""
    mine, other = (await auth.register())["email"], (await auth.register())["email"]
    verify = await auth.token_to(mine, "Confirm your e-mail address")
    assert (await reset(auth, verify)).status_code == 400
    token = await forgotten(auth, mine)
    assert (await auth.http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 400
    named = {"token": token, "new_password": NEW, "email": other}
    assert (await auth.http.post(RESET, json=named)).status_code == 422
    assert (await reset(auth, token)).status_code == 204
    await auth.login(other, PASSWORD)
    await auth.login(mine, NEW)


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Origin": "https://evil.example"}]
)
async def test_a17_the_link_does_not_follow_the_request(auth: Any, headers: dict[str, str]) -> None:
    """A-17: the attacker asks for a link with a Host of theirs and waits for the victim to follow it."""
    email = (await auth.register())["email"]
    answer = await auth.http.post(FORGOT, json={"email": email}, headers=headers | auth.as_service("gateway"))
    assert answer.status_code == 202
    text = await auth.mail_to(email, LINK)
    assert f"{auth.settings.gateway_url}/reset-password#token=" in text
    assert "evil.example" not in text


async def test_a_refused_password_does_not_use_the_token_up(auth: Any) -> None:
    email = (await auth.register())["email"]
    token = await forgotten(auth, email)
    refused = await reset(auth, token, "password123")
    assert (refused.status_code, refused.json()["code"]) == (422, "common_password")
    assert (await reset(auth, token)).status_code == 204


async def test_a_stranger_who_asks_often_sends_three_mails_in_a_quarter_of_an_hour(auth: Any) -> None:
    email = (await auth.register())["email"]
    for _ in range(6):
        assert (await auth.http.post(FORGOT, json={"email": email})).status_code == 202
    await auth.mail_to(email, LINK, count=3)
    await auth.deliver()
    assert len(await mails(auth, email, LINK)) == 3
    auth.clock.advance(16 * 60)
    await forgotten(auth, email, count=4)


@pytest.mark.parametrize("rounds", [12, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_a03_no_refresh_survives_a_password_change_that_races_it(auth: Any, rounds: int) -> None:
    """A-03: a thief refreshes at the very moment when the owner changes the password."""
    session, headers = await auth.user()
    email, password = session["user"]["email"], PASSWORD
    for round_ in range(rounds):
        stolen = await auth.login(email, password)
        following = f"{NEW} {round_}"
        refreshed, changed = await asyncio.gather(
            refresh(auth, stolen), change(auth, headers, current_password=password, new_password=following)
        )
        assert changed.status_code == 204, changed.text
        password = following
        if refreshed.status_code == 200:
            assert (await refresh(auth, refreshed.json())).status_code == 401
            await revoked(auth, bearer(refreshed.json()))


async def test_a03_no_sign_in_with_the_old_password_survives_a_reset_that_races_it(auth: Any) -> None:
    """A-03: a thief who knows the old password logs in at the very moment when the owner resets it."""
    email, password = (await auth.register())["email"], PASSWORD
    for round_ in range(6):
        auth.clock.advance(16 * 60)
        token = await forgotten(auth, email, count=round_ + 1)
        following = f"{NEW} {round_}"
        entered, done = await asyncio.gather(login(auth, email, password), reset(auth, token, following))
        assert done.status_code == 204
        password = following
        if entered.status_code == 200:
            assert (await refresh(auth, entered.json())).status_code == 401


async def forgotten(auth: Any, email: str, count: int = 1) -> str:
    answer = await auth.http.post(FORGOT, json={"email": email})
    assert answer.status_code == 202
    token: str = await auth.token_to(email, LINK, count)
    return token


async def reset(auth: Any, token: str, password: str = NEW) -> httpx.Response:
    answer: httpx.Response = await auth.http.post(RESET, json={"token": token, "new_password": password})
    return answer


async def change(auth: Any, headers: dict[str, str], **changes: str) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": NEW} | changes
    # Escaped, as httpx's own encoder does not: half a surrogate pair is what some clients really send.
    headers = headers | {"Content-Type": "application/json"}
    answer: httpx.Response = await auth.http.post(CHANGE, content=json.dumps(body), headers=headers)
    return answer


async def login(auth: Any, email: str, password: str) -> httpx.Response:
    answer: httpx.Response = await auth.http.post("/api/v1/auth/login", json={"email": email, "password": password})
    return answer


async def refresh(auth: Any, session: dict[str, Any]) -> httpx.Response:
    body = {"refresh_token": session["refresh_token"]}
    answer: httpx.Response = await auth.http.post("/api/v1/auth/refresh", json=body)
    return answer


async def mails(auth: Any, email: str, subject: str) -> list[Any]:
    found = (await auth.http.get("/api/v1/dev/mailbox", params={"to": email})).json()["items"]
    return [mail for mail in found if subject in mail["subject"]]


async def revoked(auth: Any, headers: dict[str, str]) -> None:
    async def refused() -> bool:
        return bool((await auth.http.get(ME, headers=headers)).status_code == 401)

    await eventually(refused, 60)


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['access_token']}"}
