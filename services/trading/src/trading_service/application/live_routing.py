"""Sends what live accounts want to the broker, each thing at most once.

A command is claimed in a transaction of its own before the broker is called, and whoever claims it is the only one who
may ever send it. A process that dies with a claim leaves a command of which nobody knows whether it was sent; only
looking at the broker tells (see `reconciling`), and nothing is sent again.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from breezeway import cancellation
from breezeway.clock import Clock
from breezeway.errors import BreezewayError, OutcomeUnknown, Retryable, Unauthenticated
from breezeway.exchange.checks import AccountState
from breezeway.exchange.orders import TERMINAL, EventKind
from trading_service.application.live_ports import (
    BrokerDesk,
    BrokerLine,
    BrokerWord,
    LiveCommand,
    LiveWork,
    LiveWorkFactory,
    Route,
    Step,
)
from trading_service.application.live_recording import LiveRecorder, refusal_of
from trading_service.application.ports import StoredOrder
from trading_service.domain.accounts import TradingAccount

_BATCH: Final = 100

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """What an operator may set.

    Args:
        oldest: how old a wish may be when it is sent; the market has moved on from an older one.
        parallel: calls to the broker at a time.
    """

    oldest: timedelta = timedelta(seconds=30)
    parallel: int = 4


@dataclass(frozen=True, slots=True)
class _Errand:
    """A command with everything that it takes to send it."""

    command: LiveCommand
    account: TradingAccount
    stored: StoredOrder
    route: Route


class LiveRouter:
    """Run by the process that leads; two that think they lead still send nothing twice.

    Args:
        step: see `live_ports.Step`.
    """

    def __init__(
        self,
        work: LiveWorkFactory,
        recorder: LiveRecorder,
        desk: BrokerDesk,
        wall: Clock,
        rules: RoutingRules | None = None,
        step: Step = lambda _name: None,
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._desk = desk
        self._wall = wall
        self._rules = rules or RoutingRules()
        self._step = step
        self._slots = asyncio.Semaphore(self._rules.parallel)
        self._errands: dict[int, asyncio.Task[None]] = {}
        self.in_flight: set[int] = set()
        """Commands that this process is sending: what became of them is not to be looked up yet."""

    async def begin(self) -> None:
        """Begin to send what waits. Of each order it is one command; one's slow answer keeps no other waiting.

        Raises:
            Retryable: the database does not answer.
        """
        self._reap()
        async with self._work() as work:
            waiting = await work.waiting_commands(_BATCH)
        for command in waiting:
            if command.seq not in self._errands:
                self._errands[command.seq] = asyncio.create_task(self._one(command), name=f"live-{command.seq}")

    async def drain(self, seconds: float | None = None) -> None:
        """Wait for what has begun; what takes longer is given up, to be looked into like after a crash."""
        if self._errands:
            _, late = await asyncio.wait(self._errands.values(), timeout=seconds)
            await cancellation.end(late)
        self._reap()

    def _reap(self) -> None:
        for seq, task in list(self._errands.items()):
            if not task.done():
                continue
            del self._errands[seq]
            error = None if task.cancelled() else task.exception()
            if isinstance(error, (BreezewayError, OSError)):
                # Not claimed, it waits again; claimed, it will be looked into.
                _log.warning("live_errand_failed", command=seq, error=repr(error))
            elif error is not None:
                raise error

    async def _one(self, command: LiveCommand) -> None:
        async with self._slots:
            errand = await self._errand(command)
            if errand is None:
                return
            try:
                line = await self._desk.line(errand.account)
                await line.reserve(command.kind)
            except BreezewayError as error:
                # Nothing was sent, so what may work in a moment is tried again as long as the wish is young.
                if not isinstance(error, Retryable) or self._is_old(command):
                    await self._refuse(command, error, claim=True)
                return
            claimed = await self._claim(errand)
            if claimed is None:
                return
            self._step("claimed")
            try:
                await self._call(claimed, line)
            finally:
                self.in_flight.discard(command.seq)
            self._step("settled")

    async def _errand(self, command: LiveCommand) -> _Errand | None:
        """What it takes to send a command; None when it is settled without the broker."""
        async with self._work() as work:
            return await self._judged(work, command)

    async def _claim(self, errand: _Errand) -> _Errand | None:
        """Take the command for good. The kill switch may have been thrown since, so everything is asked again."""
        command = errand.command
        async with self._work() as work:
            judged = await self._judged(work, command)
            if judged is None or not await work.claim_command(command.seq, self._wall.now()):
                return None
            if command.kind == "place":
                await self._recorder.submit(work, command.order_id)
            # Before the commit: a look-up between commit and note would find a claim that nobody seems to be sending.
            self.in_flight.add(command.seq)
            try:
                await work.commit()
            except BaseException:
                self.in_flight.discard(command.seq)
                raise
        return judged

    async def _judged(self, work: LiveWork, command: LiveCommand) -> _Errand | None:
        stored = await work.order(command.order_id)
        route = await work.route(command.order_id)
        account = None if stored is None else await work.lock_account(stored.account_id)
        if stored is None or route is None or account is None:
            raise RuntimeError(f"command {command.seq} is about no live order")
        reason = await self._reason(work, command, stored, account)
        if reason is None:
            return _Errand(command, account, stored, route)
        code, text = reason
        if await work.claim_command(command.seq, self._wall.now()):
            kind = EventKind.CANCEL if code == "cancelled" else refusal_of(command.kind)
            await self._recorder.settle(work, command, kind, code, text)
            await work.commit()
        return None

    async def _reason(
        self, work: LiveWork, command: LiveCommand, stored: StoredOrder, account: TradingAccount
    ) -> tuple[str, str] | None:
        """Why a command is not sent."""
        if stored.state in TERMINAL:
            return "order_not_working", "The order works no longer."
        if command.kind == "cancel":
            return None
        if account.state is AccountState.HALTED:
            return "account_halted", "The account was halted before this was sent."
        if command.kind == "place" and await work.queued(stored.id, "cancel"):
            return "cancelled", "Cancelled before it was sent."
        if self._is_old(command):
            seconds = int(self._rules.oldest.total_seconds())
            return "intent_expired", f"It could not be sent within {seconds} seconds, and the market has moved on."
        return None

    def _is_old(self, command: LiveCommand) -> bool:
        return self._wall.now() - command.created_at > self._rules.oldest

    async def _call(self, errand: _Errand, line: BrokerLine) -> None:
        command, number = errand.command, ""
        self._step("calling")
        try:
            if command.kind == "place":
                number = await line.place(errand.stored.order, errand.route)
            elif command.kind == "modify":
                await line.modify(command.amendment.applied_to(errand.stored.order), errand.route)
            else:
                await line.cancel(errand.stored.order, errand.route)
        except OutcomeUnknown as error:
            self._step("called")
            _log.warning("live_outcome_unknown", order=str(command.order_id), kind=command.kind, said=error.context)
            async with self._work() as work:
                await self._recorder.doubt(work, command)
                await work.commit()
        except BreezewayError as error:
            self._step("called")
            if isinstance(error, Unauthenticated):
                await self._report(line, error)
            await self._refuse(command, error)
        else:
            self._step("called")
            await self._accepted(errand, number)

    async def _accepted(self, errand: _Errand, number: str) -> None:
        command = errand.command
        async with self._work() as work:
            if command.kind == "place":
                # That it is there is all that the answer says; what became of it is for notifications and the book.
                word = BrokerWord(number, "ordered", errand.stored.order.quantity, 0, None)
                await self._recorder.acknowledge(work, command.order_id, word)
                await work.drop_command(command.seq)
            else:
                # The broker has been seen to say yes and do nothing, so yes is only a reason to look.
                await work.answer_command(command.seq, "accepted")
            await work.commit()

    async def _refuse(self, command: LiveCommand, error: BreezewayError, *, claim: bool = False) -> None:
        """Note that the broker has not got what was asked. `claim`: it was never sent, and is not going to be."""
        said = error.context.get("broker_message")
        text = f"{error.detail} The broker says: {said}" if said else error.detail
        async with self._work() as work:
            if claim and not await work.claim_command(command.seq, self._wall.now()):
                return
            await self._recorder.settle(work, command, refusal_of(command.kind), error.code, text)
            await work.commit()

    @staticmethod
    async def _report(line: BrokerLine, error: BreezewayError) -> None:
        try:
            await line.refused(error.detail)
        except BreezewayError as failed:
            _log.warning("broker_session_not_reported", error=repr(failed))
