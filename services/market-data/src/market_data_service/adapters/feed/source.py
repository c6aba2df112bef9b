"""The broker's sockets as the feed session needs them."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection

from breezeway import cancellation
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.events import Advice
from breezeway.breeze.feed import BreezeFeed
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.errors import BreezewayError, Misconfigured, UpstreamUnavailable
from breezeway.intervals import Interval
from market_data_service.application.feed_ports import FeedStats, OnEvent

ROOMS_PER_SOCKET = 3_000
"""The broker documents no limit. Comparable ones take 3,000 instruments a socket."""


class BreezeConnection:
    """Implements `feed_ports.FeedConnection`: a task a socket moves what it brings to `on_event`.

    One socket carries `rooms_per_socket` rooms; the rooms beyond open further ones in the same session's name. When
    any of them ends, the whole connection has ended: whoever connects again starts with none.

    Args:
        open_feed: makes a socket that is not connected yet.
    """

    def __init__(
        self, open_feed: Callable[[], BreezeFeed], on_event: OnEvent, *, rooms_per_socket: int = ROOMS_PER_SOCKET
    ) -> None:
        self._open_feed = open_feed
        self._on_event = on_event
        self._rooms_per_socket = rooms_per_socket
        self._feeds: list[BreezeFeed] = []
        self._load: Counter[int] = Counter()
        self._place: dict[str, int] = {}
        self._readers: list[asyncio.Task[None]] = []
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._closed = False

    async def open(self, *, orders: bool) -> None:
        """Open the first socket, and the orders' own where the broker has one."""
        await self._add(orders=orders)

    async def join(self, rooms: Collection[str]) -> None:
        chosen: defaultdict[int, list[str]] = defaultdict(list)
        for room in rooms:
            chosen[await self._place_for(room)].append(room)
        for number, names in chosen.items():
            await self._feeds[number].join(names)

    async def leave(self, rooms: Collection[str]) -> None:
        chosen: defaultdict[int, list[str]] = defaultdict(list)
        for room in rooms:
            number = self._place.pop(room, None)
            if number is not None:
                self._load[number] -= 1
                chosen[number].append(room)
        for number, names in chosen.items():
            await self._feeds[number].leave(names)

    @property
    def bars_lost(self) -> int:
        return self._feeds[0].bars_lost if self._feeds else 0

    async def join_bars(self, rooms: Collection[str], interval: Interval) -> None:
        await self._feeds[0].join_ohlc(rooms, interval.value)

    async def leave_bars(self, rooms: Collection[str]) -> None:
        await self._feeds[0].leave_ohlc(rooms)

    async def wait_closed(self) -> str:
        # Shielded, because whoever stops waiting has not stopped the sockets.
        return await asyncio.shield(self._ended)

    def stats(self) -> FeedStats:
        stats = [feed.stats() for feed in self._feeds]
        return FeedStats(
            received=sum(each.received for each in stats),
            malformed=sum(each.malformed for each in stats),
            dropped=sum(each.dropped for each in stats),
            sockets=len(stats),
        )

    async def close(self) -> None:
        self._closed = True
        try:
            await asyncio.gather(*(feed.close() for feed in self._feeds))
        finally:
            await cancellation.end(self._readers)
            self._end("closed")

    async def _place_for(self, room: str) -> int:
        known = self._place.get(room)
        if known is not None:
            return known
        number = next((n for n in range(len(self._feeds)) if self._load[n] < self._rooms_per_socket), None)
        if number is None:
            number = len(self._feeds)
            await self._add(orders=False)
        self._place[room] = number
        self._load[number] += 1
        return number

    async def _add(self, *, orders: bool) -> None:
        feed = self._open_feed()
        await feed.connect(orders=orders)
        if self._closed:
            await feed.close()
            raise UpstreamUnavailable("The connection was closed meanwhile.", code="broker_feed_disconnected")
        self._feeds.append(feed)
        self._readers.append(asyncio.create_task(self._read(feed), name=f"feed-reader-{len(self._feeds)}"))

    async def _read(self, feed: BreezeFeed) -> None:
        try:
            async for batch in feed.batches():
                for event, received_ms in batch:
                    if not isinstance(event, Advice):
                        self._on_event(event, received_ms)
        except BreezewayError as error:
            self._end(error.code)
        else:
            self._end("closed")

    def _end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)


class BreezeSource:
    """Implements `feed_ports.FeedSource`.

    Args:
        endpoints: where an environment's sockets are. Raises Misconfigured for one that is not set up.
    """

    def __init__(
        self,
        endpoints: Callable[[BrokerEnvironment], BreezeEndpoints],
        *,
        rooms_per_socket: int = ROOMS_PER_SOCKET,
    ) -> None:
        self._endpoints = endpoints
        self._rooms_per_socket = rooms_per_socket

    async def connect(self, credentials: BrokerCredentials, on_event: OnEvent) -> BreezeConnection:
        endpoints = self._endpoints(credentials.environment)

        def open_feed() -> BreezeFeed:
            return BreezeFeed(endpoints, credentials.broker_user_id, credentials.session_key.get_secret_value())

        connection = BreezeConnection(open_feed, on_event, rooms_per_socket=self._rooms_per_socket)
        # The broker has a host of its own for orders. Where both are one origin, as in the simulator, every socket
        # hears the orders, and a second one would hear them twice.
        await connection.open(orders=endpoints.live_feed_url != endpoints.live_stream_url)
        return connection


def endpoints_of(simulator_url: str | None) -> Callable[[BrokerEnvironment], BreezeEndpoints]:
    """The endpoints by environment; the simulator's only where its address is known."""

    def endpoints(environment: BrokerEnvironment) -> BreezeEndpoints:
        if environment is BrokerEnvironment.LIVE:
            return BreezeEndpoints.live()
        if simulator_url is None:
            raise Misconfigured("The account is a simulator's, but BREEZE_SIMULATOR_URL is not set.")
        return BreezeEndpoints.single_origin(simulator_url)

    return endpoints
