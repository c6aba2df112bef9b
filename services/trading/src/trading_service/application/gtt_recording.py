"""Writes what became of live accounts' GTT, in transactions of the caller's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from breezeway.clock import Clock
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import Order, OrderState, OrderType
from breezeway.ids import new_id
from trading_service.application.gtt_ports import GttWork
from trading_service.application.live_ports import Route
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.live_words import adopted_tag
from trading_service.application.ports import ExchangeTime, StoredOrder
from trading_service.domain.groups import GroupState
from trading_service.domain.gtt import AMBIGUOUS, GTT_ENDED, BookedGtt, GttStatus, Leg, LiveGtt, Wish

_GROUPS: Final = {
    GttStatus.TRIGGERED: GroupState.WORKING,
    GttStatus.CANCELLED: GroupState.CANCELLED,
    GttStatus.EXPIRED: GroupState.DONE,
    GttStatus.REJECTED: GroupState.FAILED,
}
_ENDS: Final = {
    GttStatus.CANCELLED: ("cancelled", "The broker cancelled it."),
    GttStatus.EXPIRED: ("expired", "It expired at the broker."),
    GttStatus.REJECTED: ("broker_rejected", "The broker rejected it."),
}

_log = structlog.get_logger()


class GttRecorder:
    """Every method is given a GTT that its transaction has locked, after its account."""

    def __init__(self, recorder: LiveRecorder, time: ExchangeTime, wall: Clock) -> None:
        self._recorder = recorder
        self._time = time
        self._wall = wall

    @staticmethod
    async def present(work: GttWork, gtt: LiveGtt, wish: Wish) -> LiveGtt | None:
        """The GTT as it is now, locked; None when the wish is settled."""
        await work.lock_account(gtt.account_id)
        present = await work.lock_gtt(gtt.group_id)
        if present is None or present.wish is None or present.wish.id != wish.id:
            return None
        return present

    async def doubt(self, work: GttWork, gtt: LiveGtt) -> None:
        """Note that nobody knows whether what was sent has taken effect."""
        wish = gtt.wish
        if wish is None or wish.answer is not None:
            return
        after = replace(gtt, wish=replace(wish, answer="unknown"))
        text = "The broker did not say whether it took this. It is looked for, and not sent again."
        status = GttStatus.UNKNOWN if wish.kind == "place" else None
        await work.save_gtt(after.noted(await self._time.now(), "outcome_unknown", text, status))

    async def name(self, work: GttWork, gtt: LiveGtt, number: str) -> None:
        """Note the broker's number of it: it waits there."""
        at, text = await self._time.now(), f"The broker has it as {number}."
        after = replace(gtt, broker_gtt_id=number, wish=None).noted(at, "accepted", text, GttStatus.ACTIVE)
        await work.save_gtt(self._next(after))

    async def drop(self, work: GttWork, gtt: LiveGtt, code: str, text: str) -> None:
        """Be done with a wish that has had no effect."""
        placing = gtt.wish is not None and gtt.wish.kind == "place"
        status = GttStatus.REJECTED if placing else None
        await work.save_gtt(self._next(replace(gtt, wish=None).noted(await self._time.now(), code, text, status)))
        if placing:
            await work.move_group(gtt.group_id, GroupState.WAITING, GroupState.FAILED, {}, text)

    async def alter(self, work: GttWork, gtt: LiveGtt, legs: tuple[Leg, ...], at: datetime, text: str) -> None:
        """Note the terms that the broker has in force, which settles a wish for others."""
        await work.save_gtt(self._next(replace(gtt, legs=legs, wish=None, seen_at=at).noted(at, "modified", text)))

    async def alarm(self, work: GttWork, gtt: LiveGtt, found: Sequence[BookedGtt]) -> None:
        """Tell, once, that a person has to look, by halting the account."""
        if gtt.in_doubt:
            await work.save_gtt(gtt)
            return
        numbers = ", ".join(row.gtt_id for row in found)
        text = f"The broker has more that could be this one than were sent: {numbers}."
        await work.save_gtt(gtt.noted(await self._time.now(), AMBIGUOUS, text))
        account = await work.lock_account(gtt.account_id)
        if account is not None:
            _log.critical("gtt_alarm", group=str(gtt.group_id), code=AMBIGUOUS, detail=text)
            await work.save_account(replace(account, state=AccountState.HALTED))

    async def end(self, work: GttWork, gtt: LiveGtt, row: BookedGtt, at: datetime) -> None:
        """Note that the broker has it waiting no more. Of a leg that was reached, the order becomes one of ours."""
        status, leg = row.status, row.triggered
        after = replace(gtt, legs=row.legs, wish=None, cancel_asked=False)
        if leg is not None:
            code, text = "triggered", f"The {leg.role} was reached; the broker has placed its order."
            await self._adopt(work, gtt, leg, at)
        else:
            code, text = _ENDS[status]
        await work.save_gtt(after.noted(at, code, text, status))
        said = None if status is GttStatus.TRIGGERED else text
        await work.move_group(gtt.group_id, GroupState.WAITING, _GROUPS[status], {}, said)

    def _next(self, gtt: LiveGtt) -> LiveGtt:
        """What was waiting for something else to end comes next."""
        if not gtt.cancel_asked or gtt.status in GTT_ENDED:
            return gtt
        return replace(gtt, cancel_asked=False, wish=Wish(new_id(), "cancel", self._wall.now()))

    async def _adopt(self, work: GttWork, gtt: LiveGtt, leg: Leg, at: datetime) -> None:
        account = await work.lock_account(gtt.account_id)
        if account is None:
            raise RuntimeError("a GTT has an account")
        order_id = new_id()
        order = Order(
            order_id=str(order_id),
            account_id=str(account.id),
            symbol=gtt.symbol,
            side=gtt.side,
            quantity=gtt.quantity,
            order_type=OrderType.LIMIT,
            product=gtt.product,
            price=leg.limit,
            client_order_id=f"{gtt.group_id}:{leg.role}",
        )
        stored = StoredOrder(
            id=order_id,
            account_id=account.id,
            user_id=gtt.user_id,
            epoch=account.epoch,
            order=order,
            state=OrderState.NEW,
            # The broker placed it at some moment since the GTT was last seen waiting.
            placed_at=gtt.seen_at,
            updated_at=at,
            group_id=gtt.group_id,
            group_role=leg.role,
            live=True,
        )
        route = Route(order_id, gtt.broker_account_id, adopted_tag(order), leg.limit)
        await self._recorder.adopt(work, stored, route, self._wall.now())
