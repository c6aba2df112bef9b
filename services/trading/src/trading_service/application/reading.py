"""What users read of their trading: orders, trades, positions, holdings, the ledger, contract notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from breezeway.charges.model import ContractNote
from breezeway.clock import IST
from breezeway.contracts.trading import OrderView, PositionView, TradeView
from breezeway.errors import InvalidInput
from breezeway.exchange.orders import Product
from trading_service.application.accounts import TradingAccounts, owned
from trading_service.application.placing import owned_order
from trading_service.application.ports import (
    ExchangeTime,
    HeldPosition,
    JournalLine,
    OrderFilter,
    StoredEvent,
    WorkFactory,
)
from trading_service.application.views import order_view, position_view, trade_view
from trading_service.domain.bookkeeping import charge_trades, note_of


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares held for delivery. `settled` have arrived; `t1` are on their way and can be sold all the same."""

    held: HeldPosition
    settled: int
    t1: int
    offered: int
    last: Decimal | None


class ReadTrading:
    """Everything raises `account_not_found` or `order_not_found` for what is not the caller's."""

    def __init__(self, work: WorkFactory, accounts: TradingAccounts, time: ExchangeTime) -> None:
        self._work = work
        self._accounts = accounts
        self._time = time

    async def orders(
        self, user_id: UUID, wanted: OrderFilter, cursor: str | None, limit: int
    ) -> tuple[list[OrderView], str | None]:
        """A page of orders, newest first, and the cursor of the next."""
        async with self._work() as work:
            if wanted.account_id is not None:
                await owned(work, user_id, wanted.account_id)
            found = await work.orders(user_id, wanted, _uuid(cursor), limit + 1)
        page = found[:limit]
        return [order_view(each) for each in page], str(page[-1].id) if len(found) > limit else None

    async def order(self, user_id: UUID, order_id: UUID) -> OrderView:
        async with self._work() as work:
            return order_view(await owned_order(work, user_id, order_id))

    async def by_client_id(self, user_id: UUID, account_id: UUID | None, client_order_id: str) -> OrderView:
        """Searches all of the user's accounts when none is named; the newest of equal ids is answered."""
        async with self._work() as work:
            accounts = [account_id] if account_id is not None else [a.id for a in await work.accounts(user_id)]
            found = [each for a in accounts if (each := await work.order_by_client_id(a, client_order_id)) is not None]
            mine = [each for each in found if each.user_id == user_id]
            newest = max(mine, key=lambda each: each.id, default=None)
            # Its absence reads as that of any other order.
            return order_view(newest) if newest is not None else order_view(await owned_order(work, user_id, _NOBODY))

    async def events(self, user_id: UUID, order_id: UUID) -> list[StoredEvent]:
        async with self._work() as work:
            await owned_order(work, user_id, order_id)
            return await work.events(order_id)

    async def trades(
        self, user_id: UUID, account_id: UUID, cursor: str | None, limit: int
    ) -> tuple[list[TradeView], str | None]:
        """A page of the account's trades since it was opened or reset, newest first."""
        async with self._work() as work:
            account = await owned(work, user_id, account_id)
            found = await work.trades(account_id, account.epoch, before=_number(cursor), limit=limit + 1)
        page = found[:limit]
        return [trade_view(each) for _, each in page], str(page[-1][0]) if len(found) > limit else None

    async def positions(self, user_id: UUID, account_id: UUID) -> list[PositionView]:
        """Everything but shares held for delivery; those that were closed are listed too."""
        status = await self._accounts.one(user_id, account_id)
        return [
            position_view(each, status.prices.get(each.symbol))
            for each in status.positions
            if each.product != Product.CNC
        ]

    async def holdings(self, user_id: UUID, account_id: UUID) -> list[Holding]:
        status = await self._accounts.one(user_id, account_id)
        today = (await self._time.now()).astimezone(IST).date()
        async with self._work() as work:
            working = await work.working_orders(account_id)
        found = []
        for each in status.positions:
            quantity = each.position.quantity
            if each.product == Product.CNC and quantity:
                t1 = sum(lot.quantity for lot in each.position.lots if lot.settles_on > today)
                offered = sum(
                    o.remaining
                    for o in working
                    if o.order.symbol == each.symbol and o.order.product is Product.CNC and not o.order.is_buy
                )
                found.append(Holding(each, quantity - t1, t1, offered, status.prices.get(each.symbol)))
        return found

    async def ledger(
        self, user_id: UUID, account_id: UUID, cursor: str | None, limit: int
    ) -> tuple[list[JournalLine], str | None]:
        """A page of the account's journal, newest first."""
        async with self._work() as work:
            await owned(work, user_id, account_id)
            found = await work.journal(account_id, _number(cursor), limit + 1)
        page = found[:limit]
        return page, str(page[-1].id) if len(found) > limit else None

    async def contract_notes(self, user_id: UUID, account_id: UUID, since: date | None) -> Sequence[ContractNote]:
        """A note for each day with trades, newest first; the ledger agrees with them to the paisa."""
        async with self._work() as work:
            account = await owned(work, user_id, account_id)
            trades = [each for _, each in await work.trades(account_id, account.epoch, limit=100_000)]
            contracts = await work.contracts({each.symbol for each in trades})
        days = sorted({each.day for each in trades if since is None or each.day >= since}, reverse=True)
        return [
            note_of(
                account.charge_plan,
                day,
                charge_trades([each for each in trades if each.day == day], contracts),
            )
            for day in days
        ]


_NOBODY = UUID(int=0)


def _uuid(cursor: str | None) -> UUID | None:
    try:
        return None if cursor is None else UUID(cursor)
    except ValueError:
        raise InvalidInput("This cursor was not made here.", code="invalid_cursor") from None


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return 2**62
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidInput("This cursor was not made here.", code="invalid_cursor")
    return int(cursor)
