"""What tests of feed ownership look at: the owner's own words, the simulator's journal, the ticks that arrive."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from redis.asyncio import Redis

from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack
from breezeway.testing.stream_client import StreamClient

T = TypeVar("T")

EPOCH = 10_000_000
"""`seq // EPOCH` is the fence of the owner that made a tick."""


@asynccontextmanager
async def listening(feeds: FeedStack, symbols: int = 20, *extra: str) -> AsyncIterator[StreamClient]:
    """A client that already hears ticks of the first `symbols` shares."""
    channels = [f"tick:{symbol}" for symbol in list(feeds.neighbours.tokens)[:symbols]]
    async with StreamClient.connect(feeds.stream_url, feeds.neighbours.access_token()) as client:
        await client.subscribe([*channels, *extra, "feed"])
        await client.next("tick", seconds=60)
        yield client


async def state_of(feeds: FeedStack, redis: "Redis") -> dict[str, str]:
    """What the feed's owner says of itself."""
    raw: dict[bytes, bytes] = await redis.hgetall(keys.feed_state(feeds.feed))  # type: ignore[misc]
    return {key.decode(): value.decode() for key, value in raw.items()}


async def described(feeds: FeedStack, redis: "Redis", *, after_fence: int = 0) -> dict[str, str]:
    """The owner's words once it is live, has heard something, and has a fence above `after_fence`."""
    state: dict[str, str] = {}

    async def live() -> bool:
        nonlocal state
        state = await state_of(feeds, redis)
        return state.get("state") == "live" and "last_event_ms" in state and int(state.get("fence", "0")) > after_fence

    await eventually(live, 90)
    return state


async def standby(feeds: FeedStack, redis: "Redis") -> None:
    """Start another candidate and return once it competes, however long its start takes on a busy machine."""
    process = feeds.start_owner()

    async def counted() -> bool:
        owners: list[bytes] = await redis.zrange(keys.feed_owners(), 0, -1)
        return any(owner.endswith(b":%d" % process.pid) for owner in owners)

    await eventually(counted, 120)


async def while_reading(client: StreamClient, work: Coroutine[Any, Any, T]) -> T:
    """Do `work` while everything that arrives is read and thrown away: who does not read is dropped as too slow."""
    task = asyncio.create_task(work)
    while not task.done():
        async for _ in client.messages(0.1):
            pass
    return task.result()


async def tick_of_epoch(client: StreamClient, epoch: int, seconds: float) -> dict[str, Any]:
    """The first tick of an owner with a fence of at least `epoch`."""
    async with asyncio.timeout(seconds):
        while True:
            message = await client.read()
            if message["type"] == "tick" and message["seq"] // EPOCH >= epoch:
                return message


async def feed_state(client: StreamClient, state: str, seconds: float = 90) -> dict[str, Any]:
    """The message that says that the feed has entered `state`."""
    async with asyncio.timeout(seconds):
        while True:
            message = await client.next("feed", seconds=seconds)
            if message["state"] == state:
                return message


async def live_sockets(feeds: FeedStack) -> int:
    """Authenticated sockets at the simulator now."""
    async with httpx.AsyncClient() as http:
        stats = (await http.get(feeds.simulator_url + "/_sim/stats")).json()
    return sum(stats["sockets"].values())


async def journal(feeds: FeedStack, since: int = 0) -> list[dict[str, Any]]:
    """Everything the simulator has noted after entry number `since`."""
    entries: list[dict[str, Any]] = []
    async with httpx.AsyncClient() as http:
        while True:
            params = {"since": since, "limit": 10_000}
            items = (await http.get(feeds.simulator_url + "/_sim/journal", params=params)).json()["items"]
            if not items:
                return entries
            entries += items
            since = items[-1]["seq"]


def most_sockets(entries: list[dict[str, Any]]) -> int:
    """The most authenticated quote sockets that one user ever had at the same time."""
    open_now: dict[str, set[str]] = defaultdict(set)
    most = 0
    for entry in entries:
        if entry["kind"] != "socket" or entry["endpoint"] != "socket.io":
            continue
        theirs = open_now[entry["user_id"]]
        if entry["event"] == "connect":
            theirs.add(entry["sid"])
        elif entry["event"] in ("disconnect", "cut"):
            theirs.discard(entry["sid"])
        most = max(most, len(theirs))
    return most
