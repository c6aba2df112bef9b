"""What the exchange and the broker do by themselves: square-off, mark to market, expiry, settlement, equity points.

Each is a question about the present state and the exchange's clock ("is there something due that has not been done?"),
so downtime is caught up by asking later, and asking twice finds nothing the second time. What moves money is booked
under a word that the ledger takes once.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from breezeway.clock import IST, ist_datetime
from breezeway.contracts.instruments import Instrument
from breezeway.errors import BreezewayError
from breezeway.exchange.orders import (
    WORKING,
    EventKind,
    Fill,
    Order,
    OrderEvent,
    OrderState,
    OrderType,
    Product,
    Side,
)
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.money import ZERO
from trading_service.application import notices
from trading_service.application.accounts import TradingAccounts
from trading_service.application.placing import CancelOrder, PlaceOrder
from trading_service.application.ports import (
    EquityPoint,
    ExchangeTime,
    HeldPosition,
    Instruments,
    StoredEvent,
    StoredOrder,
    Work,
    WorkFactory,
)
from trading_service.application.recording import Recorder, position_margin
from trading_service.application.requests import OrderRequest
from trading_service.domain import ledger
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.bookkeeping import mark, settle
from trading_service.domain.instruments import Contract

_log = structlog.get_logger()

SQUARE_OFF: Final[Mapping[Segment, time]] = {
    # Before the closing auction of shares with derivatives begins at 15:15, when nothing can be closed at market.
    Segment.NSE: time(15, 5),
    Segment.BSE: time(15, 5),
    Segment.NFO: time(15, 25),
    Segment.BFO: time(15, 25),
    Segment.CDS: time(16, 45),
    Segment.MCX: time(23, 0),
    Segment.MCX_AGRI_INTL: time(20, 35),
    Segment.MCX_AGRI: time(16, 35),
}
_EQUITY_MINUTES: Final = 5


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Shares that an expired derivative makes change hands: bought when positive."""

    share: Instrument
    signed: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class _SystemOrder:
    """What orders that nobody placed have in common."""

    account: TradingAccount
    at: datetime
    code: str
    text: str


Halted = Callable[[UUID, Segment, datetime], Awaitable[bool]]
"""Whether a segment of the market that a user sees is halted at an instant."""

LastSeen = Callable[[str], tuple[Decimal, datetime] | None]
"""The newest price of a symbol and its exchange time, where the matcher has one."""


@dataclass(frozen=True, slots=True)
class ClosingRules:
    """What an operator may set."""

    square_off: Mapping[Segment, time]


class Housekeeping:
    """Run by the process that matches, every few seconds."""

    def __init__(
        self,
        work: WorkFactory,
        accounts: TradingAccounts,
        place: PlaceOrder,
        cancel: CancelOrder,
        recorder: Recorder,
        time_: ExchangeTime,
        calendar: MarketCalendar,
        last: LastSeen,
        instruments: Instruments,
        halted: Halted,
        rules: ClosingRules | None = None,
    ) -> None:
        self._work = work
        self._accounts = accounts
        self._place = place
        self._cancel = cancel
        self._recorder = recorder
        self._time = time_
        self._calendar = calendar
        self._last = last
        self._instruments = instruments
        self._halted = halted
        self._rules = rules or ClosingRules(SQUARE_OFF)
        self._measured: datetime | None = None

    async def run(self) -> None:
        """Everything that is due now. One account's trouble does not keep the others waiting."""
        now = await self._time.now()
        async with self._work() as work:
            held = await work.open_positions()
            accounts = await work.open_accounts()
            unsettled = await work.unsettled_accounts()
            contracts = await work.contracts({each.symbol for each in held})
        await self._keep_prices(held, contracts)
        for account in accounts:
            mine = [each for each in held if each.account_id == account.id]
            try:
                for each in mine:
                    await self._position(account, each, contracts[each.symbol], now)
                if account.id in unsettled:
                    await self.settle(account.id, now)
                if self._measured != _five_minutes(now):
                    await self._equity(account, mine, now)
            except BreezewayError as error:
                _log.warning("housekeeping_failed", account=str(account.id), error=repr(error))
        self._measured = _five_minutes(now)

    async def settle(self, account_id: UUID, now: datetime) -> None:
        """What was received may be withdrawn from its settlement day on."""
        today = now.astimezone(IST).date()
        async with self._work() as work:
            await work.lock_account(account_id)
            due = {
                day: amount
                for day, amount in (await work.unsettled_days(account_id)).items()
                if amount > 0 and self._calendar.settlement_day(Segment.NSE, day) <= today
            }
            for day, amount in due.items():
                await work.book(account_id, settle(amount, day, await work.balances(account_id)))
            if due:
                await work.commit()

    async def _keep_prices(self, held: list[HeldPosition], contracts: Mapping[str, Contract]) -> None:
        symbols = {each.symbol for each in held} | {c.underlying for c in contracts.values() if c.underlying}
        async with self._work() as work:
            for symbol in sorted(symbols):
                if (seen := self._last(symbol)) is not None:
                    price, at = seen
                    await work.save_closing_price(symbol, at.astimezone(IST).date(), price, at)
            await work.commit()

    async def _position(self, account: TradingAccount, held: HeldPosition, contract: Contract, now: datetime) -> None:
        segment, today = contract.rules.hours(self._calendar), now.astimezone(IST).date()
        opened = held.updated_at.astimezone(IST).date()
        if contract.expiry is not None and self._over(segment, contract.expiry, now):
            await self._expire(account, held, contract)
            return
        if held.product == Product.MIS:
            due = ist_datetime(today, self._rules.square_off[segment])
            if opened < today or (now >= due and self._calendar.is_trading_day(segment, today)):
                await self._square_off(account, held, contract, now)
                return
        if contract.is_future:
            day = today if self._over(segment, today, now) else self._calendar.previous_trading_day(segment, today)
            if opened <= day:
                await self._mark(account, held, day)

    def _over(self, segment: Segment, day: date, now: datetime) -> bool:
        """Whether continuous trading of `day` has ended by `now`."""
        return now >= self._end(segment, day)

    def _end(self, segment: Segment, day: date) -> datetime:
        stretches = self._calendar.continuous(segment, day)
        # A master may name a holiday as the day of expiry; that day ends like any other.
        return stretches[-1][1] if stretches else ist_datetime(day, time(15, 30))

    async def _square_off(self, account: TradingAccount, held: HeldPosition, contract: Contract, now: datetime) -> None:
        """Close an intraday position at market; at its last price when the market has closed already."""
        async with self._work() as work:
            working = [
                each
                for each in await work.working_orders(account.id)
                if (each.order.symbol, each.order.product) == (held.symbol, Product.MIS)
            ]
        closing = [each for each in working if each.auto_square_off]
        for each in working:
            if not each.auto_square_off and each.state in WORKING:
                await self._cancel(account.user_id, each.id)
        if closing:
            return
        segment = contract.rules.hours(self._calendar)
        open_now = any(start <= now < end for start, end in self._calendar.continuous(segment, _day(now)))
        if open_now and await self._halted(account.user_id, contract.rules.segment, now):
            return
        quantity = held.position.quantity
        if open_now:
            request = OrderRequest(
                account_id=account.id,
                symbol=held.symbol,
                side=Side.SELL if quantity > 0 else Side.BUY,
                quantity=abs(quantity),
                order_type=OrderType.MARKET,
                product=Product.MIS,
                tag="auto_square_off",
                auto_square_off=True,
            )
            await self._place(account.user_id, request)
            return
        price = await self._closing_price(held.symbol, _day(now))
        if price is not None:
            text = "Closed by the broker at the last price: intraday positions are not kept over night."
            await self.close_at(account, held, price, now, "auto_square_off", text)

    async def _expire(self, account: TradingAccount, held: HeldPosition, contract: Contract) -> None:
        """Settle an expired contract at the close of its underlying, an option at what it is worth.

        On an index that is all. On a share, what is worth anything is also delivered, at that close: together with what
        the derivative is worth, the holder pays or receives the strike.
        """
        expiry = contract.expiry or date.max
        settlement = await self._closing_price(contract.underlying, expiry)
        if settlement is None and contract.is_future:
            settlement = await self._closing_price(held.symbol, expiry)
        if settlement is None:
            _log.warning("no_settlement_price", symbol=held.symbol, underlying=contract.underlying)
            return
        value = settlement
        if contract.is_option and contract.strike is not None:
            value = max(ZERO, settlement - contract.strike if contract.call else contract.strike - settlement)
        at = self._end(contract.rules.hours(self._calendar), expiry)
        text = f"Expired; {contract.underlying} settled at {settlement}."
        delivery = None
        if not contract.on_index and contract.underlying and (contract.is_future or value > 0):
            signed = -held.position.quantity if contract.call is False else held.position.quantity
            delivery = _Delivery(await self._instruments.resolve(contract.underlying), signed, settlement)
        await self.close_at(account, held, value, at, "expiry", text, delivery=delivery)

    async def _mark(self, account: TradingAccount, held: HeldPosition, day: date) -> None:
        """Pay or receive the day's difference of a future, once a day."""
        async with self._work() as work:
            prices = await work.closing_prices([held.symbol], day)
            if held.symbol not in prices or prices[held.symbol][0] != day:
                return
            locked = await work.lock_account(account.id)
            position = await work.position(account.id, held.symbol, held.product)
            if locked is None or not position.quantity:
                return
            at = ist_datetime(day, time(23, 59))
            ref = f"{held.symbol}|{held.product}|{locked.epoch}"
            balances = await work.balances(account.id)
            made, after = mark(position, prices[held.symbol][1], at, ref, day, balances)
            if made.empty or not await work.book(account.id, made):
                return
            await work.save_position(account.id, held.symbol, held.product, after, held.updated_at)
            others = [
                h for h in await work.positions(account.id) if (h.symbol, h.product) != (held.symbol, held.product)
            ]
            margin = await position_margin(
                work,
                self._recorder.risk,
                self._recorder.spots,
                locked,
                [*others, replace(held, position=after)],
                day,
            )
            await self._reblock(work, locked, margin, at)
            await work.commit()

    @staticmethod
    async def _reblock(work: Work, account: TradingAccount, margin: Decimal, at: datetime) -> None:
        """Block what the positions need now, as far as there is cash for it; the rest when there is."""
        balances = await work.balances(account.id)
        wanted = margin - account.position_margin
        change = min(wanted, balances.get(ledger.CASH, ZERO))
        if change < wanted:
            await work.announce(notices.margin_short(account, wanted - change, at))
        if change:
            legs = [(ledger.CASH, -change), (ledger.MARGIN, change)]
            kind = ledger.EntryKind.HOLD if change > 0 else ledger.EntryKind.RELEASE
            await work.book(account.id, ledger.entry(kind, legs, balances, ref="positions"))
            await work.save_account(replace(account, position_margin=account.position_margin + change))

    async def close_at(
        self,
        account: TradingAccount,
        held: HeldPosition,
        price: Decimal,
        at: datetime,
        code: str,
        text: str,
        *,
        delivery: "_Delivery | None" = None,
    ) -> None:
        """Close a position at a price that no market made, by an order of the system's own; once.

        Args:
            delivery: the shares that change hands with it, in the same transaction.
        """
        quantity = held.position.quantity
        async with self._work() as work:
            locked = await work.lock_account(account.id)
            present = await work.position(account.id, held.symbol, held.product)
            if locked is None or present.quantity != quantity:
                return
            made = _SystemOrder(locked, at, code, text)
            await self._trade(work, made, held.symbol, Product(held.product), -quantity, price)
            if delivery is not None:
                await work.save_contract(delivery.share)
                shares = await work.position(account.id, delivery.share.symbol, Product.CNC)
                # Who has not got the shares is closed out in cash, which the derivative's own price has done.
                signed = delivery.signed if delivery.signed > 0 else -min(-delivery.signed, max(0, shares.quantity))
                if signed:
                    await self._trade(work, made, delivery.share.symbol, Product.CNC, signed, delivery.price)
            await work.commit()

    async def _trade(
        self, work: Work, made: "_SystemOrder", symbol: str, product: Product, signed: int, price: Decimal
    ) -> None:
        account, at, code, text = made.account, made.at, made.code, made.text
        order_id = new_id()
        side = Side.BUY if signed > 0 else Side.SELL
        order = Order(str(order_id), str(account.id), symbol, side, abs(signed), OrderType.MARKET, product, tag=code)
        stored = StoredOrder(
            order_id,
            account.id,
            account.user_id,
            account.epoch,
            order,
            OrderState.NEW,
            at,
            at,
            code=code,
            text=text,
            auto_square_off=code == "auto_square_off",
        )
        await work.add_order(stored)
        await work.add_event(order_id, StoredEvent("new", "new", code, text, at))
        fill = Fill(f"{code}|{order_id}", str(order_id), str(account.id), symbol, side, abs(signed), price, at, False)
        await self._recorder.apply(work, OrderEvent(str(order_id), EventKind.ACCEPT, at, code, text))
        await self._recorder.apply(work, OrderEvent(str(order_id), EventKind.FILL, at, code, text, fill=fill))

    async def _closing_price(self, symbol: str, day: date) -> Decimal | None:
        async with self._work() as work:
            found = (await work.closing_prices([symbol], day)).get(symbol)
        # A price of long ago settles nothing: somebody has to look.
        return found[1] if found is not None and day - found[0] <= timedelta(days=7) else None

    async def _equity(self, account: TradingAccount, mine: list[HeldPosition], now: datetime) -> None:
        """A point of the equity curve every five minutes of the day's trading."""
        at = _five_minutes(now)
        if not any(start <= at <= end for start, end in self._calendar.continuous(Segment.NSE, _day(now))):
            return
        async with self._work() as work:
            if not mine and await work.equity_points(account.id, now - timedelta(hours=1)):
                return
            if await work.equity_points(account.id, at):
                return
            status = await self._accounts.status(work, account)
            flow = -(await work.balances(account.id)).get(ledger.CAPITAL, ZERO)
            await work.add_equity(account.id, EquityPoint(at, status.funds.equity, status.funds.cash, flow))
            await work.commit()


def _five_minutes(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % _EQUITY_MINUTES, second=0, microsecond=0)


def _day(at: datetime) -> date:
    return at.astimezone(IST).date()
