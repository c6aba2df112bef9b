"""The supervisor and its session, with fakes: who may publish, when to connect, what to do when refused."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from pydantic import SecretStr

from breezeway.breeze.events import QuoteTick
from breezeway.candles.folding import Bar
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment, BrokerSession, BrokerSessionState
from breezeway.contracts.instruments import Instrument
from breezeway.errors import BreezewayError, Unauthenticated, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.testing.eventually import eventually
from market_data_service.application.feed_ports import FeedStats, OnTick, Outgoing
from market_data_service.application.feed_session import FeedParts, FeedRules
from market_data_service.application.feed_supervisor import FeedSupervisor, SupervisorRules

FAST = FeedRules(
    flush_seconds=0.0,
    tend_seconds=0.01,
    describe_seconds=0.02,
    rooms_seconds=0.02,
    leave_after_seconds=0.1,
    backoff_first=0.01,
    backoff_most=0.02,
    refused_seconds=0.2,
    store_seconds=0.02,
    refill_after_seconds=0.05,
)
QUICK = SupervisorRules(discover_every=0.1, poll_every=0.02, interest_every=0.02, idle_after=0.1, rest=0.05)
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
    def __init__(self, on_tick: OnTick) -> None:
        self.on_tick = on_tick
        self.joined: list[str] = []
        self.left: list[str] = []
        self.closed = False
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def join(self, rooms: Collection[str]) -> None:
        self.joined += rooms

    async def leave(self, rooms: Collection[str]) -> None:
        self.left += rooms

    async def wait_closed(self) -> str:
        return await asyncio.shield(self._end)

    def stats(self) -> FeedStats:
        return FeedStats(1, 0, 0)

    async def close(self) -> None:
        self.closed = True

    def lose(self, reason: str = "lost") -> None:
        self._end.set_result(reason)


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
    now_: datetime = OPEN
    log: list[str] = field(default_factory=list)

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

    async def connect(self, credentials: BrokerCredentials, on_tick: OnTick) -> FakeConnection:
        if self.failures:
            raise self.failures.pop(0)
        self.log.append("connect")
        connection = FakeConnection(on_tick)
        self.connections.append(connection)
        return connection

    async def publish(self, lease: FakeLease, messages: Sequence[Outgoing]) -> bool:
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

    def now(self) -> datetime:
        return self.now_

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
            calendar=MarketCalendar.default(),
            market_time=lambda _session: self,
            now_ms=lambda: int(self.now_.timestamp() * 1000),
            time=asyncio.get_running_loop().time,
        )
        supervisor = FeedSupervisor(self.leases, parts, rules, QUICK)  # type: ignore[arg-type]
        task = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


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


async def test_a_wanted_feed_is_connected_joined_and_published() -> None:
    world = World(channels={"tick:NSE:A", "depth:NSE:B", "tick:NSE:NOBODY"})
    async with world.running():
        await eventually(lambda: bool(world.connections) and len(world.connections[0].joined) == 2, 5)
        assert sorted(world.connections[0].joined) == ["4.1!A", "4.2!B"]
        world.connections[0].on_tick(quote("4.1!A"), 5)
        await eventually(lambda: bool(world.bodies("tick")), 5)
        assert world.bodies("tick")[0]["symbol"] == "NSE:A"
        await eventually(lambda: world.facts.get("state") == "live", 5)
    assert world.connections[0].closed
    assert world.leases.given[0].released


async def test_a_feed_that_nobody_wants_is_left_alone_and_later_let_go() -> None:
    world = World(channels=set())
    async with world.running() as supervisor:
        await asyncio.sleep(0.1)
        assert world.leases.given == []
        world.channels.add("tick:NSE:A")
        supervisor.interest_changed(world.feed)
        await eventually(lambda: bool(world.connections), 5)
        world.channels.clear()
        await eventually(lambda: world.leases.given[0].released, 5)
        assert world.connections[0].closed


async def test_a_standby_waits_for_the_lease() -> None:
    world = World()
    world.leases.held = True
    async with world.running():
        await asyncio.sleep(0.1)
        assert world.connections == []
        world.leases.held = False
        await eventually(lambda: bool(world.connections), 5)


async def test_losing_the_lease_stops_publishing_before_anything_else() -> None:
    world = World()
    async with world.running():
        await eventually(lambda: bool(world.connections) and bool(world.connections[0].joined), 5)
        lease, connection = world.leases.given[0], world.connections[0]
        world.leases.held = True
        before = len(world.published)
        lease.valid = False
        connection.on_tick(quote("4.1!A"), 5)
        await eventually(lambda: connection.closed, 5)
        assert len(world.published) == before


async def test_a_refused_publish_ends_the_tenure() -> None:
    world = World()
    async with world.running() as supervisor:
        await eventually(lambda: bool(world.connections) and bool(world.connections[0].joined), 5)
        world.accepting, world.leases.held = False, True
        world.connections[0].on_tick(quote("4.1!A"), 5)
        await eventually(lambda: world.connections[0].closed, 5)
        await eventually(lambda: not supervisor.tenures, 5)


async def test_a_redis_that_is_away_for_a_moment_does_not_cost_the_feed() -> None:
    world = World()
    async with world.running():
        await eventually(lambda: bool(world.connections), 5)
        world.leases.given[0].unreachable = True
        await asyncio.sleep(0.1)
        assert not world.connections[0].closed
        world.leases.given[0].valid = False
        await eventually(lambda: world.connections[0].closed, 5)


async def test_credentials_are_read_on_every_connect() -> None:
    world = World()
    async with world.running():
        await eventually(lambda: bool(world.connections), 5)
        world.version = 2
        world.connections[0].lose()
        await eventually(lambda: len(world.connections) == 2, 5)
    assert [line for line in world.log if line.startswith("credentials")][:2] == ["credentials 1", "credentials 2"]
    assert world.connections[0].closed


async def test_a_new_broker_session_replaces_the_socket_at_once() -> None:
    world = World()
    async with world.running(replace(FAST, backoff_first=60, backoff_most=60)) as supervisor:
        await eventually(lambda: bool(world.connections), 5)
        world.version = 2
        supervisor.sessions_changed()
        await eventually(lambda: len(world.connections) == 2, 5)
        assert world.connections[0].closed


async def test_a_refused_session_is_reported_and_tried_again_only_after_a_while() -> None:
    world = World(failures=[Unauthenticated("no", code="broker_feed_refused")] * 2)
    async with world.running():
        await eventually(lambda: bool(world.reports), 5)
        await asyncio.sleep(0.1)
        assert world.reports == [(1, "broker_feed_refused")]
        assert world.facts["state"] == "session_expired"
        await eventually(lambda: bool(world.connections), 5)


async def test_an_ended_session_lets_the_feed_go() -> None:
    world = World()
    async with world.running() as supervisor:
        await eventually(lambda: bool(world.connections), 5)
        world.active_ = False
        supervisor.sessions_changed()
        await eventually(lambda: world.connections[0].closed, 5)


async def test_a_lost_socket_becomes_a_gap_before_the_next_tick_and_a_refill() -> None:
    world = World(channels={"tick:NSE:A", "candle:1m:NSE:A"})
    async with world.running():
        await eventually(lambda: bool(world.connections) and bool(world.connections[0].joined), 5)
        world.connections[0].on_tick(quote("4.1!A"), 5)
        await eventually(lambda: bool(world.bodies("tick")), 5)
        world.connections[0].lose()
        await eventually(lambda: len(world.connections) == 2 and bool(world.connections[1].joined), 5)
        world.now_ = OPEN + timedelta(seconds=3)
        world.connections[1].on_tick(quote("4.1!A", world.now_), 6)
        await eventually(lambda: len(world.bodies("tick")) == 2, 5)
        kinds = [(m.channel, orjson.loads(m.body)["type"]) for _, m in world.published if m.channel != "feed"]
        last = [kind for channel, kind in kinds if channel == "tick:NSE:A"]
        assert last == ["tick", "gap", "tick"]
        assert ("candle:1m:NSE:A", "gap") in kinds
        gap = world.bodies("gap")[0]
        start = int(OPEN.timestamp() * 1000)
        assert (gap["from"], gap["to"], gap["reason"]) == (start, start + 3_000, "lost")
        await eventually(lambda: bool(world.refills), 5)
        assert world.refills[0] == (frozenset({"NSE:A"}), OPEN, OPEN + timedelta(minutes=1))


async def test_a_takeover_announces_what_the_predecessor_may_have_missed() -> None:
    before = int((OPEN - timedelta(seconds=2)).timestamp() * 1000)
    world = World(facts={"last_event_ms": str(before)})
    async with world.running():
        await eventually(lambda: bool(world.connections) and bool(world.connections[0].joined), 5)
        world.connections[0].on_tick(quote("4.1!A"), 5)
        await eventually(lambda: bool(world.bodies("gap")), 5)
        assert (world.bodies("gap")[0]["from"], world.bodies("gap")[0]["reason"]) == (before, "takeover")


async def test_rooms_follow_interest_and_leave_late() -> None:
    world = World()
    async with world.running() as supervisor:
        await eventually(lambda: bool(world.connections) and bool(world.connections[0].joined), 5)
        connection = world.connections[0]
        world.channels = {"tick:NSE:B"}
        supervisor.interest_changed(world.feed)
        await eventually(lambda: "4.1!B" in connection.joined, 5)
        assert connection.left == []
        await eventually(lambda: connection.left == ["4.1!A"], 5)


async def test_closed_minutes_reach_the_sink() -> None:
    world = World()
    async with world.running():
        await eventually(lambda: bool(world.connections) and bool(world.connections[0].joined), 5)
        for minute in range(4):
            world.connections[0].on_tick(quote("4.1!A", OPEN + timedelta(minutes=minute), 100.0 + minute), 5)
        await eventually(lambda: bool(world.stored), 5)
        assert [bar.t for bar in world.stored["NSE:A"]] == [int(OPEN.timestamp()) + 60, int(OPEN.timestamp()) + 120]
