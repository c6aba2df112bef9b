"""Live accounts on a real database, with a broker that the test makes and breaks."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import sqlalchemy as sa

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.orders import BreezeOrders
from breezeway.breeze.transport import BreezeTransport
from breezeway.breeze.values import BreezeCredentials, BrokerInstrument
from breezeway.contracts.instruments import Instrument
from breezeway.errors import BreezewayError, OutcomeUnknown
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Order, OrderType, Product, Side
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.testing.broker_simulator import BrokerSimulator
from breezeway.testing.clock import FixedClock
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.adapters.db.live import PostgresLive
from trading_service.application.desk import Desk, DeskRules
from trading_service.application.hearing import Hearing
from trading_service.application.live_gtt import LiveGtts
from trading_service.application.live_placing import LiveRules, LiveTrading
from trading_service.application.live_ports import BookRow, BrokerWord, Missed, NoticePlace, Route
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.live_routing import LiveRouter
from trading_service.application.placing import CancelOrder, ModifyOrder, PlaceOrder
from trading_service.application.reconciling import Reconciler
from trading_service.application.recording import Recorder
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Risk
from trading_service.domain.accounts import AccountKind, TradingAccount

SHARE = "NSE:A"


@dataclass
class Broker:
    """A broker that has what it was sent, and says so unless it is told to fail. `calls` are those that change."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, BookRow] = field(default_factory=dict)
    keeps_tags: bool = True
    before: BreezewayError | None = None
    """Raised by the next changing call, which does nothing then."""
    after: BreezewayError | None = None
    """Raised by the next changing call, which has done its work then."""
    refuses: BreezewayError | None = None
    """Raised when a call wants its turn."""
    ignores: bool = False
    """Whether changes are confirmed and not made."""
    blind: BreezewayError | None = None
    """Raised by reading calls."""
    hides: bool = False
    """Whether orders that arrive are not in the book yet."""
    reported: list[str] = field(default_factory=list)
    deaf: BreezewayError | None = None
    """Raised when it is reported that a session has ended."""
    waiting: Callable[[], None] | None = None
    """Called when a call waits for its turn."""
    during: Callable[[], None] | None = None

    async def line(self, account: TradingAccount) -> "Broker":
        return self

    async def reserve(self, kind: str) -> None:
        if self.waiting is not None:
            self.waiting()
        if self.refuses is not None:
            raise self.refuses

    async def place(self, order: Order, route: Route) -> str:
        number = f"20261120N{len(self.calls):09d}"

        def effect() -> None:
            word = BrokerWord(number, "ordered", order.quantity, 0, None, route.price, order.trigger_price, read=True)
            tag = route.tag if self.keeps_tags else ""
            self.rows[number] = BookRow(word, tag, order.symbol, order.side.value, None)

        self._change("square_off" if route.square_off else "place", route.tag, effect)
        return number

    async def modify(self, order: Order, route: Route) -> None:
        number = route.broker_order_id or ""
        self._change("modify", number, lambda: self.say(number, price=order.price, quantity=order.quantity))

    async def cancel(self, order: Order, route: Route) -> None:
        number = route.broker_order_id or ""
        self._change("cancel", number, lambda: self.say(number, status="cancelled"))

    async def look(self, order: Order, broker_order_id: str) -> BrokerWord | None:
        if self.blind is not None:
            raise self.blind
        row = self.rows.get(broker_order_id)
        return None if row is None else row.word

    async def book(self, order: Order, day: datetime) -> list[BookRow]:
        if self.blind is not None:
            raise self.blind
        return [] if self.hides else list(self.rows.values())

    async def refused(self, detail: str) -> None:
        if self.deaf is not None:
            raise self.deaf
        self.reported.append(detail)

    def say(self, number: str, **changes: Any) -> None:
        """Change an order at the broker, silently."""
        row = self.rows[number]
        self.rows[number] = replace(row, word=replace(row.word, **changes))

    def _change(self, kind: str, what: str, effect: Callable[[], None]) -> None:
        self.calls.append((kind, what))
        if self.during is not None:
            self.during()
        before, self.before = self.before, None
        if before is not None:
            raise before
        if not self.ignores:
            effect()
        after, self.after = self.after, None
        if after is not None:
            raise after

    def placed(self) -> list[str]:
        return [what for kind, what in self.calls if kind in ("place", "square_off")]


@dataclass
class Notifications:
    """What the feed owner has published."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    epoch: str = "e"
    lost: bool = False

    async def since(self, user_id: UUID, place: NoticePlace | None) -> Missed:
        begin = 0 if place is None else place.offset
        now = NoticePlace(len(self.messages), self.epoch)
        if self.lost:
            self.lost = False
            return Missed(now, (), complete=False)
        read = [(NoticePlace(n + 1, self.epoch), m) for n, m in enumerate(self.messages) if n >= begin]
        return Missed(now, read, complete=True)


@dataclass
class Listing:
    """The instruments of the test's market, and more."""

    market: Any
    more: dict[str, Instrument] = field(default_factory=dict)

    async def resolve(self, symbol: str) -> Instrument:
        found = self.more.get(symbol)
        return found if found is not None else await self.market.resolve(symbol)


@dataclass
class Live:
    """The live side of the service. `broker`, `notices` and `wall` are the test's to move."""

    service: Any
    user: UUID
    account: TradingAccount
    broker: Broker
    notices: Notifications
    wall: FixedClock
    place: PlaceOrder
    modify: ModifyOrder
    cancel: CancelOrder
    router: LiveRouter
    reconciler: Reconciler
    hearing: Hearing
    recorder: LiveRecorder
    listing: Listing
    trading: LiveTrading
    gtts: LiveGtts

    def work(self) -> PostgresLive:
        return PostgresLive(self.service.engine)

    async def another_account(self) -> None:
        """Go on with a new account of the user's."""
        self.account = await open_live(self.work, self.user)

    async def order(self, quantity: int = 10, price: str | None = "100", side: str = "buy", **more: Any) -> UUID:
        """Place an order; its id."""
        request = OrderRequest(
            account_id=self.account.id,
            symbol=more.pop("symbol", SHARE),
            side=Side(side),
            quantity=quantity,
            order_type=OrderType(more.pop("order_type", "limit" if price is not None else "market")),
            product=Product(more.pop("product", "cnc")),
            price=None if price is None else Decimal(price),
            **more,
        )
        return (await self.place(self.user, request)).id

    async def send(self) -> None:
        """Let the router send what waits."""
        await self.router.begin()
        await self.router.drain()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in steps, reconciling at each."""
        for _ in range(int(seconds)):
            self.wall.advance(1)
            await self.reconciler.run_once()

    async def state(self, order_id: UUID) -> tuple[str, str | None]:
        stored = await self.service.stored(order_id)
        return stored.state.value, stored.code

    async def number(self, order_id: UUID) -> str:
        async with self.work() as work:
            route = await work.route(order_id)
        assert route is not None
        assert route.broker_order_id is not None
        return route.broker_order_id

    async def events(self, order_id: UUID) -> list[tuple[str, str]]:
        async with self.work() as work:
            return [(each.kind, each.code) for each in await work.events(order_id)]

    async def unsettled(self) -> int:
        async with self.work() as work:
            return len(await work.unsettled_commands()) + len(await work.waiting_commands(100))

    async def account_state(self) -> AccountState:
        async with self.work() as work:
            found = await work.account(self.user, self.account.id)
        assert found is not None
        return found.state

    async def tell(self, number: str, status: str, filled: int, average: str = "100", quantity: int = 10) -> None:
        """Let the broker notify of an order."""
        self.notify(number, status, filled, average, quantity)
        await self.hearing.run_once()

    def notify(self, number: str, status: str, filled: int, average: str = "100", quantity: int = 10) -> None:
        self.notices.messages.append(
            {
                "type": "broker_order",
                "broker_order_id": number,
                "status": status,
                "quantity": quantity,
                "filled_quantity": filled,
                "average_price": average if filled else None,
            }
        )


async def open_live(work: Callable[[], PostgresLive], user: UUID) -> TradingAccount:
    """A live account, as one that passed the gate."""
    account = TradingAccount(
        id=new_id(),
        user_id=user,
        name=f"live {new_id().hex}",
        kind=AccountKind.LIVE,
        state=AccountState.ACTIVE,
        charge_plan="none",
        initial_cash=Decimal(0),
        created_at=datetime.now(UTC),
        opened_at=datetime.now(UTC),
        broker_account_id=new_id(),
    )
    async with work() as transaction:
        await transaction.add_account(account)
        await transaction.commit()
    return account


@pytest_asyncio.fixture
async def live(service: Any) -> AsyncIterator[Live]:
    async with service.engine.begin() as connection:
        await connection.execute(sa.text("TRUNCATE broker_notices, broker_notice_places"))

    def work() -> PostgresLive:
        return PostgresLive(service.engine)

    user, market, wall = new_id(), service.market, FixedClock(datetime.now(UTC))
    broker, notices = Broker(), Notifications()
    listing = Listing(market)
    desk = Desk(listing, market, market, MarketCalendar.default(), Risk(), DeskRules(requests_per_second=1000))
    trading = LiveTrading(work, desk, market, wall, LiveRules(most_value=Decimal(100_000)))
    recorder = LiveRecorder(Recorder(work, MarketCalendar.default(), Risk(), lambda _symbol: None), market)
    router = LiveRouter(work, recorder, broker, wall)
    reconciler = Reconciler(work, recorder, broker, wall, router.in_flight)
    yield Live(
        service=service,
        user=user,
        account=await open_live(work, user),
        broker=broker,
        notices=notices,
        wall=wall,
        place=PlaceOrder(service.work, desk, market, wall, trading),
        modify=ModifyOrder(service.work, desk, market, wall, trading),
        cancel=CancelOrder(service.work, desk, market, wall, trading),
        router=router,
        reconciler=reconciler,
        hearing=Hearing(work, recorder, notices, reconciler.sweep_soon),
        recorder=recorder,
        listing=listing,
        trading=trading,
        gtts=LiveGtts(lambda: PostgresGtts(service.engine), trading, desk, market, wall),
    )
    await router.drain()


@pytest.fixture
def unknown() -> BreezewayError:
    """A call of which nobody knows whether it took effect."""
    return OutcomeUnknown("No answer.", code="broker_outcome_unknown")


@dataclass
class Simulated:
    """The simulator, a share of it, and a price at which an order rests."""

    process: BrokerSimulator
    price: str
    instrument: dict[str, Any]

    def job(self, live: Live) -> dict[str, Any]:
        """What a trading process needs to know."""
        clock = self.process.control("GET", "clock")
        return {
            "simulator_url": self.process.url,
            "user": str(live.user),
            "account": str(live.account.id),
            "credentials": {**self.process.credentials(), "user_id": str(live.user)},
            "instrument": self.instrument,
            "price": self.price,
            "other_price": str(int(self.price) - 5),
            "exchange_now": clock["exchange_now"],
            "wall_now": clock["wall_now"],
            "delay": 0,
        }


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerSimulator]:
    """The broker, without its limits."""
    log = tmp_path_factory.mktemp("simulator") / "log"
    with BrokerSimulator(log, {"BREEZE_SIM_LIMITS": "off"}) as running:
        yield running


@pytest_asyncio.fixture
async def broker_simulator(simulator_process: BrokerSimulator) -> AsyncIterator[Simulated]:
    """The broker, without faults."""
    simulator_process.control("DELETE", "faults")
    yield await _simulated(simulator_process)
    simulator_process.control("DELETE", "faults")


@pytest_asyncio.fixture
async def forgetful_simulator(tmp_path: Path) -> AsyncIterator[Simulated]:
    """A broker of this test alone, whose book has lost the remarks."""
    environment = {"BREEZE_SIM_LIMITS": "off", "BREEZE_SIM_ORDERS_SHOW_REMARK": "false"}
    with BrokerSimulator(tmp_path / "log", environment) as running:
        yield await _simulated(running)


async def _simulated(process: BrokerSimulator) -> Simulated:
    transport = BreezeTransport(BreezeEndpoints.single_origin(process.url))
    client = BreezeOrders(transport, Unlimited(), "account")
    known = process.credentials()
    client.resume(
        BreezeCredentials(known["api_key"], known["api_secret"], known["broker_user_id"], known["session_key"])
    )
    quote = await client.quotes(BrokerInstrument("NSE", "RELIND", "equity"))
    await transport.aclose()
    assert quote.last is not None
    instrument = {
        "instrument_id": 1,
        "symbol": "NSE:RELIANCE",
        "exchange": "NSE",
        "segment": "cash",
        "type": "equity",
        "name": "RELIANCE",
        "lot_size": 1,
        "tick_size": "0.05",
        "broker_code": "RELIND",
        "broker_token": "4.1!2885",
        "series": "EQ",
    }
    # Whole rupees are on every grid; three hundredths below the market nothing fills.
    return Simulated(process, str(int(quote.last * 0.97)), instrument)


class Unlimited:
    """A quota that always has some left."""

    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None:
        return None

    async def cool_down(self, account_id: str, code: str) -> float:
        return 0.0
