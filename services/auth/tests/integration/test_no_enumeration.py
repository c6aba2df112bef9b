"""A-16: nobody learns from us who has an account: not by status, not by words, not by time."""

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

PASSWORD = "correct horse battery staple"
SAMPLES = 60
"""A branch."""
CPU_BOUND_SECONDS = 0.005
"""Between the lower quartiles of the processor time that a request costs us. A hash that one branch computes and the
other does not is 26 ms and more. Processor time, because it does not depend on who else uses the machine."""
CLOCK_BOUND = 0.3
"""Between the medians of the time on the clock, as a share of them, beyond the 5 ms of RELIABILITY.md, section 1a. The
rest of the test run competes for the same two cores; on a quiet machine the medians differ by less than 1 ms."""

Request = tuple[str, dict[str, str]]
Branches = Callable[[str, int], Request]


def register(email: str, n: int) -> Request:
    return "/api/v1/auth/register", {"email": email, "password": PASSWORD}


def log_in(email: str, n: int) -> Request:
    return "/api/v1/auth/login", {"email": email, "password": "not the password"}


def log_in_with_code(email: str, n: int) -> Request:
    return "/api/v1/auth/login", {"email": email, "password": "not the password", "otp": "123456"}


def forget(email: str, n: int) -> Request:
    return "/api/v1/auth/password/forgot", {"email": email}


def resend(email: str, n: int) -> Request:
    return "/api/v1/auth/email/verification", {"email": email}


@pytest.mark.parametrize("branch", [register, log_in, log_in_with_code, forget, resend])
async def test_a16_known_and_unknown_addresses_cannot_be_told_apart(auth: Any, branch: Branches) -> None:
    """A-16: status, body, headers and time of an address that has an account and of one that has none."""
    if branch is log_in_with_code:
        known = await with_totp(auth)
    else:
        known = (await auth.register())["email"]
    clock: dict[bool, list[float]] = {True: [], False: []}
    cpu: dict[bool, list[float]] = {True: [], False: []}
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    order = random.Random(16)
    for n in range(SAMPLES):
        # Together, so that what slows the machine down slows both; in any order, because mails leave in the background
        # and would slow down whoever always comes second.
        for is_known in order.sample((True, False), 2):
            email = known if is_known else f"nobody{n}@example.com"
            path, body = branch(email, n)
            started, cpu_started = time.perf_counter(), time.process_time()
            answer = await auth.http.post(path, json=body)
            clock[is_known].append(time.perf_counter() - started)
            cpu[is_known].append(time.process_time() - cpu_started)
            seen[is_known].add(f"{answer.status_code} {sorted(answer.headers)} {shape(answer, email)}")
    assert len(seen[True]) == 1
    assert seen[True] == seen[False]
    quartiles = [statistics.quantiles(cpu[is_known], n=4)[0] for is_known in (True, False)]
    assert abs(quartiles[0] - quartiles[1]) < CPU_BOUND_SECONDS, quartiles
    medians = [statistics.median(clock[is_known]) for is_known in (True, False)]
    assert abs(medians[0] - medians[1]) < 0.005 + CLOCK_BOUND * max(medians), medians


async def test_a16_a_taken_address_looks_like_a_new_account_and_its_owner_hears_of_it(auth: Any) -> None:
    """A-16: registering with a taken address changes nothing, answers the same, and tells the owner only."""
    owner = await auth.register("asha@example.com")
    body = {"email": "Asha@example.com", "password": "the stranger's passphrase", "full_name": "Not Asha"}
    answer = await auth.http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["id"] != owner["id"]
    assert (made["email"], made["full_name"], made["role"]) == ("asha@example.com", "Not Asha", "user")
    session = await auth.login("asha@example.com", PASSWORD)
    assert session["user"]["id"] == owner["id"]
    assert session["user"]["full_name"] is None
    login = {"email": "asha@example.com", "password": body["password"]}
    assert (await auth.http.post("/api/v1/auth/login", json=login)).status_code == 401
    assert "has an account already" in await auth.mail_to("asha@example.com", "You already have an account")


async def test_a16_where_addresses_must_be_confirmed_even_logging_in_afterwards_tells_nothing(start: Any) -> None:
    """A-16: register, then log in with what was registered: the last way to find out is closed by the setting."""
    async with start(BREEZEWAY_LOGIN_NEEDS_VERIFIED_EMAIL="true") as auth:
        await auth.register("admin@example.com")
        await auth.register("taken@example.com", "the owner's passphrase")
        answers = []
        for email in ("taken@example.com", "free@example.com"):
            await auth.register(email)
            answer = await auth.http.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
            answers.append((answer.status_code, shape(answer, email)))
        assert answers[0] == answers[1]
        assert answers[0][0] == 401
        token = await auth.token_to("free@example.com", "Confirm your e-mail address")
        assert (await auth.http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
        assert (await auth.login("free@example.com"))["user"]["email_verified"] is True
        await auth.login("admin@example.com")


async def test_a16_nothing_is_mailed_to_who_has_no_account(auth: Any) -> None:
    """A-16: nor are strangers written to because somebody typed their address."""
    for path in ("/api/v1/auth/password/forgot", "/api/v1/auth/email/verification"):
        assert (await auth.http.post(path, json={"email": "nobody@example.com"})).status_code == 202
    await auth.deliver()
    assert (await auth.http.get("/api/v1/dev/mailbox")).json()["items"] == []


async def with_totp(auth: Any) -> str:
    import pyotp

    session, headers = await auth.user()
    seed = (await auth.http.post("/api/v1/auth/mfa/totp", headers=headers)).json()["secret"]
    code = {"code": pyotp.TOTP(seed).at(auth.clock.now())}
    assert (await auth.http.post("/api/v1/auth/mfa/totp/confirm", json=code, headers=headers)).status_code == 200
    return str(session["user"]["email"])


def shape(answer: Any, email: str) -> str:
    """A body without what differs between any two requests."""
    if not answer.content or answer.json() is None:
        return answer.text.replace(email, "…")
    body = {key: value for key, value in answer.json().items() if key not in ("request_id", "id", "created_at")}
    return str(sorted(body.items())).replace(email, "…")
