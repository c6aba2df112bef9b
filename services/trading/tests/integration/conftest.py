"""A migrated trading database, and the service built on it: real PostgreSQL, a market that the test makes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.clock import ClockMapping, SystemClock
from breezeway.contracts.instruments import Instrument
from breezeway.contracts.trading import OrderView
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import NotFound
from breezeway.exchange.orders import OrderType, Product, Side, Validity
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from trading_service.adapters.db.tables import UNFINISHED
from trading_service.adapters.db.work import PostgresWork
from trading_service.application.accounts import TradingAccounts
from trading_service.application.closing import Housekeeping
from trading_service.application.desk import Desk, DeskRules
from trading_service.application.matcher import ClockSetBack, Matcher
from trading_service.application.placing import CancelOrder, ModifyOrder, PlaceOrder
from trading_service.application.ports import AccountRequest, LastPrice, StoredOrder
from trading_service.application.reading import ReadTrading
from trading_service.application.recording import Recorder
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Risk
from trading_service.domain.accounts import TradingAccount

SERVICE = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
"""Friday, 12:00 IST: every segment trades."""
USER = UUID(int=1)
FEED = "feed"


def share(symbol: str, **more: Any) -> Instrument:
    return Instrument.model_validate(
        {
            "instrument_id": 1,
            "symbol": symbol,
            "exchange": symbol.partition(":")[0],
            "segment": "cash",
            "type": "equity",
            "name": symbol,
            "lot_size": 1,
            "tick_size": "0.05",
            "broker_code": "X",
            "broker_token": "4.1!1",
            "series": "EQ",
            **more,
        }
    )


def derivative(symbol: str, kind: str, underlying: str, lot: int, expiry: str, **more: Any) -> Instrument:
    return share(
        symbol,
        type=kind,
        segment="derivatives",
        underlying=underlying,
        lot_size=lot,
        expiry=expiry,
        series=None,
        **more,
    )


A, B = "NSE:A", "NSE:B"
FUTURE = "NFO:NIFTY24NOV26FUT"
COTTON = "MCX:COTTON30NOV26FUT"
CALL, HIGHER_CALL = "NFO:NIFTY24NOV2626000CE", "NFO:NIFTY24NOV2626200CE"
LISTED = {
    each.symbol: each
    for each in (
        share(A),
        share(B),
        derivative(FUTURE, "future", "NIFTY", 65, "2026-11-24"),
        derivative(CALL, "option", "NIFTY", 65, "2026-11-24", strike="26000", right="call"),
        derivative("NFO:A24NOV26100CE", "option", "A", 50, "2026-11-24", strike="100", right="call"),
        derivative("NFO:A24NOV26FUT", "future", "A", 50, "2026-11-24"),
        derivative(COTTON, "future", "COTTON", 25, "2026-11-30"),
        derivative(HIGHER_CALL, "option", "NIFTY", 65, "2026-11-24", strike="26200", right="call"),
    )
}


@dataclass
class Market:
    """Instruments, prices, clock, feeds and messages: every port but the database."""

    now_: datetime = NOON
    prices: dict[str, LastPrice] = field(default_factory=dict)
    wanted: dict[str, frozenset[str]] = field(default_factory=dict)
    rings: int = 0
    feed: str | None = FEED

    async def now(self) -> datetime:
        return self.now_

    async def resolve(self, symbol: str) -> Instrument:
        if symbol not in LISTED:
            raise NotFound(f"There is no instrument {symbol}.", code="instrument_not_found")
        return LISTED[symbol]

    async def last(self, user_id: UUID, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        return {symbol: self.prices[symbol] for symbol in symbols if symbol in self.prices}

    async def await_fresh(self, user_id: UUID, symbol: str, since: datetime) -> LastPrice | None:
        return self.prices.get(symbol)

    async def ring(self) -> None:
        self.rings += 1

    async def feed_of(self, user_id: UUID) -> str | None:
        return self.feed

    async def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        self.wanted = dict(wanted)

    async def mapping(self) -> ClockMapping:
        return ClockMapping(self.now_, self.now_)

    async def latest(self, feed: str, symbol: str) -> list[bytes]:
        return []

    # `MarketListener.now` takes the mapping, `ExchangeTime.now` does not, so the matcher gets a view of its own.

    def listener(self) -> "Listener":
        return Listener(self)


@dataclass
class Listener:
    market: Market

    async def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        await self.market.want(wanted)

    async def mapping(self) -> ClockMapping:
        return await self.market.mapping()

    def now(self, mapping: ClockMapping) -> datetime:
        return self.market.now_

    async def latest(self, feed: str, symbol: str) -> list[bytes]:
        return await self.market.latest(feed, symbol)


@dataclass
class Service:
    """The service without HTTP and Redis."""

    engine: AsyncEngine
    market: Market
    accounts: TradingAccounts
    place: PlaceOrder
    modify: ModifyOrder
    cancel: CancelOrder
    read: ReadTrading
    matcher: Matcher
    housekeeping: Housekeeping
    volume: int = 1000

    def work(self) -> PostgresWork:
        return PostgresWork(self.engine)

    async def open(self, cash: str = "1000000.00", plan: str = "none", user: UUID = USER) -> TradingAccount:
        request = AccountRequest(f"account {new_id().hex}", "paper", Decimal(cash), plan)
        return await self.accounts.open(user, request)

    async def order(
        self,
        account: TradingAccount,
        side: str = "buy",
        quantity: int = 1,
        price: str | None = "100",
        symbol: str = A,
        product: str = "cnc",
        **more: Any,
    ) -> OrderView:
        """Place an order of the account's user; a limit order unless the price is None."""
        kind = more.pop("order_type", "limit" if price is not None else "market")
        request = OrderRequest(
            account_id=account.id,
            symbol=symbol,
            side=Side(side),
            quantity=quantity,
            order_type=OrderType(kind),
            product=Product(product),
            validity=Validity(more.pop("validity", "day")),
            price=None if price is None else Decimal(price),
            trigger_price=Decimal(more.pop("trigger_price")) if "trigger_price" in more else None,
            **{name: value for name, value in more.items() if name != "key"},
        )
        return await self.place(account.user_id, request, more.get("key"))

    def tick(
        self, price: str, symbol: str = A, *, quantity: int = 1000, seconds: float = 1.0, spread: str = "0.05"
    ) -> None:
        """The market moves on: a trade at `price` and a touch around it."""
        self.market.now_ += timedelta(seconds=seconds)
        self.volume += quantity
        last, half = Decimal(price), Decimal(spread)
        self.market.prices[symbol] = LastPrice(last, self.market.now_)
        body = {
            "type": "tick",
            "symbol": symbol,
            "ltp": float(last),
            "ltq": quantity,
            "volume": self.volume,
            "bid": float(last - half),
            "bid_qty": 1000,
            "ask": float(last + half),
            "ask_qty": 1000,
            "ts": int(self.market.now_.timestamp() * 1000),
        }
        self.matcher.on_message(self.market.feed or "", orjson.dumps(body))

    def index(self, percent: int, name: str = "NSE_INDEX:NIFTY", feed: str | None = None) -> None:
        """An index that stands `percent` below its last close."""
        values = {"ltp": 250.0 * (100 - percent), "prev_close": 25_000.0}
        body = {"type": "tick", "symbol": name, "ts": int(self.market.now_.timestamp() * 1000), **values}
        self.matcher.on_message(feed or self.market.feed or "", orjson.dumps(body))

    async def settle_in(self) -> None:
        """Let the matcher do all that it has to do, as the worker does when the clock was set back."""
        try:
            await self.matcher.step()
        except ClockSetBack:
            await self.restart()
            await self.matcher.step()
        await self.matcher.step()

    async def stored(self, order_id: UUID) -> StoredOrder:
        async with self.work() as work:
            found = await work.order(order_id)
        assert found is not None
        return found

    async def balances(self, account: TradingAccount) -> dict[str, Decimal]:
        async with self.work() as work:
            return await work.balances(account.id)

    async def restart(self) -> None:
        """What a new process would find."""
        self.matcher.forget()
        await self.matcher.begin()

    async def start_over(self) -> None:
        """A market at noon with a price; what earlier tests left works no longer."""
        async with self.engine.begin() as connection:
            for statement in _SWEEP:
                await connection.execute(sa.text(statement))
        self.market.now_ = NOON
        self.market.prices = {symbol: LastPrice(Decimal(100), NOON) for symbol in (A, B)}
        await self.restart()

    async def check(self, account: TradingAccount) -> None:
        """The invariants that hold after every step."""
        async with self.engine.connect() as connection:
            found = (await connection.execute(_INVARIANTS, {"id": account.id})).one()._mapping
        broken = [name for name, value in found.items() if not value]
        assert not broken, f"{'; '.join(broken)}: {account.id}"


_SWEEP = (
    "DELETE FROM order_commands",
    "DELETE FROM live_gtts",
    "DELETE FROM outbox",
    "DELETE FROM positions",
    "DELETE FROM idempotency_keys",
    "DELETE FROM closing_prices",
    "DELETE FROM market_halts",
    f"UPDATE orders SET state = 'cancelled' WHERE {UNFINISHED}",  # noqa: S608 - a constant of ours
    "UPDATE trading_accounts SET closed_at = now() WHERE closed_at IS NULL",
)
_INVARIANTS = sa.text(
    f"""
    WITH a AS (SELECT * FROM trading_accounts WHERE id = :id),
    legs AS (SELECT entry_id, name, amount FROM journal_legs WHERE account_id = :id),
    fold AS (SELECT name, sum(amount) AS amount FROM legs GROUP BY name),
    said AS (SELECT name, amount FROM ledger_balances WHERE account_id = :id),
    blocked AS (SELECT coalesce(sum(hold), 0) AS amount FROM orders WHERE account_id = :id AND {UNFINISHED}),
    made AS (
      SELECT t.symbol, t.product, sum(CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END) AS quantity
      FROM trades t JOIN a ON t.account_id = a.id AND t.epoch = a.epoch GROUP BY 1, 2
    ),
    held AS (SELECT symbol, product, quantity FROM positions WHERE account_id = :id),
    margin AS (SELECT coalesce((SELECT amount FROM said WHERE name = 'margin'), 0) AS amount),
    flat AS (
      SELECT NOT EXISTS (SELECT FROM held WHERE quantity <> 0)
        AND NOT EXISTS (SELECT FROM orders WHERE account_id = :id AND {UNFINISHED}) AS now
    )
    SELECT
      NOT EXISTS (SELECT FROM legs GROUP BY entry_id HAVING sum(amount) <> 0) AS "debits equal credits",
      NOT EXISTS (
        SELECT FROM fold FULL JOIN said USING (name) WHERE coalesce(fold.amount, 0) <> coalesce(said.amount, 0)
      ) AS "balances are the fold of the journal",
      NOT EXISTS (SELECT FROM said WHERE name = 'cash' AND amount < 0) AS "cash is never negative",
      (SELECT margin.amount = blocked.amount + a.position_margin FROM margin, blocked, a)
        AS "margin is what orders and positions block",
      (SELECT NOT flat.now OR margin.amount = 0 FROM margin, flat) AS "margin is released when flat",
      NOT EXISTS (
        SELECT FROM made FULL JOIN held USING (symbol, product)
        WHERE coalesce(made.quantity, 0) <> coalesce(held.quantity, 0)
      ) AS "positions are the sum of the fills",
      NOT EXISTS (
        SELECT FROM orders o LEFT JOIN trades t ON t.order_id = o.id WHERE o.account_id = :id
        GROUP BY o.id, o.filled, o.filled_value
        HAVING o.filled <> coalesce(sum(t.quantity), 0) OR o.filled_value <> coalesce(sum(t.quantity * t.price), 0)
      ) AS "what orders filled is what was traded"
    """  # noqa: S608 - a constant of ours
)


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """A migrated database that all tests use, each with accounts of its own."""
    name = f"trading_{new_id().hex}"
    postgres.create_database(name)
    migrate.upgrade(SERVICE, postgres.url(name))
    return postgres.url(name)


def build_service(engine: AsyncEngine, market: Market, rules: DeskRules) -> Service:
    def work() -> PostgresWork:
        return PostgresWork(engine)

    calendar, risk, wall = MarketCalendar.default(), Risk(), SystemClock()
    desk = Desk(market, market, market, calendar, risk, rules)
    cancel = CancelOrder(work, desk, market, wall)
    accounts = TradingAccounts(work, market, market, cancel)
    seen: dict[str, tuple[Decimal, datetime]] = {}
    recorder = Recorder(work, calendar, risk, lambda symbol: seen[symbol][0] if symbol in seen else None)
    matcher = Matcher(work, recorder, market.listener(), market, calendar, seen)
    place = PlaceOrder(work, desk, market, wall)
    return Service(
        engine=engine,
        market=market,
        accounts=accounts,
        place=place,
        modify=ModifyOrder(work, desk, market, wall),
        cancel=cancel,
        read=ReadTrading(work, accounts, market),
        matcher=matcher,
        housekeeping=Housekeeping(
            work, accounts, place, cancel, recorder, market, calendar, seen.get, market, matcher.halted
        ),
    )


async def fresh_service(url: str) -> Service:
    """A service of a process of its own, on a market of its own."""
    engine = create_engine(url, application="tests", pool_size=10)
    made = build_service(engine, Market(), DeskRules(requests_per_second=100_000))
    await made.start_over()
    return made


@pytest_asyncio.fixture
async def service(template_database: str) -> AsyncIterator[Service]:
    made = await fresh_service(template_database)
    yield made
    await made.engine.dispose()


@pytest.fixture
def service_maker(template_database: str) -> Callable[[], Coroutine[Any, Any, Service]]:
    """Makes services on an event loop of the test's own."""
    return lambda: fresh_service(template_database)


@pytest.fixture
def fresh_database(postgres: EmbeddedPostgres) -> Callable[[], Coroutine[Any, Any, Service]]:
    """Makes services on databases of their own."""

    async def make() -> Service:
        name = f"trading_{new_id().hex}"
        postgres.create_database(name)
        await asyncio.to_thread(migrate.upgrade, SERVICE, postgres.url(name))
        return await fresh_service(postgres.url(name))

    return make
