"""Somebody registers, forgets the password, turns a second factor on and keeps a web session, through the gateway."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pyotp
import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

AUTH = "/api/v1/auth"
NEW = "another long passphrase"


async def test_a_careful_user_over_the_whole_stack(stack: StackProcess, user: ApiUser) -> None:
    http = user.http
    confirm = {"token": await mailed(http, user.email, "Confirm your e-mail address")}
    assert (await http.post(f"{AUTH}/email/verify", json=confirm)).status_code == 204
    assert (await http.get("/api/v1/users/me")).json()["email_verified"] is True

    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    asked = await http.post(f"{AUTH}/password/forgot", json={"email": user.email}, headers=evil)
    assert asked.status_code in (202, 400, 421)
    if asked.status_code != 202:
        assert (await http.post(f"{AUTH}/password/forgot", json={"email": user.email})).status_code == 202
    reset = {"token": await mailed(http, user.email, "Set a new password", stack.url), "new_password": NEW}
    assert (await http.post(f"{AUTH}/password/reset", json=reset)).status_code == 204
    assert (await http.post(f"{AUTH}/password/reset", json=reset)).status_code == 400

    async def is_out() -> bool:
        return (await http.get("/api/v1/instruments/search?q=RELIANCE")).status_code == 401

    await eventually(is_out, 60)
    user.password = NEW
    await user.sign_in()
    seed = (await http.post(f"{AUTH}/mfa/totp")).json()["secret"]
    code = {"code": pyotp.TOTP(seed).at(datetime.now(UTC))}
    recovery = (await http.post(f"{AUTH}/mfa/totp/confirm", json=code)).json()["recovery_codes"]

    page = {"Origin": stack.url}
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as browser:
        login = {"email": user.email, "password": NEW, "cookie": True}
        asked = await browser.post(f"{AUTH}/login", json=login)
        assert (asked.status_code, asked.json()["code"]) == (401, "otp_required")
        entered = await browser.post(f"{AUTH}/login", json=login | {"otp": recovery[0]})
        assert entered.status_code == 200, entered.text
        assert entered.json()["refresh_token"] is None
        refreshed = await browser.post(f"{AUTH}/refresh", headers=page)
        assert refreshed.status_code == 200, refreshed.text
        foreign = await browser.post(f"{AUTH}/refresh", headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403
        assert (await browser.post(f"{AUTH}/logout", headers=page)).status_code == 204
        assert (await browser.post(f"{AUTH}/refresh", headers=page)).status_code == 401
    await mailed(http, user.email, "A recovery code was used", link=False)
    for secret in (seed, *recovery, reset["token"], NEW):
        assert secret not in stack.log


async def mailed(http: httpx.AsyncClient, email: str, subject: str, url: str = "", *, link: bool = True) -> str:
    """The token in a mail that has arrived in the development mailbox."""
    texts: list[str] = []

    async def arrived() -> bool:
        found = (await http.get(f"/api/v1/dev/mailbox?to={quote(email)}")).json()["items"]
        texts[:] = [mail["text"] for mail in found if subject in mail["subject"]]
        return bool(texts)

    await eventually(arrived, 90)
    if not link:
        return ""
    found = re.search(r"(\S+)/[a-z-]+#token=(\S+)", texts[0])
    assert found
    assert not url or found[1] == url
    return found[2]
