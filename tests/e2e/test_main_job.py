"""The main job through the gateway, as a new user does it, and what bad input gets at each step."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import websockets

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e


async def read_until(socket: websockets.ClientConnection, kind: str, seconds: float = 90) -> dict[str, Any]:
    """The next message of one kind."""
    async with asyncio.timeout(seconds):
        while True:
            for message in json.loads(await socket.recv()):
                if message["type"] == kind:
                    found: dict[str, Any] = message
                    return found


async def finished(user: ApiUser, backfill_id: str, seconds: float = 120) -> dict[str, Any]:
    """The backfill once it has ended."""
    state: dict[str, Any] = {}

    async def ended() -> bool:
        answer = await user.http.get(f"/api/v1/backfills/{backfill_id}")
        state.update(answer.json())
        return state["state"] in ("done", "failed", "cancelled")

    await eventually(ended, seconds, every=0.3)
    return state


async def test_from_registration_to_live_ticks(user: ApiUser, stack: StackProcess) -> None:
    await user.add_broker_account()
    assert (await user.session())["state"] == "disconnected"
    await user.own_app()
    landing = await user.log_in_at_broker()
    assert landing.status_code == 200
    session = await user.session()
    assert session["state"] == "active"
    assert session["user_name"]
    assert 0 < session["calls_left_minute"] <= 100

    found = await user.http.get("/api/v1/instruments/search", params={"q": "reliance", "limit": 5})
    assert found.json()["items"][0]["symbol"] == "NSE:RELIANCE"
    by_code = await user.http.get("/api/v1/instruments/NSE:RELIND")
    assert by_code.json()["symbol"] == "NSE:RELIANCE"

    asked = {"symbols": ["NSE:RELIND"], "interval": "1m", "from": "2026-11-02", "to": "2026-11-07"}
    accepted = await user.http.post("/api/v1/backfills", json=asked)
    assert accepted.status_code == 202, accepted.text
    ended = await finished(user, accepted.json()["id"])
    assert ended["state"] == "done", ended
    assert ended["chunks_done"] == ended["chunks_total"] > 0

    window = {"from": "2026-11-02", "to": "2026-11-07"}
    minutes = (await user.http.get("/api/v1/candles/NSE:RELIANCE", params={"interval": "1m", **window})).json()
    quarters = (await user.http.get("/api/v1/candles/NSE:RELIANCE", params={"interval": "15m", **window})).json()
    assert len(minutes["t"]) == ended["candles_written"]
    assert sum(minutes["v"]) == sum(quarters["v"])
    assert max(minutes["h"]) == max(quarters["h"])
    nine_fifteen = (9 * 3600 + 15 * 60) - 19800
    assert all((moment - nine_fifteen) % 900 == 0 for moment in quarters["t"])
    assert quarters["t"][0] % 86400 == nine_fifteen

    uri = stack.url.replace("http", "ws") + "/ws/v1/stream"
    async with websockets.connect(uri, open_timeout=60) as socket:
        await socket.send(json.dumps({"action": "auth", "token": user.token}))
        assert (await read_until(socket, "authenticated"))["expires_at"]
        channels = ["tick:NSE:RELIND", "candle:1m:NSE:RELIANCE", "depth:NSE:RELIANCE"]
        await socket.send(json.dumps({"action": "subscribe", "id": 1, "channels": channels}))
        subscribed = await read_until(socket, "subscribed")
        assert sorted(subscribed["channels"]) == sorted(
            ["tick:NSE:RELIANCE", "candle:1m:NSE:RELIANCE", "depth:NSE:RELIANCE"]
        )
        tick = await read_until(socket, "tick")
        assert tick["symbol"] == "NSE:RELIANCE"
        assert tick["low"] <= tick["ltp"] <= tick["high"]
        following = await read_until(socket, "tick")
        assert following["seq"] > tick["seq"]
        depth = await read_until(socket, "depth")
        assert len(depth["bids"]) == len(depth["asks"]) == 5
        assert depth["bids"][0][0] < depth["asks"][0][0]
        candle = await read_until(socket, "candle")
        assert candle["interval"] == "1m"
        assert candle["t"] % 60 == 0
        assert candle["l"] <= candle["c"] <= candle["h"]


async def test_the_demo_user_sees_live_data_at_once(admin: httpx.AsyncClient, stack: StackProcess) -> None:
    token = admin.headers["Authorization"].removeprefix("Bearer ")
    async with websockets.connect(stack.url.replace("http", "ws") + "/ws/v1/stream", open_timeout=60) as socket:
        await socket.send(json.dumps({"action": "auth", "token": token}))
        await socket.send(json.dumps({"action": "subscribe", "id": 1, "channels": ["tick:NSE_INDEX:NIFTY"]}))
        assert (await read_until(socket, "tick"))["symbol"] == "NSE_INDEX:NIFTY"
    quotes = await admin.get("/api/v1/quotes", params={"symbols": "NSE_INDEX:NIFTY,NSE:INFY"})
    assert {item["symbol"] for item in quotes.json()["items"]} == {"NSE_INDEX:NIFTY", "NSE:INFY"}
    candles = await admin.get("/api/v1/candles/NSE:RELIANCE", params={"interval": "1d", "limit": 5})
    assert len(candles.json()["t"]) > 0


async def test_a_user_without_a_broker_session_is_fed_by_the_operators(user: ApiUser, stack: StackProcess) -> None:
    async with websockets.connect(stack.url.replace("http", "ws") + "/ws/v1/stream", open_timeout=60) as socket:
        await socket.send(json.dumps({"action": "auth", "token": user.token}))
        await socket.send(json.dumps({"action": "subscribe", "id": 1, "channels": ["tick:NSE:INFY"]}))
        assert (await read_until(socket, "tick"))["symbol"] == "NSE:INFY"


async def test_a_second_sync_of_the_same_master_changes_nothing(admin: httpx.AsyncClient) -> None:
    before = (await admin.get("/api/v1/instruments/sync")).json()["items"]
    assert (await admin.post("/api/v1/instruments/sync")).status_code == 202

    async def another_run() -> bool:
        runs = (await admin.get("/api/v1/instruments/sync")).json()["items"]
        return len(runs) > len(before) and runs[0]["state"] in ("completed", "failed", "succeeded", "done")

    await eventually(another_run, 180, every=0.3)
    newest = (await admin.get("/api/v1/instruments/sync")).json()["items"][0]
    assert (newest["added"], newest["changed"], newest["expired"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/api/v1/auth/register", {"email": "no", "password": "x" * 20}, 422, "invalid_input"),
        ("POST", "/api/v1/auth/register", {"email": "a@example.com", "password": "short"}, 422, None),
        ("POST", "/api/v1/auth/register", {"email": "demo@example.com", "password": "password1"}, 422, None),
        ("POST", "/api/v1/auth/login", {"email": "demo@example.com", "password": "wrong-password"}, 401, None),
        (
            "POST",
            "/api/v1/auth/login",
            {"email": "demo@example.com", "password": "x", "extra": 1},
            422,
            "invalid_input",
        ),
        ("POST", "/api/v1/broker-accounts", {"broker": "zerodha"}, 422, "invalid_input"),
        ("GET", "/api/v1/broker-accounts/not-a-uuid", None, 422, None),
        ("GET", "/api/v1/broker-accounts/00000000-0000-0000-0000-000000000000", None, 404, None),
        ("GET", "/api/v1/instruments/NSE:NOSUCHTHING", None, 404, "instrument_not_found"),
        ("GET", "/api/v1/instruments/nonsense", None, 404, "instrument_not_found"),
        ("GET", "/api/v1/candles/NSE:RELIANCE?interval=7m", None, 422, "unsupported_interval"),
        ("GET", "/api/v1/candles/NSE:RELIANCE?interval=1m&from=yesterday", None, 422, None),
        ("GET", "/api/v1/candles/NSE:NOSUCHTHING?interval=1m", None, 404, "instrument_not_found"),
        ("POST", "/api/v1/backfills", {"symbols": [], "interval": "1m"}, 422, None),
        (
            "POST",
            "/api/v1/backfills",
            {"symbols": ["NSE:RELIANCE"], "interval": "1m", "from": "2026-11-07", "to": "2026-11-02"},
            422,
            None,
        ),
        (
            "POST",
            "/api/v1/backfills",
            {"symbols": ["NSE:NOSUCHTHING"], "interval": "1m", "from": "2026-11-02", "to": "2026-11-03"},
            404,
            "instrument_not_found",
        ),
        ("GET", "/api/v1/backfills/00000000-0000-0000-0000-000000000000", None, 404, None),
        ("POST", "/api/v1/instruments/sync", None, 403, "admin_only"),
        ("GET", "/api/v1/nothing", None, 404, "route_not_found"),
    ],
)
async def test_bad_input_is_a_problem_document(
    user: ApiUser, method: str, path: str, body: dict[str, Any] | None, status: int, code: str | None
) -> None:
    answer = await user.http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    if code is not None:
        assert problem["code"] == code
    if status == 422 and code == "invalid_input":
        assert problem["errors"]


@pytest.mark.parametrize("path", ["/api/v1/candles/NSE:RELIANCE", "/api/v1/broker-accounts", "/api/v1/instruments"])
@pytest.mark.parametrize("token", [None, "nonsense", "a.b.c"])
async def test_strangers_are_refused(stack: StackProcess, path: str, token: str | None) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        answer = await http.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_wrong_broker_secret_says_so_and_rejects_the_session(user: ApiUser) -> None:
    await user.add_broker_account()
    answer = await user.http.post(
        f"/api/v1/broker-accounts/{user.account_id}/session", json={"api_session": "00000000"}
    )
    assert answer.status_code in (401, 422, 502)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"].startswith("broker_")
    assert (await user.session())["state"] == "rejected"


async def test_another_users_broker_account_does_not_exist(user: ApiUser, stack: StackProcess) -> None:
    await user.add_broker_account()
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        other = ApiUser(http)
        await other.register()
        await other.sign_in()
        for path in ("", "/session", "/login-url", "/funds"):
            answer = await other.http.get(f"/api/v1/broker-accounts/{user.account_id}{path}")
            assert answer.status_code == 404, path


async def test_the_openapi_document_covers_every_service(stack: StackProcess) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        document = (await http.get("/openapi.json")).json()
        docs = await http.get("/docs")
    paths = set(document["paths"])
    assert docs.status_code == 200
    assert {
        "/api/v1/auth/register",
        "/api/v1/auth/login",
        "/api/v1/broker-accounts",
        "/api/v1/instruments/search",
        "/api/v1/candles/{symbol}",
        "/api/v1/backfills",
        "/api/v1/system/status",
    } <= paths
    assert not [path for path in paths if path.startswith("/internal")]


async def test_no_log_line_holds_a_secret(user: ApiUser, stack: StackProcess) -> None:
    await user.connect_broker()
    await user.http.get(f"/api/v1/broker-accounts/{user.account_id}/funds")
    for secret in (user.password, user.token, user.refresh_token, "sim-secret"):
        assert secret not in stack.log
