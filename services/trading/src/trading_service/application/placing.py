"""Placing, changing and cancelling orders.

An order is committed as `new`, with its cash blocked and a command for the matcher, before anybody acts on it; from
then on only the matcher changes it. What a request answers is therefore the intent; what became of it comes on the
`orders` channel and from `GET /orders/{id}`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.trading import OrderView
from breezeway.errors import Conflict, NotFound
from breezeway.exchange.checks import Failure
from breezeway.exchange.orders import (
    TERMINAL,
    WORKING,
    Amendment,
    EventKind,
)
from breezeway.ids import new_id
from breezeway.money import ZERO
from trading_service.application.desk import Desk, insufficient, refuse
from trading_service.application.live_placing import LiveTrading
from trading_service.application.ports import Bell, StoredEvent, StoredOrder, Work, WorkFactory
from trading_service.application.reception import Intake, Reception
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Requirement
from trading_service.application.views import order_view
from trading_service.domain import ledger
from trading_service.domain.bookkeeping import hold


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would need, and which checks it would fail."""

    requirement: Requirement
    worst_price: Decimal
    available: Decimal
    failures: tuple[Failure, ...]


class PlaceOrder:
    """
    Args:
        live: the live accounts' way; without one there are none.
    """

    def __init__(self, work: WorkFactory, desk: Desk, bell: Bell, wall: Clock, live: LiveTrading | None = None) -> None:
        self._work = work
        self._desk = desk
        self._live = live
        self._reception = Reception(work, desk, bell, wall)

    async def __call__(self, user_id: UUID, request: OrderRequest, key: str | None = None) -> OrderView:
        """Accept an order, or raise; the same key and request answer the same order again.

        Raises:
            NotFound: `account_not_found`, `instrument_not_found`.
            Forbidden: `live_trading_disabled`.
            InvalidInput: a check's code; `idempotency_key_reused`.
            Conflict: `insufficient_funds`, `market_closed`, `stale_price`, `account_halted`, `account_reducing`,
                `duplicate_client_order_id`.
            RateLimited: `order_rate`.
        """
        if self._live is not None and await self._live.is_live(user_id, request.account_id):
            return await self._live.place(user_id, request, key)
        market = await self._desk.market(user_id, request.symbol, request.order_type)
        return await self._reception.take(Intake(user_id, request, market, key))

    async def preview(self, user_id: UUID, request: OrderRequest) -> Preview:
        """What placing it would need and run into; nothing is changed."""
        if self._live is not None and await self._live.is_live(user_id, request.account_id):
            return Preview(*await self._live.preview(user_id, request))
        market = await self._desk.market(user_id, request.symbol, request.order_type)
        async with self._work() as work:
            account = await self._desk.lock(work, user_id, request.account_id)
            order = request.order(new_id(), market.contract.symbol)
            standing = await self._desk.standing(work, account, order, market.contract)
            failures, requirement = self._desk.judge(account, order, market, standing)
            cash = (await work.balances(account.id)).get(ledger.CASH, ZERO)
        if requirement.blocked > cash:
            text = f"It needs {requirement.blocked:.2f} rupees and the account has {cash:.2f}."
            failures = (*failures, Failure("insufficient_funds", text, "account_id"))
        worst = self._desk.risk.worst_price(order, market.contract, market.last)
        return Preview(requirement, worst, cash, failures)


class ModifyOrder:
    def __init__(self, work: WorkFactory, desk: Desk, bell: Bell, wall: Clock, live: LiveTrading | None = None) -> None:
        self._work = work
        self._desk = desk
        self._bell = bell
        self._wall = wall
        self._live = live

    async def __call__(self, user_id: UUID, order_id: UUID, change: Amendment) -> OrderView:
        """Ask the exchange to change a working order; what it says comes as an event.

        What the new terms need more is blocked now, what they need less is released when they are in force.

        Raises:
            NotFound: `order_not_found`.
            Conflict: `order_not_working`, `insufficient_funds`, or a check's.
            InvalidInput: `invalid_order`, or a check's code.
            RateLimited: `order_rate`.
        """
        async with self._work() as work:
            first = await owned_order(work, user_id, order_id)
        if first.live and self._live is not None:
            return await self._live.modify(user_id, first, change)
        market = await self._desk.market(user_id, first.order.symbol, first.order.order_type)
        async with self._work() as work:
            account = await self._desk.lock(work, user_id, first.account_id, counted=self._wall.now())
            stored = await owned_order(work, user_id, order_id)
            if stored.state not in WORKING:
                raise Conflict(f"The order is {stored.state} and cannot be changed.", code="order_not_working")
            order = change.applied_to(stored.order)
            if order.quantity <= stored.filled:
                raise Conflict(f"{stored.filled} are filled already.", code="quantity_filled")
            standing = await self._desk.standing(work, account, order, market.contract, without=stored.id)
            failures, requirement = self._desk.judge(account, order, market, standing, replaces=stored)
            refuse(failures)
            former = stored.hold
            more = requirement.blocked - former
            balances = await work.balances(account.id)
            cash = balances.get(ledger.CASH, ZERO)
            if more > cash:
                raise insufficient(more, cash)
            if more > 0:
                await work.book(account.id, hold(more, str(order_id), balances))
                stored = replace(stored, hold=requirement.blocked)
                await work.save_order(stored)
            text = "The change is on its way to the exchange."
            event = StoredEvent(EventKind.MODIFY_REQUEST, stored.state, "modify_requested", text, market.at)
            await work.add_event(order_id, event)
            body: Mapping[str, Any] = {
                "quantity": change.quantity,
                "price": None if change.price is None else str(change.price),
                "trigger_price": None if change.trigger_price is None else str(change.trigger_price),
                "hold": str(requirement.blocked),
                "former": str(former),
                "filled": stored.filled,
            }
            await work.add_command(order_id, "modify", body)
            await work.commit()
        await self._bell.ring()
        return order_view(stored)


class CancelOrder:
    def __init__(self, work: WorkFactory, desk: Desk, bell: Bell, wall: Clock, live: LiveTrading | None = None) -> None:
        self._work = work
        self._desk = desk
        self._bell = bell
        self._wall = wall
        self._live = live

    async def __call__(self, user_id: UUID, order_id: UUID) -> OrderView:
        """Ask the exchange to cancel; the order may still fill until it has.

        Raises:
            NotFound: `order_not_found`.
            Conflict: `order_ended`.
            RateLimited: `order_rate`.
        """
        if self._live is not None and (mine := await self._live.find(user_id, order_id)) is not None:
            return await self._live.cancel(user_id, mine)
        at = await self._desk.now()
        async with self._work() as work:
            first = await owned_order(work, user_id, order_id)
            await self._desk.lock(work, user_id, first.account_id, counted=self._wall.now())
            stored = await owned_order(work, user_id, order_id)
            if stored.state in TERMINAL:
                raise Conflict(f"The order is {stored.state} already.", code="order_ended")
            text = "The cancellation is on its way to the exchange."
            event = StoredEvent(EventKind.CANCEL_REQUEST, stored.state, "cancel_requested", text, at)
            await work.add_event(order_id, event)
            await work.add_command(order_id, "cancel", {"code": "cancelled", "text": "Cancelled by the user."})
            await work.commit()
        await self._bell.ring()
        return order_view(stored)

    async def all_of(self, account_id: UUID, code: str, text: str, *, only: Collection[UUID] | None = None) -> int:
        """Ask for the cancellation of all working orders of an account, or of some, whoever asks; how many they are."""
        at = await self._desk.now()
        async with self._work() as work:
            await work.lock_account(account_id)
            found = [each for each in await work.working_orders(account_id) if only is None or each.id in only]
            for stored in found:
                event = StoredEvent(EventKind.CANCEL_REQUEST, stored.state, code, text, at)
                await work.add_event(stored.id, event)
                await work.add_command(stored.id, "cancel", {"code": code, "text": text})
            await work.commit()
        await self._bell.ring()
        return len(found)


async def owned_order(work: Work, user_id: UUID, order_id: UUID) -> StoredOrder:
    """The user's order.

    Raises:
        NotFound: `order_not_found`, also for somebody else's.
    """
    stored = await work.order(order_id)
    if stored is None or stored.user_id != user_id:
        raise NotFound("There is no such order.", code="order_not_found")
    return stored
