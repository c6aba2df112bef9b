"""What the owner of a live order decides about it where the broker's book does not tell.

The broker has lost the tag, and more of its orders than were sent could be this one. Nobody guesses then: the owner is
shown what the broker has, and says which of them it is, or that it is none. Nothing here calls the broker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.trading import OrderView
from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.exchange.orders import EventKind, OrderState
from trading_service.application.live_ports import NOT_PLACED, BrokerWord, LiveCommand, LiveWork, LiveWorkFactory, Route
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.ports import StoredEvent, StoredOrder
from trading_service.application.reconciling import ReconcilingRules
from trading_service.application.views import order_view

_ALARM: Final = "ambiguous_order"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to decide by: how the order was sent, and the broker's orders that it could be, as JSON."""

    tag: str
    price: Decimal
    sent_at: datetime | None
    seen_at: datetime | None
    candidates: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Matter:
    """What is to be decided about a locked order."""

    command: LiveCommand
    candidates: Sequence[Mapping[str, Any]]


class ResolveOrder:
    """Everything raises NotFound `order_not_found` for an order that is not a live one of the user's, and Conflict
    `order_not_ambiguous` for one about which nothing is to be decided."""

    def __init__(
        self, work: LiveWorkFactory, recorder: LiveRecorder, wall: Clock, rules: ReconcilingRules | None = None
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._wall = wall
        self._given_up = (rules or ReconcilingRules()).given_up

    async def evidence(self, user_id: UUID, order_id: UUID) -> Evidence:
        """What the broker had when it was last looked at, also after the decision."""
        async with self._work() as work:
            _, route = await _owned(work, user_id, order_id)
            alarm = await _alarm(work, order_id)
            if alarm is None:
                raise _not_ambiguous("It is not in doubt which of the broker's orders this is.")
            command = await work.unsettled_command(order_id)
        return Evidence(
            tag=route.tag,
            price=route.price,
            sent_at=None if command is None else command.sent_at,
            seen_at=alarm.recorded_at,
            candidates=alarm.details.get("candidates", ()),
        )

    async def link(self, user_id: UUID, order_id: UUID, broker_order_id: str) -> OrderView:
        """It is that order of the broker's: it works, and what became of it is read in the broker's book. Saying it
        again changes nothing.

        Raises:
            InvalidInput: `not_a_candidate`.
            Conflict: `broker_number_taken`, when another order of ours is that one.
        """
        async with self._work() as work:
            stored, route = await _owned(work, user_id, order_id)
            if route.broker_order_id == broker_order_id:
                return order_view(stored)
            matter = await self._matter(work, stored)
            chosen = [each for each in matter.candidates if each["broker_order_id"] == broker_order_id]
            if not chosen:
                raise InvalidInput("The broker's book has no such order that it could be.", code="not_a_candidate")
            if await work.numbers(route.broker_account_id, [broker_order_id]):
                raise Conflict("Another order is that one of the broker's.", code="broker_number_taken")
            text = f"Its owner says that it is the broker's order {broker_order_id}."
            await self._recorder.decide(work, stored, "linked_by_owner", text, {"candidates": chosen})
            # That it is there is all that was said; what has become of it is for notifications and the book.
            word = BrokerWord(broker_order_id, "ordered", stored.order.quantity, 0, None)
            after = await self._recorder.acknowledge(work, order_id, word)
            await work.drop_command(matter.command.seq)
            await work.commit()
        return order_view(after or stored)

    async def decline(self, user_id: UUID, order_id: UUID) -> OrderView:
        """It is none of them: the broker never got it. Saying it again changes nothing.

        Raises:
            Conflict: `evidence_contradicts`, when one of them bears its tag; `still_underway`, when it was sent so
                lately that it might still arrive.
        """
        async with self._work() as work:
            stored, _ = await _owned(work, user_id, order_id)
            if stored.code == NOT_PLACED:
                return order_view(stored)
            matter = await self._matter(work, stored)
            if any(each["tagged"] for each in matter.candidates):
                raise Conflict("The broker has orders that bear this one's tag.", code="evidence_contradicts")
            age = self._wall.now() - (matter.command.sent_at or self._wall.now())
            if age < self._given_up:
                left = (self._given_up - age).total_seconds()
                raise Conflict(
                    "It might still arrive at the broker.", code="still_underway", retry_after=max(1.0, left)
                )
            text = "Its owner says that the broker never got it. It was not sent again."
            await self._recorder.decide(work, stored, NOT_PLACED, text, {"candidates": list(matter.candidates)})
            await self._recorder.settle(work, matter.command, EventKind.REJECT, NOT_PLACED, text)
            after = await work.order(order_id)
            await work.commit()
        return order_view(after or stored)

    async def _matter(self, work: LiveWork, stored: StoredOrder) -> _Matter:
        if stored.state is not OrderState.UNKNOWN:
            raise _not_ambiguous(f"The order is {stored.state}.")
        alarm, command = await _alarm(work, stored.id), await work.unsettled_command(stored.id)
        if alarm is None or command is None:
            raise _not_ambiguous("The order is still being looked for in the broker's book.")
        return _Matter(command, alarm.details.get("candidates", ()))


async def _owned(work: LiveWork, user_id: UUID, order_id: UUID) -> tuple[StoredOrder, Route]:
    """The order as it is, with its account locked: who looks for it in the broker's book waits until this has ended."""
    first, route = await work.order(order_id), await work.route(order_id)
    if first is None or route is None or first.user_id != user_id:
        raise NotFound("There is no such live order.", code="order_not_found")
    await work.lock_account(first.account_id)
    stored, route = await work.order(order_id), await work.route(order_id)
    assert stored is not None  # noqa: S101  # orders and their routes are never deleted
    assert route is not None  # noqa: S101
    return stored, route


async def _alarm(work: LiveWork, order_id: UUID) -> StoredEvent | None:
    told = [each for each in await work.events(order_id) if each.code == _ALARM]
    return told[-1] if told else None


def _not_ambiguous(detail: str) -> Conflict:
    return Conflict(f"{detail} There is nothing to decide.", code="order_not_ambiguous")
