"""What the client does with answers, refusals, silence and tokens, before a transport that the test writes."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
import orjson
import pytest

from breezeway.client import Breezeway
from breezeway.client.backoff import Backoff, RetryPolicy
from breezeway.client.credentials import TokenPair
from breezeway.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthenticated,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)

USER = {
    "id": "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    "email": "a@b.in",
    "role": "user",
    "created_at": "2026-11-21T00:00Z",
}
WATCHLIST = {
    "id": USER["id"],
    "name": "Bank",
    "symbols": [],
    "created_at": "2026-11-21T00:00:00Z",
    "updated_at": "2026-11-21T00:00:00Z",
}
QUICK = RetryPolicy(attempts=4, seconds=5, backoff=Backoff(0.001, 0.002))


def answer(body: object, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=orjson.dumps(body), headers=headers)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    return answer(
        {"title": "No", "detail": "Not now.", "code": code, "status": status, "request_id": "r1"}, status, **headers
    )


class Server:
    """Answers with what it was given, one after the other; the last answer again and again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


def client(server: Any, **how: Any) -> Breezeway:
    return Breezeway("http://gateway", http=httpx.MockTransport(server), retry=QUICK, **({"api_key": "bwk_x"} | how))


async def test_an_api_key_goes_in_its_header_and_never_in_the_address() -> None:
    server = Server(answer(USER))
    async with client(server) as api:
        assert (await api.me()).email == "a@b.in"
    (request,) = server.requests
    assert request.headers["X-API-Key"] == "bwk_x"
    assert "bwk_x" not in str(request.url)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (422, InvalidInput), (409, Conflict), (401, Unauthenticated)]
)
async def test_a_refusal_is_a_typed_error_and_not_tried_again(status: int, kind: type[Exception]) -> None:
    server = Server(problem(status, "some_code"))
    async with client(server) as api:
        with pytest.raises(kind) as error:
            await api.me()
    assert (error.value.code, error.value.detail) == ("some_code", "Not now.")  # type: ignore[attr-defined]
    assert error.value.context == {"request_id": "r1", "status": status}  # type: ignore[attr-defined]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [problem(503, "busy"), problem(502, "bad"), problem(504, "slow"), httpx.ReadTimeout("x"), httpx.ConnectError("x")],
)
async def test_a_read_is_tried_again_until_it_is_answered(fault: httpx.Response | Exception) -> None:
    server = Server(fault, fault, answer(USER))
    async with client(server) as api:
        await api.me()
    assert len(server.requests) == 3


async def test_retry_after_is_obeyed() -> None:
    server = Server(problem(429, "rate_limited", **{"Retry-After": "1"}), answer(USER))
    async with client(server) as api:
        started = time.monotonic()
        await api.me()
        assert time.monotonic() - started >= 1


async def test_a_pause_longer_than_the_policy_is_an_error_at_once() -> None:
    server = Server(problem(429, "rate_limited", **{"Retry-After": "60"}))
    async with client(server) as api:
        with pytest.raises(RateLimited) as error:
            await api.me()
    assert error.value.retry_after == 60
    assert len(server.requests) == 1


async def test_it_gives_up_with_the_last_error() -> None:
    for fault, kind in ((problem(503, "busy"), UpstreamUnavailable), (httpx.ReadTimeout("x"), UpstreamTimeout)):
        server = Server(fault)  # type: ignore[arg-type]
        async with client(server) as api:
            with pytest.raises(kind):
                await api.me()
        assert len(server.requests) == QUICK.attempts


async def test_a_write_has_a_key_of_its_own_and_is_repeated_with_the_same() -> None:
    server = Server(httpx.ReadTimeout("x"), problem(409, "request_in_flight"), answer(WATCHLIST, 201))
    async with client(server) as api:
        await api.create_watchlist("Bank")
        await api.create_watchlist("Bank")
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert keys[0] == keys[1] == keys[2] != keys[3]


async def test_a_write_that_the_server_has_answered_is_not_sent_again() -> None:
    server = Server(problem(502, "outcome_unknown"))
    async with client(server) as api:
        with pytest.raises(UpstreamFault):
            await api.create_watchlist("Bank")
    assert len(server.requests) == 1


async def test_a_write_without_an_answer_is_said_to_be_unknown() -> None:
    async with client(Server(httpx.ReadError("cut"))) as api:
        with pytest.raises(OutcomeUnknown) as error:
            await api.create_watchlist("Bank")
    assert error.value.code == "no_answer"


async def test_a_page_of_somebody_else_is_not_quoted() -> None:
    html = httpx.Response(400, content=b"<html>secret words</html>")
    async with client(Server(html)) as api:
        with pytest.raises(Exception, match="without saying why") as error:
            await api.me()
    assert "secret words" not in str(error.value)


async def test_an_answer_of_another_shape_is_an_upstream_fault() -> None:
    async with client(Server(answer({"unexpected": 1}))) as api:
        with pytest.raises(UpstreamFault) as error:
            await api.me()
    assert error.value.code == "unexpected_answer"


@pytest.mark.parametrize("url", ["gateway", "ftp://gateway", "http://user:pw@gateway", ""])
async def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREEZEWAY_URL", "nonsense")
    with pytest.raises(InvalidInput):
        Breezeway(url)


class Auth:
    """A server with access tokens that it takes once they are newest, and refresh tokens that work once."""

    def __init__(self, *, seconds: int = 900) -> None:
        self.number = 0
        self.refreshes = 0
        self.seconds = seconds
        self.delay = 0.01
        self.lose_answer = False
        self.grace = False
        self.logins: list[dict[str, Any]] = []
        self.logged_out: list[str] = []

    def pair(self) -> dict[str, Any]:
        return {"access_token": f"a{self.number}", "refresh_token": f"r{self.number}", "expires_in": self.seconds}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content) if request.content else {}
        match request.url.path:
            case "/api/v1/auth/login":
                self.logins.append(body)
                return answer({**self.pair(), "user": USER})
            case "/api/v1/auth/refresh":
                await asyncio.sleep(self.delay)
                if self.grace and body["refresh_token"] == f"r{self.number - 1}":
                    self.grace = False
                    return answer(self.pair())
                if body["refresh_token"] != f"r{self.number}":
                    return problem(401, "refresh_token_reused")
                self.refreshes += 1
                self.number += 1
                if self.lose_answer:
                    self.lose_answer, self.grace = False, True
                    raise httpx.ReadError("cut")
                return answer(self.pair())
            case "/api/v1/auth/logout":
                self.logged_out.append(body["refresh_token"])
                return httpx.Response(204)
        good = request.headers.get("Authorization") == f"Bearer a{self.number}"
        return answer(USER) if good else problem(401, "token_expired")


async def test_login_signs_in_and_sends_a_code_only_when_there_is_one() -> None:
    auth = Auth()
    async with client(auth, api_key=None) as api:
        await api.login("a@b.in", "pw")
        await api.me()
        await api.login("a@b.in", "pw", "123456")
        await api.logout()
        with pytest.raises(Unauthenticated) as error:
            await api.me()
    assert error.value.code == "signed_out"
    assert auth.logins == [
        {"email": "a@b.in", "password": "pw"},
        {"email": "a@b.in", "password": "pw", "otp": "123456"},
    ]
    assert auth.logged_out == ["r0"]


async def test_a_login_that_is_refused_for_a_while_is_not_tried_again_unasked() -> None:
    server = Server(problem(429, "rate_limited", **{"Retry-After": "1"}))
    async with client(server, api_key=None) as api:
        with pytest.raises(RateLimited):
            await api.login("a@b.in", "pw")
    assert len(server.requests) == 1


async def test_fifty_requests_that_need_a_new_token_make_one_refresh() -> None:
    auth = Auth()
    async with client(auth, api_key=None, refresh_token="r0", access_token="old") as api:
        await asyncio.gather(*(api.me() for _ in range(50)))
        assert auth.refreshes == 1
        assert api.tokens is not None
        assert api.tokens.refresh == "r1"
        assert "r1" not in repr(api.tokens)


async def test_a_token_is_renewed_before_it_expires() -> None:
    auth = Auth(seconds=1)
    async with client(auth, api_key=None, refresh_token="r0") as api:
        await api.me()
        await asyncio.sleep(0.85)
        await api.me()
    assert auth.refreshes == 2


async def test_a_caller_that_gives_up_does_not_lose_the_new_refresh_token() -> None:
    auth = Auth()
    auth.delay = 0.2
    async with client(auth, api_key=None, refresh_token="r0") as api:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await api.me()
        await api.me()
    assert auth.refreshes == 1


async def test_a_refresh_whose_answer_was_lost_is_asked_for_again() -> None:
    """Some servers take the token before the newest once more, for just this case. Where ours does not, the sign-in has
    ended already, so that asking again loses nothing; and it saves what was lost on the way there.
    """
    auth = Auth()
    auth.lose_answer = True
    async with client(auth, api_key=None, refresh_token="r0") as api:
        await api.me()
        assert api.tokens is not None
        assert api.tokens.refresh == "r1"


async def test_closing_waits_for_a_refresh_under_way() -> None:
    auth, store = Auth(), MemoryStore(TokenPair("r0"))
    auth.delay = 0.2
    async with client(auth, api_key=None, store=store) as api:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await api.me()
    assert store.saved is not None
    assert store.saved.refresh == "r1"


async def test_a_sign_in_that_has_ended_says_so() -> None:
    async with client(Auth(), api_key=None, refresh_token="stolen") as api:
        with pytest.raises(Unauthenticated) as error:
            await api.me()
    assert error.value.code == "signed_out"
    assert "Sign in again" in error.value.detail


class MemoryStore:
    def __init__(self, saved: TokenPair | None) -> None:
        self.saved = saved
        self.on_lock: Callable[[], None] = lambda: None

    def locked(self) -> AbstractContextManager[None]:
        self.on_lock()
        return nullcontext()

    def load(self) -> TokenPair | None:
        return self.saved

    def save(self, tokens: TokenPair) -> None:
        self.saved = tokens


async def test_two_processes_with_one_store_do_not_use_a_refresh_token_twice() -> None:
    auth, store = Auth(), MemoryStore(TokenPair("r0"))
    async with client(auth, api_key=None, store=store) as one, client(auth, api_key=None, store=store) as two:
        await one.me()
        await two.me()
        assert auth.refreshes == 1
        auth.number = 7  # somebody has signed out and in again meanwhile
        store.saved = TokenPair("r7", "a7", time.time() + 900)
        await one.me()
    assert auth.refreshes == 1


async def test_nothing_is_kept_unless_asked() -> None:
    """Tokens are in memory only: a second client knows nothing of the first one's sign-in."""
    auth = Auth()
    async with client(auth, api_key=None) as one, client(auth, api_key=None) as two:
        await one.login("a@b.in", "pw")
        with pytest.raises(Unauthenticated):
            await two.me()


async def test_the_environment_names_server_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREEZEWAY_URL", "http://elsewhere:81/")
    monkeypatch.setenv("BREEZEWAY_API_KEY", "bwk_env")
    server = Server(answer(USER))
    async with Breezeway(http=httpx.MockTransport(server)) as api:
        await api.me()
    assert str(server.requests[0].url) == "http://elsewhere:81/api/v1/users/me"
    assert server.requests[0].headers["X-API-Key"] == "bwk_env"
