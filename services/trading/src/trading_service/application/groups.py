"""Placing groups of orders, and keeping them: arming exits, firing triggers, noticing the end.

Exits are placed under client ids made of the group's, so a keeper that dies between placing and noting it finds its
orders placed and places none twice. What one exit fills is taken off the other by the matcher, in the same breath.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import structlog

from breezeway.clock import Clock
from breezeway.errors import BreezewayError, Conflict, InvalidInput, NotFound, Retryable
from breezeway.exchange.orders import TERMINAL, OrderType, Product, Side, Validity
from breezeway.ids import new_id
from trading_service.application.live_gate import disabled
from trading_service.application.live_gtt import LiveGtts, NewGtt
from trading_service.application.placing import CancelOrder, PlaceOrder
from trading_service.application.ports import StoredOrder, Work
from trading_service.application.requests import OnceOnly, OrderRequest
from trading_service.domain.accounts import AccountKind
from trading_service.domain.groups import ENTRY, EXITS, LEG, STOP, TARGET, Group, GroupKind, GroupState, trigger_of
from trading_service.domain.gtt import LiveGtt

MOST_LEGS: Final = 20
_ROUTE: Final = "POST /order-groups"

_log = structlog.get_logger()


class GroupWork(Work, Protocol):
    """The transaction of groups."""

    async def add_group(self, group: Group) -> None: ...

    async def group_of(self, user_id: UUID, group_id: UUID) -> Group | None: ...

    async def groups(self, user_id: UUID, before: UUID | None, limit: int) -> list[Group]: ...

    async def unfinished_groups(self) -> list[Group]:
        """Without those that the broker keeps."""
        ...

    async def gtts_of(self, groups: Collection[UUID]) -> dict[UUID, LiveGtt]:
        """Those of the groups that the broker keeps."""
        ...

    async def move_group(
        self, group_id: UUID, was: GroupState, state: GroupState, body: Mapping[str, Any], text: str | None
    ) -> bool:
        """Change a group that is still in the state `was`; False when it is not."""
        ...


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """`orders` by role: legs of a basket; target and stop of an oco; entry, target and stop of a bracket; of a gtt one
    leg, or target and stop. `trigger` is a gtt's: symbol, price, above."""

    account_id: UUID
    kind: GroupKind
    orders: Sequence[tuple[str, OrderRequest]]
    trigger: Mapping[str, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same request."""
        orders = [[role, order.fingerprint] for role, order in self.orders]
        values = [str(self.account_id), self.kind.value, orders, self.trigger]
        return sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """`gtt`: what the broker keeps of it, for a live account."""

    group: Group
    orders: tuple[StoredOrder, ...]
    gtt: LiveGtt | None = None


LastPrice = Callable[[str], Decimal | None]


class OrderGroups:
    """
    Args:
        gtts: the live accounts' GTT; without it there are none.
    """

    def __init__(
        self,
        work: Callable[[], GroupWork],
        place: PlaceOrder,
        cancel: CancelOrder,
        wall: Clock,
        gtts: LiveGtts | None = None,
    ) -> None:
        self._work = work
        self._place = place
        self._cancel = cancel
        self._wall = wall
        self._gtts = gtts

    async def add(self, user_id: UUID, request: GroupRequest, key: str | None = None) -> GroupStatus:
        """Place a group. When one of its orders is refused, those before it are cancelled and the refusal is raised.

        The same key and request answer the same group again; what died half-way is completed.

        Raises:
            InvalidInput: `invalid_group`, `idempotency_key_reused`, or what an order is refused for.
            NotFound, Forbidden, Conflict, RateLimited: as `PlaceOrder`.
        """
        _check(request)
        async with self._work() as work:
            account = await work.account(user_id, request.account_id)
        if account is None:
            raise NotFound("There is no such trading account.", code="account_not_found")
        if account.kind is AccountKind.LIVE and request.kind is not GroupKind.BASKET:
            return await self._add_live(user_id, request, key)
        if request.kind is GroupKind.GTT and request.trigger is None:
            raise InvalidInput("A GTT on paper waits for a trigger.", code="invalid_group")
        now_placed = {ENTRY} if request.kind is GroupKind.BRACKET else {TARGET, STOP, LEG}
        if request.kind is GroupKind.GTT:
            now_placed = set()
        later = [[role, packed(order)] for role, order in request.orders if role not in now_placed]
        waits = request.kind in (GroupKind.GTT, GroupKind.BRACKET)
        group = Group(
            id=new_id(),
            account_id=request.account_id,
            user_id=user_id,
            kind=request.kind,
            state=GroupState.WAITING if waits else GroupState.WORKING,
            body={"orders": later, **({"trigger": dict(request.trigger)} if request.trigger else {})},
            text=None,
            created_at=self._wall.now(),
        )
        first = [(role, order) for role, order in request.orders if role in now_placed]
        earlier = await self._begin(group, request, key)
        if earlier is not None:
            return await self._complete(earlier, first)
        try:
            await self._place_all(group, first)
        except BreezewayError as error:
            await self.end(group, GroupState.FAILED, error.detail)
            if key is not None:
                await self._unclaim(user_id, key)
            raise
        return await self.one(user_id, group.id)

    async def _begin(self, group: Group, request: GroupRequest, key: str | None) -> GroupStatus | None:
        """Write the group down; the one that was written down under the same key before, if any."""
        earlier = None
        async with self._work() as work:
            if key is not None:
                earlier = await work.claim(group.user_id, _ROUTE, key, request.fingerprint)
                if earlier is None:
                    await work.keep_answer(group.user_id, _ROUTE, key, {"id": str(group.id)})
            if earlier is None:
                await work.add_group(group)
                await work.commit()
        return None if earlier is None else await self.one(group.user_id, UUID(earlier["id"]))

    async def _complete(self, status: GroupStatus, first: Sequence[tuple[str, OrderRequest]]) -> GroupStatus:
        """Place what the process that wrote the group down did not live to place."""
        group = status.group
        placed = {stored.order.client_order_id for stored in status.orders}
        missing = any(request.client_order_id not in placed for request in _named(group, first))
        if missing and group.state in (GroupState.WAITING, GroupState.WORKING):
            await self._place_all(group, first)
            return await self.one(group.user_id, group.id)
        return status

    async def _unclaim(self, user_id: UUID, key: str) -> None:
        async with self._work() as work:
            await work.unclaim(user_id, _ROUTE, key)
            await work.commit()

    async def one(self, user_id: UUID, group_id: UUID) -> GroupStatus:
        """Raises NotFound `group_not_found`."""
        async with self._work() as work:
            group = await work.group_of(user_id, group_id)
            if group is None:
                raise NotFound("There is no such order group.", code="group_not_found")
            gtts = await work.gtts_of([group_id])
            return GroupStatus(group, tuple(await work.group(group_id)), gtts.get(group_id))

    async def of(self, user_id: UUID, cursor: UUID | None, limit: int) -> tuple[list[GroupStatus], UUID | None]:
        """A page, newest first, and the cursor of the next."""
        async with self._work() as work:
            found = await work.groups(user_id, cursor, limit + 1)
            gtts = await work.gtts_of([each.id for each in found[:limit]])
            page = [GroupStatus(each, tuple(await work.group(each.id)), gtts.get(each.id)) for each in found[:limit]]
        return page, page[-1].group.id if len(found) > limit else None

    async def cancel(self, user_id: UUID, group_id: UUID) -> GroupStatus:
        """Cancel what works of a group and forget what waits.

        Raises:
            NotFound: `group_not_found`.
            Conflict: `group_ended`.
        """
        status = await self.one(user_id, group_id)
        if status.group.state not in (GroupState.WAITING, GroupState.WORKING):
            raise Conflict(f"The group is {status.group.state} already.", code="group_ended")
        if status.gtt is not None and status.group.state is GroupState.WAITING:
            await self._live().cancel(user_id, group_id)
            return await self.one(user_id, group_id)
        await self.end(status.group, GroupState.CANCELLED, "Cancelled by the user.")
        return await self.one(user_id, group_id)

    async def modify(
        self, user_id: UUID, group_id: UUID, legs: Mapping[str, tuple[Decimal | None, Decimal]]
    ) -> GroupStatus:
        """Ask for other triggers and limits of a GTT that the broker keeps; both by role.

        Raises:
            NotFound: `group_not_found`.
            Conflict: `not_modifiable`, for every other group; as `LiveGtts.modify`.
        """
        status = await self.one(user_id, group_id)
        if status.gtt is None:
            raise Conflict(
                "Only a GTT of a live account can be changed; cancel this group and place another.",
                code="not_modifiable",
            )
        await self._live().modify(user_id, group_id, legs)
        return await self.one(user_id, group_id)

    async def keep(self, last: LastPrice) -> set[tuple[UUID, str]]:
        """Do what is due for every unfinished group; one group's trouble does not keep the others waiting.

        Returns the symbols whose prices triggers wait for, with the user whose feed has them.
        """
        async with self._work() as work:
            groups = await work.unfinished_groups()
        for group in groups:
            try:
                await self._keep(group, last)
            except Retryable as error:
                # A rate limit or a silent feed: the next round tries again.
                _log.info("group_waits", group=str(group.id), code=error.code)
            except Conflict as error:
                if error.code not in ("stale_price", "market_closed", "duplicate_client_order_id"):
                    await self.end(group, GroupState.FAILED, error.detail)
            except BreezewayError as error:
                await self.end(group, GroupState.FAILED, error.detail)
        triggers = ((each.user_id, trigger_of(each.body)) for each in groups if each.state is GroupState.WAITING)
        return {(user_id, trigger.symbol) for user_id, trigger in triggers if trigger is not None}

    async def _add_live(self, user_id: UUID, request: GroupRequest, key: str | None) -> GroupStatus:
        if request.kind is not GroupKind.GTT:
            name = {GroupKind.OCO: "two orders of which one cancels the other"}.get(request.kind, "brackets")
            raise InvalidInput(
                f"The broker has no call for {name}, and exits that we keep would not survive an outage of ours. For"
                " futures and options use a gtt with a target and a stop, which the broker keeps.",
                code="not_for_live_accounts",
            )
        wanted = NewGtt(request.account_id, request.orders, trigger_of({"trigger": request.trigger}))
        once = None if key is None else OnceOnly(_ROUTE, key, request.fingerprint)
        return await self.one(user_id, await self._live().add(user_id, wanted, once))

    def _live(self) -> LiveGtts:
        if self._gtts is None:
            raise disabled()
        return self._gtts

    async def end(self, group: Group, state: GroupState, text: str) -> None:
        """Cancel what works of it, and note why it ended."""
        async with self._work() as work:
            moved = await work.move_group(group.id, group.state, state, {}, text)
            orders = await work.group(group.id)
            await work.commit()
        working = {each.id for each in orders if each.state not in TERMINAL}
        if moved and working:
            await self._cancel.all_of(group.account_id, "group_ended", text, only=working)

    async def _keep(self, group: Group, last: LastPrice) -> None:
        async with self._work() as work:
            orders = await work.group(group.id)
        waiting = [(role, unpacked(group.account_id, body)) for role, body in group.body.get("orders", ())]
        if group.state is GroupState.WORKING:
            if orders and all(each.state in TERMINAL for each in orders):
                await self._move(group, GroupState.DONE, "Every order has ended.")
            return
        if group.kind is GroupKind.BRACKET:
            entry = next((each for each in orders if each.group_role == ENTRY), None)
            if entry is None or entry.state not in TERMINAL:
                return
            if not entry.filled:
                await self._move(group, GroupState.DONE, "The entry ended without a fill.")
                return
            waiting = [(role, replace(order, quantity=entry.filled)) for role, order in waiting]
        else:
            trigger = trigger_of(group.body)
            price = None if trigger is None else last(trigger.symbol)
            if trigger is None or price is None or not trigger.fires(price):
                return
        await self._place_all(group, waiting)
        await self._move(group, GroupState.WORKING, None)

    async def _move(self, group: Group, state: GroupState, text: str | None) -> None:
        async with self._work() as work:
            await work.move_group(group.id, group.state, state, {}, text)
            await work.commit()

    async def _place_all(self, group: Group, orders: Sequence[tuple[str, OrderRequest]]) -> None:
        for request in _named(group, orders):
            try:
                await self._place(group.user_id, request)
            except Conflict as error:
                # Placed in an earlier attempt that did not live to note it.
                if error.code != "duplicate_client_order_id":
                    raise


def _named(group: Group, orders: Sequence[tuple[str, OrderRequest]]) -> list[OrderRequest]:
    """The orders under the names that only this group's can have."""
    return [
        replace(
            order,
            group_id=group.id,
            group_role=role,
            client_order_id=f"{group.id}:{role}" + (f":{index}" if role == LEG else ""),
        )
        for index, (role, order) in enumerate(orders)
    ]


def packed(order: OrderRequest) -> dict[str, Any]:
    """An order as JSON, to be placed later."""
    return {
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": order.quantity,
        "order_type": order.order_type.value,
        "product": order.product.value,
        "validity": order.validity.value,
        "price": None if order.price is None else str(order.price),
        "trigger_price": None if order.trigger_price is None else str(order.trigger_price),
        "tag": order.tag,
    }


def unpacked(account_id: UUID, body: Mapping[str, Any]) -> OrderRequest:
    """The inverse of `packed`."""
    price, trigger = body["price"], body["trigger_price"]
    return OrderRequest(
        account_id=account_id,
        symbol=body["symbol"],
        side=Side(body["side"]),
        quantity=body["quantity"],
        order_type=OrderType(body["order_type"]),
        product=Product(body["product"]),
        validity=Validity(body["validity"]),
        price=None if price is None else Decimal(price),
        trigger_price=None if trigger is None else Decimal(trigger),
        tag=body["tag"],
    )


def _check(request: GroupRequest) -> None:
    roles = [role for role, _ in request.orders]
    exits = sorted(EXITS)
    allowed = {
        GroupKind.BASKET: bool(roles) and len(roles) <= MOST_LEGS and set(roles) == {LEG},
        GroupKind.OCO: sorted(roles) == exits,
        GroupKind.BRACKET: sorted(roles) == sorted([ENTRY, *exits]),
        # On a live account each of two waits for its own price, so only a single must have a trigger.
        GroupKind.GTT: (roles == [LEG] and request.trigger is not None) or sorted(roles) == exits,
    }[request.kind]
    if not allowed:
        raise InvalidInput(f"These orders make no {request.kind}.", code="invalid_group")
    for role, order in request.orders:
        order.order(UUID(int=0), order.symbol)
        if role in EXITS and order.validity is not Validity.DAY:
            raise InvalidInput("An exit waits, so it cannot be IOC.", code="invalid_group")
    pair = [order for role, order in request.orders if role in EXITS]
    if len({(o.symbol, o.side, o.product, o.quantity) for o in pair}) > 1:
        raise InvalidInput("Target and stop have the same symbol, side, product and quantity.", code="invalid_group")
    entry = next((order for role, order in request.orders if role == ENTRY), None)
    if entry is not None and (entry.side is pair[0].side or entry.symbol != pair[0].symbol):
        raise InvalidInput("The exits close what the entry opens.", code="invalid_group")
