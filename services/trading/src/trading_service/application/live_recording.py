"""Writes what became of live orders, in transactions of the caller's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from breezeway.errors import Conflict
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import EventKind, OrderEvent, OrderState
from trading_service.application.live_ports import BrokerWord, LiveCommand, LiveWork, Route
from trading_service.application.live_words import events_of, word_of
from trading_service.application.ports import ExchangeTime, StoredEvent, StoredOrder
from trading_service.application.recording import Recorder

_log = structlog.get_logger()


class LiveRecorder:
    """Every method locks the order's account, and may be repeated."""

    def __init__(self, recorder: Recorder, time: ExchangeTime) -> None:
        self._recorder = recorder
        self._time = time

    async def hear(self, work: LiveWork, order_id: UUID, word: BrokerWord) -> StoredOrder | None:
        """Book what the broker says of an order; the order after it.

        What contradicts what is known (more executed than asked for, an order that was given up) is not booked and not
        passed over: it is written into the order's history, and the account is halted until a person has looked.
        """
        stored = await self._locked(work, order_id)
        if stored is None:
            return None
        try:
            events = events_of(stored, word, await self._time.now())
        except Conflict as error:
            await self.alarm(
                work, stored, error.code, f"{error.detail} The broker says: {word.status}, {word.executed}."
            )
            return stored
        for event in events:
            await self._recorder.apply(work, event)
        return await work.order(order_id)

    async def acknowledge(self, work: LiveWork, order_id: UUID, word: BrokerWord) -> StoredOrder | None:
        """Note the broker's number of an order, and what was heard of it before the number was known."""
        stored = await self._locked(work, order_id)
        if stored is None:
            return None
        await work.lock_notices(stored.user_id)
        if not await work.name_order(order_id, word.broker_order_id):
            await self.alarm(work, stored, "broker_number_taken", "The broker's number belongs to another order.")
            return stored
        after = await self.hear(work, order_id, word)
        for message in await work.take_notices(stored.user_id, word.broker_order_id):
            after = await self.hear(work, order_id, word_of(message))
        return after

    async def settle(self, work: LiveWork, command: LiveCommand, kind: EventKind, code: str, text: str) -> None:
        """Note that a command has had no effect, or none that it was sent for, and be done with it."""
        stored = await self._locked(work, command.order_id)
        if stored is not None and stored.state is not OrderState.REJECTED:
            event = OrderEvent(str(stored.id), kind, await self._time.now(), code, text)
            await self._recorder.apply(work, event)
        await work.drop_command(command.seq)

    async def submit(self, work: LiveWork, order_id: UUID) -> None:
        """Note that an order is being sent."""
        at = await self._time.now()
        text = "On its way to the broker."
        await self._recorder.apply(work, OrderEvent(str(order_id), EventKind.SUBMIT, at, "submitting", text))

    async def adopt(self, work: LiveWork, stored: StoredOrder, route: Route, now: datetime) -> None:
        """Note an order that the broker has placed by itself; which of its orders it is, is for reconciling to find.

        Args:
            now: our own time.
        """
        at, text = stored.updated_at, "The broker placed it when the trigger was reached. It is looked for."
        await work.add_order(stored)
        await work.add_route(route)
        await work.add_event(stored.id, StoredEvent("new", "new", "received", text, at))
        await work.add_command(stored.id, "place", {})
        for command in await work.queued(stored.id, "place"):
            await work.claim_command(command.seq, now)
            await work.answer_command(command.seq, "unknown")
        for kind in (EventKind.SUBMIT, EventKind.TIME_OUT):
            await self._recorder.apply(work, OrderEvent(str(stored.id), kind, at, "placed_by_broker", text))

    async def doubt(self, work: LiveWork, command: LiveCommand) -> None:
        """Note that nobody knows whether a command that was sent has taken effect."""
        stored = await self._locked(work, command.order_id)
        if command.kind == "place" and stored is not None and stored.state is OrderState.SUBMITTING:
            text = "The broker did not say whether it has the order. It is looked for, and not sent again."
            at = await self._time.now()
            await self._recorder.apply(
                work, OrderEvent(str(stored.id), EventKind.TIME_OUT, at, "outcome_unknown", text)
            )
        await work.answer_command(command.seq, "unknown")

    async def alarm(
        self, work: LiveWork, stored: StoredOrder, code: str, text: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Tell that a person has to look, in the order's history and by halting the account: once, but for `details`
        that are not those told last, which are added to the history."""
        told, found = [each for each in await work.events(stored.id) if each.code == code], dict(details or {})
        if told and told[-1].details == found:
            return
        at = await self._time.now()
        await work.add_event(stored.id, StoredEvent("alarm", stored.state, code, text, at, details=found))
        account = await work.lock_account(stored.account_id)
        if not told and account is not None:
            _log.critical("live_order_alarm", order=str(stored.id), code=code, detail=text)
            await work.save_account(replace(account, state=AccountState.HALTED))

    async def decide(
        self, work: LiveWork, stored: StoredOrder, code: str, text: str, details: Mapping[str, Any]
    ) -> None:
        """Note what the owner decided about an order of which nobody else knows."""
        at = await self._time.now()
        await work.add_event(stored.id, StoredEvent("resolution", stored.state, code, text, at, details=details))

    @staticmethod
    async def _locked(work: LiveWork, order_id: UUID) -> StoredOrder | None:
        first = await work.order(order_id)
        if first is None:
            return None
        await work.lock_account(first.account_id)
        return await work.order(order_id)


def refusal_of(kind: str) -> EventKind:
    """The event of a command that was refused."""
    return {"place": EventKind.REJECT, "modify": EventKind.MODIFY_REJECT}.get(kind, EventKind.CANCEL_REJECT)
