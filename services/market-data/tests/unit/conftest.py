"""A world around a feed supervisor: fakes of its ports, and what happened to them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest
from pydantic import SecretStr

from breezeway import cancellation
from breezeway.breeze.events import OrderUpdate, QuoteTick
from breezeway.candles.folding import Bar
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment, BrokerSession, BrokerSessionState
from breezeway.contracts.instruments import Instrument
from breezeway.errors import BreezewayError, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.feed_ports import FeedStats, OnEvent, Outgoing
from market_data_service.application.feed_session import FeedParts, FeedRules
from market_data_service.application.feed_socket import SocketRules
from market_data_service.application.feed_supervisor import FeedSupervisor, SupervisorRules

FAST = FeedRules(
    flush_seconds=0.0,
    tend_seconds=0.01,
    describe_seconds=0.02,
    rooms_seconds=0.02,
    leave_after_seconds=0.1,
    store_seconds=0.02,
    orders_seconds=0.01,
    refill_after_seconds=0.05,
    socket=SocketRules(backoff_first=0.01, backoff_most=0.02, refused=0.2, look=0.05),
)
QUICK = SupervisorRules(
    discover_every=0.1, poll_every=0.02, interest_every=0.02, idle_after=0.1, rest=0.05, census_every=0.02
)
OPEN = datetime(2026, 11, 18, 5, 0, tzinfo=UTC)


def quote(room: str, at: datetime = OPEN, price: float = 100.0) -> QuoteTick:
    none = (None,) * 8
    return QuoteTick(
        *(room, "1", "NSE", price, int(at.timestamp() * 1000), 99.0, 101.0, 98.0, 99.5, 0.5),
        *none[:7],
        *(1_000, None, None, None, None, None, None, None, None),
    )


class FakeLease:
    def __init__(self, feed: str, fence: int) -> None:
        self.feed, self.fence, self.holder = feed, fence, f"me#{fence}"
        self.valid = True
        self.renew_every = 0.02
        self.released = False
        self.unreachable = False

    async def renew(self) -> bool:
        if self.unreachable:
            raise UpstreamUnavailable("away")
        return self.valid

    async def release(self) -> None:
        self.released = True
        self.valid = False


class FakeLeases:
    """Free, unless `held` by somebody else."""

    def __init__(self) -> None:
        self.held = False
        self.given: list[FakeLease] = []

    async def acquire(self, feed: str) -> FakeLease | None:
        if self.held:
            return None
        lease = FakeLease(feed, len(self.given) + 1)
        self.given.append(lease)
        return lease


class FakeConnection:
    def __init__(self, on_event: OnEvent) -> None:
        self.on_event = on_event
        self.joined: list[str] = []
        self.left: list[str] = []
        self.bars: list[tuple[str, str]] = []
        self.bars_left: list[str] = []
        self.bars_lost = 0
        self.bars_away: BreezewayError | None = None
        self.closed = False
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def join(self, rooms: Collection[str]) -> None:
        self.joined += rooms

    async def leave(self, rooms: Collection[str]) -> None:
        self.left += rooms

    async def join_bars(self, rooms: Collection[str], interval: str) -> None:
        if self.bars_away is not None:
            raise self.bars_away
        self.bars += [(room, str(interval)) for room in rooms]

    async def leave_bars(self, rooms: Collection[str]) -> None:
        self.bars_left += rooms

    async def wait_closed(self) -> str:
        return await asyncio.shield(self._end)

    def stats(self) -> FeedStats:
        return FeedStats(1, 0, 0)

    async def close(self) -> None:
        self.closed = True

    def lose(self, reason: str = "lost") -> None:
        if not self._end.done():
            self._end.set_result(reason)


@dataclass
class Meter:
    """`published` is a list elsewhere in the world, so the meter has a face of its own."""

    world: "World"

    def published(self, seconds: float) -> None:
        assert seconds is not None

    def tick_age(self, seconds: float) -> None:
        self.world.ages.append(seconds)

    def gap(self, reason: str, seconds: float) -> None:
        self.world.gap_reasons.append(reason)


@dataclass
class World:
    """Everything around a supervisor, and what happened to it."""

    account: UUID = field(default_factory=new_id)
    user: UUID = field(default_factory=new_id)
    version: int = 1
    active_: bool = True
    channels: set[str] = field(default_factory=lambda: {"tick:NSE:A"})
    leases: FakeLeases = field(default_factory=FakeLeases)
    connections: list[FakeConnection] = field(default_factory=list)
    failures: list[BreezewayError] = field(default_factory=list)
    published: list[tuple[int, Outgoing]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    reports: list[tuple[int, str]] = field(default_factory=list)
    refills: list[tuple[frozenset[str], datetime, datetime]] = field(default_factory=list)
    stored: dict[str, list[Bar]] = field(default_factory=dict)
    accepting: bool = True
    redis_away: bool = False
    owners: int = 1
    orders: list[tuple[UUID, OrderUpdate]] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    gap_reasons: list[str] = field(default_factory=list)
    now_: datetime = OPEN
    log: list[str] = field(default_factory=list)

    open_at = OPEN
    fast = FAST
    quote = staticmethod(quote)

    @property
    def feed(self) -> str:
        return str(self.account)

    def session(self) -> BrokerSession:
        return BrokerSession(
            account_id=self.account,
            user_id=self.user,
            environment=BrokerEnvironment.SIMULATOR,
            state=BrokerSessionState.ACTIVE,
            version=self.version,
        )

    def bodies(self, kind: str) -> list[dict[str, object]]:
        decoded = [orjson.loads(message.body) for _, message in self.published]
        return [body for body in decoded if body["type"] == kind]

    # The ports, one after the other.

    async def active(self) -> Sequence[BrokerSession]:
        return [self.session()] if self.active_ else []

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        self.log.append(f"credentials {self.version}")
        secret = SecretStr("s")
        return BrokerCredentials(
            account_id=account_id,
            user_id=self.user,
            environment=BrokerEnvironment.SIMULATOR,
            version=self.version,
            api_key=secret,
            api_secret=secret,
            broker_user_id="U",
            session_key=secret,
            expires_at=OPEN + timedelta(hours=8),
        )

    async def report_refused(self, account_id: UUID, version: int, reason: str) -> None:
        self.reports.append((version, reason))

    async def connect(self, credentials: BrokerCredentials, on_event: OnEvent) -> FakeConnection:
        if self.failures:
            raise self.failures.pop(0)
        self.log.append("connect")
        connection = FakeConnection(on_event)
        self.connections.append(connection)
        return connection

    async def publish(self, lease: FakeLease, messages: Sequence[Outgoing]) -> bool:
        if self.redis_away:
            raise UpstreamUnavailable("away")
        if self.accepting:
            self.published += [(lease.fence, message) for message in messages]
        return self.accepting

    async def describe(self, lease: FakeLease, facts: Mapping[str, str]) -> bool:
        self.facts = dict(facts)
        return self.accepting

    async def described(self, feed: str) -> Mapping[str, str]:
        return self.facts

    async def wanted(self, feed: str) -> frozenset[str]:
        return frozenset(self.channels)

    async def resolve(self, symbols: Collection[str]) -> Mapping[str, Instrument]:
        return {s: instrument(s) for s in symbols if s != "NSE:NOBODY"}

    async def store(self, bars: Mapping[str, Sequence[Bar]]) -> None:
        for symbol, seen in bars.items():
            self.stored.setdefault(symbol, []).extend(seen)

    async def minutes(self, symbol: str, start: int, end: int) -> Sequence[Bar]:
        return []

    async def request(self, user_id: UUID, symbols: Collection[str], start: datetime, end: datetime) -> None:
        self.refills.append((frozenset(symbols), start, end))

    async def append(self, user_id: UUID, order: OrderUpdate, name: UUID) -> None:
        if self.redis_away:
            raise UpstreamUnavailable("away")
        self.orders.append((user_id, order))

    async def count(self) -> int:
        return self.owners

    def now(self) -> datetime:
        return self.now_

    def meter(self) -> "Meter":
        return Meter(self)

    @asynccontextmanager
    async def running(self, rules: FeedRules = FAST) -> AsyncIterator[FeedSupervisor]:
        parts = FeedParts(
            source=self,  # type: ignore[arg-type]
            sessions=self,
            publisher=self,  # type: ignore[arg-type]
            interest=self,
            instruments=self,
            sink=self,
            history=self,
            refill=self,
            orders=self,
            meter=self.meter(),
            calendar=MarketCalendar.default(),
            market_time=lambda _session: self,
            now_ms=lambda: int(self.now_.timestamp() * 1000),
            time=asyncio.get_running_loop().time,
        )
        supervisor = FeedSupervisor(self.leases, self, parts, rules, QUICK)  # type: ignore[arg-type]
        task = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            await cancellation.end([task])


def instrument(symbol: str) -> Instrument:
    return Instrument(
        instrument_id=1,
        symbol=symbol,
        exchange="NSE",
        segment="cash",
        type="equity",  # type: ignore[arg-type]
        name=symbol,
        lot_size=1,
        tick_size="0.05",  # type: ignore[arg-type]
        broker_code=symbol,
        broker_token=f"4.1!{symbol[-1]}",
    )


@pytest.fixture
def world() -> type[World]:
    """Makes a world; also the way to its constants."""
    return World
