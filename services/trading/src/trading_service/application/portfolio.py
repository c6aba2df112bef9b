"""Portfolio history, performance, and closing a position."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from breezeway.clock import IST
from breezeway.contracts.trading import OrderView
from breezeway.errors import InvalidInput, NotFound
from breezeway.exchange.orders import OrderType, Product, Side
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.money import ZERO
from trading_service.application.accounts import TradingAccounts, owned
from trading_service.application.placing import PlaceOrder
from trading_service.application.ports import EquityPoint, ExchangeTime, WorkFactory
from trading_service.application.requests import OrderRequest
from trading_service.domain import ledger
from trading_service.domain.closings import closings
from trading_service.domain.performance import Performance, Point, Score, performance, score

PERIODS: Final = {
    "1D": timedelta(days=1),
    "1W": timedelta(days=7),
    "1M": timedelta(days=31),
    "3M": timedelta(days=92),
    "1A": timedelta(days=366),
    "all": timedelta(days=36_500),
}
TIMEFRAMES: Final = {"5m": 300, "15m": 900, "1h": 3600, "1d": 86_400}


@dataclass(frozen=True, slots=True)
class Report:
    """An account's record since it was opened or reset. `charges` are what it paid; scores are before them."""

    performance: Performance
    total: Score
    by_symbol: dict[str, Score]
    by_tag: dict[str, Score]
    charges: Decimal
    exposure: Decimal
    equity: Decimal


class Portfolio:
    """Everything raises `account_not_found` for an account that is not the caller's."""

    def __init__(
        self,
        work: WorkFactory,
        accounts: TradingAccounts,
        place: PlaceOrder,
        time: ExchangeTime,
        calendar: MarketCalendar,
    ) -> None:
        self._calendar = calendar
        self._work = work
        self._accounts = accounts
        self._place = place
        self._time = time

    async def history(self, user_id: UUID, account_id: UUID, period: str, timeframe: str) -> list[EquityPoint]:
        """The first point, then the last of each stretch of `timeframe`, the present included.

        Raises:
            InvalidInput: `invalid_period`, `invalid_timeframe`.
        """
        if period not in PERIODS:
            raise InvalidInput(f"A period is one of {', '.join(PERIODS)}.", code="invalid_period")
        if timeframe not in TIMEFRAMES:
            raise InvalidInput(f"A timeframe is one of {', '.join(TIMEFRAMES)}.", code="invalid_timeframe")
        now = await self._time.now()
        points = await self._points(user_id, account_id, now - PERIODS[period], now)
        last: dict[int, EquityPoint] = {}
        for point in points[1:]:
            last[int(point.at.timestamp()) // TIMEFRAMES[timeframe]] = point
        return [points[0], *last.values()]

    async def report(self, user_id: UUID, account_id: UUID) -> Report:
        now = await self._time.now()
        points = await self._points(user_id, account_id, now - PERIODS["all"], now)
        status = await self._accounts.one(user_id, account_id)
        async with self._work() as work:
            trades = [each for _, each in await work.trades(account_id, status.account.epoch, limit=100_000)]
        closed = closings(trades)
        symbols = sorted({each.symbol for each in closed})
        tags = sorted({tag for each in closed for tag in each.by_tag if tag is not None})
        exposure = sum(
            (
                abs(each.position.quantity * status.prices.get(each.symbol, each.position.average_price or ZERO))
                for each in status.positions
            ),
            ZERO,
        )
        return Report(
            performance=performance([Point(each.at, each.equity, each.flow) for each in points], self._trading_day),
            total=score(each.profit for each in closed),
            by_symbol={name: score(each.profit for each in closed if each.symbol == name) for name in symbols},
            by_tag={name: score(each.by_tag[name] for each in closed if name in each.by_tag) for name in tags},
            charges=status.funds.charges,
            exposure=exposure,
            equity=status.funds.equity,
        )

    async def close(
        self, user_id: UUID, account_id: UUID, symbol: str, product: Product | None, key: str | None
    ) -> OrderView:
        """Close a position with a market order.

        Raises:
            NotFound: `position_not_found`.
            InvalidInput: `ambiguous_position`, when the symbol is held in several products and none is named.
        """
        async with self._work() as work:
            await owned(work, user_id, account_id)
            held = [
                each
                for each in await work.positions(account_id)
                if each.symbol == symbol and each.position.quantity and product in (None, each.product)
            ]
        if not held:
            raise NotFound(f"There is no open position in {symbol[:80]}.", code="position_not_found")
        if len(held) > 1:
            raise InvalidInput("Name the product: the symbol is held in several.", code="ambiguous_position")
        quantity = held[0].position.quantity
        request = OrderRequest(
            account_id=account_id,
            symbol=symbol,
            side=Side.SELL if quantity > 0 else Side.BUY,
            quantity=abs(quantity),
            order_type=OrderType.MARKET,
            product=Product(held[0].product),
            tag="close",
            closes=True,
        )
        return await self._place(user_id, request, key)

    def _trading_day(self, at: datetime) -> date:
        """The day that a value counts for: the last one whose trading had begun by then."""
        day = at.astimezone(IST).date()
        opening = self._calendar.opening(Segment.NSE, day)
        if opening is not None and opening <= at.timestamp():
            return day
        try:
            return self._calendar.previous_trading_day(Segment.NSE, day)
        except NotFound:
            # Before the calendar begins every day counts.
            return day

    async def _points(self, user_id: UUID, account_id: UUID, since: datetime, now: datetime) -> Sequence[EquityPoint]:
        status = await self._accounts.one(user_id, account_id)
        async with self._work() as work:
            found = await work.equity_points(account_id, max(since, status.account.opened_at))
            flow = -(await work.balances(account_id)).get(ledger.CAPITAL, ZERO)
        present = EquityPoint(now, status.funds.equity, status.funds.cash, flow)
        begin = status.account.opened_at
        first = [
            EquityPoint(begin, status.account.initial_cash, status.account.initial_cash, status.account.initial_cash)
        ]
        return [*(first if begin >= since else []), *(each for each in found if each.at < now), present]
