"""Bars folded from the feed against the broker's history of the same minutes, and the gaps between them."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from breezeway import cancellation
from breezeway.candles.columns import Candles
from breezeway.contracts.instruments import Instrument
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.intervals import Interval
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_feed_stack
from breezeway.testing.stream_client import StreamClient
from market_data_service import bootstrap
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.application.feed_session import FeedRules
from market_data_service.settings import FeedOwnerSettings, MarketDataSettings

CODES = {"NSE:RELIANCE": "RELIND", "NSE:SBIN": "STABAN", "NSE:INFY": "INFTEC"}
DAY = date(2026, 11, 18)
SPEED = 30
"""Two seconds are a minute: slow enough that a busy machine misses none."""

Bars = dict[int, tuple[float, ...]]


@asynccontextmanager
async def running(feeds: FeedStack) -> AsyncIterator[tuple[bootstrap.Parts, asyncio.Event]]:
    """Feed owner and backfill worker in this process; the worker begins when the event is set."""
    settings = MarketDataSettings.model_validate(feeds.environment)
    may_work = asyncio.Event()
    async with AsyncExitStack() as stack:
        owner = FeedOwnerSettings.model_validate(feeds.environment)
        # The broker's own minute bars are left alone: ours have to be right by themselves.
        await bootstrap.build_feed_owner(owner, FastAPI(), stack, FeedRules(bar_rooms=0, refill_after_seconds=3))
        worker, _ = await bootstrap.build_worker_parts(settings, stack)
        parts = await bootstrap.build_parts(settings, stack)

        async def work() -> None:
            await may_work.wait()
            while True:
                cancellation.heed()
                await worker.drain()
                await asyncio.sleep(0.2)

        working = asyncio.create_task(work(), name="worker")
        stack.push_async_callback(cancellation.end, [working])
        yield parts, may_work


class Told:
    """What a client has been told: the last closed bar of each minute, and the gaps."""

    def __init__(self, client: StreamClient) -> None:
        self._client = client
        self.bars: dict[str, Bars] = defaultdict(dict)
        self.gaps: dict[str, tuple[int, int]] = {}

    async def listen(self) -> None:
        while True:
            message = await self._client.read()
            if message["type"] == "candle" and message["closed"]:
                self.bars[message["symbol"]][message["t"]] = tuple(message[name] for name in "ohlcv")
            elif message["type"] == "gap":
                self.gaps[message["symbol"]] = (message["from"] // 1000, message["to"] // 1000)

    def minutes_after(self, moment: int) -> int:
        """How many minutes that begin later have been told of every symbol."""
        return min(sum(t > moment for t in self.bars[symbol]) for symbol in CODES)


def rows(candles: Candles) -> Bars:
    columns = (candles.o, candles.h, candles.l, candles.c, candles.v)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(candles.t.tolist(), values, strict=True))


async def history(parts: bootstrap.Parts, feeds: FeedStack, symbol: str, first: int, last: int) -> Bars:
    """What the broker answers of the minutes from `first` to `last`, asked as a backfill asks."""
    credentials = await parts.sessions.credentials(feeds.neighbours.user_id)
    instrument = Instrument.model_validate(feeds.neighbours.instrument(symbol))
    start, end = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last + 60, UTC)
    return rows((await parts.broker.history(credentials, instrument, Interval.MINUTE_1, start, end)).candles)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_closed_live_bars_equal_what_history_answers_later_and_gaps_are_refilled(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, redis: Any, tmp_path: Path
) -> None:
    """Ticks of some minutes, folded here; then the socket is lost; at the end no stored minute is missing and every one
    is the exchange's."""
    async with AsyncExitStack() as stack:
        overrides = {"BREEZE_SIM_TICK_RATE": "0", "BREEZE_SIM_SPEED": str(SPEED)}
        feeds = await stack.enter_async_context(run_feed_stack(postgres, valkey, tmp_path, **overrides))
        plain = feeds.neighbours.instrument
        feeds.neighbours.instrument = lambda name: (
            plain(name)
            | {  # type: ignore[method-assign]
                "broker_code": CODES[feeds.neighbours.canonical(name) or ""]
            }
        )
        feeds.neighbours.tokens = {name: token for name, token in feeds.neighbours.tokens.items() if name in CODES}
        parts, may_work = await stack.enter_async_context(running(feeds))
        client = await stack.enter_async_context(
            StreamClient.connect(feeds.stream_url, feeds.neighbours.access_token())
        )
        await client.subscribe([f"{kind}:{symbol}" for kind in ("tick", "candle:1m") for symbol in CODES])
        told = Told(client)
        listening = asyncio.create_task(told.listen(), name="client")
        stack.push_async_callback(cancellation.end, [listening])

        # Four minutes: the first of them was joined in its middle.
        await eventually(lambda: told.minutes_after(0) >= 4, 90)
        first = max(min(told.bars[symbol]) for symbol in CODES) + 60
        for symbol in CODES:
            live = {t: bar for t, bar in told.bars[symbol].items() if t >= first}
            assert len(live) >= 3
            answered = await history(parts, feeds, symbol, min(live), max(live))
            assert {t: answered.get(t) for t in live} == live, symbol

        await feeds.control("/_sim/faults", {"kind": "disconnect"})
        await eventually(lambda: set(told.gaps) == set(CODES), 90)
        gap_from, gap_to = min(a for a, _ in told.gaps.values()), max(b for _, b in told.gaps.values())
        await eventually(lambda: told.minutes_after(gap_to) >= 2, 90)
        last = min(max(t for t in told.bars[symbol]) for symbol in CODES)
        store = PostgresCandleStore(parts.engine)

        async def stored(symbol: str) -> Bars:
            found = rows(await store.read(symbol, Interval.MINUTE_1, DAY, DAY))
            return {t: bar for t, bar in found.items() if first <= t <= last}

        broken = range(gap_from // 60 * 60, gap_to // 60 * 60 + 1, 60)
        assert not set(broken) <= set(await stored("NSE:RELIANCE")), "without the refill minutes are missing"
        may_work.set()
        for symbol in CODES:
            exchange = await history(parts, feeds, symbol, first, last)
            assert set(broken) <= set(exchange)

            async def equal(symbol: str = symbol, exchange: Bars = exchange) -> bool:
                return await stored(symbol) == exchange

            with contextlib.suppress(TimeoutError):
                await eventually(equal, 60, every=0.2)
            assert await stored(symbol) == exchange, symbol
