"""What users ask of live accounts' GTT: checked, and committed as a wish for the keeper.

Nothing here calls the broker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.exchange.checks import Failure
from breezeway.exchange.orders import OrderType, Product, Side, Validity
from breezeway.ids import new_id
from trading_service.application.desk import Desk, Market, refuse
from trading_service.application.gtt_ports import GttWork, GttWorkFactory
from trading_service.application.live_placing import LiveTrading
from trading_service.application.ports import Bell
from trading_service.application.requests import OnceOnly, OrderRequest
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.groups import LEG, STOP, TARGET, Group, GroupKind, GroupState, Trigger
from trading_service.domain.gtt import GTT_ENDED, GttStatus, Leg, LiveGtt, Wish

_EXCHANGES: Final = frozenset({"NFO", "BFO"})
_LATER: Final = frozenset({"price_band", "market_closed", "insufficient_holdings", "stale_price"})
"""Rules of the day on which a leg is reached, which is another one: the broker asks them then."""
_ASKS_FOR_A_PRICE: Final = OrderType.MARKET
"""What a GTT waits for is above or below the last price, so one has to be known, as for a market order."""
_RECEIVED: Final = "Received, and on its way to the broker."


@dataclass(frozen=True, slots=True)
class NewGtt:
    """`trigger` is a single's; of two, each waits for its own price: the target for its limit, the stop for its
    trigger."""

    account_id: UUID
    orders: Sequence[tuple[str, OrderRequest]]
    trigger: Trigger | None


class LiveGtts:
    """Live accounts' side of `OrderGroups` for GTT."""

    def __init__(self, work: GttWorkFactory, trading: LiveTrading, desk: Desk, bell: Bell, wall: Clock) -> None:
        self._work = work
        self._trading = trading
        self._desk = desk
        self._bell = bell
        self._wall = wall

    async def add(self, user_id: UUID, request: NewGtt, once: OnceOnly | None = None) -> UUID:
        """Accept a GTT; its group's id. What was accepted under the same key before is not accepted again.

        Raises:
            InvalidInput: `not_for_live_accounts`, `invalid_group`, `idempotency_key_reused`, or what checks say.
            NotFound, Conflict, RateLimited: as `PlaceOrder`.
        """
        first = request.orders[0][1]
        market = await self._desk.market(user_id, first.symbol, _ASKS_FOR_A_PRICE)
        legs = _legs(request, market)
        async with self._work() as work:
            if once is not None:
                earlier = await work.claim(user_id, once.route, once.key, once.fingerprint)
                if earlier is not None:
                    return UUID(earlier["id"])
            account = await self._trading.lock(work, user_id, request.account_id)
            if account.broker_account_id is None:
                raise InvalidInput("This account has no broker account.", code="broker_account_required")
            await self._check(work, account, market, first, legs)
            now = self._wall.now()
            group = Group(
                id=new_id(),
                account_id=account.id,
                user_id=user_id,
                kind=GroupKind.GTT,
                state=GroupState.WAITING,
                body={},
                text=None,
                created_at=now,
            )
            gtt = LiveGtt(
                group_id=group.id,
                account_id=account.id,
                user_id=user_id,
                broker_account_id=account.broker_account_id,
                symbol=market.contract.symbol,
                side=first.side,
                quantity=first.quantity,
                product=first.product,
                legs=legs,
                status=GttStatus.NEW,
                seen_at=market.at,
                placed_at=market.at,
                wish=Wish(new_id(), "place", now, legs),
            )
            await work.save_contract(market.instrument)
            await work.add_group(group)
            await work.add_gtt(gtt.noted(market.at, "received", _RECEIVED))
            if once is not None:
                await work.keep_answer(user_id, once.route, once.key, {"id": str(group.id)})
            await work.commit()
        await self._bell.ring()
        return group.id

    async def modify(
        self, user_id: UUID, group_id: UUID, changes: Mapping[str, tuple[Decimal | None, Decimal]]
    ) -> None:
        """Ask for other triggers and limits, by role; a target's trigger is its limit.

        Raises:
            NotFound: `group_not_found`.
            Conflict: `group_ended`, `gtt_busy`.
            InvalidInput: `invalid_group`, or what checks say.
        """
        first = await self._found(user_id, group_id)
        market = await self._desk.market(user_id, first.symbol, _ASKS_FOR_A_PRICE)
        if unknown := set(changes) - {leg.role for leg in first.legs}:
            raise InvalidInput(f"The GTT has no {sorted(unknown)[0]}.", code="invalid_group")
        async with self._work() as work:
            account = await self._trading.lock(work, user_id, first.account_id)
            gtt = await _locked(work, group_id)
            if gtt.status in GTT_ENDED:
                raise _ended(gtt)
            if gtt.status is not GttStatus.ACTIVE or gtt.wish is not None:
                raise Conflict("Something else is still being asked of the broker.", code="gtt_busy", retry_after=1)
            legs = tuple(_changed(leg, changes) for leg in gtt.legs)
            order = OrderRequest(
                account_id=account.id,
                symbol=gtt.symbol,
                side=gtt.side,
                quantity=gtt.quantity,
                order_type=OrderType.LIMIT,
                product=gtt.product,
                price=legs[0].limit,
            )
            await self._check(work, account, market, order, legs)
            wished = replace(gtt, wish=Wish(new_id(), "modify", self._wall.now(), legs))
            text = "The change is on its way to the broker."
            await work.save_gtt(wished.noted(market.at, "modify_requested", text))
            await work.commit()
        await self._bell.ring()

    async def cancel(self, user_id: UUID, group_id: UUID) -> None:
        """Ask for the cancellation. What is under way is waited for; what the book leaves in doubt is given up.

        Raises:
            NotFound: `group_not_found`.
            Conflict: `group_ended`.
        """
        first, at = await self._found(user_id, group_id), await self._desk.now()
        async with self._work() as work:
            await self._trading.lock(work, user_id, first.account_id)
            gtt = await _locked(work, group_id)
            if gtt.status in GTT_ENDED:
                raise _ended(gtt)
            await ask_to_cancel(work, gtt, at, self._wall.now(), "Cancelled by the user.")
            await work.commit()
        await self._bell.ring()

    async def _found(self, user_id: UUID, group_id: UUID) -> LiveGtt:
        async with self._work() as work:
            gtt = await _locked(work, group_id)
        if gtt.user_id != user_id:
            raise NotFound("There is no such order group.", code="group_not_found")
        return gtt

    async def _check(
        self, work: GttWork, account: TradingAccount, market: Market, request: OrderRequest, legs: Sequence[Leg]
    ) -> None:
        failures: list[Failure] = []
        for leg in legs:
            order = replace(request, order_type=OrderType.LIMIT, price=leg.limit, trigger_price=None)
            judged = order.order(new_id(), market.contract.symbol)
            _, found, _ = await self._trading.judge(work, account, judged, market)
            failures += [each for each in found if each.code not in _LATER]
            if leg.trigger % (tick := market.contract.rules.tick_size):
                failures.append(
                    Failure("tick_size", f"{leg.trigger} is not a multiple of the tick, {tick}.", "trigger")
                )
        refuse([*failures, *_wrong_side(request.side, legs, market.last)])


async def ask_to_cancel(work: GttWork, gtt: LiveGtt, at: datetime, now: datetime, text: str) -> None:
    """Have a GTT cancelled, in a transaction that has locked it. Asking again changes nothing.

    Args:
        at: the exchange's time.
        now: our own.
    """
    after = gtt.cancelling(at, now, text)
    if after != gtt:
        await work.save_gtt(after)
    if after.status is GttStatus.CANCELLED:
        await work.move_group(gtt.group_id, GroupState.WAITING, GroupState.CANCELLED, {}, after.history[-1].text)


async def _locked(work: GttWork, group_id: UUID) -> LiveGtt:
    gtt = await work.lock_gtt(group_id)
    if gtt is None:
        raise NotFound("There is no such order group.", code="group_not_found")
    return gtt


def _ended(gtt: LiveGtt) -> Conflict:
    return Conflict(f"The GTT is {gtt.status} already.", code="group_ended")


def _legs(request: NewGtt, market: Market) -> tuple[Leg, ...]:
    """What the broker is to wait for.

    Raises:
        InvalidInput: `not_for_live_accounts`, `invalid_group`.
    """
    contract, orders = market.contract, dict(request.orders)
    if contract.exchange not in _EXCHANGES:
        raise _not_offered("The broker has GTT for futures and options only; place a limit or stop order each day.")
    if any(order.product is Product.MIS for order in orders.values()):
        raise _not_offered("The exchanges let programs trade no intraday margin; use nrml.")
    if any(order.validity is not Validity.DAY or order.disclosed_quantity for order in orders.values()):
        raise _not_offered("The order of a GTT is valid for the day and shows all of its quantity.")
    if LEG in orders:
        order, trigger = orders[LEG], request.trigger
        if trigger is None or trigger.symbol != order.symbol:
            raise InvalidInput("The broker's GTT waits for the price of what it trades.", code="invalid_group")
        if order.order_type is not OrderType.LIMIT or order.price is None:
            raise _not_offered("The broker's GTT places limit orders only.")
        last = market.last
        if last is not None and trigger.above != (trigger.price > last):
            side = "above" if trigger.above else "below"
            refuse([Failure("trigger_side", f"The trigger must be {side} the last price, {last}.", "trigger.price")])
        return (Leg(LEG, trigger.price, order.price),)
    if request.trigger is not None:
        raise InvalidInput(
            "On a live account each of the two waits for its own price: leave the trigger out.", code="invalid_group"
        )
    target, stop = orders[TARGET], orders[STOP]
    if target.order_type is not OrderType.LIMIT or stop.order_type is not OrderType.SL:
        raise _not_offered("Of the broker's two legs the target is a limit and the stop an sl.")
    assert target.price is not None  # noqa: S101  # a limit has one, as an sl has both
    assert stop.price is not None  # noqa: S101
    assert stop.trigger_price is not None  # noqa: S101
    return (Leg(TARGET, target.price, target.price), Leg(STOP, stop.trigger_price, stop.price))


def _changed(leg: Leg, changes: Mapping[str, tuple[Decimal | None, Decimal]]) -> Leg:
    if leg.role not in changes:
        return replace(leg, status="")
    trigger, limit = changes[leg.role]
    if leg.role == TARGET:
        if trigger is not None and trigger != limit:
            raise InvalidInput("A target's trigger is its limit.", code="invalid_group")
        return Leg(leg.role, limit, limit)
    return Leg(leg.role, leg.trigger if trigger is None else trigger, limit)


def _wrong_side(side: Side, legs: Sequence[Leg], last: Decimal | None) -> list[Failure]:
    """The broker watches from the side on which the price is; a leg on the wrong one would do what nobody asked for."""
    if last is None:
        return [Failure("stale_price", "No price is known from which a GTT could wait.", "symbol")]
    failures = []
    for leg in legs:
        if leg.role == LEG:
            continue
        above = leg.role == (TARGET if side is Side.SELL else STOP)
        if leg.trigger == last or (leg.trigger > last) != above:
            word = "above" if above else "below"
            failures.append(Failure("trigger_side", f"The {leg.role} must be {word} the last price, {last}.", "price"))
        if leg.role == STOP and leg.limit != leg.trigger and (leg.limit > leg.trigger) != (side is Side.BUY):
            failures.append(
                Failure("stop_limit_side", "The stop's limit is on the wrong side of its trigger.", "price")
            )
    return failures


def _not_offered(text: str) -> InvalidInput:
    return InvalidInput(text, code="not_for_live_accounts")
