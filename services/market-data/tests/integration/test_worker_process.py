"""The backfill worker as real processes: through arq, the official SDK and the simulator, killed half-way."""

import asyncio
import contextlib
import signal
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from breezeway.candles.columns import Candles
from breezeway.clock import IST
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.real_candles import nifty_2019_2020
from market_data_service.application.candles import CandlesQuery, ReadCandles
from market_data_service.domain.day_bars import in_session

CALENDAR = MarketCalendar.default()
NIFTY = "NSE_INDEX:NIFTY"


async def test_j_01_a_worker_killed_half_way_is_replaced_within_thirty_seconds(rig: Any) -> None:
    await rig.start_simulator(BREEZE_SIM_LIMITS="off")
    first = rig.start_worker(BREEZE_CALLS_PER_MINUTE="10000", BACKFILL_CONCURRENCY="2")
    made = await rig.backfills.start(
        rig.outside.user_id,
        "token",
        ["NSE:RELIANCE", "NSE:INFY"],
        Interval.MINUTE_1,
        datetime(2026, 10, 1, tzinfo=IST),
        datetime(2026, 11, 20, tzinfo=IST),
    )

    async def some_done() -> bool:
        return await rig.count("done") >= 5 and await rig.count("leased") >= 1

    await eventually(some_done, seconds=60, every=0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    held = await rig.count("leased")
    killed_at = time.time()
    second = rig.start_worker(BREEZE_CALLS_PER_MINUTE="10000")

    async def over() -> bool:
        return await rig.count("done") == made.chunks_total

    await eventually(over, seconds=90, every=0.1)
    # The dead worker's chunks were taken up again, and soon enough.
    assert held > 0
    async with rig.db.connect() as connection:
        taken = await connection.execute(
            text("SELECT extract(epoch FROM updated_at) AS at FROM backfill_chunks WHERE attempts > 0")
        )
        resumed = [float(row.at) for row in taken]
    assert len(resumed) == held
    assert max(resumed) - killed_at < 30
    view = await rig.backfills.get(rig.outside.user_id, made.id)
    assert (view.state, view.chunks_failed) == ("done", 0)
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=20) == 0
    days = CALENDAR.trading_days(Segment.NSE, date(2026, 10, 1), date(2026, 11, 19))
    for symbol in ("NSE:RELIANCE", "NSE:INFY"):
        covered = await rig.store.coverage(symbol, Interval.MINUTE_1, days[0], days[-1])
        assert sorted(covered) == days
        bars = await rig.store.read(symbol, Interval.MINUTE_1, days[0], days[-1])
        assert bars.faults() == []
        assert len(bars) == sum(found.bars for found in covered.values())


@pytest.mark.slow
async def test_j_03_a_flushed_redis_loses_none_of_a_hundred_jobs(rig: Any, redis: Any) -> None:
    """What was queued is gone; the sweeper makes it again from the intent in PostgreSQL."""
    made = await rig.backfills.start(
        rig.outside.user_id,
        "token",
        ["NSE:RELIANCE", "NSE:INFY"],
        Interval.MINUTE_1,
        datetime(2026, 6, 22, tzinfo=IST),
        datetime(2026, 11, 20, tzinfo=IST),
    )
    assert made.chunks_total >= 100
    await redis.flushall()
    await rig.start_simulator(BREEZE_SIM_LIMITS="off")
    rig.start_worker(BREEZE_CALLS_PER_MINUTE="10000")

    async def some_done() -> bool:
        return await rig.count("done") >= 10

    await eventually(some_done, seconds=120, every=0.1)
    # Again, while it is being worked on.
    await redis.flushall()

    async def over() -> bool:
        return await rig.count("done") == made.chunks_total

    await eventually(over, seconds=180, every=0.2)
    view = await rig.backfills.get(rig.outside.user_id, made.id)
    assert (view.state, view.chunks_done, list(view.errors)) == ("done", made.chunks_total, [])


@pytest.mark.slow
async def test_j_08_a_restarted_redis_costs_no_job(rig: Any, tmp_path: Path) -> None:
    """The worker recovers by itself, or ends and is started again, as the supervisor does."""
    with EmbeddedValkey(tmp_path / "valkey") as own:
        rig.redis_url = own.url
        await rig.start_simulator(BREEZE_SIM_LIMITS="off")
        worker = rig.start_worker(BREEZE_CALLS_PER_MINUTE="10000")
        made = await rig.backfills.start(
            rig.outside.user_id,
            "token",
            ["NSE:RELIANCE", "NSE:INFY"],
            Interval.MINUTE_1,
            datetime(2026, 10, 1, tzinfo=IST),
            datetime(2026, 11, 20, tzinfo=IST),
        )

        async def some_done() -> bool:
            return await rig.count("done") >= 5

        await eventually(some_done, seconds=120, every=0.02)
        await asyncio.to_thread(own.stop)
        await asyncio.to_thread(own.start)

        async def over() -> bool:
            nonlocal worker
            if worker.poll() is not None:
                worker = rig.start_worker(BREEZE_CALLS_PER_MINUTE="10000")
            return await rig.count("done") == made.chunks_total

        await eventually(over, seconds=180, every=0.2)
        view = await rig.backfills.get(rig.outside.user_id, made.id)
        assert (view.state, view.chunks_failed) == ("done", 0)


@pytest.mark.slow
async def test_j_05_two_workers_share_one_quota_and_never_meet_the_brokers_limit(rig: Any, redis: Any) -> None:
    await rig.start_simulator(BREEZE_SIM_CALLS_PER_MINUTE="10")
    for _ in range(2):
        rig.start_worker(BREEZE_CALLS_PER_MINUTE="8")
    made = await rig.backfills.start(
        rig.outside.user_id,
        "token",
        ["NSE:RELIANCE"],
        Interval.MINUTE_1,
        datetime(2026, 10, 22, tzinfo=IST),
        datetime(2026, 11, 20, tzinfo=IST),
    )
    assert 8 < made.chunks_total <= 16

    async def over() -> bool:
        return await rig.count("done") == made.chunks_total

    await eventually(over, seconds=120, every=0.5)
    # The pause is set only when the broker itself has complained.
    assert not await redis.exists(keys.broker_quota_pause(str(rig.outside.user_id)))
    assert len(await rig.history_calls()) == made.chunks_total
    view = await rig.backfills.get(rig.outside.user_id, made.id)
    assert (view.state, view.calls_used, list(view.errors)) == ("done", made.chunks_total, [])


@pytest.mark.real_data
@pytest.mark.slow
async def test_two_real_years_arrive_bar_for_bar(rig: Any, real_data: Path, tmp_path: Path) -> None:
    source = nifty_2019_2020(real_data)
    source.to_csv(tmp_path / "NIFTY.csv", index=False)
    await rig.start_simulator(BREEZE_SIM_LIMITS="off", BREEZE_SIM_CANDLES_DIR=str(tmp_path))
    rig.start_worker(BREEZE_CALLS_PER_MINUTE="10000")
    start, end = datetime(2019, 1, 1, tzinfo=IST), datetime(2021, 1, 1, tzinfo=IST)
    made = await rig.backfills.start(rig.outside.user_id, "token", [NIFTY], Interval.MINUTE_1, start, end)

    async def over() -> bool:
        return await rig.count("done") == made.chunks_total

    with contextlib.suppress(TimeoutError):
        await eventually(over, seconds=150, every=0.2)
    view = await rig.backfills.get(rig.outside.user_id, made.id)
    assert (view.state, list(view.errors)) == ("done", [])

    stamps = source["datetime"].dt.tz_localize("Asia/Kolkata").dt.tz_convert("UTC")
    t = (stamps.astype("datetime64[ns, UTC]").astype("int64") // 10**9).to_numpy()
    columns = [source[name].to_numpy(float) for name in ("open", "high", "low", "close")]
    raw = Candles.of(t, *columns, source["volume"].to_numpy(np.int64))
    expected = in_session(raw[np.argsort(t)], Interval.MINUTE_1, Segment.NSE, CALENDAR)
    stored = await rig.store.read(NIFTY, Interval.MINUTE_1, date(2019, 1, 1), date(2020, 12, 31))
    assert stored.t.tolist() == expected.t.tolist()
    for name in "ohlc":
        np.testing.assert_array_equal(getattr(stored, name), getattr(expected, name))

    reader = ReadCandles(rig.store, rig.outside.instruments, CALENDAR, rig.outside.time, rig.outside.live_bars)
    frame = pd.DataFrame(
        {"o": expected.o, "h": expected.h, "l": expected.l, "c": expected.c},
        index=pd.to_datetime(expected.t, unit="s", utc=True).tz_convert("Asia/Kolkata"),
    )
    opens = {date(2019, 10, 27): "18:15", date(2020, 11, 14): "18:15"}
    how = {"o": "first", "h": "max", "l": "min", "c": "last"}
    for interval, rule in (("5m", "5min"), ("15m", "15min"), ("1h", "1h"), ("1d", "24h")):
        answer = await reader.candles(CandlesQuery(NIFTY, Interval(interval), start, end, limit=200_000), "token")
        parts = []
        for day, group in frame.groupby(frame.index.date):
            clock = "00:00" if interval == "1d" else opens.get(day, "09:15")
            origin = pd.Timestamp(f"{day} {clock}", tz="Asia/Kolkata")
            parts.append(group.resample(rule, origin=origin).agg(how).dropna())
        by_pandas = pd.concat(parts)
        assert answer.candles.t.tolist() == [int(stamp.timestamp()) for stamp in by_pandas.index], interval
        for name in "ohlc":
            np.testing.assert_array_equal(getattr(answer.candles, name), by_pandas[name].to_numpy())
