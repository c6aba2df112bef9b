"""Registering, signing in, refreshing and signing out, over HTTP, on real stores."""

import asyncio
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.redis import keys
from breezeway.testing.eventually import eventually

REFRESH = "/api/v1/auth/refresh"
PASSWORD = "correct horse battery staple"


async def test_first_user_is_admin_and_the_next_is_not(auth: Any) -> None:
    assert (await auth.register("Asha@Example.com"))["role"] == "admin"
    assert (await auth.register())["role"] == "user"


async def test_parallel_first_registrations_make_one_admin(auth: Any) -> None:
    users = await asyncio.gather(*(auth.register() for _ in range(8)))
    assert sorted(user["role"] for user in users) == ["admin", *["user"] * 7]


async def test_email_is_unique_whatever_its_capitals(auth: Any) -> None:
    user = await auth.register("Asha@Example.com")
    assert user["email"] == "asha@example.com"
    again = await auth.http.post("/api/v1/auth/register", json={"email": " ASHA@example.COM", "password": PASSWORD})
    assert again.status_code == 201, "who asks does not learn that there is such an account"
    assert again.json()["id"] != user["id"]
    assert (await auth.login("aSHA@example.com"))["user"]["id"] == user["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "asha@example.com", "password": "short"}, "body.password"),
        ({"email": "asha@example.com", "password": "x" * 257}, "body.password"),
        ({"email": "asha@", "password": PASSWORD}, "body.email"),
        ({"email": "asha@example.com", "password": PASSWORD, "admin": True}, "body.admin"),
        ({"email": "asha@example.com", "password": PASSWORD, "full_name": "a\u0000b"}, "body.full_name"),
        ({"password": PASSWORD}, "body.email"),
    ],
)
async def test_registration_refuses_bad_input(auth: Any, body: dict[str, object], field: str) -> None:
    answer = await auth.http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field
    assert str(body["password"]) not in answer.text


@pytest.mark.parametrize("password", ["🦊" * 256, "nul\x00inside", " spaces  count ", "ſtraße-ﬁ", "x" * 256])
async def test_a20_passwords_match_exactly(auth: Any, password: str) -> None:
    user = await auth.register(password=password)
    assert (await auth.login(user["email"], password))["user"]["id"] == user["id"]
    for other in (password[:-1], password[:-1] + "!", password.replace("\x00", "")):
        if other != password:
            answer = await auth.http.post("/api/v1/auth/login", json={"email": user["email"], "password": other})
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def test_unknown_user_and_wrong_password_read_the_same(auth: Any) -> None:
    user = await auth.register()
    answers = [
        (await auth.http.post("/api/v1/auth/login", json={"email": email, "password": "wrong password"})).json()
        for email in (user["email"], "nobody@example.com", "no address at all")
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1] == answers[2]


async def test_oauth2_form_gives_the_same_tokens(auth: Any) -> None:
    user = await auth.register()
    form = {"grant_type": "password", "username": user["email"], "password": PASSWORD, "scope": ""}
    answer = await auth.http.post("/api/v1/auth/token", data=form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "bearer"
    assert answer.headers["cache-control"] == "no-store"
    me = await auth.http.get("/api/v1/users/me", headers=bearer(answer.json()))
    assert me.json()["id"] == user["id"]


async def test_jwks_verifies_what_login_signs(auth: Any) -> None:
    from breezeway.security.tokens import TokenVerifier, public_keys

    session, _ = await auth.user()
    jwks = (await auth.http.get("/.well-known/jwks.json")).json()
    assert all("d" not in key for key in jwks["keys"])
    principal = TokenVerifier(public_keys(jwks)).verify(session["access_token"])
    assert str(principal.user_id) == session["user"]["id"]
    assert principal.scopes == {"read", "data", "trade", "admin"}


async def test_profile_is_read_and_changed(auth: Any) -> None:
    _, headers = await auth.user()
    changed = await auth.http.patch("/api/v1/users/me", json={"full_name": " Asha Rao "}, headers=headers)
    assert changed.json()["full_name"] == "Asha Rao"
    unchanged = await auth.http.patch("/api/v1/users/me", json={}, headers=headers)
    assert unchanged.json()["full_name"] == "Asha Rao"
    assert (await auth.http.patch("/api/v1/users/me", json={"role": "admin"}, headers=headers)).status_code == 422
    removed = await auth.http.patch("/api/v1/users/me", json={"full_name": None}, headers=headers)
    assert removed.json()["full_name"] is None
    assert (await auth.http.get("/api/v1/users/me")).status_code == 401


async def test_refresh_rotates_and_reuse_ends_the_session(auth: Any, redis: Redis) -> None:
    session, headers = await auth.user()
    async with redis.pubsub() as listener:
        await listener.subscribe(keys.user_revoked())
        second = await refresh(auth, session["refresh_token"])
        third = await refresh(auth, second.json()["refresh_token"])
        assert (second.status_code, third.status_code) == (200, 200)
        reused = await refresh(auth, session["refresh_token"])
        assert (reused.status_code, reused.json()["code"]) == (401, "invalid_refresh_token")
        dead = await refresh(auth, third.json()["refresh_token"])
        assert dead.status_code == 401
        told = await next_message(listener)
    assert session["user"]["id"].encode() in told
    await revoked_within_two_seconds(auth, headers)
    fresh = bearer(await auth.login(session["user"]["email"]))
    assert len((await auth.http.get("/api/v1/auth/sessions", headers=fresh)).json()["items"]) == 1


async def test_a01_two_hundred_parallel_refreshes_succeed_once(auth: Any) -> None:
    session, _ = await auth.user()
    answers = await asyncio.gather(*(refresh(auth, session["refresh_token"]) for _ in range(200)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, *[401] * 199]


@pytest.mark.parametrize("rounds", [15, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_a03_no_refresh_survives_a_logout_that_races_it(auth: Any, rounds: int) -> None:
    for _ in range(rounds):
        session, _ = await auth.user()
        token = session["refresh_token"]
        refreshed, gone = await asyncio.gather(
            refresh(auth, token), auth.http.post("/api/v1/auth/logout", json={"refresh_token": token})
        )
        assert gone.status_code == 204
        if refreshed.status_code == 200:
            assert (await refresh(auth, refreshed.json()["refresh_token"])).status_code == 401


async def test_refresh_tokens_expire_when_idle_and_absolutely(auth: Any) -> None:
    idle, _ = await auth.user()
    busy = idle
    for day in range(30):
        answer = await refresh(auth, busy["refresh_token"])
        assert answer.status_code == 200, f"day {day}"
        busy = answer.json()
        auth.clock.advance(86_400)
    assert (await refresh(auth, busy["refresh_token"])).status_code == 401, "thirty days are the end of it"
    late = await auth.login(idle["user"]["email"])
    auth.clock.advance(7 * 86_400 + 1)
    assert (await refresh(auth, late["refresh_token"])).status_code == 401, "idle for a week"


async def test_an_expired_token_does_not_end_the_session(auth: Any) -> None:
    session, _ = await auth.user()
    auth.clock.advance(8 * 86_400)
    assert (await refresh(auth, session["refresh_token"])).status_code == 401
    auth.clock.advance(-8 * 86_400)
    assert (await refresh(auth, session["refresh_token"])).status_code == 200


async def test_sessions_are_listed_ended_and_paged(auth: Any) -> None:
    session, headers = await auth.user()
    for _ in range(3):
        await auth.login(session["user"]["email"])
    first = (await auth.http.get("/api/v1/auth/sessions?limit=3", headers=headers)).json()
    rest = (await auth.http.get(f"/api/v1/auth/sessions?cursor={first['next']}", headers=headers)).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    assert [item["current"] for item in first["items"]] == [True, False, False]
    other = first["items"][1]["id"]
    assert (await auth.http.delete(f"/api/v1/auth/sessions/{other}", headers=headers)).status_code == 204
    assert (await auth.http.delete(f"/api/v1/auth/sessions/{other}", headers=headers)).status_code == 404
    assert (await auth.http.get("/api/v1/auth/sessions?cursor=nonsense", headers=headers)).status_code == 422
    assert (await auth.http.post("/api/v1/auth/logout-all", headers=headers)).status_code == 204
    assert (await refresh(auth, session["refresh_token"])).status_code == 401


async def test_what_has_been_over_for_a_month_is_forgotten(auth: Any) -> None:
    session, _ = await auth.user()
    await auth.http.post("/api/v1/auth/logout", json={"refresh_token": session["refresh_token"]})
    kept = await auth.login(session["user"]["email"])
    chore = auth.app.state.services.sign_ins
    auth.clock.advance(30 * 86_400 - 5)
    assert await chore.forget_old() == 0
    auth.clock.advance(10)
    assert await chore.forget_old() == 1
    assert await chore.forget_old() == 0
    auth.clock.advance(-30 * 86_400)
    assert (await refresh(auth, kept["refresh_token"])).status_code == 200


async def test_logout_is_harmless_twice_and_with_nonsense(auth: Any) -> None:
    session, _ = await auth.user()
    for token in (session["refresh_token"], session["refresh_token"], "nonsense"):
        answer = await auth.http.post("/api/v1/auth/logout", json={"refresh_token": token})
        assert answer.status_code == 204
    assert (await refresh(auth, session["refresh_token"])).status_code == 401


async def test_a14_login_is_limited_per_address_and_ip(start: Any, production: dict[str, str]) -> None:
    async with start(LOGIN_LIMIT_PER_MINUTE=3, **production) as auth:
        await auth.register("victim@example.com")
        gateway = auth.as_service("gateway")

        async def attempt(ip: str, sender: dict[str, str], right: bool = False) -> int:
            headers = sender | {"X-Forwarded-For": ip}
            body = {"email": "Victim@example.com", "password": PASSWORD if right else "wrong password"}
            answer = await auth.http.post("/api/v1/auth/login", json=body, headers=headers)
            if answer.status_code == 429:
                assert answer.json()["code"] == "too_many_attempts"
                assert int(answer.headers["retry-after"]) >= 1
            return int(answer.status_code)

        # What succeeds does not count.
        assert [await attempt("203.0.113.7", gateway, right=True) for _ in range(5)] == [200] * 5
        assert [await attempt("203.0.113.7", gateway) for _ in range(5)] == [401, 401, 401, 429, 429]
        # The owner, elsewhere, is not locked out by the stranger.
        assert await attempt("198.51.100.9", gateway, right=True) == 200
        # A forwarded address that does not come from our gateway is not believed.
        assert [await attempt(f"192.0.2.{n}", {}) for n in range(5)] == [401, 401, 401, 429, 429]


async def test_a14_parallel_guesses_count_too(start: Any, production: dict[str, str]) -> None:
    async with start(LOGIN_LIMIT_PER_MINUTE=3, **production) as auth:
        body = {"email": (await auth.register())["email"], "password": "wrong password"}
        answers = await asyncio.gather(*(auth.http.post("/api/v1/auth/login", json=body) for _ in range(12)))
        assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 9


async def test_registration_is_limited_per_ip(start: Any, production: dict[str, str]) -> None:
    async with start(REGISTER_LIMIT_PER_MINUTE=2, **production) as auth:
        bodies = [{"email": f"user{n}@example.com", "password": PASSWORD} for n in range(3)]
        statuses = [(await auth.http.post("/api/v1/auth/register", json=body)).status_code for body in bodies]
        assert statuses == [201, 201, 429]


async def test_login_fails_closed_without_the_limiter(start: Any) -> None:
    async with start(REDIS_URL="redis://127.0.0.1:1") as auth:
        answer = await auth.http.post("/api/v1/auth/login", json={"email": "a@example.com", "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (503, "limiter_unavailable")


async def revoked_within_two_seconds(auth: Any, headers: dict[str, str]) -> None:
    async def refused() -> bool:
        answer = await auth.http.get("/api/v1/auth/sessions", headers=headers)
        return bool(answer.status_code == 401 and answer.json()["code"] == "token_revoked")

    await eventually(refused, 60)


async def refresh(auth: Any, token: str) -> httpx.Response:
    answer: httpx.Response = await auth.http.post(REFRESH, json={"refresh_token": token})
    return answer


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['access_token']}"}


async def next_message(listener: Any) -> bytes:
    async with asyncio.timeout(60):
        while True:
            cancellation.heed()
            message = await listener.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                return bytes(message["data"])
