"""The drill: under load every process is killed with -9 in turn, is back by itself, and no order event is lost."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from breezeway.client.asynchronous import Breezeway
from breezeway.client.messages import Event, Lost
from breezeway.ids import new_id
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

BACK_SECONDS = 10.0
WORKERS = ("trading-worker", "feed-owner", "instruments-worker", "market-data-worker", "notifications-worker")
PROCESSES = (
    *("gateway", "auth", "instruments", "market-data", "trading", "notifications"),
    *WORKERS,
    *("simulator", "valkey", "postgres"),
)
DEMO = ("demo@example.com", "breezeway-demo")


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[StackProcess]:
    """A stack of its own: what the drill does to it would be the next test's surprise."""
    with StackProcess(tmp_path / "drill", environment={"BREEZE_SIM_CLOCK": "replay:2026-11-18"}) as running:
        running.start(180)
        yield running


@dataclass
class Book:
    """What was promised, and what was told."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Order to the process that had been killed last when it was accepted."""
    killed: str = ""
    told: dict[str, list[str]] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)
    epochs: set[str] = field(default_factory=set)
    refused: int = 0
    listening: bool = False


async def trade(client: httpx.AsyncClient, account: str, price: str, book: Book) -> None:
    """Place orders, each until it is answered; a repetition has the same key, so it is the same order."""
    while True:
        order = {
            "account_id": account,
            "symbol": "NSE:RELIANCE",
            "side": "buy",
            "quantity": "1",
            "order_type": "limit",
            "price": price,
            "product": "cnc",
        }
        headers = {"Idempotency-Key": new_id().hex}
        answer: httpx.Response | None = None
        while answer is None or answer.status_code != 201:
            try:
                answer = await client.post("/api/v1/trading/orders", json=order, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is None or answer.status_code in (401, 429) or answer.status_code >= 500:
                book.refused += 1
                await asyncio.sleep(0.3)
                if answer is not None and answer.status_code == 401:
                    await sign_in(client)
                continue
            assert answer.status_code == 201, answer.text
        book.accepted[answer.json()["id"]] = book.killed
        await asyncio.sleep(0.2)


async def listen(url: str, book: Book) -> None:
    """Hear the user's orders as any client does: it reconnects and goes on where it was."""
    async with Breezeway(url) as client:
        await client.login(*DEMO)
        stream = client.stream()
        await stream.subscribe("orders")
        book.listening = True
        async for message in stream:
            assert not isinstance(message, Lost)
            if not isinstance(message, Event) or message.place is None:
                continue
            book.offsets.append(message.place.offset)
            book.epochs.add(message.place.epoch)
            if message.type == "order":
                book.told.setdefault(str(message.body["id"]), []).append(str(message.body["state"]))


async def sign_in(client: httpx.AsyncClient) -> None:
    with suppress(httpx.TransportError):
        answer = await client.post("/api/v1/auth/login", json={"email": DEMO[0], "password": DEMO[1]})
        if answer.status_code == 200:
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def kill(stack: StackProcess, name: str) -> int:
    """Kill one process as the kernel does when memory runs out; its process id."""
    pid = stack.component(name)
    os.kill(pid, signal.SIGKILL)
    return pid


async def back(stack: StackProcess, name: str, killed: int) -> float:
    """Seconds until another process does its work and the public side is ready."""
    started = time.monotonic()

    async def there() -> bool:
        with suppress(AssertionError, httpx.TransportError, psutil.NoSuchProcess):
            if stack.component(name) == killed or not stack.is_ready(name):
                return False
            if name in WORKERS:
                # The supervisor only sees that they live; they tell of themselves once they have started.
                await asyncio.to_thread(stack.metrics, name)
            async with httpx.AsyncClient(base_url=stack.url, timeout=3) as http:
                return (await http.get("/readyz")).status_code == 200
        return False

    await eventually(there, seconds=60, every=0.1)
    return time.monotonic() - started


async def test_every_process_may_be_killed_and_no_order_event_is_lost(own_stack: StackProcess) -> None:
    book = Book()
    seconds: dict[str, float] = {}
    async with httpx.AsyncClient(base_url=own_stack.url, timeout=10) as http:
        await sign_in(http)
        opened = await http.post("/api/v1/trading/accounts", json={"name": "Drill", "initial_cash": "900000000.00"})
        assert opened.status_code == 201, opened.text
        quote = (await http.get("/api/v1/quotes", params={"symbols": "NSE:RELIANCE"})).json()["items"][0]
        # Far enough below the market to stay open, near enough to be allowed.
        price = f"{int(quote['ltp'] * 0.97)}.00"
        async with asyncio.TaskGroup() as group:
            hearing = group.create_task(listen(own_stack.url, book))
            # An order from before is not one that was lost.
            await eventually(lambda: book.listening, seconds=60)
            trading = group.create_task(trade(http, opened.json()["id"], price, book))
            await eventually(lambda: len(book.told) > 3, seconds=60)
            for name in PROCESSES:
                book.killed = name
                seconds[name] = await back(own_stack, name, kill(own_stack, name))
                placed = len(book.accepted)
                await eventually(lambda placed=placed: len(book.accepted) > placed + 2, seconds=60)
            trading.cancel()
            with suppress(TimeoutError):
                await eventually(lambda: book.accepted.keys() <= book.told.keys(), seconds=60)
            hearing.cancel()
    # On two cores a process that starts needs them for one to three seconds: beside ten others that compute, for ten.
    told = {name: round(value, 1) for name, value in seconds.items()}
    print(f"{told}, {len(book.accepted)} orders, {book.refused} refusals, load {os.getloadavg()[0]:.0f}")
    assert {each: killed for each, killed in book.accepted.items() if each not in book.told} == {}
    # Told at least once, in order, without a hole: what a client may be told twice it knows by its offset. When Valkey
    # was killed a new epoch begins, in which the offsets go on.
    assert len(book.epochs) <= 2
    assert sorted(set(book.offsets)) == list(range(min(book.offsets), max(book.offsets) + 1))
    late = {name: value for name, value in seconds.items() if value > BACK_SECONDS}
    assert late == {}
