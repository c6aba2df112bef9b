"""What users ask of live accounts: checked, and committed as an intent for the router. Nothing here calls the broker.

Money and shares are the broker's to check: it knows what was bought elsewhere. The exchange's rules, the kill switch,
the rate and the operator's limit are checked here, because an order that breaks them must not leave.
"""

from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.trading import OrderView
from breezeway.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited
from breezeway.exchange.checks import Failure
from breezeway.exchange.orders import (
    TERMINAL,
    WORKING,
    Amendment,
    EventKind,
    Order,
    OrderState,
    Product,
)
from breezeway.ids import new_id
from breezeway.money import ZERO
from trading_service.application.desk import Desk, Market, refuse
from trading_service.application.live_ports import LiveWork, LiveWorkFactory, Route, Step
from trading_service.application.live_words import tag_of
from trading_service.application.ports import Bell, StoredEvent, StoredOrder
from trading_service.application.requests import OrderRequest
from trading_service.application.risk import Requirement
from trading_service.application.views import message, order_view
from trading_service.domain.accounts import AccountKind, TradingAccount
from trading_service.domain.groups import LEG
from trading_service.domain.instruments import Contract
from trading_service.domain.ledger import CASH

_ROUTE: Final = "POST /orders"
_EXCHANGES: Final = frozenset({"NSE", "BSE", "NFO", "BFO"})
_KNOWN_ACCOUNTS: Final = 10_000
_TEXT: Final = "Received, and on its way to the broker."


@dataclass(frozen=True, slots=True)
class LiveRules:
    """What an operator may set.

    Args:
        most_value: rupees of one order, quantity times limit.
    """

    most_value: Decimal = Decimal(500_000)


class LiveTrading:
    """Live accounts' side of `PlaceOrder`, `ModifyOrder` and `CancelOrder`."""

    def __init__(
        self,
        work: LiveWorkFactory,
        desk: Desk,
        bell: Bell,
        wall: Clock,
        rules: LiveRules | None = None,
        step: Step = lambda _name: None,
    ) -> None:
        self._work = work
        self._desk = desk
        self._bell = bell
        self._wall = wall
        self._rules = rules or LiveRules()
        self._step = step
        self._kinds: OrderedDict[tuple[UUID, UUID], AccountKind] = OrderedDict()

    async def is_live(self, user_id: UUID, account_id: UUID) -> bool:
        """Whether an account of the user is a live one. What kind it is never changes, so it is asked once."""
        kind = self._kinds.get((user_id, account_id))
        if kind is None:
            async with self._work() as work:
                account = await work.account(user_id, account_id)
            if account is None:
                return False
            kind = self._kinds[user_id, account_id] = account.kind
            if len(self._kinds) > _KNOWN_ACCOUNTS:
                self._kinds.popitem(last=False)
        return kind is AccountKind.LIVE

    async def find(self, user_id: UUID, order_id: UUID) -> StoredOrder | None:
        """An order of the user, when it is a live one."""
        async with self._work() as work:
            found = await work.order(order_id)
        return found if found is not None and found.live and found.user_id == user_id else None

    async def place(self, user_id: UUID, request: OrderRequest, key: str | None) -> OrderView:
        """Accept an order, or raise as `PlaceOrder` does.

        Raises:
            InvalidInput: `not_for_live_accounts`, `live_order_value`, and what checks say.
        """
        market = await self._desk.market(user_id, request.symbol, request.order_type)
        async with self._work() as work:
            if key is not None:
                earlier = await work.claim(user_id, _ROUTE, key, request.fingerprint)
                if earlier is not None:
                    return OrderView.model_validate(earlier)
            account = await self.lock(work, user_id, request.account_id)
            order = request.order(new_id(), market.contract.symbol)
            price, failures, _ = await self.judge(work, account, order, market)
            refuse([*_not_for_live(request, market.contract), *failures])
            stored = StoredOrder(
                id=UUID(order.order_id),
                account_id=account.id,
                user_id=user_id,
                epoch=account.epoch,
                order=order,
                state=OrderState.NEW,
                placed_at=market.at,
                updated_at=market.at,
                code="received",
                text=_TEXT,
                group_id=request.group_id,
                group_role=request.group_role,
                live=True,
            )
            view = order_view(stored)
            await work.save_contract(market.instrument)
            await work.add_order(stored)
            await work.add_route(_route(account, order, price, closes=request.closes, contract=market.contract))
            await work.add_event(stored.id, StoredEvent("new", "new", "received", _TEXT, market.at))
            await work.add_command(stored.id, "place", {})
            await work.tell(user_id, message("order", view))
            if key is not None:
                await work.keep_answer(user_id, _ROUTE, key, view.model_dump(mode="json"))
            self._step("before_intent")
            await work.commit()
        self._step("intent")
        await self._bell.ring()
        return view

    async def preview(
        self, user_id: UUID, request: OrderRequest
    ) -> tuple[Requirement, Decimal, Decimal, tuple[Failure, ...]]:
        """About what the order needs, the limit that would be sent, our mirror of the cash, and the failing checks."""
        market = await self._desk.market(user_id, request.symbol, request.order_type)
        async with self._work() as work:
            account = await self.lock(work, user_id, request.account_id, count=False)
            order = request.order(new_id(), market.contract.symbol)
            price, failures, requirement = await self.judge(work, account, order, market)
            cash = (await work.balances(account.id)).get(CASH, ZERO)
        return requirement, price, cash, (*_not_for_live(request, market.contract), *failures)

    async def modify(self, user_id: UUID, first: StoredOrder, change: Amendment) -> OrderView:
        """Ask for other terms, or raise as `ModifyOrder` does."""
        market = await self._desk.market(user_id, first.order.symbol, first.order.order_type)
        async with self._work() as work:
            account = await self.lock(work, user_id, first.account_id)
            stored = await _present(work, first)
            if stored.state not in WORKING:
                raise Conflict(f"The order is {stored.state} and cannot be changed.", code="order_not_working")
            order = change.applied_to(stored.order)
            if order.quantity <= stored.filled:
                raise Conflict(f"{stored.filled} are filled already.", code="quantity_filled")
            _, failures, _ = await self.judge(work, account, order, market)
            refuse(each for each in failures if not (stored.filled and each.code == "trigger_side"))
            text = "The change is on its way to the broker."
            event = StoredEvent(EventKind.MODIFY_REQUEST, stored.state, "modify_requested", text, market.at)
            await work.add_event(stored.id, event)
            body: dict[str, Any] = {
                "quantity": change.quantity,
                "price": None if change.price is None else str(change.price),
                "trigger_price": None if change.trigger_price is None else str(change.trigger_price),
            }
            await work.add_command(stored.id, "modify", body)
            self._step("before_intent")
            await work.commit()
        self._step("intent")
        await self._bell.ring()
        return order_view(stored)

    async def cancel(self, user_id: UUID, first: StoredOrder) -> OrderView:
        """Ask for the cancellation, or raise as `CancelOrder` does."""
        at = await self._desk.now()
        async with self._work() as work:
            await self.lock(work, user_id, first.account_id)
            stored = await _present(work, first)
            if stored.state in TERMINAL:
                raise Conflict(f"The order is {stored.state} already.", code="order_ended")
            text = "The cancellation is on its way to the broker."
            event = StoredEvent(EventKind.CANCEL_REQUEST, stored.state, "cancel_requested", text, at)
            await work.add_event(stored.id, event)
            await work.add_command(stored.id, "cancel", {"code": "cancelled", "text": "Cancelled by the user."})
            self._step("before_intent")
            await work.commit()
        self._step("intent")
        await self._bell.ring()
        return order_view(stored)

    async def lock(self, work: LiveWork, user_id: UUID, account_id: UUID, *, count: bool = True) -> TradingAccount:
        """The user's account, locked; with `count` the request counts against its rate.

        Raises:
            NotFound: `account_not_found`.
            RateLimited: `order_rate`.
        """
        used = 0
        if count:
            second = self._wall.now().replace(microsecond=0)
            account, used = (await work.lock_and_count({(account_id, user_id): 1}, second)).get(account_id, (None, 0))
        else:
            account = await work.lock_account(account_id)
        if account is None or account.user_id != user_id or account.closed_at is not None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        if used > (most := self._desk.rules.requests_per_second):
            raise RateLimited(f"An account may send {most} order requests a second.", code="order_rate", retry_after=1)
        return account

    async def judge(
        self, work: LiveWork, account: TradingAccount, order: Order, market: Market
    ) -> tuple[Decimal, list[Failure], Requirement]:
        """The limit to send, the rules that the order breaks, and about what it needs at the broker."""
        standing = await self._desk.standing(work, account, order, market.contract, without=UUID(order.order_id))
        found, requirement = self._desk.judge(account, order, market, standing)
        # What is in the demat account is more than what was bought through us.
        failures = [each for each in found if each.code != "insufficient_holdings"]
        limit = self._desk.risk.worst_price(order, market.contract, market.last)
        value = limit * order.quantity
        if value > self._rules.most_value:
            text = f"The order is worth {value:.2f} rupees; the operator allows {self._rules.most_value:.2f}."
            failures.append(Failure("live_order_value", text, "quantity"))
        if limit <= ZERO and not failures:
            failures.append(Failure("stale_price", "No price is known from which to find a limit.", "order_type"))
        return limit, failures, requirement


async def refuse_paper_key(
    live: LiveTrading | None, user_id: UUID, *, account_id: UUID | None = None, order_id: UUID | None = None
) -> None:
    """For callers who may trade on paper only.

    Raises:
        Forbidden: `scope_missing`, when account or order are live.
    """
    if live is None:
        return
    of_account = account_id is not None and await live.is_live(user_id, account_id)
    if of_account or (order_id is not None and await live.find(user_id, order_id) is not None):
        raise Forbidden("This needs the scope `live`, which the API key does not have.", code="scope_missing")


def _not_for_live(request: OrderRequest, contract: Contract) -> list[Failure]:
    failures = []
    if contract.exchange not in _EXCHANGES:
        text = f"Live orders go to {', '.join(sorted(_EXCHANGES))} only."
        failures.append(Failure("not_for_live_accounts", text, "symbol"))
    if request.product is Product.MIS:
        text = "The exchanges let programs trade no intraday margin; use cnc or nrml."
        failures.append(Failure("not_for_live_accounts", text, "product"))
    if request.group_role not in (None, LEG) or request.auto_square_off:
        text = "Live accounts have no brackets, OCO or GTT: their exits would not survive us."
        failures.append(Failure("not_for_live_accounts", text, "account_id"))
    return failures


def _route(account: TradingAccount, order: Order, price: Decimal, *, closes: bool, contract: Contract) -> Route:
    if account.broker_account_id is None:
        raise InvalidInput("This account has no broker account.", code="broker_account_required")
    return Route(
        order_id=UUID(order.order_id),
        broker_account_id=account.broker_account_id,
        tag=tag_of(order),
        price=price,
        # Shares are simply sold; only derivatives have a call of their own for it.
        square_off=closes and (contract.is_future or contract.is_option),
    )


async def _present(work: LiveWork, first: StoredOrder) -> StoredOrder:
    stored = await work.order(first.id)
    if stored is None:
        raise NotFound("There is no such order.", code="order_not_found")
    return stored
