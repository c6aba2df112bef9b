"""Two-factor sign-in: codes that count once, recovery codes, and no way around them."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.domain.audit import Origin
from breezeway.db.engine import create_engine
from breezeway.errors import RateLimited

TOTP = "/api/v1/auth/mfa/totp"
CONFIRM = "/api/v1/auth/mfa/totp/confirm"
STEP_UP = "/api/v1/auth/mfa/step-up"
LOGIN = "/api/v1/auth/login"
PASSWORD = "correct horse battery staple"


class Factor:
    """A user with two-factor sign-in, and their phone."""

    def __init__(self, auth: Any, email: str, headers: dict[str, str], seed: str) -> None:
        self.auth = auth
        self.email = email
        self.headers = headers
        self.seed = seed
        self.recovery: list[str] = []

    def code(self) -> str:
        return pyotp.TOTP(self.seed).at(self.auth.clock.now())

    def next_code(self) -> str:
        """The code of the next time step: the one before is used up."""
        self.auth.clock.advance(30)
        return self.code()

    def wrong_code(self) -> str:
        now = int(self.auth.clock.now().timestamp())
        near = {pyotp.TOTP(self.seed).at(now + drift) for drift in (-30, 0, 30)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    async def login(self, otp: str | None = None, password: str = PASSWORD) -> httpx.Response:
        body = {"email": self.email, "password": password} | ({"otp": otp} if otp else {})
        answer: httpx.Response = await self.auth.http.post(LOGIN, json=body)
        return answer

    async def post(self, path: str, code: str) -> httpx.Response:
        answer: httpx.Response = await self.auth.http.post(path, json={"code": code}, headers=self.headers)
        return answer

    async def turn_off(self, code: str, password: str = PASSWORD) -> httpx.Response:
        body = {"password": password, "code": code}
        answer: httpx.Response = await self.auth.http.request("DELETE", TOTP, json=body, headers=self.headers)
        return answer


async def enrolled(auth: Any) -> Factor:
    session, headers = await auth.user()
    made = (await auth.http.post(TOTP, headers=headers)).json()
    factor = Factor(auth, session["user"]["email"], headers, made["secret"])
    confirmed = await factor.post(CONFIRM, factor.code())
    assert confirmed.status_code == 200, confirmed.text
    factor.recovery = confirmed.json()["recovery_codes"]
    return factor


async def test_enrolling_shows_secret_uri_and_picture_and_counts_after_a_code(auth: Any) -> None:
    session, headers = await auth.user()
    answer = await auth.http.post(TOTP, headers=headers)
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    uri = urlsplit(made["otpauth_uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query)["secret"] == [made["secret"]]
    assert len(made["secret"]) == 32
    assert made["qr_svg"].startswith("<svg")
    await auth.login(session["user"]["email"])
    factor = Factor(auth, session["user"]["email"], headers, made["secret"])
    wrong = await factor.post(CONFIRM, factor.wrong_code())
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_otp")
    codes = (await factor.post(CONFIRM, factor.code())).json()["recovery_codes"]
    assert len(set(codes)) == 10
    me = (await auth.http.get("/api/v1/users/me", headers=headers)).json()
    assert me["mfa_enabled"] is True
    again = await auth.http.post(TOTP, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "totp_on")
    assert "authenticator app" in await auth.mail_to(factor.email, "Two-factor sign-in is on")


async def test_confirming_needs_a_beginning(auth: Any) -> None:
    _, headers = await auth.user()
    answer = await auth.http.post(CONFIRM, json={"code": "123456"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "totp_not_started")


async def test_login_asks_for_the_code_only_after_the_right_password(auth: Any) -> None:
    factor = await enrolled(auth)
    wrong = await factor.login(password="not the password", otp=factor.next_code())
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    asked = await factor.login()
    assert (asked.status_code, asked.json()["code"]) == (401, "otp_required")
    refused = await factor.login(factor.wrong_code())
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_otp")
    entered = await factor.login(factor.code())
    assert entered.status_code == 200
    assert entered.json()["user"]["mfa_enabled"] is True


async def test_the_oauth2_form_asks_for_the_code_too(auth: Any) -> None:
    """The second way to a session must not be the one without the second factor."""
    factor = await enrolled(auth)
    form = {"username": factor.email, "password": PASSWORD}
    asked = await auth.http.post("/api/v1/auth/token", data=form)
    assert (asked.status_code, asked.json()["code"]) == (401, "otp_required")
    for field in ("otp", "client_secret"):
        entered = await auth.http.post("/api/v1/auth/token", data=form | {field: factor.next_code()})
        assert entered.status_code == 200, field


async def test_a_code_counts_once(auth: Any) -> None:
    factor = await enrolled(auth)
    assert (await factor.login(factor.code())).status_code == 401, "it was used to confirm"
    code = factor.next_code()
    assert (await factor.login(code)).status_code == 200
    assert (await factor.login(code)).status_code == 401
    auth.clock.advance(30)
    assert (await factor.login(code)).status_code == 401, "within its time, but used"
    assert (await factor.login(f" {factor.code()[:3]} {factor.code()[3:]} ")).status_code == 200, "typed with a space"


async def test_of_fifty_concurrent_uses_of_one_code_one_counts(auth: Any) -> None:
    """The same code fifty times at once: exactly one session begins, and at most five are looked at."""
    factor = await enrolled(auth)
    code = factor.next_code()
    answers = await asyncio.gather(*(factor.login(code) for _ in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}


async def test_five_wrong_codes_in_a_quarter_of_an_hour_are_all_there_are(auth: Any) -> None:
    """Brute force: one in a million a try, five tries in fifteen minutes, counted in PostgreSQL, parallel or not."""
    factor = await enrolled(auth)
    auth.clock.advance(60)
    wrong = factor.wrong_code()
    answers = await asyncio.gather(*(factor.login(wrong) for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 25
    late = await factor.login(factor.code())
    assert (late.status_code, late.json()["code"]) == (429, "too_many_codes"), "the right one is not looked at either"
    assert 0 < int(late.headers["retry-after"]) <= 900
    for path in (STEP_UP, CONFIRM):
        assert (await factor.post(path, factor.code())).status_code == 429, "one count for every way in"
    assert (await factor.turn_off(factor.code())).status_code == 429
    assert "somebody knows yours" in await auth.mail_to(factor.email, "Codes were tried")
    auth.clock.advance(15 * 60 + 1)
    assert (await factor.login(factor.code())).status_code == 200


async def test_a_right_code_is_not_counted(auth: Any) -> None:
    factor = await enrolled(auth)
    for _ in range(8):
        assert (await factor.login(factor.next_code())).status_code == 200


async def test_a_recovery_code_signs_in_once_and_leaves_the_rest(auth: Any) -> None:
    factor = await enrolled(auth)
    first, second = factor.recovery[:2]
    assert (await factor.login(first.upper().replace("-", " "))).status_code == 200
    assert "left: 9" in await auth.mail_to(factor.email, "A recovery code was used")
    assert (await factor.login(first)).status_code == 401
    answers = await asyncio.gather(*(factor.login(second) for _ in range(4)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert (await factor.login(factor.next_code())).status_code in (200, 429), "the app goes on working"
    stranger = await enrolled(auth)
    assert (await stranger.login(factor.recovery[5])).status_code == 401, "a code is its owner's"


async def test_turning_it_off_takes_password_and_code(auth: Any) -> None:
    factor = await enrolled(auth)
    wrong = await factor.turn_off(factor.next_code(), password="not the password")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_password")
    wrong = await factor.turn_off(factor.wrong_code())
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_otp")
    assert (await factor.turn_off(factor.code())).status_code == 204
    await auth.login(factor.email)
    off = await factor.turn_off(factor.next_code())
    assert (off.status_code, off.json()["code"]) == (409, "totp_off")
    assert "no longer needs" in await auth.mail_to(factor.email, "Two-factor sign-in is off")
    made = await auth.http.post(TOTP, headers=factor.headers)
    assert made.json()["secret"] != factor.seed


async def test_a18_a_reset_leaves_the_second_factor_on(auth: Any) -> None:
    """A-18: who reads the mailbox sets a password, and still needs the phone."""
    factor = await enrolled(auth)
    await auth.http.post("/api/v1/auth/password/forgot", json={"email": factor.email})
    token = await auth.token_to(factor.email, "Set a new password")
    body = {"token": token, "new_password": "another long passphrase"}
    done = await auth.http.post("/api/v1/auth/password/reset", json=body)
    assert done.status_code == 204
    assert "access_token" not in done.text
    asked = await factor.login(password=body["new_password"])
    assert (asked.status_code, asked.json()["code"]) == (401, "otp_required")
    assert (await factor.login(factor.next_code(), body["new_password"])).status_code == 200
    assert "stay on" in await auth.mail_to(factor.email, "Set a new password")


async def test_a18_no_route_but_login_gives_a_session_and_it_asks(auth: Any) -> None:
    """A-18: every route that answers without a token is tried as the user: none hands out a session without it."""
    factor = await enrolled(auth)
    guesses = {"email": factor.email, "username": factor.email, "password": PASSWORD, "new_password": PASSWORD}
    document = auth.app.openapi()
    tried = 0
    for path, operations in document["paths"].items():
        if "post" not in operations or operations["post"].get("security"):
            continue
        tried += 1
        for sent in ({"json": guesses}, {"data": guesses}):
            answer = await auth.http.post(path, **sent)
            assert "refresh_token" not in answer.text or answer.status_code >= 400, path
            assert "bw_refresh" not in answer.headers.get("set-cookie", ""), path
    assert tried >= 8


async def test_stepping_up_gives_a_token_that_says_when(auth: Any) -> None:
    from breezeway.security.tokens import TokenVerifier, public_keys

    factor = await enrolled(auth)
    answer = await factor.post(STEP_UP, factor.next_code())
    assert answer.status_code == 200, answer.text
    verifier = TokenVerifier(public_keys((await auth.http.get("/.well-known/jwks.json")).json()))
    now = auth.clock.now().timestamp()
    stepped = verifier.verify(answer.json()["access_token"], now=now)
    plain = verifier.verify(factor.headers["Authorization"].split()[1], now=now)
    assert stepped.mfa_at == int(now)
    assert plain.mfa_at == 0
    assert stepped.session_id == plain.session_id
    assert (await factor.post(STEP_UP, factor.wrong_code())).status_code == 422
    _, headers = await auth.user()
    off = await auth.http.post(STEP_UP, json={"code": "123456"}, headers=headers)
    assert (off.status_code, off.json()["code"]) == (409, "totp_off")


async def test_an_administrator_helps_out_with_a_second_factor_of_their_own(auth: Any) -> None:
    """Who has lost phone and recovery codes is let in by an administrator, who has to prove more than a sign-in."""
    admin, lost = await enrolled(auth), await enrolled(auth)
    ids = {
        factor: (await auth.http.get("/api/v1/users/me", headers=factor.headers)).json()["id"]
        for factor in (admin, lost)
    }

    async def help_out(helper: Factor, whom: Factor) -> tuple[int, str]:
        answer = await auth.http.delete(f"/api/v1/users/{ids[whom]}/mfa", headers=helper.headers)
        return answer.status_code, answer.json().get("code", "")

    assert await help_out(lost, admin) == (403, "admin_only")
    assert await help_out(admin, lost) == (403, "step_up_required")
    stepped = (await admin.post(STEP_UP, admin.next_code())).json()
    admin.headers = {"Authorization": f"Bearer {stepped['access_token']}"}
    assert await help_out(admin, admin) == (409, "own_second_factor")
    assert (await help_out(admin, lost))[0] == 200
    assert await help_out(admin, lost) == (409, "totp_off")
    await auth.login(lost.email)
    assert "no longer needs" in await auth.mail_to(lost.email, "Two-factor sign-in is off")


async def test_a23_a_dump_holds_neither_seed_nor_recovery_codes(auth: Any, auth_url: str) -> None:
    """A-23: with the database alone nobody passes the second factor."""
    factor = await enrolled(auth)
    async with AsyncSession(create_engine(auth_url, application="tests", pooled=False)) as session:
        rows = [
            str(row)
            for table in ("totp_factors", "recovery_codes", "users", "mail_outbox", "audit_events")
            for row in (await session.execute(text(f"SELECT t.*::text FROM {table} t"))).all()  # noqa: S608
        ]
    dump = "\n".join(rows)
    assert len(rows) > 10
    for secret in (factor.seed, *factor.recovery, *(code.replace("-", "") for code in factor.recovery)):
        assert secret not in dump
        assert secret.encode().hex() not in dump


async def test_a24_a_seed_of_another_user_does_not_open(auth: Any, auth_url: str) -> None:
    """A-24: whoever can write to the database puts their own sealed seed into the victim's row."""
    victim, thief = await enrolled(auth), await enrolled(auth)
    async with AsyncSession(create_engine(auth_url, application="tests", pooled=False)) as session:
        await session.execute(
            text(
                "UPDATE totp_factors v SET seed_sealed = t.seed_sealed FROM totp_factors t, users a, users b "
                "WHERE v.user_id = a.id AND a.email = :victim AND t.user_id = b.id AND b.email = :thief"
            ),
            {"victim": victim.email, "thief": thief.email},
        )
        await session.commit()
    answer = await victim.login(thief.next_code())
    assert (answer.status_code, answer.json()["code"]) == (500, "vault_sealed")


async def test_tries_are_counted_without_redis(start: Any, auth: Any) -> None:
    """Tries are counted in PostgreSQL, so losing or emptying Redis gives nobody another five."""
    factor = await enrolled(auth)
    me = UUID((await auth.http.get("/api/v1/users/me", headers=factor.headers)).json()["id"])
    vault_key = auth.settings.vault_key.get_secret_value()
    async with start(REDIS_URL="redis://127.0.0.1:1", BREEZEWAY_VAULT_KEY=vault_key) as cut_off:
        for _ in range(5):
            await cut_off.app.state.services.second_factor.count_try(me, Origin())
        with pytest.raises(RateLimited):
            await cut_off.app.state.services.second_factor.count_try(me, Origin())
    assert (await factor.login(factor.next_code())).status_code == 429


@pytest.mark.parametrize("path", [TOTP, CONFIRM, STEP_UP])
async def test_nobody_gets_there_without_a_token(auth: Any, path: str) -> None:
    assert (await auth.http.post(path, json={"code": "123456"})).status_code == 401
