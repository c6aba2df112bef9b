"""Who may register, who becomes administrator, and whose address is confirmed."""

from typing import Any

import pytest

REGISTER = "/api/v1/auth/register"
VERIFY = "/api/v1/auth/email/verify"
RESEND = "/api/v1/auth/email/verification"
PASSWORD = "correct horse battery staple"
LINK = "Confirm your e-mail address"


async def test_closed_means_nobody_but_the_first(start: Any) -> None:
    async with start(BREEZEWAY_REGISTRATION="closed") as auth:
        first = await auth.register()
        assert first["role"] == "admin"
        for email in ("new@example.com", first["email"]):
            answer = await auth.http.post(REGISTER, json={"email": email, "password": PASSWORD})
            assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")


async def test_with_a_configured_administrator_the_first_is_nobody_special(start: Any) -> None:
    async with start(BREEZEWAY_ADMIN_EMAIL="Boss@Example.com") as auth:
        assert (await auth.register("quick@example.com"))["role"] == "user"
        assert (await auth.register("boss@example.com"))["role"] == "user", "anybody can type an address"
        token = await auth.token_to("boss@example.com", LINK)
        assert (await auth.http.post(VERIFY, json={"token": token})).status_code == 204
        assert (await auth.login("boss@example.com"))["user"]["role"] == "admin"
        other = await auth.token_to("quick@example.com", LINK)
        assert (await auth.http.post(VERIFY, json={"token": other})).status_code == 204
        assert (await auth.login("quick@example.com"))["user"]["role"] == "user"


async def test_who_resets_the_password_has_confirmed_the_address_of_the_administrator(start: Any) -> None:
    async with start(BREEZEWAY_ADMIN_EMAIL="boss@example.com") as auth:
        await auth.register("boss@example.com", "what a stranger chose")
        await auth.http.post("/api/v1/auth/password/forgot", json={"email": "boss@example.com"})
        token = await auth.token_to("boss@example.com", "Set a new password")
        body = {"token": token, "new_password": PASSWORD}
        assert (await auth.http.post("/api/v1/auth/password/reset", json=body)).status_code == 204
        assert (await auth.login("boss@example.com"))["user"]["role"] == "admin"


async def test_an_address_is_confirmed_once_with_the_mailed_link(auth: Any) -> None:
    user = await auth.register()
    assert user["email_verified"] is False
    first = await auth.token_to(user["email"], LINK)
    assert (await auth.http.post(RESEND, json={"email": user["email"]})).status_code == 202
    second = await auth.token_to(user["email"], LINK, count=2)
    assert (await auth.http.post(VERIFY, json={"token": first})).status_code == 204, "an older link is good as well"
    for token in (first, second, "nonsense"):
        again = await auth.http.post(VERIFY, json={"token": token})
        assert (again.status_code, again.json()["code"]) == (400, "invalid_token")
    assert (await auth.login(user["email"]))["user"]["email_verified"] is True
    assert (await auth.http.post(RESEND, json={"email": user["email"]})).status_code == 202
    await auth.deliver()
    mails = (await auth.http.get(f"/api/v1/dev/mailbox?to={user['email']}")).json()["items"]
    assert len(mails) == 2, "nothing is left to confirm"


async def test_a_link_to_confirm_ends_after_a_day(auth: Any) -> None:
    user = await auth.register()
    token = await auth.token_to(user["email"], LINK)
    auth.clock.advance(24 * 3_600)
    assert (await auth.http.post(VERIFY, json={"token": token})).status_code == 400
    auth.clock.advance(-1)
    assert (await auth.http.post(VERIFY, json={"token": token})).status_code == 204


@pytest.mark.parametrize("password", ["password123", "PASSWORD123", "asha@example.com", "Qwertyuiop"])
async def test_a_password_that_everybody_tries_first_is_refused(auth: Any, password: str) -> None:
    answer = await auth.http.post(REGISTER, json={"email": "asha@example.com", "password": password})
    assert (answer.status_code, answer.json()["code"]) == (422, "common_password")
    assert answer.json()["errors"][0]["field"] == "body.password"
    assert password not in answer.text


async def test_a20_half_a_character_in_an_address_is_no_fault_of_ours(auth: Any) -> None:
    """A-20: JSON can spell half a surrogate pair; no route falls over it."""
    headers = {"Content-Type": "application/json"}
    for path, body in (
        ("login", b'{"email": "\\ud800@example.com", "password": "correct horse"}'),
        ("register", b'{"email": "\\ud800@example.com", "password": "correct horse"}'),
        ("register", b'{"email": "a@example.com", "password": "correct horse", "full_name": "\\ud800"}'),
        ("password/forgot", b'{"email": "\\ud800@example.com"}'),
        ("password/reset", b'{"token": "\\ud800", "new_password": "correct horse"}'),
        ("email/verify", b'{"token": "\\ud800"}'),
        ("refresh", b'{"refresh_token": "\\ud800"}'),
        ("logout", b'{"refresh_token": "\\ud800"}'),
    ):
        answer = await auth.http.post(f"/api/v1/auth/{path}", content=body, headers=headers)
        assert answer.status_code in (204, 400, 401, 422), (path, answer.status_code)
