"""API keys, disabled users and rotated keys over the whole stack: every service and the stream agree within seconds."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets
from jose import jws

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

ME = "/api/v1/users/me"
KEYS = "/api/v1/auth/api-keys"
BACKFILL = {"symbols": ["NSE:RELIANCE"], "interval": "1m", "from": "2026-11-17", "to": "2026-11-18"}
READS = {
    "auth": ME,
    "instruments": "/api/v1/instruments/search?q=RELIANCE",
    "market-data": "/api/v1/watchlists",
    "trading": "/api/v1/trading/accounts",
}


async def make_key(user: ApiUser, *scopes: str) -> dict[str, Any]:
    answer = await user.http.post(KEYS, json={"name": "e2e", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@asynccontextmanager
async def program(stack: StackProcess, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has nothing but an API key."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, headers={"X-API-Key": key}) as http:
        yield http


@asynccontextmanager
async def stream(stack: StackProcess, **proof: str) -> AsyncIterator[websockets.ClientConnection]:
    """An authenticated stream."""
    url = stack.url.replace("http", "ws", 1) + "/ws/v1/stream"
    async with websockets.connect(url, compression=None, proxy=None, open_timeout=60) as socket:
        await socket.send(json.dumps({"action": "auth", **proof}))
        async with asyncio.timeout(60):
            (welcome,) = json.loads(await socket.recv())
        assert welcome["type"] == "authenticated", welcome
        yield socket


async def closes(socket: websockets.ClientConnection) -> int:
    """The code with which the socket closes. It takes milliseconds; a busy machine may take longer."""
    async with asyncio.timeout(60):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006


async def refused(http: httpx.AsyncClient) -> bool:
    answers = await asyncio.gather(*(http.get(path) for path in READS.values()))
    return all(answer.status_code == 401 for answer in answers)


async def test_a_key_works_everywhere_within_its_scopes_until_it_is_deleted(stack: StackProcess, user: ApiUser) -> None:
    reader, data = await make_key(user, "read"), await make_key(user, "data")
    async with program(stack, reader["key"]) as http, program(stack, data["key"]) as downloader:
        for path in READS.values():
            assert (await http.get(path)).status_code == 200, path
        refusal = await http.post("/api/v1/backfills", json=BACKFILL)
        assert (refusal.status_code, refusal.json()["code"]) == (403, "scope_missing")
        allowed = await downloader.post("/api/v1/backfills", json=BACKFILL)
        assert allowed.status_code != 403, allowed.text
        managing = await downloader.post(KEYS, json={"name": "x", "scopes": ["read"]})
        assert (managing.status_code, managing.json()["code"]) == (403, "sign_in_required")
        async with stream(stack, api_key=reader["key"]) as socket:
            assert (await user.http.delete(f"{KEYS}/{reader['id']}")).status_code == 204
            assert await closes(socket) == 4401
        await eventually(lambda: refused(http), 60)
        assert (await downloader.get(READS["market-data"])).status_code == 200, "the other key goes on"


async def test_a_disabled_user_is_out_everywhere(stack: StackProcess, user: ApiUser, admin: httpx.AsyncClient) -> None:
    key = await make_key(user, "read")
    me = (await user.http.get(ME)).json()["id"]
    async with (
        program(stack, key["key"]) as http,
        stream(stack, token=user.token) as own,
        stream(stack, api_key=key["key"]) as programs,
    ):
        assert (await http.get(ME)).status_code == 200
        assert (await admin.post(f"/api/v1/users/{me}/disable")).status_code == 200
        assert await asyncio.gather(closes(own), closes(programs)) == [4401, 4401]
        await eventually(lambda: refused(user.http), 60)
        await eventually(lambda: refused(http), 60)
        await admin.post(f"/api/v1/users/{me}/enable")
        await asyncio.sleep(1.1)  # a token of the second in which everything was revoked does not count
        await user.sign_in()

        async def key_is_back() -> bool:
            return (await http.get(ME)).status_code == 200

        await eventually(key_is_back, 60)


async def test_a_13_signing_keys_rotate_under_traffic(stack: StackProcess, user: ApiUser) -> None:
    """A-13: `breezeway keys rotate` on a running stack; tokens of both keys count everywhere, and no request fails."""
    before = await key_ids(user.http)
    old_token = user.token
    failures: list[tuple[str, int]] = []
    stop = asyncio.Event()

    async def traffic() -> None:
        while not stop.is_set():
            refreshed = await user.http.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token})
            user.refresh_token = refreshed.json()["refresh_token"]
            headers = {"Authorization": f"Bearer {refreshed.json()['access_token']}"}
            for path in READS.values():
                for sent in (headers, {"Authorization": f"Bearer {old_token}"}):
                    answer = await user.http.get(path, headers=sent)
                    if answer.status_code != 200:
                        failures.append((path, answer.status_code))
            await asyncio.sleep(0.5)

    client = asyncio.create_task(traffic())
    try:
        rotated = await asyncio.to_thread(breezeway, stack, "keys", "rotate")
        assert rotated.returncode == 0, rotated.stderr

        async def published() -> bool:
            return len(await key_ids(user.http)) == len(before) + 1

        await eventually(published, 90)
        (new,) = await key_ids(user.http) - before

        async def signs() -> bool:
            answer = await user.http.post("/api/v1/auth/login", json={"email": user.email, "password": user.password})
            return bool(answer.is_success) and kid_of(answer.json()["access_token"]) == new

        started = time.monotonic()
        while not await signs():
            assert time.monotonic() - started < 150, "the new key does not sign"
            await asyncio.sleep(3)
        await asyncio.sleep(3)
    finally:
        stop.set()
        await client
    assert failures == []


async def test_operators_ask_the_running_stack(stack: StackProcess, user: ApiUser) -> None:
    await user.add_broker_account()
    audit = await asyncio.to_thread(breezeway, stack, "audit", "verify")
    assert (audit.returncode, audit.stderr) == (0, "")
    vault = await asyncio.to_thread(breezeway, stack, "vault", "rotate")
    assert vault.returncode == 0, vault.stderr
    assert "Nothing needs another key" in vault.stdout


async def key_ids(http: httpx.AsyncClient) -> set[str]:
    return {key["kid"] for key in (await http.get("/.well-known/jwks.json")).json()["keys"]}


def kid_of(token: str) -> str:
    return str(jws.get_unverified_header(token)["kid"])


def breezeway(stack: StackProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    command = [sys.executable, "-m", "breezeway.cli.main", *arguments]
    environment = {**ours, "BREEZEWAY_HOME": str(stack.home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
