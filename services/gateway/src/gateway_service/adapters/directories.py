"""Who serves a user, and what a symbol is called: asked from auth and instruments, remembered for a while."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from uuid import UUID

from breezeway.contracts.broker import BrokerSession
from breezeway.contracts.instruments import ResolveAnswer, ResolveRequest
from breezeway.http.client import ServiceClient

_FEED_SECONDS = 30.0
_SYMBOL_SECONDS = 300.0
_UNKNOWN_SECONDS = 10.0
_MAX_USERS = 10_000
_MAX_SYMBOLS = 50_000
_BATCH = 500


class AuthFeedDirectory:
    """Implements `stream_ports.FeedDirectory`: the feed is named after the broker account whose session it is."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth
        self._known: OrderedDict[UUID, tuple[float, str]] = OrderedDict()
        self._asking: dict[UUID, asyncio.Task[str]] = {}

    async def feed_of(self, user_id: UUID) -> str:
        known = self._known.get(user_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        # One question a user, however many of their connections come back in the same moment.
        asking = self._asking.get(user_id)
        if asking is None:
            asking = self._asking[user_id] = asyncio.create_task(self._ask(user_id), name="feed-lookup")
            asking.add_done_callback(lambda done: self._answered(user_id, done))
        return await asyncio.shield(asking)

    def _answered(self, user_id: UUID, asking: "asyncio.Task[str]") -> None:
        if self._asking.get(user_id) is asking:
            del self._asking[user_id]
        if not asking.cancelled():
            asking.exception()  # those who wait have it; nobody may be waiting any more

    async def _ask(self, user_id: UUID) -> str:
        session = await self._auth.call("GET", f"/internal/users/{user_id}/broker-session", BrokerSession)
        feed = str(session.account_id)
        self._known[user_id] = (time.monotonic() + _FEED_SECONDS, feed)
        if len(self._known) > _MAX_USERS:
            self._known.popitem(last=False)
        return feed

    def forget(self) -> None:
        """Ask again for everybody."""
        self._known.clear()
        # An answer that is on its way may be the old one.
        self._asking.clear()


class InstrumentSymbols:
    """Implements `stream_ports.SymbolDirectory`. Unknown names are remembered too, so that a wrong client is cheap."""

    def __init__(self, instruments: ServiceClient) -> None:
        self._instruments = instruments
        self._known: OrderedDict[str, tuple[float, str | None]] = OrderedDict()

    async def canonical(self, names: Collection[str]) -> Mapping[str, str]:
        now = time.monotonic()
        asked = sorted(n for n in names if (k := self._known.get(n)) is None or k[0] <= now)
        for start in range(0, len(asked), _BATCH):
            await self._ask(asked[start : start + _BATCH], now)
        found = {}
        for name in names:
            known = self._known.get(name)
            if known is not None and known[1] is not None:
                found[name] = known[1]
        while len(self._known) > _MAX_SYMBOLS:
            self._known.popitem(last=False)
        return found

    async def _ask(self, names: list[str], now: float) -> None:
        answer = await self._instruments.call(
            "POST", "/internal/instruments/resolve", ResolveAnswer, json=ResolveRequest(symbols=names)
        )
        found = {item.asked: item.instrument for item in answer.items}
        for name in names:
            instrument = found.get(name)
            self._known.pop(name, None)
            self._known[name] = (
                (now + _SYMBOL_SECONDS, instrument.symbol) if instrument is not None else (now + _UNKNOWN_SECONDS, None)
            )
