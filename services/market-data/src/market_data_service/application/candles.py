"""Answer candles and their coverage from what is stored."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np

from breezeway.candles.columns import Candles, Floats, concat
from breezeway.candles.folding import Bar
from breezeway.candles.resample import day_of, ist_day, ist_midnight, resample
from breezeway.contracts.instruments import Instrument, ListedInstrument
from breezeway.errors import FieldFault, InvalidInput
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.application.ports import CandleStore, ExchangeTime, Instruments, LiveBars, Packed
from market_data_service.domain import cursors
from market_data_service.domain.corporate_actions import ActionKind, CorporateAction, Step, adjust, steps
from market_data_service.domain.coverage import CoverageState, DayCoverage, expected_bars
from market_data_service.domain.indicators.model import Wanted
from market_data_service.domain.listing import listed_days, not_listed
from market_data_service.domain.live_bars import merge_live
from market_data_service.domain.times import ist_date, last_day_before

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 200_000
_MAX_DAYS = 11_000
_TRADING_DAYS_OF = {Interval.DAY_1: 1, Interval.WEEK_1: 6, Interval.MONTH_1: 24}
"""At most so many trading days go into one bar; weeks with a weekend session have six."""

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class CandlesQuery:
    """[start, end) of bar labels. Without `start`, the newest `limit` bars before `end` are meant."""

    symbol: str
    interval: Interval
    start: datetime | None = None
    end: datetime | None = None
    limit: int = DEFAULT_LIMIT
    live_for: UUID | None = None
    """The user whose feed's newest bars, the forming one too, are to be added."""
    indicators: Sequence[Wanted] = ()
    adjusted: bool = False
    """Prices and volumes in today's shares; indicators are computed from them."""
    cursor: str | None = None
    """`next` of an answer to the same query; stands in for `start`."""


@dataclass(frozen=True, slots=True)
class CandlesAnswer:
    """`complete`: every trading day of the range is covered whole. `next`: the cursor of the bars that did not fit.

    `indicators` are columns as long as `candles`, NaN where there is no value.
    """

    symbol: str
    interval: Interval
    candles: Candles
    complete: bool
    next: str | None
    indicators: Mapping[str, Floats]


class ReadCandles:
    """Bars of any interval: the stored ones, or computed from them. Nothing is fetched from the broker here."""

    def __init__(
        self,
        store: CandleStore,
        instruments: Instruments,
        calendar: MarketCalendar,
        time: ExchangeTime,
        live: LiveBars,
        actions: Mapping[str, Sequence[CorporateAction]] | None = None,
    ) -> None:
        self._actions = actions
        self._store = store
        self._instruments = instruments
        self._calendar = calendar
        self._time = time
        self._live = live
        self._years: dict[tuple[Segment, int], list[int]] = {}

    async def candles(self, query: CandlesQuery, bearer: str) -> CandlesAnswer:
        """Raises:
        NotFound: `instrument_not_found`.
        InvalidInput: `invalid_range`, when `start` is not before `end`, or they are too far apart;
            `invalid_cursor`, for one of another query;
            `unsupported_interval`, for live bars of seconds, which only the stream carries;
            `no_corporate_actions`, for adjusted bars, when this deployment was given no file of them.
        """
        if query.live_for is not None and query.interval.base is Interval.SECOND_1:
            raise InvalidInput(
                f"Live {query.interval} bars come only on the stream: candle:{query.interval}:{query.symbol}",
                code="unsupported_interval",
            )
        instrument = await self._instruments.resolve(query.symbol, bearer)
        start = query.start if query.cursor is None else cursors.read(query.cursor, _identity(query, instrument.symbol))
        now = await self._time.now()
        end = query.end or now
        segment = self._calendar.segment_of(instrument.exchange, instrument.underlying)
        warm_up = max((wanted.warm_up for wanted in query.indicators), default=0)
        if start is not None:
            _check_range(start, end)
            first = ist_date(start)
            if warm_up:
                first = min(first, await self._days_back(instrument.symbol, query.interval, first, warm_up))
        else:
            newest = last_day_before(end)
            first = await self._days_back(instrument.symbol, query.interval, newest, query.limit + warm_up)
        last = _last_day(end, query.interval, ist_date(now))
        live = await self._live.newest(query.live_for, instrument.symbol) if query.live_for is not None else ()
        adjustments = await self._adjustments(instrument.symbol) if query.adjusted else ()
        reader = _Reader(
            self._store, self._calendar, instrument.symbol, segment, live, int(now.timestamp()), adjustments
        )
        bars, stored = await reader.bars(query.interval, first, last)
        lowest = int(start.timestamp()) if start is not None else -(2**62)
        begin, until = (int(at) for at in np.searchsorted(bars.t, [lowest, _ceil(end)]))
        following = None
        if until - begin > query.limit:
            if start is None:
                begin = until - query.limit
            else:
                until = begin + query.limit
                following = cursors.make(int(bars.t[until]), _identity(query, instrument.symbol))
        # The last bar of an interval may be cut by `to`; later bars must not shine through in an indicator.
        columns = _indicators(query.indicators, bars[:until], begin)
        bars = bars[begin:until]
        complete = self._is_complete(instrument, start, segment, bars, end, stored)
        return CandlesAnswer(instrument.symbol, query.interval, bars, complete, following, columns)

    async def coverage(
        self, symbol: str, interval: Interval, start: datetime | None, end: datetime | None, bearer: str
    ) -> tuple[Instrument, list[DayCoverage]]:
        """Day by day what is stored of a base interval; ordinary weekends are left out.

        Raises:
            NotFound: `instrument_not_found`.
            InvalidInput: `unsupported_interval`, for an interval that is computed; `invalid_range`.
        """
        if not interval.is_stored:
            raise InvalidInput(
                f"{interval} bars are computed from {interval.base} bars; ask for the coverage of {interval.base}.",
                code="unsupported_interval",
            )
        instrument = await self._instruments.resolve(symbol, bearer)
        now = await self._time.now()
        until = min(end or now, now)
        since = start or until - timedelta(days=365)
        _check_range(since, max(until, since + timedelta(seconds=1)))
        first, last = ist_date(since), last_day_before(until)
        oldest = await self._store.first_day(instrument.symbol) or last
        known = await self._store.coverage(instrument.symbol, interval, first, max(last, oldest))
        segment = self._calendar.segment_of(instrument.exchange, instrument.underlying)
        unborn = self._before_first_bar(instrument, segment, known, first, oldest)
        days = []
        for offset in range((last - first).days + 1):
            found = self._of_day(first + timedelta(days=offset), interval, segment, instrument, known, unborn)
            if found is not None:
                days.append(found)
        return instrument, days

    def _of_day(
        self,
        day: date,
        interval: Interval,
        segment: Segment,
        instrument: Instrument,
        known: Mapping[date, DayCoverage],
        unborn: Set[date],
    ) -> DayCoverage | None:
        expected = expected_bars(segment, day, interval, self._calendar)
        if expected == 0:
            name = self._calendar.day_name(segment, day)
            return DayCoverage(day, CoverageState.HOLIDAY, 0, 0, name) if name and day.weekday() < 5 else None
        found = known.get(day)
        why = "before_first_bar" if day in unborn else not_listed(instrument, day)
        # Bars are the better witness: a master may have come late.
        if why is not None and (found is None or not found.bars):
            return DayCoverage(day, CoverageState.NOT_LISTED, 0, 0, why)
        return found or DayCoverage(day, CoverageState.MISSING, 0, expected, "never_asked")

    def _before_first_bar(
        self,
        instrument: ListedInstrument,
        segment: Segment,
        known: Mapping[date, DayCoverage],
        first: date,
        oldest: date,
    ) -> Set[date]:
        """Days of which the broker said that it has nothing, one after the other up to the very first bar that there
        is: before our masters begin, this is how a listing shows. On a day whose master has it, it is a hole."""
        days: set[date] = set()
        if instrument.listed_on is not None and instrument.listed_on < oldest:
            return days
        for ordinal in reversed(self._trading_days(segment, first, oldest - timedelta(days=1))):
            day = _EPOCH + timedelta(days=ordinal)
            if day not in known or known[day].state is not CoverageState.UPSTREAM_NONE:
                break
            days.add(day)
        return days

    async def _adjustments(self, symbol: str) -> Sequence[Step]:
        if self._actions is None:
            raise InvalidInput(
                "This deployment knows no corporate actions; see BREEZEWAY_CORPORATE_ACTIONS.",
                code="no_corporate_actions",
                faults=[FieldFault("query.adjusted", "is not available")],
            )
        actions = self._actions.get(symbol, ())
        closes = {}
        for action in actions:
            if action.kind is ActionKind.DIVIDEND:
                before = action.ex_date - timedelta(days=1)
                for day in await self._store.newest_days(symbol, Interval.DAY_1.sources, before, 1):
                    found = await self._store.read_daily(symbol, Interval.DAY_1.sources, day, day)
                    closes[action.ex_date] = float(found.days.c[-1])
        return steps(actions, closes)

    async def _days_back(self, symbol: str, interval: Interval, last: date, bars: int) -> date:
        """A stored day that is so far before `last` that at least `bars` bars start from it on, if there are so many.

        Those of `last` itself are not relied on: it may have begun only just now.
        """
        if interval.seconds is not None:
            # A short session has fewer bars than this; reading some days too many is cheaper than asking again.
            wanted = bars // max(1, 21_600 // interval.seconds) + 3
        else:
            wanted = (bars + 1) * _TRADING_DAYS_OF[interval]
        days = await self._store.newest_days(symbol, interval.sources, last, wanted)
        return min(days, default=last)

    def _is_complete(
        self,
        instrument: Instrument,
        start: datetime | None,
        segment: Segment,
        bars: Candles,
        end: datetime,
        complete: frozenset[int],
    ) -> bool:
        """Whether every trading day from the asked (or first answered) one up to the end is covered whole."""
        if start is not None:
            first = ist_date(start)
        elif len(bars):
            first = _EPOCH + timedelta(days=int(ist_day(bars.t[:1])[0]))
        else:
            return False
        first, last = listed_days(instrument, first, last_day_before(end))
        return complete.issuperset(self._trading_days(segment, first, last))

    def _trading_days(self, segment: Segment, first: date, last: date) -> list[int]:
        """As days since 1970-01-01. Remembered by the year, because every answer asks whether it is complete."""
        found: list[int] = []
        for year in range(first.year, last.year + 1):
            key = (segment, year)
            if key not in self._years:
                days = self._calendar.trading_days(segment, date(year, 1, 1), date(year, 12, 31))
                self._years[key] = [(day - _EPOCH).days for day in days]
            found += self._years[key]
        low, high = (first - _EPOCH).days, (last - _EPOCH).days
        return found[bisect_left(found, low) : bisect_right(found, high)]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one instrument's bars for one answer."""

    store: CandleStore
    calendar: MarketCalendar
    symbol: str
    segment: Segment
    live: Sequence[Bar]
    now: int
    adjustments: Sequence[Step]

    async def bars(self, interval: Interval, first: date, last: date) -> tuple[Candles, frozenset[int]]:
        """The bars of these days, and which days are complete."""
        with_live = bool(self.live) and first <= day_of(self.now) <= last
        if interval.seconds is None:
            stored = await self.store.read_daily(self.symbol, interval.sources, first, last)
            days = await self._with_today(stored.days) if with_live else stored.days
            # Before weeks and months are made of them: an ex-date lies inside of one.
            return self._resample(adjust(days, self.adjustments), interval, Interval.DAY_1), stored.complete
        found = await self.store.read_best(self.symbol, interval.sources, first, last)
        parts = [self._part(source, packed, interval) for source, packed in found.parts]
        if with_live:
            parts = self._with_live(found.parts, parts, interval)
        return adjust(concat(parts), self.adjustments), found.complete

    def _part(self, source: Interval, packed: Packed, interval: Interval) -> Candles:
        if source is interval:
            return packed.candles()
        return packed.fold(lambda bars: self._resample(bars, interval, source))

    def _with_live(
        self, stored: Sequence[tuple[Interval, Packed]], parts: list[Candles], interval: Interval
    ) -> list[Candles]:
        if not stored:
            return [self._resample(merge_live(Candles.empty(), self.live, self.now), interval, Interval.MINUTE_1)]
        source, packed = stored[-1]
        if source is Interval.MINUTE_1:
            minutes = merge_live(packed.candles(), self.live, self.now)
            return [*parts[:-1], self._resample(minutes, interval, source)]
        if len(parts[-1]) and day_of(int(parts[-1].t[-1])) == day_of(self.now):
            # Only coarse bars of today are stored; a minute cannot be told from what they already contain.
            return parts
        minutes = merge_live(Candles.empty(), self.live, self.now)
        return [*parts, self._resample(minutes, interval, Interval.MINUTE_1)]

    async def _with_today(self, daily: Candles) -> Candles:
        """Today's bar from its minutes and the live ones, unless the broker's own is stored."""
        today = day_of(self.now)
        if len(await self.store.read(self.symbol, Interval.DAY_1, today, today)):
            return daily
        stored = await self.store.read(self.symbol, Interval.MINUTE_1, today, today)
        bar = self._resample(merge_live(stored, self.live, self.now), Interval.DAY_1, Interval.MINUTE_1)
        return concat([daily[daily.t < ist_midnight(today)], bar])

    def _resample(self, bars: Candles, interval: Interval, source: Interval) -> Candles:
        return resample(bars, interval, source=source, segment=self.segment, calendar=self.calendar)


def _indicators(wanted: Sequence[Wanted], bars: Candles, begin: int) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for each in wanted:
        found |= {name: column[begin:] for name, column in each.columns(bars).items()}
    return found


def _identity(query: CandlesQuery, symbol: str) -> tuple[object, ...]:
    """What all pages of a query have in common; how much is on each may change."""
    end = None if query.end is None else query.end.timestamp()
    columns = tuple(wanted.name for wanted in query.indicators)
    return symbol, query.interval.value, end, query.adjusted, columns


def _check_range(start: datetime, end: datetime) -> None:
    if start >= end:
        message = "must be before `to`"
        raise InvalidInput("`from` must be before `to`.", code="invalid_range", faults=[FieldFault("from", message)])
    if (end - start).days > _MAX_DAYS:
        raise InvalidInput("The range is longer than 30 years.", code="invalid_range")


def _last_day(end: datetime, interval: Interval, today: date) -> date:
    """The last day whose bars may belong to a bar that is labelled before `end`."""
    last = last_day_before(end)
    if interval is Interval.WEEK_1:
        last += timedelta(days=6)
    elif interval is Interval.MONTH_1:
        last += timedelta(days=31)
    return min(last, max(today, last_day_before(end)))


def _ceil(moment: datetime) -> int:
    whole = int(moment.timestamp())
    return whole if moment.microsecond == 0 else whole + 1
