"""What a backfill worker does with one chunk: ask the broker, judge the answer, write everything in one transaction.

Running a chunk twice is harmless: bars and coverage are upserts by (symbol, interval, day), and only the holder
of the lease may write. A worker that dies leaves a lease that runs out; the next claim takes the chunk over.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog

from breezeway import cancellation
from breezeway.clock import IST, Clock
from breezeway.contracts.broker import BrokerCredentials
from breezeway.contracts.instruments import InstrumentType
from breezeway.errors import (
    BreezewayError,
    Conflict,
    NotFound,
    RateLimited,
    Retryable,
    Unauthenticated,
    UpstreamFault,
)
from breezeway.ids import new_id
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.application.backfills import view_of
from market_data_service.application.ports import (
    Broker,
    BrokerSessions,
    ChunkStore,
    DayResult,
    ExchangeTime,
    HistoryAnswer,
    Progress,
    Wakeups,
)
from market_data_service.domain.backfill import Chunk
from market_data_service.domain.coverage import CoverageState, expected_bars
from market_data_service.domain.day_bars import DayBars, in_session, split_days
from market_data_service.domain.planning import ANSWER_CAP, last_print

_log = structlog.get_logger()

SOURCE = "breeze"


@dataclass(frozen=True, slots=True)
class WorkRules:
    """Times in seconds.

    A lease outlives two missed renewals; lease plus sweep must stay below the 30 s in which a killed worker's
    chunk has to be taken up again.
    """

    lease: float = 18
    renew_every: float = 5
    drain: float = 10
    max_attempts: int = 6
    first_backoff: float = 2
    max_backoff: float = 120
    without_session: float = 20
    stops_early: float = 600
    calls_per_minute: int = 90
    parallel: int = 4
    remember_session: float = 5
    report_every: float = 0.5


class ChunkWorker:
    """Takes chunks until there are none or its time is up."""

    def __init__(
        self,
        chunks: ChunkStore,
        sessions: BrokerSessions,
        broker: Broker,
        calendar: MarketCalendar,
        time: ExchangeTime,
        clock: Clock,
        wakeups: Wakeups,
        progress: Progress,
        rules: WorkRules | None = None,
    ) -> None:
        self._chunks = chunks
        self._sessions = sessions
        self._broker = broker
        self._calendar = calendar
        self._time = time
        self._clock = clock
        self._wakeups = wakeups
        self._progress = progress
        self._rules = rules or WorkRules()
        self._sessions_known: dict[UUID, tuple[float, BrokerCredentials]] = {}
        self._reported: dict[UUID, float] = {}

    async def drain(self) -> int:
        """Work for a bounded time, so that a deploy never waits long; how many chunks were taken.

        Wakes a successor when there is more to do.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._rules.drain
        taken = 0
        while loop.time() < deadline:
            chunk = await self._chunks.claim(new_id().hex, self._rules.lease)
            if chunk is not None:
                taken += 1
                await self.run(chunk)
                continue
            pause = await self._chunks.next_due()
            if pause is None:
                return taken
            if loop.time() + pause >= deadline:
                # To the moment: whoever comes late after every pause of the quota leaves calls unused.
                await self._wakeups.wake(self._rules.parallel, delay=pause)
                return taken
            await asyncio.sleep(pause)
        await self.sweep()
        return taken

    async def sweep(self) -> int:
        """Wake workers for whatever is due: what Redis lost, what a dead worker held, what has waited long enough.

        No more than can run: who comes in addition would only stand in the queue.
        """
        due, at_work = await self._chunks.due()
        missing = min(due, self._rules.parallel - at_work)
        if missing > 0:
            await self._wakeups.wake(missing)
        return due

    async def run(self, chunk: Chunk) -> None:
        """Work one chunk whose lease we hold, to any end."""
        if chunk.attempts >= self._rules.max_attempts:
            await self._give_up(chunk, "worker_lost", "Workers died while they worked on this part.", calls=0)
        else:
            async with self._lease_kept(chunk):
                await self._work(chunk)
        await self._report(chunk)

    async def _work(self, chunk: Chunk) -> None:
        credentials: BrokerCredentials | None = None
        try:
            credentials = await self._credentials(chunk.user_id)
            answer = await self._broker.history(
                credentials, chunk.instrument, chunk.interval, chunk.starts_at, chunk.ends_at
            )
            days = await self._judge(chunk, answer)
        except RateLimited as error:
            # Nobody on this account may call for a while, so the user's other chunks need not find out one by one.
            await self._postpone(chunk, error, error.retry_after or 5, counts=False, whole_user=True)
        except (Unauthenticated, Conflict) as error:
            self._sessions_known.pop(chunk.user_id, None)
            if credentials is not None and isinstance(error, Unauthenticated):
                await self._report_refused(credentials, error)
            await self._postpone(chunk, error, self._rules.without_session, counts=False, whole_user=True)
        except Retryable as error:
            await self._retry_later(chunk, error, calls=int(credentials is not None))
        except BreezewayError as error:
            await self._give_up(chunk, error.code, error.detail, calls=int(credentials is not None))
        else:
            if not await self._chunks.complete(chunk, days, calls=1, source=SOURCE):
                _log.warning("lease_lost", chunk=chunk.id, backfill=str(chunk.backfill_id))

    async def _credentials(self, user_id: UUID) -> BrokerCredentials:
        """The user's session; remembered for a moment, since a worker makes many calls a second at best, and given up
        as soon as the broker refuses it."""
        now = asyncio.get_running_loop().time()
        known = self._sessions_known.get(user_id)
        if known is not None and known[0] > now:
            return known[1]
        found = await self._sessions.credentials(user_id)
        self._sessions_known = {each: kept for each, kept in self._sessions_known.items() if kept[0] > now}
        self._sessions_known[user_id] = (now + self._rules.remember_session, found)
        return found

    async def _report_refused(self, credentials: BrokerCredentials, error: Unauthenticated) -> None:
        try:
            await self._sessions.report_refused(credentials, error.detail)
        except BreezewayError as failure:
            # The next chunk that meets the refusal reports it again.
            _log.warning("refusal_not_reported", code=failure.code)

    async def _judge(self, chunk: Chunk, answer: HistoryAnswer) -> list[DayResult]:
        """Day by day what the answer proves.

        Raises:
            UpstreamFault: when the answer must not be trusted at all; then nothing of it is stored.
        """
        bars = answer.candles
        if answer.truncated or len(bars) >= ANSWER_CAP:
            raise UpstreamFault("The broker cut its answer.", code="history_truncated")
        if answer.refused:
            raise UpstreamFault(f"{answer.refused} rows of the broker's answer make no sense.", code="history_garbled")
        faults = bars.faults()
        if faults:
            raise UpstreamFault(f"The broker's bars are faulty: {'; '.join(faults)}.", code="history_garbled")
        segment = self._calendar.segment_of(chunk.instrument.exchange, chunk.instrument.underlying)
        first = chunk.starts_at.astimezone(IST).date()
        last = (chunk.ends_at - timedelta(seconds=1)).astimezone(IST).date()
        parts = split_days(bars)
        if any(not first <= part.day <= last for part in parts):
            raise UpstreamFault("The broker answered for other days than asked.", code="history_wrong_day")
        if not parts and chunk.interval is not Interval.SECOND_1 and chunk.attempts == 0:
            # Nothing at all for a trading day is what maintenance looks like, too. Said twice, it is believed.
            raise UpstreamFault("The broker has no bars for these days.", code="history_empty", retry_after=5)
        now = await self._time.now()
        # Whose close the auction makes; an index has prints after the close as well, but they mean nothing.
        is_stock = chunk.instrument.type is InstrumentType.EQUITY
        kept = in_session(bars, chunk.interval, segment, self._calendar, with_auction=is_stock)
        found = {part.day: part for part in split_days(kept)}
        return [
            self._of_day(day, found.get(day), chunk, segment, now)
            for day in self._calendar.trading_days(segment, first, last)
        ]

    def _of_day(self, day: date, bars: DayBars | None, chunk: Chunk, segment: Segment, now: datetime) -> DayResult:
        expected = expected_bars(segment, day, chunk.interval, self._calendar)
        is_stock = chunk.instrument.type is InstrumentType.EQUITY
        closes = self._calendar.continuous(segment, day)[-1][1]
        if now < (last_print(segment, day, self._calendar) if is_stock else closes):
            return DayResult(day, bars, CoverageState.PARTIAL, expected, "day_not_over")
        if bars is None:
            return DayResult(day, None, CoverageState.UPSTREAM_NONE, expected, "nothing_upstream")
        # A stock with derivatives trades continuously until its closing auction only, and the master does not say which
        # ones have derivatives; so no stock is expected to have minutes after that.
        last_minutes = self._calendar.continuous(segment, day, cas_eligible=is_stock)[-1][1]
        if chunk.interval is Interval.MINUTE_1 and self._stops_early(bars, last_minutes):
            return DayResult(day, bars, CoverageState.PARTIAL, expected, "stops_early")
        return DayResult(day, bars, CoverageState.COMPLETE, expected)

    def _stops_early(self, bars: DayBars, closes: datetime) -> bool:
        """Whether an instrument that traded nearly every minute has no bars towards the close: a cut answer.

        One that trades rarely may well have had its last trade at noon.
        """
        t = bars.candles.t
        span = (int(t[-1]) - int(t[0])) // 60 + 1
        busy = len(t) >= 30 and len(t) >= 0.8 * span
        return busy and int(closes.timestamp()) - int(t[-1]) > self._rules.stops_early

    async def _retry_later(self, chunk: Chunk, error: Retryable, *, calls: int) -> None:
        if chunk.attempts + 1 >= self._rules.max_attempts:
            await self._give_up(chunk, error.code, error.detail, calls=calls)
            return
        backoff = min(self._rules.max_backoff, self._rules.first_backoff * 2**chunk.attempts)
        # Jitter, so that chunks which failed together do not come back together.
        seconds = max(error.retry_after or 0, backoff) * random.uniform(0.8, 1.2)  # noqa: S311
        await self._postpone(chunk, error, seconds, counts=True, whole_user=False, calls=calls)

    async def _postpone(
        self, chunk: Chunk, error: BreezewayError, seconds: float, *, counts: bool, whole_user: bool, calls: int = 0
    ) -> None:
        _log.info("chunk_postponed", chunk=chunk.id, code=error.code, seconds=round(seconds, 1))
        await self._chunks.postpone(
            chunk,
            seconds=seconds,
            code=error.code,
            detail=error.detail,
            calls=calls,
            counts=counts,
            whole_user=whole_user,
        )

    async def _give_up(self, chunk: Chunk, code: str, detail: str, *, calls: int) -> None:
        _log.warning("chunk_given_up", chunk=chunk.id, backfill=str(chunk.backfill_id), code=code)
        segment = self._calendar.segment_of(chunk.instrument.exchange, chunk.instrument.underlying)
        first = chunk.starts_at.astimezone(IST).date()
        last = (chunk.ends_at - timedelta(seconds=1)).astimezone(IST).date()
        days = [
            DayResult(
                day,
                None,
                CoverageState.UPSTREAM_FAILED,
                expected_bars(segment, day, chunk.interval, self._calendar),
                code,
            )
            for day in self._calendar.trading_days(segment, first, last)
        ]
        await self._chunks.give_up(chunk, days, code=code, detail=detail, calls=calls)

    async def _report(self, chunk: Chunk) -> None:
        """Publish how far the backfill is; not after every chunk, but always its end."""
        now = asyncio.get_running_loop().time()
        due = now - self._reported.get(chunk.backfill_id, -self._rules.report_every) >= self._rules.report_every
        if not due and await self._chunks.is_workable(chunk.backfill_id):
            return
        self._reported = {each: at for each, at in self._reported.items() if now - at < self._rules.report_every}
        self._reported[chunk.backfill_id] = now
        # The row may be gone when its owner deleted the account meanwhile; there is nobody to tell then.
        with contextlib.suppress(NotFound):
            backfill = await self._chunks.progress(chunk.backfill_id)
            view = view_of(backfill, self._clock.now(), self._rules.calls_per_minute)
            await self._progress.publish(backfill.user_id, view)

    @asynccontextmanager
    async def _lease_kept(self, chunk: Chunk) -> AsyncIterator[None]:
        """Renew the lease while the chunk is worked on; a lost lease only stops the renewing, since no write of ours
        can take effect without it."""

        async def renew() -> None:
            while True:
                cancellation.heed()
                await asyncio.sleep(self._rules.renew_every)
                try:
                    if not await self._chunks.renew(chunk, self._rules.lease):
                        return
                except Retryable as error:
                    _log.warning("lease_not_renewed", chunk=chunk.id, code=error.code)

        renewing = asyncio.create_task(renew(), name=f"lease-{chunk.id}")
        try:
            yield
        finally:
            await cancellation.end([renewing])
