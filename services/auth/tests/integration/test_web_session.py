"""The web session: a refresh token that no script and no other site can use."""

from typing import Any

import httpx
import pytest

LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
PASSWORD = "correct horse battery staple"
OURS = {"Origin": "http://auth.test"}
THEIRS = {"Origin": "http://evil.example"}


async def test_the_cookie_is_for_no_script_and_no_other_site(auth: Any) -> None:
    answer = await web_login(auth)
    assert answer.json()["refresh_token"] is None
    cookie = set_cookie(answer, "bw_refresh")
    assert {"httponly", "samesite=strict", "path=/api/v1/auth", "max-age=2592000"} <= set(cookie)
    assert "secure" not in cookie, "on plain HTTP in development the browser would drop it"
    assert {"httponly", "samesite=strict", "path=/api/v1/auth"} <= set(set_cookie(answer, "bw_device"))


async def test_without_asking_there_is_no_session_cookie(auth: Any) -> None:
    user = await auth.register()
    answer = await auth.http.post(LOGIN, json={"email": user["email"], "password": PASSWORD})
    assert answer.json()["refresh_token"]
    assert "bw_refresh" not in str(answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("gateway_url", ["http://breezeway.example", "https://breezeway.example"])
async def test_in_production_the_cookie_needs_tls(start: Any, production: dict[str, str], gateway_url: str) -> None:
    async with start(GATEWAY_URL=gateway_url, **production) as auth:
        answer = await web_login(auth)
        assert "secure" in set_cookie(answer, "bw_refresh")
        assert "secure" in set_cookie(answer, "bw_device")


async def test_the_cookie_is_exchanged_for_a_pair_with_another_cookie(auth: Any) -> None:
    await web_login(auth)
    first = auth.http.cookies["bw_refresh"]
    answer = await auth.http.post(REFRESH, headers=OURS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["refresh_token"] is None
    assert auth.http.cookies["bw_refresh"] != first
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await auth.http.get("/api/v1/users/me", headers=headers)).status_code == 200
    again = await auth.http.post(REFRESH, json={}, headers=OURS)
    assert again.status_code == 200
    reused = await auth.http.post(REFRESH, json={"refresh_token": first})
    assert reused.status_code == 401
    dead = await auth.http.post(REFRESH, headers=OURS)
    assert dead.status_code == 401, "reuse ends the session of the cookie as well"
    assert "bw_refresh" not in str(dead.headers.get_list("set-cookie")), "another tab may have replaced it meanwhile"


@pytest.mark.parametrize(
    "headers", [THEIRS, {}, {"Origin": "null"}, {"Origin": "http://auth.test.evil.example"}, {"Origin": "http://["}]
)
@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_a_page_of_another_site_cannot_use_the_cookie(auth: Any, path: str, headers: dict[str, str]) -> None:
    """CSRF: the browser adds the cookie by itself; the request has to say that a page of ours made it."""
    await web_login(auth)
    answer = await auth.http.post(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert (await auth.http.post(REFRESH, headers=OURS)).status_code == 200, "nothing has happened to it"


async def test_behind_the_gateway_its_host_counts_and_nobody_elses_word(auth: Any) -> None:
    await web_login(auth)
    named = {"X-Forwarded-Host": "app.example", "Origin": "https://app.example"}
    assert (await auth.http.post(REFRESH, headers=named)).status_code == 403
    assert (await auth.http.post(REFRESH, headers=named | auth.as_service("gateway"))).status_code == 200
    public = {"Origin": auth.settings.gateway_url}
    assert (await auth.http.post(REFRESH, headers=public)).status_code == 200


async def test_logging_out_takes_the_cookie_away(auth: Any) -> None:
    await web_login(auth)
    kept = auth.http.cookies["bw_refresh"]
    assert (await auth.http.post(LOGOUT, headers=OURS)).status_code == 204
    assert "bw_refresh" not in auth.http.cookies
    assert (await auth.http.post(REFRESH, json={"refresh_token": kept})).status_code == 401
    assert (await auth.http.post(LOGOUT, headers=OURS)).status_code == 204, "twice is fine"
    missing = await auth.http.post(REFRESH, headers=OURS)
    assert (missing.status_code, missing.json()["code"]) == (401, "refresh_token_missing")


async def test_a21_every_login_is_a_session_of_its_own(auth: Any) -> None:
    """A-21: fixation: whatever cookie the browser comes with, logging in begins a new session, and only that."""
    first = await web_login(auth)
    planted = auth.http.cookies["bw_refresh"]
    second = await web_login(auth, email=first.json()["user"]["email"])
    assert auth.http.cookies["bw_refresh"] != planted
    headers = {"Authorization": f"Bearer {second.json()['access_token']}"}
    listed = (await auth.http.get("/api/v1/auth/sessions", headers=headers)).json()["items"]
    assert [item["current"] for item in listed] == [False, True]
    assert (await auth.http.delete(f"/api/v1/auth/sessions/{listed[0]['id']}", headers=headers)).status_code == 204
    assert (await auth.http.post(REFRESH, json={"refresh_token": planted})).status_code == 401
    assert (await auth.http.post(REFRESH, headers=OURS)).status_code == 200


async def test_a21_fifty_sessions_are_open_at_most(auth: Any) -> None:
    """A-21: one more than fifty ends the one that was used longest ago, with its tokens."""
    user = await auth.register()
    oldest = await auth.login(user["email"])
    used = await auth.login(user["email"])
    for _ in range(48):
        await auth.login(user["email"])
    auth.clock.advance(20)
    refreshed = await auth.http.post(REFRESH, json={"refresh_token": used["refresh_token"]})
    newest = await auth.login(user["email"])
    headers = {"Authorization": f"Bearer {newest['access_token']}"}
    page = (await auth.http.get("/api/v1/auth/sessions?limit=100", headers=headers)).json()
    assert len(page["items"]) == 50
    assert (await auth.http.post(REFRESH, json={"refresh_token": oldest["refresh_token"]})).status_code == 401
    still = {"refresh_token": refreshed.json()["refresh_token"]}
    assert (await auth.http.post(REFRESH, json=still)).status_code == 200


async def web_login(auth: Any, email: str | None = None) -> httpx.Response:
    email = email or (await auth.register())["email"]
    body = {"email": email, "password": PASSWORD, "cookie": True}
    answer: httpx.Response = await auth.http.post(LOGIN, json=body)
    assert answer.status_code == 200, answer.text
    return answer


def set_cookie(answer: httpx.Response, name: str) -> list[str]:
    """The attributes of a cookie that an answer sets, in lower case."""
    found = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=")]
    assert len(found) == 1
    return [part.strip().lower() for part in found[0].split(";")[1:]]
