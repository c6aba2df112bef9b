"""Keeps live accounts' GTT: sends what is wished for, at most once.

As with orders, a wish is claimed in a transaction of its own before the broker is called, and only who claimed it may
ever send it. What the broker does not answer clearly is looked for (`gtt_following`), and nothing is sent again.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import structlog

from breezeway import cancellation
from breezeway.clock import Clock
from breezeway.errors import BreezewayError, OutcomeUnknown, Retryable, Unauthenticated
from breezeway.exchange.checks import AccountState
from trading_service.application.gtt_following import GttFollower, GttRules, report_refused
from trading_service.application.gtt_ports import GttDesk, GttLine, GttWorkFactory
from trading_service.application.gtt_recording import GttRecorder
from trading_service.application.live_gtt import ask_to_cancel
from trading_service.application.live_ports import Step
from trading_service.application.ports import ExchangeTime
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.gtt import GTT_ENDED, GttStatus, LiveGtt, Wish

_log = structlog.get_logger()


class GttKeeper:
    """Run by the process that leads; two that think they lead still send nothing twice.

    Args:
        step: see `live_ports.Step`.
    """

    def __init__(
        self,
        work: GttWorkFactory,
        recorder: GttRecorder,
        follower: GttFollower,
        desk: GttDesk,
        wall: Clock,
        time: ExchangeTime,
        rules: GttRules | None = None,
        step: Step = lambda _name: None,
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._follower = follower
        self._desk = desk
        self._wall = wall
        self._time = time
        self._rules = rules or GttRules()
        self._step = step
        self._slots = asyncio.Semaphore(self._rules.parallel)
        self._errands: dict[object, asyncio.Task[None]] = {}

    async def begin(self) -> int:
        """Begin what is due; how many have not ended. One's slow answer keeps no other waiting.

        Raises:
            Retryable: the database does not answer.
        """
        self._reap()
        async with self._work() as work:
            waiting = await work.waiting_gtts()
            accounts = {account.id: account for account in await work.live_accounts()}
        known = [(gtt, accounts[gtt.account_id]) for gtt in waiting if gtt.account_id in accounts]
        for gtt, account in known:
            self._run(gtt.group_id, self._one(gtt, account, waiting))
        for account in accounts.values():
            mine = [gtt for gtt, _ in known if gtt.account_id == account.id and gtt.status is GttStatus.ACTIVE]
            for exchange in sorted({gtt.exchange for gtt in mine}):
                there = [gtt for gtt in mine if gtt.exchange == exchange]
                self._run((account.id, exchange), self._follower.follow(account, exchange, there))
        return len(waiting)

    async def drain(self, seconds: float | None = None) -> None:
        """Wait for what has begun; what takes longer is given up, to be looked into like after a crash."""
        if self._errands:
            _, late = await asyncio.wait(self._errands.values(), timeout=seconds)
            await cancellation.end(late)
        self._reap()

    async def recover(self) -> None:
        """After taking over: what others have claimed and not settled is looked for without waiting for them."""
        async with self._work() as work:
            waiting = await work.waiting_gtts()
        for gtt in waiting:
            if gtt.group_id not in self._errands and gtt.wish is not None and gtt.wish.sent_at is not None:
                await self._doubt(gtt, gtt.wish)

    def _run(self, name: object, errand: Coroutine[Any, Any, None]) -> None:
        if name in self._errands:
            errand.close()
        else:
            self._errands[name] = asyncio.create_task(errand, name="live-gtt")

    def _reap(self) -> None:
        for name, task in list(self._errands.items()):
            if not task.done():
                continue
            del self._errands[name]
            error = None if task.cancelled() else task.exception()
            if isinstance(error, (BreezewayError, OSError)):
                # Not claimed, it waits again; claimed, it will be looked into.
                _log.warning("gtt_errand_failed", errand=str(name), error=repr(error))
            elif error is not None:
                raise error

    async def _one(self, gtt: LiveGtt, account: TradingAccount, others: Sequence[LiveGtt]) -> None:
        async with self._slots:
            wish = gtt.wish
            if wish is None:
                if account.state is AccountState.HALTED:
                    await self._cancel(gtt)
            elif wish.sent_at is None:
                await self._send(gtt, account, wish)
            elif wish.answer is not None:
                await self._follower.look(gtt, account, wish, others)
            elif self._wall.now() - wish.sent_at >= self._rules.abandoned:
                # No errand of this process is about it, so whoever claimed it says nothing any more.
                await self._doubt(gtt, wish)

    async def _cancel(self, gtt: LiveGtt) -> None:
        at = await self._time.now()
        async with self._work() as work:
            account = await work.lock_account(gtt.account_id)
            present = await work.lock_gtt(gtt.group_id)
            if account is None or present is None or account.state is not AccountState.HALTED:
                return
            if present.wish is None and present.status not in GTT_ENDED:
                await ask_to_cancel(work, present, at, self._wall.now(), "The account was halted.")
                await work.commit()

    async def _send(self, gtt: LiveGtt, account: TradingAccount, wish: Wish) -> None:
        try:
            line = await self._desk.line(account)
            await line.reserve("cancel" if wish.kind == "cancel" else "place")
        except BreezewayError as error:
            # Nothing was sent, so what may work in a moment is tried again as long as the wish is young.
            if not isinstance(error, Retryable) or self._is_old(wish):
                await self._refuse(gtt, wish, error, sent=False)
            return
        claimed = await self._claim(gtt, wish)
        if claimed is None:
            return
        self._step("claimed")
        await self._call(claimed, wish, line)
        self._step("settled")

    async def _claim(self, gtt: LiveGtt, wish: Wish) -> LiveGtt | None:
        """Take the wish for good; None when somebody has it, or when it must not be sent any more."""
        at, now = await self._time.now(), self._wall.now()
        async with self._work() as work:
            present = await self._recorder.present(work, gtt, wish)
            account = await work.lock_account(gtt.account_id)
            if present is None or account is None or present.wish is None or present.wish.sent_at is not None:
                return None
            # The kill switch may have been thrown since, so everything is asked again.
            reason = self._reason(account, wish)
            if reason is not None:
                await self._recorder.drop(work, present, *reason)
                await work.commit()
                return None
            claimed = replace(present, wish=replace(wish, sent_at=now))
            if wish.kind == "place":
                claimed = claimed.noted(at, "submitting", "On its way to the broker.", GttStatus.SUBMITTING)
            await work.save_gtt(claimed)
            await work.commit()
        return claimed

    def _reason(self, account: TradingAccount, wish: Wish) -> tuple[str, str] | None:
        """Why a wish is not sent."""
        if wish.kind == "cancel":
            return None
        if account.state is AccountState.HALTED:
            return "account_halted", "The account was halted before this was sent."
        if self._is_old(wish):
            seconds = int(self._rules.oldest.total_seconds())
            return "intent_expired", f"It could not be sent within {seconds} seconds, and the market has moved on."
        return None

    async def _call(self, gtt: LiveGtt, wish: Wish, line: GttLine) -> None:
        number = ""
        self._step("calling")
        try:
            if wish.kind == "place":
                number = await line.place_gtt(gtt)
            elif wish.kind == "modify":
                await line.modify_gtt(gtt, wish.legs)
            else:
                await line.cancel_gtt(gtt)
        except OutcomeUnknown as error:
            self._step("called")
            _log.warning("gtt_outcome_unknown", group=str(gtt.group_id), kind=wish.kind, said=error.context)
            await self._doubt(gtt, wish)
        except BreezewayError as error:
            self._step("called")
            if isinstance(error, Unauthenticated):
                await report_refused(line, error)
            await self._refuse(gtt, wish, error, sent=True)
        else:
            self._step("called")
            await self._accepted(gtt, wish, number)

    async def _doubt(self, gtt: LiveGtt, wish: Wish) -> None:
        async with self._work() as work:
            present = await self._recorder.present(work, gtt, wish)
            if present is not None:
                await self._recorder.doubt(work, present)
                await work.commit()

    async def _accepted(self, gtt: LiveGtt, wish: Wish, number: str) -> None:
        async with self._work() as work:
            present = await self._recorder.present(work, gtt, wish)
            if present is None or present.wish is None:
                return
            if wish.kind == "place":
                await self._recorder.name(work, present, number)
            else:
                # The broker has been seen to say yes and do nothing, so yes is only a reason to look.
                await work.save_gtt(replace(present, wish=replace(present.wish, answer="accepted")))
            await work.commit()

    async def _refuse(self, gtt: LiveGtt, wish: Wish, error: BreezewayError, *, sent: bool) -> None:
        """Note that the broker has not got what was asked."""
        said = error.context.get("broker_message")
        text = f"{error.detail} The broker says: {said}" if said else error.detail
        async with self._work() as work:
            present = await self._recorder.present(work, gtt, wish)
            # What was not sent by us may have been claimed by others meanwhile.
            if present is not None and present.wish is not None and (present.wish.sent_at is not None) == sent:
                await self._recorder.drop(work, present, error.code, text)
                await work.commit()

    def _is_old(self, wish: Wish) -> bool:
        return self._wall.now() - wish.created_at > self._rules.oldest
