"""Follows live accounts' GTT in the broker's book: the only way out of `unknown`, and all that tells of a reached leg.

Nothing here changes anything at the broker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from breezeway.clock import Clock
from breezeway.errors import BreezewayError, Unauthenticated
from trading_service.application.gtt_ports import GttDesk, GttWork, GttWorkFactory
from trading_service.application.gtt_recording import GttRecorder
from trading_service.application.live_ports import BrokerLine
from trading_service.application.ports import ExchangeTime
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.gtt import BookedGtt, GttStatus, Leg, LiveGtt, Wish, find_gtt

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GttRules:
    """What an operator may set; `oldest` and `parallel` as in `RoutingRules`, the next five as in `ReconcilingRules`.

    Args:
        follow: how often the book is read for those that wait. The broker allows 5,000 calls a day.
    """

    oldest: timedelta = timedelta(seconds=30)
    parallel: int = 4
    abandoned: timedelta = timedelta(seconds=30)
    given_up: timedelta = timedelta(seconds=40)
    looks: int = 5
    pause: timedelta = timedelta(seconds=1)
    most_pause: timedelta = timedelta(seconds=10)
    follow: timedelta = timedelta(seconds=30)


class GttFollower:
    def __init__(
        self,
        work: GttWorkFactory,
        recorder: GttRecorder,
        desk: GttDesk,
        wall: Clock,
        time: ExchangeTime,
        rules: GttRules | None = None,
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._desk = desk
        self._wall = wall
        self._time = time
        self._rules = rules or GttRules()
        self._followed: dict[tuple[UUID, str], datetime] = {}

    async def look(self, gtt: LiveGtt, account: TradingAccount, wish: Wish, others: Sequence[LiveGtt]) -> None:
        """Look what became of a wish that was sent, when that is due.

        Args:
            others: all that wait, of which some may be alike.
        """
        # Taken before the book is read: what arrives meanwhile has not been looked for.
        now, at = self._wall.now(), await self._time.now()
        if not self._is_due(wish, now):
            return
        rows = await self._book(account, gtt.symbol, gtt.placed_at, at)
        async with self._work() as work:
            present = await self._recorder.present(work, gtt, wish)
            if present is None or present.wish is None:
                return
            # A look that failed says nothing, but it must not be followed by the next one at once.
            looked = replace(present, wish=replace(present.wish, looks=present.wish.looks + 1, looked_at=now))
            if rows is None:
                await work.save_gtt(looked)
            elif wish.kind == "place":
                rivals = sum(1 for other in others if other.group_id != gtt.group_id and _rivals(other, gtt))
                await self._find(work, looked, rows, rivals, now)
            else:
                await self._effect(work, looked, wish, rows, at)
            await work.commit()

    async def follow(self, account: TradingAccount, exchange: str, gtts: Sequence[LiveGtt]) -> None:
        """Read the book for those of an account that wait at an exchange, when that is due."""
        now = self._wall.now()
        last = self._followed.get((account.id, exchange))
        if last is not None and now - last < self._rules.follow:
            return
        self._followed[account.id, exchange] = now
        # Before the book is read: an order that the broker places while it is read was placed after this.
        at = await self._time.now()
        rows = await self._book(account, gtts[0].symbol, min(gtt.placed_at for gtt in gtts), at)
        mine = {gtt.broker_gtt_id: gtt for gtt in gtts}
        for row in rows or ():
            if row.gtt_id in mine:
                await self._seen(mine[row.gtt_id], row, at)

    async def _find(self, work: GttWork, gtt: LiveGtt, rows: Sequence[BookedGtt], rivals: int, now: datetime) -> None:
        wish = gtt.wish
        known = await work.gtt_numbers(gtt.broker_account_id, [row.gtt_id for row in rows])
        found = find_gtt(gtt, rows, known)
        if found and len(found) <= rivals + 1:
            _log.info("gtt_found", group=str(gtt.group_id), number=found[0].gtt_id)
            await self._recorder.name(work, gtt, found[0].gtt_id)
        elif found:
            await self._recorder.alarm(work, gtt, found)
        elif wish is not None and now - (wish.sent_at or now) >= self._rules.given_up and wish.looks > 1:
            text = "The broker does not have it, so it never arrived. It was not sent again."
            await self._recorder.drop(work, gtt, "never_arrived", text)
        else:
            await work.save_gtt(gtt)

    async def _effect(self, work: GttWork, gtt: LiveGtt, wish: Wish, rows: Sequence[BookedGtt], at: datetime) -> None:
        row = next((row for row in rows if row.gtt_id == gtt.broker_gtt_id), None)
        if row is not None and row.status is not GttStatus.ACTIVE:
            await self._recorder.end(work, gtt, row, at)
        elif row is not None and wish.kind == "modify" and _in_force(wish.legs, row):
            await self._recorder.alter(work, gtt, row.legs, at, "The broker has these terms in force.")
        elif gtt.wish is not None and gtt.wish.looks >= self._rules.looks:
            text = "The broker has not done it. What it said does not count."
            await self._recorder.drop(work, gtt, "no_effect", text)
        else:
            await work.save_gtt(gtt)

    async def _seen(self, gtt: LiveGtt, row: BookedGtt, at: datetime) -> None:
        async with self._work() as work:
            await work.lock_account(gtt.account_id)
            present = await work.lock_gtt(gtt.group_id)
            if present is None or present.status is not GttStatus.ACTIVE:
                return
            if row.status is not GttStatus.ACTIVE:
                await self._recorder.end(work, present, row, at)
            elif present.wish is None and not _in_force(present.legs, row):
                text = "The broker has other terms in force than were asked for here."
                await self._recorder.alter(work, present, row.legs, at, text)
            else:
                await work.save_gtt(replace(present, seen_at=at))
            await work.commit()

    async def _book(
        self, account: TradingAccount, symbol: str, start: datetime, end: datetime
    ) -> list[BookedGtt] | None:
        """None when it cannot be read."""
        try:
            line = await self._desk.line(account)
        except BreezewayError as error:
            _log.warning("gtt_book_waits", account=str(account.id), code=error.code)
            return None
        try:
            return await line.gtt_book(symbol, start, end)
        except BreezewayError as error:
            _log.warning("gtt_book_waits", account=str(account.id), code=error.code)
            if isinstance(error, Unauthenticated):
                await report_refused(line, error)
            return None

    def _is_due(self, wish: Wish, now: datetime) -> bool:
        if wish.looked_at is None:
            return True
        doubled: int = 1 << min(max(wish.looks - 1, 0), 10)
        return now - wish.looked_at >= min(self._rules.pause * doubled, self._rules.most_pause)


async def report_refused(line: BrokerLine, error: BreezewayError) -> None:
    """Have the user told that the broker does not accept the session any more."""
    try:
        await line.refused(error.detail)
    except BreezewayError as failed:
        _log.warning("broker_session_not_reported", error=repr(failed))


def _rivals(other: LiveGtt, gtt: LiveGtt) -> bool:
    """Whether the broker could have either of two for the other."""
    under_way = other.wish is not None and other.wish.kind == "place" and other.wish.sent_at is not None
    terms = [(each.symbol, each.side, each.quantity, each.broker_account_id) for each in (other, gtt)]
    return under_way and terms[0] == terms[1] and _in_force(other.legs, gtt)


def _in_force(legs: Sequence[Leg], having: BookedGtt | LiveGtt) -> bool:
    wanted = {leg.role: leg for leg in legs}
    return all(leg.role in wanted and leg.same_terms(wanted[leg.role]) for leg in having.legs)
