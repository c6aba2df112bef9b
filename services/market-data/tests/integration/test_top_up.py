"""The scheduled top-up: after the close, once, for whatever users follow."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.clock import IST, SystemClock
from breezeway.contracts.instruments import Instrument
from breezeway.errors import Conflict
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.adapters.db.backfills import PostgresBackfillStore
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.adapters.db.followed import PostgresFollowed
from market_data_service.application.backfills import Backfills
from market_data_service.application.top_up import TopUp

CALENDAR = MarketCalendar.default()
FRIDAY = date(2026, 11, 20)


class Known:
    def __init__(self, outside: Any) -> None:
        self._outside = outside

    async def resolve(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        return {symbol: self._outside.known[symbol] for symbol in symbols if symbol in self._outside.known}


@pytest.fixture
async def top_up(db: AsyncEngine, outside: Any) -> TopUp:
    async with db.begin() as connection:
        await connection.execute(text("TRUNCATE top_ups, subscriptions, watchlists"))
        await connection.execute(
            text("INSERT INTO subscriptions (user_id, symbol, modes) VALUES (:user, 'NSE:INFY', '{tick}')"),
            {"user": outside.user_id},
        )
        await connection.execute(
            text("INSERT INTO watchlists (id, user_id, name, symbols) VALUES (:id, :user, 'mine', :symbols)"),
            {"id": new_id(), "user": outside.user_id, "symbols": ["NSE:INFY", "NSE:RELIANCE", "NSE:GONE"]},
        )
    outside.time.at = datetime(2026, 11, 20, 16, 0, tzinfo=IST)
    backfills = Backfills(
        PostgresBackfillStore(db),
        PostgresCandleStore(db),
        outside.instruments,
        CALENDAR,
        outside.time,
        SystemClock(),
        outside.wakeups,
        outside.progress,
        90,
    )
    return TopUp(PostgresFollowed(db), Known(outside), outside.sessions, backfills, CALENDAR, outside.time)


async def made(db: AsyncEngine) -> list[tuple[str, date, list[str]]]:
    async with db.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT interval, to_day, array_agg(symbol ORDER BY symbol) AS symbols FROM backfills"
                " JOIN backfill_symbols ON backfill_id = id GROUP BY id, interval, to_day ORDER BY interval"
            )
        )
        return [(row.interval, row.to_day, row.symbols) for row in rows]


async def test_the_day_of_what_is_followed_is_fetched_once_after_the_close(
    top_up: TopUp, db: AsyncEngine, outside: Any
) -> None:
    outside.time.at = datetime(2026, 11, 20, 15, 40, tzinfo=IST)
    assert await top_up.run() == 0
    outside.time.at = datetime(2026, 11, 20, 15, 50, tzinfo=IST)
    assert await top_up.run() == 2
    symbols = ["NSE:INFY", "NSE:RELIANCE"]
    assert await made(db) == [("1d", FRIDAY, symbols), ("1m", FRIDAY, symbols)]
    assert await top_up.run() == 0
    assert outside.wakeups.woken > 0


async def test_days_without_trading_and_users_without_a_session_are_left_alone(
    top_up: TopUp, db: AsyncEngine, outside: Any
) -> None:
    outside.time.at = datetime(2026, 11, 21, 18, 0, tzinfo=IST)
    assert await top_up.run() == 0
    outside.time.at = datetime(2026, 11, 20, 18, 0, tzinfo=IST)
    outside.sessions.error = Conflict("none", code="broker_session_required")
    assert await top_up.run() == 0
    outside.sessions.error = None
    # The day is not lost: the user logs in later, and it is tried again.
    assert await top_up.run() == 2
