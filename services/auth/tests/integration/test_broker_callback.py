"""Whose redirect it is that comes back from the broker."""

import asyncio
from typing import Any

import httpx

from breezeway.errors import Rejected

CALLBACK = "/api/v1/broker-accounts/callback"
NOT_STARTED = (400, "broker_login_not_started")


async def login_url(auth: Any, headers: dict[str, str], account: str) -> tuple[str, str]:
    """Start a login; returns the state in the URL and the cookie's value. The client's own jar is left empty."""
    answer = await auth.http.get(f"/api/v1/broker-accounts/{account}/login-url", headers=headers)
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Max-Age=600", f"Path={CALLBACK}"):
        assert part in cookie
    auth.http.cookies.clear()
    return answer.json()["url"].split("state=")[1], cookie.split("=", 1)[1].split(";")[0]


async def come_back(auth: Any, headers: dict[str, str] | None = None, cookie: str = "", **query: str) -> httpx.Response:
    sent = dict(headers or {}) | ({"Cookie": f"bw_broker_login={cookie}"} if cookie else {})
    answer: httpx.Response = await auth.http.get(CALLBACK, params={"apisession": "12345678"} | query, headers=sent)
    return answer


def verdict(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def state(auth: Any, headers: dict[str, str], account: str) -> str:
    answer = await auth.http.get(f"/api/v1/broker-accounts/{account}/session", headers=headers)
    return str(answer.json()["state"])


async def test_state_binds_once(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    proof, _ = await login_url(auth, headers, account)
    answer = await come_back(auth, state=proof)
    assert (answer.status_code, answer.json()["state"], answer.json()["account_id"]) == (200, "active", account)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert verdict(await come_back(auth, state=proof)) == NOT_STARTED


async def test_parallel_redirects_count_once(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    proof, _ = await login_url(auth, headers, account)
    answers = await asyncio.gather(*(come_back(auth, state=proof) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 9]
    assert len(auth.broker.opened) == 1


async def test_a_wrong_state_is_not_made_good_by_a_cookie(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    _, cookie = await login_url(auth, headers, account)
    assert verdict(await come_back(auth, headers, cookie, state="forged")) == NOT_STARTED
    assert await state(auth, headers, account) == "disconnected"


async def test_cookie_binds_when_the_broker_carries_no_state(start: Any, production: dict[str, str]) -> None:
    async with start(**production) as auth:
        _, headers = await auth.user()
        account = await auth.account(headers)
        _, cookie = await login_url(auth, headers, account)
        assert verdict(await come_back(auth)) == NOT_STARTED
        answer = await come_back(auth, cookie=cookie)
        assert (answer.status_code, answer.json()["account_id"]) == (200, account)


async def test_a_token_finds_its_users_newest_login(start: Any, production: dict[str, str]) -> None:
    async with start(**production) as auth:
        _, headers = await auth.user()
        _, others = await auth.user()
        await login_url(auth, headers, await auth.account(headers))
        newest = await auth.account(headers)
        await login_url(auth, headers, newest)
        assert verdict(await come_back(auth, others)) == NOT_STARTED
        answer = await come_back(auth, headers)
        assert (answer.status_code, answer.json()["account_id"]) == (200, newest)


async def test_one_users_token_does_not_complete_anothers_login(auth: Any) -> None:
    _, victim = await auth.user()
    _, attacker = await auth.user()
    account = await auth.account(victim)
    proof, cookie = await login_url(auth, victim, account)
    assert verdict(await come_back(auth, attacker, state=proof)) == NOT_STARTED
    assert verdict(await come_back(auth, attacker, cookie=cookie)) == NOT_STARTED
    # The refusal has not used the login up.
    assert (await come_back(auth, state=proof)).status_code == 200


async def test_without_any_proof_only_the_only_pending_login_counts(auth: Any) -> None:
    _, headers = await auth.user()
    first, second = await auth.account(headers), await auth.account(headers)
    assert verdict(await come_back(auth)) == NOT_STARTED
    await login_url(auth, headers, first)
    await login_url(auth, headers, first)
    answer = await come_back(auth)
    assert (answer.status_code, answer.json()["account_id"]) == (200, first)
    await login_url(auth, headers, first)
    await login_url(auth, headers, second)
    assert verdict(await come_back(auth)) == NOT_STARTED


async def test_without_any_proof_a_live_account_never_connects(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers, environment="live")
    await login_url(auth, headers, account)
    assert verdict(await come_back(auth)) == NOT_STARTED


async def test_a_login_is_over_after_ten_minutes(auth: Any) -> None:
    _, headers = await auth.user()
    proof, cookie = await login_url(auth, headers, await auth.account(headers))
    auth.clock.advance(600)
    for answer in (await come_back(auth, state=proof), await come_back(auth, cookie=cookie), await come_back(auth)):
        assert verdict(answer) == NOT_STARTED


async def test_every_spelling_of_the_value_is_understood(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    for method, where, name in (
        ("GET", "params", "API_Session"),
        ("POST", "params", "apisession"),
        ("POST", "data", "apisession"),
        ("POST", "data", "API_Session"),
    ):
        proof, _ = await login_url(auth, headers, account)
        fields: dict[str, Any] = {where: {name: f"value of {method} {name}", "state": proof}}
        answer = await auth.http.request(method, CALLBACK, **fields)
        assert answer.status_code == 200, answer.text
        assert auth.broker.opened[-1][2] == f"value of {method} {name}"
    missing = await auth.http.get(CALLBACK)
    assert verdict(missing) == (400, "broker_session_value_missing")


async def test_a_browser_gets_a_page(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.account(headers)
    proof, _ = await login_url(auth, headers, account)
    page = await come_back(auth, {"Accept": "text/html,application/xhtml+xml"}, state=proof)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "DEMO TRADER" in page.text
    assert "12345678" not in page.text
    again = await come_back(auth, {"Accept": "text/html"}, state=proof)
    assert (again.status_code, "Not connected" in again.text) == (400, True)


async def test_a_page_escapes_what_it_shows(auth: Any) -> None:
    _, headers = await auth.user()
    proof, _ = await login_url(auth, headers, await auth.account(headers))
    auth.broker.refusal = Rejected("<script>alert(1)</script>", code="broker_bad_session")
    page = await come_back(auth, {"Accept": "text/html"}, state=proof)
    assert page.status_code == 400
    assert "<script>" not in page.text
