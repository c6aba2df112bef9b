"""Writes what the engine decided: order, history, trade, position, ledger and messages, in one transaction.

Safe to repeat: a fill is known by its name, and a batch commits whole or not at all.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from breezeway.charges.model import Charge
from breezeway.clock import IST
from breezeway.errors import Conflict
from breezeway.exchange.breakers import Halt
from breezeway.exchange.explanations import Explanation
from breezeway.exchange.market import Level
from breezeway.exchange.orders import TERMINAL, EventKind, Fill, OrderEvent, OrderRecord, Product
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.money import ZERO, to_paise_up
from trading_service.application import notices
from trading_service.application.ports import HeldPosition, Progress, StoredEvent, StoredOrder, Work, WorkFactory
from trading_service.application.risk import Risk, Surroundings
from trading_service.application.views import message, order_view, position_view, trade_view
from trading_service.domain import ledger
from trading_service.domain.accounts import AccountKind, TradingAccount
from trading_service.domain.bookkeeping import Trade, book_trade, charge_legs, charge_trades, hold, note_of, trade_of
from trading_service.domain.instruments import Contract
from trading_service.domain.lots import Position

Spots = Callable[[str], Decimal | None]
"""The last price of a symbol, where the matcher has one."""


_WHOLE_DAY: Final = 1_000_000
_NO_BODY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Decision:
    """What one call of the engine gave. `command` is done with it; `body` is the command's."""

    events: Sequence[OrderEvent]
    command: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    halt: tuple[str, Halt] | None = None
    """A halt that begins with it, and the feed whose market it stops."""


class Superseded(Exception):
    """A newer matcher has begun: this one must stop."""


@dataclass(slots=True)
class _Pages:
    """The orders of a transaction with their locked accounts, and what is still to be written about them."""

    work: Work
    orders: dict[UUID, StoredOrder]
    accounts: dict[UUID, TradingAccount]
    progress: list[Progress] = field(default_factory=list)

    def note(self, stored: StoredOrder, event: OrderEvent, *more: Mapping[str, Any]) -> None:
        self.orders[stored.id] = stored
        details = {} if event.explanation is None else explained(event.explanation)
        line = StoredEvent(event.kind, stored.state, event.code, event.text, event.at, details=details)
        self.progress.append(Progress(stored, line, (message("order", order_view(stored)), *more)))

    async def save(self) -> None:
        if self.progress:
            await self.work.save_progress(self.progress)


async def _open(work: Work, ids: Collection[UUID]) -> _Pages:
    if not ids:
        return _Pages(work, {}, {})
    accounts = await work.lock_accounts_of(ids)
    # Only now: until it was locked, a request might have raised an order's hold.
    return _Pages(work, await work.orders_of(ids), accounts)


class Recorder:
    def __init__(self, work: WorkFactory, calendar: MarketCalendar, risk: Risk, spots: Spots) -> None:
        self._work = work
        self._calendar = calendar
        self.risk = risk
        self.spots = spots

    async def record(self, fence: int, decisions: Sequence[Decision]) -> None:
        """Commit all of them, in their order.

        Raises:
            Superseded: nothing was written.
            Conflict: as `apply`; nothing was written.
            Retryable: the database does not answer; nothing was written, or all of it.
        """
        async with self._work() as work:
            if not await work.holds_fence(fence):
                raise Superseded
            pages = await _open(work, {UUID(event.order_id) for each in decisions for event in each.events})
            for decision in decisions:
                if decision.halt is not None:
                    await work.save_halt(*decision.halt)
                for event in decision.events:
                    await self._write(pages, event, decision.body)
            await pages.save()
            if done := [each.command for each in decisions if each.command is not None]:
                await work.drop_commands(done)
            await work.commit()

    async def apply(self, work: Work, event: OrderEvent, body: Mapping[str, Any] = _NO_BODY) -> None:
        """Write one event into a transaction of the caller's.

        Raises:
            Conflict: `order_not_found`, `illegal_transition`, `over_fill`, `fill_mismatch`.
        """
        pages = await _open(work, {UUID(event.order_id)})
        await self._write(pages, event, body)
        await pages.save()

    async def _write(self, pages: "_Pages", event: OrderEvent, body: Mapping[str, Any]) -> None:
        stored = pages.orders.get(UUID(event.order_id))
        if stored is None:
            raise Conflict(f"The order {event.order_id} is not known.", code="order_not_found")
        account = pages.accounts[stored.account_id]
        if event.fill is not None:
            await self._fill(pages, account, stored, event, event.fill)
            return
        changed = applied(stored, event)
        held = _hold_after(stored, changed, event, body)
        if held != stored.hold:
            balances = await pages.work.balances(account.id)
            await pages.work.book(account.id, hold(held - stored.hold, str(stored.id), balances))
        after = replace(changed, hold=held)
        pages.note(after, event)
        if event.kind is EventKind.REJECT:
            await pages.work.announce(notices.rejected(after, event.at))

    async def _fill(
        self, pages: "_Pages", account: TradingAccount, stored: StoredOrder, event: OrderEvent, fill: Fill
    ) -> None:
        work = pages.work
        contract = (await work.contracts([fill.symbol]))[fill.symbol]
        day = fill.at.astimezone(IST).date()
        trade = trade_of(
            fill,
            product=stored.order.product,
            day=day,
            settles_on=self._calendar.settlement_day(contract.rules.hours(self._calendar), day),
            tag=stored.order.tag,
            epoch=stored.epoch,
            auto_square_off=stored.auto_square_off,
            expired=event.code == "expiry",
        )
        changed = applied(stored, event)
        held = _hold_after(stored, changed, event, {})
        position = await work.position(account.id, trade.symbol, trade.product)
        after = position.traded(trade.signed, trade.price, trade.at, trade.settles_on)
        margin = await self._position_margin(work, account, trade, contract, after)
        balances = await work.balances(account.id)
        booked = book_trade(
            trade,
            contract,
            position,
            balances,
            released=stored.hold - held + account.position_margin - margin,
            charges=await self._charges(work, account, trade, contract),
        )
        if not await work.add_trade(booked.trade):
            return
        await work.book(account.id, booked.entry)
        await work.save_position(account.id, trade.symbol, trade.product, after, trade.at)
        if margin != account.position_margin:
            pages.accounts[account.id] = replace(account, position_margin=margin)
            await work.save_account(pages.accounts[account.id])
        now_held = HeldPosition(account.id, trade.symbol, trade.product, after, trade.at)
        filled = replace(changed, hold=held, fills=stored.fills + 1)
        told = (
            message("trade", trade_view(booked.trade)),
            message("position", position_view(now_held, trade.price)),
        )
        pages.note(filled, event, *told)
        await work.announce(notices.filled(filled, booked.trade, event.at))

    async def _charges(
        self, work: Work, account: TradingAccount, trade: Trade, contract: Contract
    ) -> list[tuple[str, Decimal]]:
        today = [each for _, each in await work.trades(account.id, account.epoch, day=trade.day, limit=_WHOLE_DAY)]
        contracts = {**await work.contracts({each.symbol for each in today}), contract.symbol: contract}
        others = [each for each in today if each.trade_id != trade.trade_id]
        note = note_of(account.charge_plan, trade.day, charge_trades([*others, trade], contracts))
        booked = await work.charges_of(account.id, trade.day)
        return charge_legs(note, {charge: booked.get(ledger.CHARGES[charge], ZERO) for charge in Charge})

    async def _position_margin(
        self, work: Work, account: TradingAccount, trade: Trade, contract: Contract, after: Position
    ) -> Decimal:
        if trade.product is Product.CNC:
            return account.position_margin
        held = [h for h in await work.positions(account.id) if (h.symbol, h.product) != (trade.symbol, trade.product)]
        held.append(HeldPosition(account.id, trade.symbol, trade.product, after, trade.at))
        return await position_margin(work, self.risk, self.spots, account, held, trade.day)


async def position_margin(
    work: Work, risk: Risk, spots: Spots, account: TradingAccount, held: Sequence[HeldPosition], day: date
) -> Decimal:
    """What these positions of an account block; nothing in a live one, which only mirrors what the broker blocks."""
    if account.kind is AccountKind.LIVE:
        return ZERO
    contracts = await work.contracts({each.symbol for each in held})
    known = {name: price for name in {c.underlying for c in contracts.values()} if (price := spots(name)) is not None}
    return risk.of_positions(Surroundings(account.charge_plan, day, held, (), contracts, known))


def applied(stored: StoredOrder, event: OrderEvent) -> StoredOrder:
    """The order after an event; its money is not looked at.

    Raises:
        Conflict: `illegal_transition`, `over_fill`, `fill_mismatch`: a fault that a person must look at.
    """
    record = OrderRecord(stored.order, stored.state, stored.filled, stored.filled_value).apply(event)
    return replace(
        stored,
        order=record.order,
        state=record.state,
        filled=record.filled,
        filled_value=record.filled_value,
        triggered=stored.triggered or event.kind is EventKind.TRIGGER,
        updated_at=max(stored.updated_at, event.at),
        code=event.code,
        text=event.text,
    )


def explained(explanation: Explanation) -> dict[str, Any]:
    """An explanation as JSON."""
    book = explanation.book

    def side(levels: Sequence[Level]) -> list[list[str]]:
        return [[str(level.price), str(level.quantity)] for level in levels]

    return {
        "rule": explanation.rule.value,
        "reason": explanation.text,
        "last_price": None if explanation.last_price is None else str(explanation.last_price),
        "queue_ahead": explanation.queue_ahead,
        "remaining": explanation.remaining,
        "bids": side(book.bids),
        "asks": side(book.asks),
    }


def _hold_after(before: StoredOrder, after: StoredOrder, event: OrderEvent, body: Mapping[str, Any]) -> Decimal:
    """What the order blocks after an event: in proportion to what is left, nothing when it has ended."""
    if after.state in TERMINAL:
        return ZERO
    if event.kind is EventKind.MODIFY and "hold" in body:
        return _scaled(Decimal(body["hold"]), after.remaining, after.order.quantity - int(body["filled"]))
    if event.kind is EventKind.MODIFY_REJECT and "former" in body:
        return min(
            before.hold, _scaled(Decimal(body["former"]), after.remaining, before.order.quantity - int(body["filled"]))
        )
    return _scaled(before.hold, after.remaining, before.remaining)


def _scaled(amount: Decimal, left: int, of: int) -> Decimal:
    return amount if left >= of else to_paise_up(amount * left / of)
