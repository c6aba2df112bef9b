"""An alert, a fill and an expired session each reach web, e-mail and webhook once, whatever dies in between."""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from breezeway import cancellation
from breezeway.client.asynchronous import Breezeway
from breezeway.client.messages import Event, Lost
from breezeway.ids import new_id
from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.mail_server import MailServer, mail_server
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

KINDS = ("alert.fired", "order.filled", "broker_session.expired")
SYMBOL = "NSE:RELIANCE"
PATIENCE = 240.0


class Receiver:
    """A webhook's receiver that can be gone. `taken` are the events it has answered 204 to."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/told"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            await reader.readexactly(int(headers.get("content-length", "0")))
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
            self.taken.append(headers["breezeway-event"])
        writer.close()


@pytest_asyncio.fixture
async def mails() -> AsyncIterator[tuple[MailServer, dict[str, Any]]]:
    async with mail_server() as running:
        yield running


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def own_stack(tmp_path: Path, mails: tuple[MailServer, dict[str, Any]]) -> Any:
    """A stack of its own, that sends mails, retries soon, and whose processes the test kills."""
    environment = {name: str(value) for name, value in mails[1].items()} | {
        "BREEZE_SIM_CLOCK": "replay:2026-11-18",
        "NOTIFY_RETRY_SECONDS": "0.5",
        "NOTIFY_LEASE_SECONDS": "15",
        "BREEZEWAY_WEBHOOK_ALLOW_HTTP": "true",
        "BREEZEWAY_WEBHOOK_ALLOW_NETWORKS": '["127.0.0.0/8"]',
    }
    with StackProcess(tmp_path / "once", environment=environment) as running:
        running.start(240)
        yield running


async def told(user: ApiUser) -> dict[str, dict[str, Any]]:
    """The user's inbox by kind; each kind that the test is about must be there once at most."""
    with suppress(httpx.TransportError):
        answer = await user.http.get("/api/v1/notifications")
        if answer.status_code == 200:
            items = [item for item in answer.json()["items"] if item["kind"] in KINDS]
            assert len({item["kind"] for item in items}) == len(items), items
            return {item["kind"]: item for item in items}
    return {}


async def settled_user(stack: StackProcess, http: httpx.AsyncClient, mails: MailServer, receiver: Receiver) -> ApiUser:
    """A user with a confirmed address, a broker session, and a webhook; everything goes everywhere."""
    user = ApiUser(http)
    await user.register()
    await user.sign_in()
    await eventually(lambda: bool(mails_to(user, mails)), PATIENCE)
    found = re.search(r"verify-email#token=(\S+)", mails_to(user, mails)[0].get_content())
    assert found is not None
    assert (await http.post("/api/v1/auth/email/verify", json={"token": found[1]})).status_code == 204
    await user.connect_broker()
    channels = {kind: ["web", "email", "webhook"] for kind in KINDS}
    changed = await http.put("/api/v1/notifications/preferences", json={"channels": channels})
    assert changed.status_code == 200, changed.text
    hook = await http.post("/api/v1/webhooks", json={"url": receiver.url})
    assert hook.status_code == 201, hook.text
    return user


def mails_to(user: ApiUser, mails: MailServer) -> list[EmailMessage]:
    return [mail for mail in mails.mails if mail["to"] == user.email]


async def die(stack: StackProcess, receiver: Receiver, death: str) -> None:
    if death == "receiver":
        await receiver.stop()
        return
    for name in ("notifications", "notifications-worker") if death == "notifications" else (death,):
        with suppress(AssertionError, ProcessLookupError):
            os.kill(stack.component(name), signal.SIGKILL)


async def buy_one(user: ApiUser, account: str) -> None:
    order = {"account_id": account, "symbol": SYMBOL, "side": "buy", "quantity": "1"}
    order |= {"order_type": "market", "product": "cnc"}
    headers = {"Idempotency-Key": new_id().hex}

    async def taken() -> bool:
        with suppress(httpx.TransportError):
            answer = await user.http.post("/api/v1/trading/orders", json=order, headers=headers)
            assert answer.status_code == 201 or answer.status_code >= 429, answer.text
            return answer.status_code == 201
        return False

    await eventually(taken, PATIENCE, every=0.3)


async def session_expired(user: ApiUser) -> bool:
    with suppress(httpx.TransportError, ValueError):
        await user.http.get(f"/api/v1/broker-accounts/{user.account_id}/funds")
        return bool((await user.session()).get("state") == "expired")
    return False


async def live_through(death: str, stack: StackProcess, mails: MailServer, receiver: Receiver) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        user = await settled_user(stack, http, mails, receiver)
        opened = await http.post("/api/v1/trading/accounts", json={"name": "Paper", "initial_cash": "1000000.00"})
        assert opened.status_code == 201, opened.text
        shown: list[Event] = []
        live = asyncio.Event()

        async def listen() -> None:
            async with Breezeway(stack.url) as client:
                await client.login(user.email, user.password)
                stream = client.stream()
                await stream.subscribe("notifications")
                live.set()
                async for message in stream:
                    assert not isinstance(message, Lost)
                    if isinstance(message, Event) and message.body.get("kind") in KINDS:
                        shown.append(message)

        listening = asyncio.create_task(listen())
        try:
            await eventually(lambda: live.is_set() or listening.done(), PATIENCE)
            async with StreamClient.connect(stack.url.replace("http", "ws", 1) + "/ws/v1/stream", user.token) as stream:
                await stream.subscribe([f"tick:{SYMBOL}"])
                tick = await stream.next("tick", seconds=PATIENCE)
            level = {"symbol": SYMBOL, "condition": "volume_above", "value": str(tick["volume"] + 500)}
            alert = await http.post("/api/v1/alerts", json=level)
            assert alert.status_code == 201, alert.text
            await die(stack, receiver, death)
            await buy_one(user, opened.json()["id"])

            async def has(*kinds: str) -> bool:
                assert not listening.done(), listening.exception()
                return set(kinds) <= (await told(user)).keys()

            await eventually(lambda: has("alert.fired", "order.filled"), PATIENCE, every=0.3)
            if death != "receiver":
                await die(stack, receiver, death)
            async with httpx.AsyncClient() as plain:
                fault = {"kind": "expire_session", "user_id": broker_user_of(user)}
                answer = await plain.post(f"{user.simulator}/_sim/faults", json=fault)
                assert (answer.status_code, answer.json()["affected"]) == (200, 1), answer.text
            await eventually(lambda: session_expired(user), PATIENCE, every=0.3)
            await eventually(lambda: has(*KINDS), PATIENCE, every=0.3)
            if death == "receiver":
                await receiver.start()
            inbox = await told(user)
            ids = {item["id"] for item in inbox.values()}
            titles = {f"Breezeway: {item['title']}" for item in inbox.values()}

            def mailed() -> dict[str, str]:
                found = {
                    str(mail["message-id"]): " ".join(str(mail["subject"]).split()) for mail in mails_to(user, mails)
                }
                return {number: subject for number, subject in found.items() if subject in titles}

            await eventually(lambda: ids <= {str(each.body["id"]) for each in shown}, PATIENCE)
            await eventually(lambda: ids <= set(receiver.taken), PATIENCE)
            await eventually(lambda: set(mailed().values()) == titles, PATIENCE)
            # Whatever would come a second time has had its chance: longer than a lease.
            await asyncio.sleep(20)
            assert Counter(str(each.body["id"]) for each in shown) == dict.fromkeys(ids, 1)
            assert sorted(mailed().values()) == sorted(titles)
            if death != "notifications":
                # Who dies after a receiver has answered and before that is written down asks again, under the same id.
                assert Counter(event for event in receiver.taken if event in ids) == dict.fromkeys(ids, 1)
        finally:
            await cancellation.end([listening])


def broker_user_of(user: ApiUser) -> str:
    """As `ApiUser.own_app` names it at the simulator."""
    return f"U{user.api_key.removeprefix('k+').removesuffix('=').upper()}"


async def test_three_events_reach_three_channels_once_through_three_deaths(
    own_stack: StackProcess, mails: tuple[MailServer, dict[str, Any]], receiver: Receiver
) -> None:
    for death in ("receiver", "notifications", "valkey"):
        await live_through(death, own_stack, mails[0], receiver)
        print(f"{death}: everything was told once")
