"""A-14: guessing is slow for strangers, however many addresses they come from, and never locks the owner out."""

import asyncio
from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery staple"
EMAIL = "victim@example.com"


class Caller:
    """Somebody behind the gateway at one IP, with the cookies that they have."""

    def __init__(self, auth: Any, ip: str) -> None:
        self._auth = auth
        self._headers = auth.as_service("gateway") | {"X-Forwarded-For": ip}
        self._mark = ""

    async def login(self, password: str, email: str = EMAIL) -> int:
        answer = await self._try(email, password)
        for cookie in answer.headers.get_list("set-cookie"):
            if cookie.startswith("bw_device="):
                self._mark = cookie.split(";")[0]
        return answer.status_code

    async def _try(self, email: str, password: str) -> httpx.Response:
        cookie = {"Cookie": self._mark} if self._mark else {}
        body = {"email": email, "password": password}
        answer: httpx.Response = await self._auth.http.post(
            "/api/v1/auth/login", json=body, headers=self._headers | cookie
        )
        return answer


async def hammered(auth: Any, times: int) -> list[int]:
    """A stranger guesses, each time from another IP."""
    strangers = [Caller(auth, f"203.0.113.{n}") for n in range(times)]
    return list(await asyncio.gather(*(stranger.login(f"guess number {n}") for n, stranger in enumerate(strangers))))


async def test_a14_one_account_guessed_from_many_addresses(start: Any, production: dict[str, str]) -> None:
    """A-14: one user, many passwords, a botnet: the count of the account holds, wherever the guesses come from."""
    async with start(LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR=5, **production) as auth:
        await auth.register(EMAIL)
        assert sorted(await hammered(auth, 20)) == [401] * 5 + [429] * 15


async def test_a14_the_owner_gets_in_on_a_known_device_while_a_stranger_hammers(
    start: Any, production: dict[str, str]
) -> None:
    """A-14: the limit of the account is no lock-out: where the owner has signed in before, they still do."""
    async with start(LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR=5, **production) as auth:
        await auth.register(EMAIL)
        laptop, script = Caller(auth, "198.51.100.7"), Caller(auth, "198.51.100.8")
        assert await laptop.login(PASSWORD) == 200
        assert await script.login(PASSWORD) == 200
        await hammered(auth, 8)
        laptop._headers = auth.as_service("gateway") | {"X-Forwarded-For": "192.0.2.44"}
        assert await laptop.login(PASSWORD) == 200, "the browser has moved to a café and is known by its mark"
        script._mark = ""
        assert await script.login(PASSWORD) == 200, "a program keeps no cookies and is known by where it is"
        assert await Caller(auth, "192.0.2.45").login(PASSWORD) == 429, "a new device has to wait"


async def test_a14_a_known_device_guesses_no_faster(start: Any, production: dict[str, str]) -> None:
    """A-14: a stolen mark, or a neighbour behind the same IP, has a small count of its own."""
    async with start(LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR=1000, LOGIN_LIMIT_PER_MINUTE=4, **production) as auth:
        await auth.register(EMAIL)
        device = Caller(auth, "198.51.100.7")
        assert await device.login(PASSWORD) == 200
        statuses = [await device.login(f"guess number {n}") for n in range(12)]
        assert statuses == [401] * 8 + [429] * 4, "four for the IP, four for the mark"


async def test_a14_a_mark_is_for_its_owner_and_cannot_be_made_up(start: Any, production: dict[str, str]) -> None:
    """A-14: with an account of one's own one is known, but only there."""
    async with start(LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR=3, **production) as auth:
        await auth.register(EMAIL)
        await auth.register("stranger@example.com")
        stranger = Caller(auth, "203.0.113.200")
        assert await stranger.login(PASSWORD, "stranger@example.com") == 200
        await hammered(auth, 5)
        assert await stranger.login("guess") == 429
        for mark in ("nonsense", "A" * 92, "*" * 92):
            stranger._mark = f"bw_device={mark}"
            assert await stranger.login("guess") == 429


async def test_a14_stuffing_many_accounts_meets_the_limit_of_the_instance(
    start: Any, production: dict[str, str]
) -> None:
    """A-14: many users, one password each, a botnet: the count of the whole instance holds, and spares who is known."""
    async with start(LOGIN_GLOBAL_LIMIT_PER_MINUTE=10, **production) as auth:
        await auth.register(EMAIL)
        home = Caller(auth, "198.51.100.7")
        assert await home.login(PASSWORD) == 200
        bots = [Caller(auth, f"203.0.113.{n}") for n in range(25)]
        statuses = await asyncio.gather(
            *(bot.login("leaked password", f"user{n}@example.com") for n, bot in enumerate(bots))
        )
        assert sorted(statuses) == [401] * 10 + [429] * 15
        assert await home.login(PASSWORD) == 200


@pytest.mark.parametrize("sender", ["nobody", "market-data"])
async def test_a14_a_spoofed_address_is_not_believed(start: Any, production: dict[str, str], sender: str) -> None:
    """A-14: `X-Forwarded-For` counts from our gateway only, so rotating it does not help."""
    async with start(LOGIN_IP_LIMIT_PER_MINUTE=3, **production) as auth:
        headers = auth.as_service(sender) if sender != "nobody" else {}
        statuses = []
        for n in range(5):
            answer = await auth.http.post(
                "/api/v1/auth/login",
                json={"email": f"user{n}@example.com", "password": "leaked password"},
                headers=headers | {"X-Forwarded-For": f"192.0.2.{n}"},
            )
            statuses.append(answer.status_code)
        assert statuses == [401, 401, 401, 429, 429]


async def test_asking_for_the_code_does_not_count_as_a_failure(start: Any, production: dict[str, str]) -> None:
    import pyotp

    async with start(LOGIN_LIMIT_PER_MINUTE=2, LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR=2, **production) as auth:
        session, headers = await auth.user()
        seed = (await auth.http.post("/api/v1/auth/mfa/totp", headers=headers)).json()["secret"]
        code = {"code": pyotp.TOTP(seed).at(auth.clock.now())}
        await auth.http.post("/api/v1/auth/mfa/totp/confirm", json=code, headers=headers)
        caller = Caller(auth, "198.51.100.7")
        assert [await caller.login(PASSWORD, session["user"]["email"]) for _ in range(6)] == [401] * 6


async def test_mails_cannot_be_asked_for_without_end(start: Any, production: dict[str, str]) -> None:
    async with start(MAIL_REQUEST_LIMIT_PER_MINUTE=2, **production) as auth:
        for path in ("/api/v1/auth/password/forgot", "/api/v1/auth/email/verification"):
            assert (await auth.http.post(path, json={"email": "a@example.com"})).status_code == 202
        late = await auth.http.post("/api/v1/auth/password/forgot", json={"email": "b@example.com"})
        assert (late.status_code, late.json()["code"]) == (429, "too_many_attempts")
