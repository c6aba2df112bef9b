"""A-26: secrets are seeded into every path that takes one, with every logger at DEBUG; then all output is searched."""

import contextlib
import io
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import structlog

from auth_service.settings import AuthSettings
from breezeway import logs
from breezeway.redis.client import connect

CANARY = "C4naryS3cr3t"
PASSWORD = f"{CANARY}-password-Zq8"
WRONG = f"{CANARY}-wrong-password"
API_SECRET = f"{CANARY}-broker-secret"
API_KEY = f"{CANARY}+broker=key"
SESSION = f"{CANARY}-apisession"
ODD = f"{CANARY}-where-it-does-not-belong"

CHATTY = (
    *("httpx", "httpcore", "httpcore.http11", "asyncio", "redis", "uvicorn", "aiosmtplib"),
    *("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.engine.Engine", "sqlalchemy.pool"),
)


@contextlib.contextmanager
def loud() -> Iterator[io.StringIO]:
    """Our own logging with nothing held back, and what it writes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        logs.configure("auth", log_format="json", level="DEBUG")
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            yield output
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            for name, before in levels.items():
                logging.getLogger(name).setLevel(before)
            structlog.reset_defaults()


async def drive(auth: Any) -> tuple[list[httpx.Response], set[str]]:
    """Every path with a secret in it; the answers that must hold none, and the secrets that we gave out ourselves."""
    http: httpx.AsyncClient = auth.http
    answers: list[httpx.Response] = []
    given: set[str] = set()

    async def send(method: str, path: str, **what: Any) -> httpx.Response:
        answers.append(await http.request(method, path, **what))
        return answers[-1]

    async def receive(method: str, path: str, **what: Any) -> dict[str, Any]:
        answer = await http.request(method, path, **what)
        body: dict[str, Any] = answer.json()
        given.update(str(body[name]) for name in ("access_token", "refresh_token", "key", "secret") if body.get(name))
        return body

    who = {"email": "canary@example.com", "password": PASSWORD}
    await send("POST", "/api/v1/auth/register", json=who)
    await send("POST", "/api/v1/auth/register", json=who)
    await send("POST", "/api/v1/auth/login", json={**who, "password": WRONG})
    await send("POST", "/api/v1/auth/login", json={**who, "otp": ODD})
    await send("POST", "/api/v1/auth/login", json={"email": "nobody@example.com", "password": WRONG})
    await send("POST", "/api/v1/auth/token", data={"username": who["email"], "password": WRONG})
    tokens = await receive("POST", "/api/v1/auth/login", json=who)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    refreshed = await receive("POST", "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    await send("POST", "/api/v1/auth/refresh", json={"refresh_token": ODD + "x" * 30})
    await send("GET", "/api/v1/users/me", headers={"Authorization": f"Bearer {ODD}"})
    headers = {"Authorization": f"Bearer {refreshed['access_token']}"}
    change = {"current_password": WRONG, "new_password": PASSWORD + "2"}
    await send("POST", "/api/v1/auth/password/change", json=change, headers=headers)
    await send("POST", "/api/v1/auth/password/forgot", json={"email": who["email"]})
    await send("POST", "/api/v1/auth/password/reset", json={"token": ODD + "x" * 30, "new_password": WRONG})
    await send("POST", "/api/v1/auth/email/verify", json={"token": ODD + "x" * 30})
    wish = {"name": "canary", "scopes": ["read"]}
    key = await receive("POST", "/api/v1/auth/api-keys", json=wish, headers=headers)
    service = auth.as_service("gateway")
    await receive("POST", "/internal/api-keys/exchange", json={"key": key["key"], "ip": "203.0.113.9"}, headers=service)
    await send("POST", "/internal/api-keys/exchange", json={"key": key["key"] + "x", "ip": "::1"}, headers=service)
    await send("GET", "/internal/broker-sessions", headers={"X-Service-Token": ODD})
    account = {
        "broker": "breeze",
        "label": "canary",
        "api_key": API_KEY,
        "api_secret": API_SECRET,
        "environment": "live",
    }
    made = await send("POST", "/api/v1/broker-accounts", json=account, headers=headers)
    path = f"/api/v1/broker-accounts/{made.json().get('id')}"
    await http.get(f"{path}/login-url", headers=headers)  # its URL has the app's key in it, as the broker wants
    await send("POST", f"{path}/session", json={"api_session": SESSION}, headers=headers)
    await send("GET", f"/api/v1/broker-accounts/callback?apisession={SESSION}")
    await send("GET", path, headers=headers)
    await send("PATCH", path, json={"api_secret": ODD, "nonsense": ODD}, headers=headers)
    # Validation errors are where input is echoed: wrong types, unknown fields, broken JSON, forms.
    for route in ("register", "login", "refresh", "logout", "password/change", "password/reset", "password/forgot"):
        for body in (
            {"password": {"x": ODD}, "email": [ODD]},
            {"refresh_token": 7, "token": ODD * 500},
            [ODD],
        ):
            await send("POST", f"/api/v1/auth/{route}", json=body, headers=headers)
        await send("POST", f"/api/v1/auth/{route}", content=f'{{"password":"{ODD}", ', headers=_json(headers))
        await send(
            "POST", f"/api/v1/auth/{route}", content=ODD.encode(), headers=headers | {"Content-Type": "text/plain"}
        )
    await send("POST", "/api/v1/auth/login", json={**who, "email": ODD + "@" + "x" * 300})
    await send("POST", "/api/v1/auth/logout", json={"refresh_token": refreshed["refresh_token"]})
    return answers, given


def _json(headers: dict[str, str]) -> dict[str, str]:
    return headers | {"Content-Type": "application/json"}


async def test_a_26_no_canary_in_logs_or_answers(start: Any) -> None:
    with loud() as written:
        async with start() as auth:
            answers, given = await drive(auth)
            shown = f"{auth.settings!r} {auth.settings} {vars(auth.app.state.services.signing_in)!r}"
    output = written.getvalue()
    assert '"level": "debug"' in output, "nothing was held back"
    assert "INSERT INTO" in output, "SQLAlchemy echoes"
    assert len(answers) > 40
    assert max(answer.status_code for answer in answers) < 500
    secrets = (CANARY, *given)
    assert [line[:400] for line in output.splitlines() if any(word in line for word in secrets)] == []
    assert [(answer.url.path, answer.text[:400]) for answer in answers if any(s in answer.text for s in secrets)] == []
    assert CANARY not in shown


async def test_a_26_an_unexpected_error_shows_no_secret(start: Any) -> None:
    """The trace is written down, and with it whatever the exception says."""
    with loud() as written:
        async with start() as auth:

            @auth.app.get("/explode")
            async def explode() -> None:
                held = {"password": PASSWORD, "refresh_token": PASSWORD}
                raise RuntimeError(f"could not call https://user:{PASSWORD}@host/?apisession={SESSION}&x=1 with {held}")

            transport = httpx.ASGITransport(auth.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://auth") as http:
                answer = await http.get("/explode")
    output = written.getvalue()
    assert answer.status_code == 500
    assert "RuntimeError" in output
    assert CANARY not in output + answer.text


async def test_a_26_an_http_client_s_own_log_shows_no_credential() -> None:
    """httpx and httpcore write down URLs and headers of what they send, at DEBUG."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Set-Cookie": f"refresh={CANARY}"})

    with loud() as written:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=("user", PASSWORD)) as http:
            await http.get(f"http://broker.example/?apisession={SESSION}&api_key={API_SECRET}&token={ODD}&secret={ODD}")
        headers = [
            (b"Authorization", f"Bearer {PASSWORD}".encode()),
            (b"X-API-Key", f"bwk_a1b2c3d4e5_{CANARY}".encode()),
            (b"Cookie", f"refresh={ODD}".encode()),
            (b"X-Service-Token", ODD.encode()),
        ]
        logging.getLogger("httpcore.http11").debug("send_request_headers.started request=%r", headers)
    output = written.getvalue()
    assert "broker.example" in output
    assert "send_request_headers" in output
    assert CANARY not in output


async def test_a_26_settings_and_clients_do_not_show_what_they_hold() -> None:
    values = {
        "BREEZEWAY_INTERNAL_KEY": CANARY * 4,
        "BREEZEWAY_VAULT_KEY": CANARY * 4,
        "DATABASE_URL": f"postgresql://u:{CANARY}@db/x",
        "REDIS_URL": f"redis://:{CANARY}@valkey:6379/0",
    }
    settings = AuthSettings.model_validate(values)
    redis = connect(values["REDIS_URL"])
    shown = f"{settings!r} {settings} {redis!r}"
    await redis.aclose()
    assert CANARY not in shown
