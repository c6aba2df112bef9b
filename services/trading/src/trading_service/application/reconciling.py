"""Finds out at the broker what became of what was sent: the only way out of `unknown`.

Nothing here changes anything at the broker. An order is found by its tag or, where the broker has lost that, by its
terms; it is given up only when the broker did not have it long after the last moment at which it could have arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from breezeway.clock import Clock
from breezeway.errors import BreezewayError, Unauthenticated
from breezeway.exchange.orders import TERMINAL, EventKind
from trading_service.application.live_ports import (
    BrokerDesk,
    BrokerLine,
    BrokerWord,
    LiveCommand,
    LiveWorkFactory,
    Route,
)
from trading_service.application.live_recording import LiveRecorder, refusal_of
from trading_service.application.live_words import Ambiguous, evidence_of, find, in_force
from trading_service.application.ports import StoredOrder
from trading_service.domain.accounts import TradingAccount

_NEVER_ARRIVED: Final = "The broker does not have it, so it never arrived. It was not sent again."
_FORGET: Final = timedelta(days=2)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReconcilingRules:
    """What an operator may set.

    Args:
        abandoned: after which a claim of a process that says nothing is looked into.
        given_up: after which an order that the broker does not have counts as never arrived. Longer than a request
            can be on its way.
        looks: how often a change or cancellation is looked for before it counts as without effect.
        pause: between the first two looks; it doubles with each.
        most_pause: the longest of them.
        sweep: how often all working orders are compared with the broker's book.
    """

    abandoned: timedelta = timedelta(seconds=30)
    given_up: timedelta = timedelta(seconds=40)
    looks: int = 5
    pause: timedelta = timedelta(seconds=1)
    most_pause: timedelta = timedelta(seconds=10)
    sweep: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Case:
    """A command of which it is not known what became of it."""

    command: LiveCommand
    stored: StoredOrder
    route: Route
    account: TradingAccount
    rivals: int


class Reconciler:
    """Run by the process that leads, after the router.

    Args:
        in_flight: the router's: what is being sent right now.
    """

    def __init__(
        self,
        work: LiveWorkFactory,
        recorder: LiveRecorder,
        desk: BrokerDesk,
        wall: Clock,
        in_flight: set[int],
        rules: ReconcilingRules | None = None,
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._desk = desk
        self._wall = wall
        self._in_flight = in_flight
        self._rules = rules or ReconcilingRules()
        self._swept: dict[UUID, datetime] = {}

    async def recover(self) -> None:
        """After taking over: what others have claimed and not settled is looked into without waiting for them."""
        await self._doubt(timedelta(0))

    async def run_once(self) -> int:
        """Look into what is due, each by itself; how many commands were unsettled."""
        await self._doubt(self._rules.abandoned)
        cases = await self._cases()
        now = self._wall.now()
        for case in cases:
            if case.command.answer is not None and self._is_due(case.command, now):
                await self._look(case)
        return len(cases)

    async def sweep(self) -> None:
        """Compare every working order of every live account with the broker's book, when that is due."""
        now = self._wall.now()
        async with self._work() as work:
            accounts = await work.live_accounts()
            await work.forget_notices(now - _FORGET)
            await work.commit()
        for account in accounts:
            if now - self._swept.get(account.id, datetime.min.replace(tzinfo=now.tzinfo)) >= self._rules.sweep:
                self._swept[account.id] = now
                await self.compare(account)

    def sweep_soon(self) -> None:
        """Compare everything at the next chance: notifications were missed."""
        self._swept.clear()

    async def compare(self, account: TradingAccount) -> None:
        """Compare the working orders of one account with the broker's book."""
        async with self._work() as work:
            orders = await work.live_orders(account.id)
        if not orders:
            return
        try:
            line = await self._desk.line(account)
            for exchange in sorted({_exchange(stored) for stored, _ in orders}):
                mine = [(stored, route) for stored, route in orders if _exchange(stored) == exchange]
                rows = await line.book(mine[0][0].order, mine[0][0].placed_at)
                numbers = {row.word.broker_order_id: row.word for row in rows}
                # What was given up has no number; should it turn up after all, its tag gives it away.
                tags = {row.tag: row.word for row in rows if row.tag}
                said = [(s, numbers.get(r.broker_order_id or "") or tags.get(r.tag)) for s, r in mine]
                await self._apply([(stored, word) for stored, word in said if word is not None])
        except BreezewayError as error:
            await self._failed(account, error)

    async def _apply(self, heard: Sequence[tuple[StoredOrder, BrokerWord]]) -> None:
        for stored, word in heard:
            async with self._work() as work:
                await self._recorder.hear(work, stored.id, word)
                await work.commit()

    async def _doubt(self, after: timedelta) -> None:
        now = self._wall.now()
        async with self._work() as work:
            claimed = [each for each in await work.unsettled_commands() if each.answer is None]
        for command in claimed:
            # Asked of each anew: what is sent meanwhile has been claimed since the list was made.
            if command.seq not in self._in_flight and now - (command.sent_at or now) >= after:
                async with self._work() as work:
                    await self._recorder.doubt(work, command)
                    await work.commit()

    async def _cases(self) -> list[_Case]:
        cases: list[_Case] = []
        async with self._work() as work:
            accounts = {account.id: account for account in await work.live_accounts()}
            unsettled = [each for each in await work.unsettled_commands() if each.seq not in self._in_flight]
            found: list[tuple[LiveCommand, StoredOrder, Route]] = []
            for command in unsettled:
                stored, route = await work.order(command.order_id), await work.route(command.order_id)
                if stored is not None and route is not None:
                    found.append((command, stored, route))
        for command, stored, route in found:
            rivals = sum(
                1
                for other, its, its_route in found
                if other.kind == "place" and its.id != stored.id and _terms(its, its_route) == _terms(stored, route)
            )
            if stored.account_id in accounts:
                cases.append(_Case(command, stored, route, accounts[stored.account_id], rivals))
        return cases

    def _is_due(self, command: LiveCommand, now: datetime) -> bool:
        if command.looked_at is None:
            return True
        doubled: int = 1 << min(max(command.looks - 1, 0), 10)
        return now - command.looked_at >= min(self._rules.pause * doubled, self._rules.most_pause)

    async def _look(self, case: _Case) -> None:
        try:
            line = await self._desk.line(case.account)
            if case.command.kind == "place":
                await self._look_for_order(case, line)
            else:
                await self._look_for_effect(case, line)
        except BreezewayError as error:
            await self._failed(case.account, error)
            async with self._work() as work:
                # A look that failed says nothing, but it must not be followed by the next one at once.
                await work.looked_at(case.command.seq, self._wall.now())
                await work.commit()

    async def _look_for_order(self, case: _Case, line: BrokerLine) -> None:
        # Taken before the book is read: an order that arrives meanwhile has not been looked for.
        now, command = self._wall.now(), case.command
        rows = await line.book(case.stored.order, case.stored.placed_at)
        numbers = [row.word.broker_order_id for row in rows]
        async with self._work() as work:
            await work.lock_account(case.account.id)
            present = await work.unsettled_command(command.order_id)
            if present is None or present.seq != command.seq:
                # Its owner has decided meanwhile.
                return
            known = await work.numbers(case.route.broker_account_id, numbers)
            row, trouble = None, None
            try:
                row = find(case.stored, case.route, rows, known, case.rivals)
            except Ambiguous as error:
                trouble = error
            sent = command.sent_at or now
            if row is not None:
                await self._recorder.acknowledge(work, command.order_id, row.word)
                await work.drop_command(command.seq)
                _log.info("live_order_found", order=str(command.order_id), number=row.word.broker_order_id)
            elif trouble is None and now - sent >= self._rules.given_up and command.looks:
                await self._recorder.settle(work, command, EventKind.REJECT, "never_arrived", _NEVER_ARRIVED)
            else:
                if trouble is not None:
                    evidence = evidence_of(trouble.rows, case.route.tag)
                    await self._recorder.alarm(work, case.stored, trouble.code, trouble.detail, evidence)
                await work.looked_at(command.seq, now)
            await work.commit()

    async def _look_for_effect(self, case: _Case, line: BrokerLine) -> None:
        command, number, now = case.command, case.route.broker_order_id, self._wall.now()
        word = None if number is None else await line.look(case.stored.order, number)
        async with self._work() as work:
            stored = case.stored if word is None else await self._recorder.hear(work, case.stored.id, word)
            if stored is not None and self._took_effect(command, stored, word):
                await work.drop_command(command.seq)
            elif command.looks + 1 >= self._rules.looks:
                text = "The broker has not done it. What it said does not count."
                await self._recorder.settle(work, command, refusal_of(command.kind), "no_effect", text)
            else:
                await work.looked_at(command.seq, now)
            await work.commit()

    @staticmethod
    def _took_effect(command: LiveCommand, stored: StoredOrder, word: BrokerWord | None) -> bool:
        if command.kind == "cancel":
            return stored.state in TERMINAL
        return word is not None and in_force(command.amendment.applied_to(stored.order), word)

    async def _failed(self, account: TradingAccount, error: BreezewayError) -> None:
        _log.warning("reconciling_waits", account=str(account.id), code=error.code)
        if isinstance(error, Unauthenticated):
            try:
                await (await self._desk.line(account)).refused(error.detail)
            except BreezewayError as failed:
                _log.warning("broker_session_not_reported", error=repr(failed))


def _exchange(stored: StoredOrder) -> str:
    return stored.order.symbol.partition(":")[0]


def _terms(stored: StoredOrder, route: Route) -> tuple[object, ...]:
    order = stored.order
    return route.broker_account_id, order.symbol, order.side, order.quantity, route.price
