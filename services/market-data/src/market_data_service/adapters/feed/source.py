"""The broker's socket as the feed session needs it."""

import asyncio
from collections.abc import Callable, Collection

import structlog

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.events import DepthTick, QuoteTick
from breezeway.breeze.feed import BreezeFeed
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.errors import BreezewayError, Misconfigured
from market_data_service.application.feed_ports import FeedStats, OnTick

_log = structlog.get_logger()


class BreezeConnection:
    """Implements `feed_ports.FeedConnection`: one task moves what the socket brings to `on_tick`."""

    def __init__(self, feed: BreezeFeed, on_tick: OnTick) -> None:
        self._feed = feed
        self._on_tick = on_tick
        self._reader = asyncio.create_task(self._read(), name="feed-reader")

    async def join(self, rooms: Collection[str]) -> None:
        await self._feed.join(rooms)

    async def leave(self, rooms: Collection[str]) -> None:
        await self._feed.leave(rooms)

    async def wait_closed(self) -> str:
        # Shielded, because whoever stops waiting has not stopped the socket.
        return await asyncio.shield(self._reader)

    def stats(self) -> FeedStats:
        stats = self._feed.stats()
        return FeedStats(received=stats.received, malformed=stats.malformed, dropped=stats.dropped)

    async def close(self) -> None:
        await self._feed.close()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> str:
        try:
            async for batch in self._feed.batches():
                for event, received_ms in batch:
                    if isinstance(event, QuoteTick | DepthTick):
                        self._on_tick(event, received_ms)
        except BreezewayError as error:
            return error.code
        return "closed"


class BreezeSource:
    """Implements `feed_ports.FeedSource`.

    Args:
        endpoints: where an environment's sockets are. Raises Misconfigured for one that is not set up.
    """

    def __init__(self, endpoints: Callable[[BrokerEnvironment], BreezeEndpoints]) -> None:
        self._endpoints = endpoints

    async def connect(self, credentials: BrokerCredentials, on_tick: OnTick) -> BreezeConnection:
        feed = BreezeFeed(
            self._endpoints(credentials.environment),
            credentials.broker_user_id,
            credentials.session_key.get_secret_value(),
        )
        await feed.connect()
        return BreezeConnection(feed, on_tick)


def endpoints_of(simulator_url: str | None) -> Callable[[BrokerEnvironment], BreezeEndpoints]:
    """The endpoints by environment; the simulator's only where its address is known."""

    def endpoints(environment: BrokerEnvironment) -> BreezeEndpoints:
        if environment is BrokerEnvironment.LIVE:
            return BreezeEndpoints.live()
        if simulator_url is None:
            raise Misconfigured("The account is a simulator's, but BREEZE_SIMULATOR_URL is not set.")
        return BreezeEndpoints.single_origin(simulator_url)

    return endpoints
