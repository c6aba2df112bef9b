"""Every day's state and reason: the instrument's masters, the broker's word and the stored bars taken together."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.clock import IST
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import InvalidInput
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.application.candles import CandlesQuery, ReadCandles
from market_data_service.domain.day_bars import in_session, split_days

CALENDAR = MarketCalendar.default()
SYMBOL = "NSE:INFY"
MINUTE = Interval.MINUTE_1
FROM, TO = datetime(2026, 11, 2, tzinfo=IST), datetime(2026, 11, 21, tzinfo=IST)


def november(*days: int) -> list[date]:
    return [date(2026, 11, day) for day in days]


class Shelf:
    def __init__(self, db: AsyncEngine, outside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.db = db
        self.outside = outside
        self._monkeypatch = monkeypatch
        store = PostgresCandleStore(db)
        self.read = ReadCandles(store, outside.instruments, CALENDAR, outside.time, outside.live_bars)

    def masters_say(self, symbol: str = SYMBOL, **facts: date | None) -> None:
        """Set what the masters of other days say of the instrument."""
        known = self.outside.known[symbol].model_copy(update=facts)
        self._monkeypatch.setitem(self.outside.known, symbol, known)

    async def store(self, days: list[date], symbol: str = SYMBOL, interval: Interval = MINUTE) -> None:
        """Whole days of bars, recorded as complete."""
        instrument = self.outside.known[symbol]
        async with UnitOfWork(self.db) as work:
            for day in days:
                start = datetime(day.year, day.month, day.day, tzinfo=IST)
                raw = self.outside.truth(instrument, interval, start.astimezone(UTC), start + timedelta(hours=23))
                parts = split_days(in_session(raw, interval, Segment.NSE, CALENDAR))
                await write_days(work.session, symbol, interval, parts, "test")
            await work.commit()
        await self.record(days, "complete", symbol, interval, bars=375)

    async def record(
        self, days: list[date], state: str, symbol: str = SYMBOL, interval: Interval = MINUTE, bars: int = 0
    ) -> None:
        statement = (
            "INSERT INTO candle_coverage (symbol, interval, day, state, bars, expected, reason)"
            " VALUES (:symbol, :interval, :day, :state, :bars, 375, :reason)"
        )
        reason = "nothing_upstream" if state == "upstream_none" else None
        async with self.db.begin() as connection:
            for day in days:
                values = {"symbol": symbol, "interval": interval.value, "day": day, "state": state}
                await connection.execute(text(statement), {**values, "bars": bars, "reason": reason})

    async def states(self, symbol: str = SYMBOL, interval: Interval = MINUTE) -> dict[date, tuple[str, str | None]]:
        _, days = await self.read.coverage(symbol, interval, FROM, TO, "token")
        return {each.day: (each.state.value, each.reason) for each in days}


@pytest.fixture
def shelf(db: AsyncEngine, outside: Any, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(db, outside, monkeypatch)


async def test_before_a_listing_that_a_master_does_not_have_yet(shelf: Shelf) -> None:
    """The master of the 9th did not have it, that of the 12th has: in between nobody knows."""
    shelf.masters_say(not_listed_until=date(2026, 11, 9), listed_on=date(2026, 11, 12))
    await shelf.store(november(12, 13))
    states = await shelf.states()
    assert {states[day] for day in november(2, 3, 4, 5, 6, 8, 9)} == {("not_listed", "before_listing")}
    assert states[date(2026, 11, 10)][0] == "holiday"
    assert states[date(2026, 11, 11)] == ("missing", "never_asked")
    assert states[date(2026, 11, 12)] == ("complete", None)
    assert states[date(2026, 11, 16)] == ("missing", "never_asked")


async def test_bars_are_a_better_witness_than_a_master(shelf: Shelf) -> None:
    shelf.masters_say(not_listed_until=date(2026, 11, 9), listed_on=date(2026, 11, 12))
    await shelf.store(november(6))
    states = await shelf.states()
    assert states[date(2026, 11, 6)] == ("complete", None)
    assert states[date(2026, 11, 5)] == ("not_listed", "before_listing")


async def test_after_a_delisting(shelf: Shelf) -> None:
    shelf.masters_say(listed_on=date(2026, 7, 30), delisted_on=date(2026, 11, 17))
    await shelf.record(november(18), "upstream_none")
    states = await shelf.states()
    assert states[date(2026, 11, 16)] == ("missing", "never_asked")
    assert {states[day] for day in november(17, 18, 19, 20)} == {("not_listed", "delisted")}


async def test_after_an_expiry(shelf: Shelf) -> None:
    states = await shelf.states("NFO:NIFTY27OCT26FUT")
    assert {state for state in states.values() if state[0] != "holiday"} == {("not_listed", "expired")}


async def test_before_the_first_bar_when_our_masters_begin_later(shelf: Shelf) -> None:
    """It was offered to the public on the 12th, and this deployment is a week younger: only the broker can tell."""
    shelf.masters_say(listed_on=date(2026, 11, 19))
    await shelf.record(november(2, 3, 4, 5, 6, 8, 9, 11), "upstream_none")
    await shelf.store(november(12, 13))
    states = await shelf.states()
    assert {states[day] for day in november(2, 3, 4, 5, 6, 8, 9, 11)} == {("not_listed", "before_first_bar")}
    assert states[date(2026, 11, 12)] == ("complete", None)


async def test_the_brokers_silence_is_a_hole_where_it_does_not_reach_the_first_bar(shelf: Shelf) -> None:
    """Nobody asked for the 6th: what was silent before it may have been listed all the same."""
    await shelf.record(november(2, 3, 4, 5, 8, 9, 11), "upstream_none")
    await shelf.store(november(12))
    states = await shelf.states()
    assert {states[day] for day in november(8, 9, 11)} == {("not_listed", "before_first_bar")}
    assert states[date(2026, 11, 6)] == ("missing", "never_asked")
    assert {states[day] for day in november(2, 3, 4, 5)} == {("upstream_none", "nothing_upstream")}


async def test_the_brokers_silence_is_a_hole_on_days_that_a_master_has(shelf: Shelf) -> None:
    shelf.masters_say(listed_on=date(2026, 11, 6))
    await shelf.record(november(5, 6, 8, 9, 11), "upstream_none")
    await shelf.store(november(12))
    states = await shelf.states()
    assert {states[day] for day in november(5, 6, 8, 9, 11)} == {("upstream_none", "nothing_upstream")}


async def test_the_first_bar_is_that_of_any_interval(shelf: Shelf) -> None:
    """The broker keeps minutes for a while only; a daily bar shows that the stock was traded."""
    await shelf.store(november(3), interval=Interval.DAY_1)
    await shelf.record(november(4, 5, 6, 8, 9, 11), "upstream_none")
    await shelf.store(november(12))
    states = await shelf.states()
    assert {states[day] for day in november(4, 5, 6, 8, 9, 11)} == {("upstream_none", "nothing_upstream")}


async def test_a_range_is_complete_without_the_days_of_no_listing(shelf: Shelf) -> None:
    query = CandlesQuery(SYMBOL, MINUTE, FROM, datetime(2026, 11, 14, tzinfo=IST))
    await shelf.store(november(12, 13))
    assert (await shelf.read.candles(query, "token")).complete is False
    shelf.masters_say(not_listed_until=date(2026, 11, 11), listed_on=date(2026, 11, 12))
    assert (await shelf.read.candles(query, "token")).complete is True
    shelf.masters_say(delisted_on=date(2026, 11, 14))
    longer = CandlesQuery(SYMBOL, MINUTE, FROM, TO)
    assert (await shelf.read.candles(longer, "token")).complete is True
    shelf.masters_say(delisted_on=date(2026, 11, 18))
    assert (await shelf.read.candles(longer, "token")).complete is False


async def test_only_stored_intervals_have_a_coverage(shelf: Shelf) -> None:
    with pytest.raises(InvalidInput) as refused:
        await shelf.read.coverage(SYMBOL, Interval.MINUTE_15, FROM, TO, "token")
    assert refused.value.code == "unsupported_interval"
