"""One connection over several sockets: rooms beyond what one carries open another, and all of them end together."""

import asyncio
from collections.abc import AsyncIterator, Collection
from types import SimpleNamespace

import pytest

from breezeway.errors import UpstreamUnavailable
from breezeway.testing.eventually import eventually
from market_data_service.adapters.feed.source import BreezeConnection


class FakeFeed:
    """A socket that brings what it is given."""

    def __init__(self) -> None:
        self.rooms: set[str] = set()
        self.orders: bool | None = None
        self.closed = False
        self.bars_lost = 0
        self.coming: asyncio.Queue[object] = asyncio.Queue()

    async def connect(self, *, orders: bool) -> None:
        self.orders = orders

    async def join(self, rooms: Collection[str]) -> None:
        self.rooms |= set(rooms)

    async def leave(self, rooms: Collection[str]) -> None:
        self.rooms -= set(rooms)

    async def batches(self) -> AsyncIterator[list[tuple[object, int]]]:
        while True:
            event = await self.coming.get()
            if isinstance(event, Exception):
                raise event
            yield [(event, 1)]

    def stats(self) -> SimpleNamespace:
        return SimpleNamespace(received=1, malformed=2, dropped=3)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def feeds() -> list[FakeFeed]:
    return []


@pytest.fixture
def heard() -> list[object]:
    return []


@pytest.fixture
async def connection(feeds: list[FakeFeed], heard: list[object]) -> AsyncIterator[BreezeConnection]:
    def open_feed() -> FakeFeed:
        feeds.append(FakeFeed())
        return feeds[-1]

    made = BreezeConnection(open_feed, lambda event, _at: heard.append(event), rooms_per_socket=2)  # type: ignore[arg-type]
    await made.open(orders=True)
    yield made
    await made.close()


async def test_rooms_are_spread_and_given_back(
    connection: BreezeConnection, feeds: list[FakeFeed], heard: list[object]
) -> None:
    await connection.join(["a", "b", "c", "d", "e"])
    assert [feed.rooms for feed in feeds] == [{"a", "b"}, {"c", "d"}, {"e"}]
    assert [feed.orders for feed in feeds] == [True, False, False]
    await connection.leave(["b", "c"])
    await connection.join(["f", "g", "a"])
    assert [feed.rooms for feed in feeds] == [{"a", "f"}, {"d", "g"}, {"e"}]
    for number, feed in enumerate(feeds):
        feed.coming.put_nowait(number)
    await eventually(lambda: sorted(heard) == [0, 1, 2])  # type: ignore[type-var]
    stats = connection.stats()
    assert (stats.received, stats.malformed, stats.dropped, stats.sockets) == (3, 6, 9, 3)


async def test_the_loss_of_one_socket_is_the_loss_of_the_connection(
    connection: BreezeConnection, feeds: list[FakeFeed]
) -> None:
    await connection.join(["a", "b", "c"])
    feeds[1].coming.put_nowait(UpstreamUnavailable("lost", code="broker_feed_disconnected"))
    assert await asyncio.wait_for(connection.wait_closed(), 60) == "broker_feed_disconnected"
    await connection.close()
    assert all(feed.closed for feed in feeds)
