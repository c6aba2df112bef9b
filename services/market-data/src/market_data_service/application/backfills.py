"""Make, list and steer backfills."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.backfills import BackfillErrorView, BackfillView
from breezeway.contracts.instruments import Instrument
from breezeway.errors import FieldFault, InvalidInput
from breezeway.ids import new_id
from breezeway.intervals import STORED_INTERVALS, Interval
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.ports import (
    BackfillStore,
    CandleStore,
    ExchangeTime,
    Instruments,
    NewBackfill,
    Progress,
    Wakeups,
)
from market_data_service.domain.backfill import Backfill, BackfillAction
from market_data_service.domain.coverage import CoverageState, DayCoverage
from market_data_service.domain.listing import listed_days
from market_data_service.domain.planning import Window, plan
from market_data_service.domain.times import ist_date, last_day_before

MAX_SYMBOLS = 200
MAX_CALLS = 50_000
"""Ten days of the broker's daily quota; who needs more asks again."""

_FRESH_SECONDS = 86_400
"""For a day, the broker's word that it has nothing, or no more, is believed."""


class Backfills:
    """The user's side of backfills. Only what coverage lacks is fetched."""

    def __init__(
        self,
        store: BackfillStore,
        candles: CandleStore,
        instruments: Instruments,
        calendar: MarketCalendar,
        time: ExchangeTime,
        clock: Clock,
        wakeups: Wakeups,
        progress: Progress,
        calls_per_minute: int,
    ) -> None:
        self._store = store
        self._candles = candles
        self._instruments = instruments
        self._calendar = calendar
        self._time = time
        self._clock = clock
        self._wakeups = wakeups
        self._progress = progress
        self._calls_per_minute = calls_per_minute

    async def start(
        self, user_id: UUID, bearer: str, symbols: Sequence[str], interval: Interval, start: datetime, end: datetime
    ) -> BackfillView:
        """Plan and store a backfill of [start, end), in whole Indian days, and wake the workers.

        Asked again while it is queued, running or paused, the same backfill is answered; asked again when everything
        is stored, one that is done already.

        Raises:
            InvalidInput: `unsupported_interval` unless it is a stored one; `invalid_range`; `too_many_calls`.
            NotFound: `instrument_not_found`.
        """
        if not interval.is_stored:
            raise InvalidInput(
                f"{interval} bars are computed from {interval.base} bars; backfill {interval.base}.",
                code="unsupported_interval",
                faults=[FieldFault("body.interval", f"use one of {', '.join(STORED_INTERVALS)}")],
            )
        now = await self._time.now()
        asked_last = last_day_before(end)
        first, last = ist_date(start), min(asked_last, ist_date(now))
        if start >= end or first > last:
            message = "must be before `to`, and not in the future"
            raise InvalidInput(f"`from` {message}.", code="invalid_range", faults=[FieldFault("body.from", message)])
        instruments = await self._resolve(symbols, bearer)
        symbols = [each.symbol for each in instruments]
        under_way = await self._store.same_open(user_id, interval, first, asked_last, symbols)
        if under_way is not None:
            # Asked twice, it is fetched once, and the caller learns how far it is.
            return self.view(under_way)
        windows = await self._windows(instruments, interval, first, last, now)
        return await self._create(user_id, instruments, interval, first, asked_last, windows)

    async def start_known(
        self, user_id: UUID, instruments: Sequence[Instrument], interval: Interval, first: date, last: date
    ) -> BackfillView | None:
        """A backfill of instruments that somebody has looked up already; None when nothing of it is lacking.

        Raises:
            InvalidInput: `too_many_calls`.
        """
        windows = await self._windows(instruments, interval, first, last, await self._time.now())
        if not any(windows.values()):
            return None
        return await self._create(user_id, instruments, interval, first, last, windows, asked=False)

    async def _windows(
        self, instruments: Sequence[Instrument], interval: Interval, first: date, last: date, now: datetime
    ) -> dict[str, list[Window]]:
        return {each.symbol: await self._plan(each, interval, first, last, now) for each in instruments}

    async def _create(
        self,
        user_id: UUID,
        instruments: Sequence[Instrument],
        interval: Interval,
        first: date,
        last: date,
        windows: Mapping[str, Sequence[Window]],
        *,
        asked: bool = True,
    ) -> BackfillView:
        calls = sum(len(planned) for planned in windows.values())
        if calls > MAX_CALLS:
            raise InvalidInput(
                f"This would take {calls:,} broker calls; at most {MAX_CALLS:,} fit into one backfill.",
                code="too_many_calls",
            )
        made = await self._store.create(
            NewBackfill(new_id(), user_id, interval, first, last, self._clock.now(), list(instruments), windows, asked)
        )
        await self._wakeups.wake(min(calls, 4))
        return await self._announce(made)

    async def get(self, user_id: UUID, backfill_id: UUID) -> BackfillView:
        """Raises:
        NotFound: `backfill_not_found`.
        """
        return self.view(await self._store.get(user_id, backfill_id))

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> list[BackfillView]:
        return [self.view(each) for each in await self._store.page(user_id, before, limit)]

    async def act(self, user_id: UUID, backfill_id: UUID, action: BackfillAction) -> BackfillView:
        """Pause, resume, cancel or retry.

        Raises:
            NotFound: `backfill_not_found`.
            Conflict: `backfill_state`.
        """
        changed = await self._store.act(user_id, backfill_id, action)
        if action in (BackfillAction.RESUME, BackfillAction.RETRY):
            await self._wakeups.wake(4)
        return await self._announce(changed)

    def view(self, backfill: Backfill) -> BackfillView:
        return view_of(backfill, self._clock.now(), self._calls_per_minute)

    async def _announce(self, backfill: Backfill) -> BackfillView:
        view = self.view(backfill)
        await self._progress.publish(backfill.user_id, view)
        return view

    async def _resolve(self, symbols: Sequence[str], bearer: str) -> list[Instrument]:
        found: dict[str, Instrument] = {}
        for symbol in symbols:
            instrument = await self._instruments.resolve(symbol, bearer)
            found.setdefault(instrument.symbol, instrument)
        return list(found.values())

    async def _plan(
        self, instrument: Instrument, interval: Interval, first: date, last: date, now: datetime
    ) -> list[Window]:
        segment = self._calendar.segment_of(instrument.exchange, instrument.underlying)
        first, last = listed_days(instrument, first, last)
        if first > last:
            return []
        known = await self._candles.coverage(instrument.symbol, interval, first, last)
        lacking = []
        for day in self._calendar.trading_days(segment, first, last):
            opens = self._calendar.continuous(segment, day)[0][0]
            if opens < now and self._is_lacking(known.get(day)):
                lacking.append(day)
        return plan(lacking, interval, segment, self._calendar)

    def _is_lacking(self, found: DayCoverage | None) -> bool:
        if found is None:
            return True
        if found.state is CoverageState.COMPLETE:
            return False
        believed = found.state is CoverageState.UPSTREAM_NONE or found.reason == "stops_early"
        if believed and found.updated_at is not None:
            return (self._clock.now() - found.updated_at).total_seconds() > _FRESH_SECONDS
        return True


def view_of(backfill: Backfill, now: datetime, calls_per_minute: int) -> BackfillView:
    """The REST object of a backfill."""
    return BackfillView(
        id=backfill.id,
        symbols=list(backfill.symbols),
        interval=backfill.interval.value,
        from_day=backfill.from_day,
        to_day=backfill.to_day + timedelta(days=1),
        state=backfill.state.value,
        chunks_total=backfill.chunks_total,
        chunks_done=backfill.chunks_done,
        chunks_failed=backfill.chunks_failed,
        candles_written=backfill.candles_written,
        calls_estimated=backfill.calls_estimated,
        calls_used=backfill.calls_used,
        eta_seconds=backfill.eta_seconds(now, calls_per_minute),
        created_at=backfill.created_at,
        started_at=backfill.started_at,
        finished_at=backfill.finished_at,
        errors=[
            BackfillErrorView(
                symbol=each.symbol,
                start=each.starts_at,
                end=each.ends_at,
                code=each.code,
                detail=each.detail,
                attempts=each.attempts,
                final=each.final,
            )
            for each in backfill.errors
        ],
    )
