"""Backfills by real workers from the simulator: every kind of bar, faults of the broker, restarts of workers."""

import asyncio
import signal
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from breezeway.breeze.master import parse_master
from breezeway.candles.columns import Candles
from breezeway.clock import IST
from breezeway.contracts.instruments import InstrumentType, ListedInstrument, Right
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.testing.eventually import eventually
from market_data_service.domain.coverage import CoverageState
from market_data_service.domain.day_bars import in_session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CALENDAR = MarketCalendar.default()
FIRST, LAST = date(2026, 11, 18), date(2026, 11, 19)
UNLIMITED = {"BREEZE_CALLS_PER_MINUTE": "10000"}
NAMES = {"1s": "1second", "1m": "1minute", "5m": "5minute", "30m": "30minute", "1d": "1day"}


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=IST)


async def contracts(rig: Any) -> dict[str, ListedInstrument]:
    """NIFTY's next future, an option near the money and a commodity, out of the simulator's own master."""
    async with httpx.AsyncClient(base_url=rig.simulator_url, timeout=60) as client:
        archive = (await client.get("/MotherAppMaster/SecurityMaster.zip")).content
    rows = (await asyncio.to_thread(parse_master, archive)).rows
    of_nifty = [row for row in rows if row.exchange == "NFO" and row.underlying == "NIFTY" and row.expiry]
    expiry = min(row.expiry for row in of_nifty if row.strike is None and row.expiry > LAST)
    future = next(row for row in of_nifty if row.strike is None and row.expiry == expiry)
    spot = future.reference_price or Decimal(25_000)
    calls = [row for row in of_nifty if row.right == "CE" and row.strike is not None and row.expiry == expiry]
    option = min(calls, key=lambda row: abs(row.strike - spot))
    oil = min(
        (row for row in rows if row.exchange == "MCX" and row.underlying == "CRUDEOIL" and row.strike is None),
        key=lambda row: row.expiry,
    )
    return {f"{row.exchange}:{row.code}": listed(number, row) for number, row in enumerate((future, option, oil), 100)}


def listed(number: int, row: Any) -> ListedInstrument:
    return ListedInstrument(
        instrument_id=number,
        symbol=f"{row.exchange}:{row.code}",
        exchange=row.exchange,
        segment="derivatives",
        type=InstrumentType.FUTURE if row.strike is None else InstrumentType.OPTION,
        name=row.name,
        lot_size=row.lot_size,
        tick_size=row.tick_size or Decimal("0.05"),
        expiry=row.expiry,
        strike=row.strike,
        right=None if row.right is None else Right.CALL if row.right == "CE" else Right.PUT,
        underlying=row.underlying,
        broker_code=row.broker_code,
        broker_token=row.broker_token,
    )


async def truth(rig: Any, instrument: ListedInstrument, interval: Interval, first: date, last: date) -> Candles:
    """What the simulated exchange made, in the sessions that we store."""
    token = instrument.broker_token
    params = {
        "symbol": token if instrument.expiry is not None else instrument.symbol.partition(":")[2],
        "exchange": "NSE",
        "interval": NAMES[interval],
        "from": midnight(first).isoformat(),
        "to": (midnight(last) + timedelta(hours=23, minutes=59, seconds=59)).isoformat(),
    }
    async with httpx.AsyncClient(base_url=rig.simulator_url, timeout=60) as client:
        rows = (await client.get("/_sim/truth/candles", params=params)).raise_for_status().json()["candles"]
    t, o, h, low, c, v, oi = zip(*rows, strict=True)
    bars = Candles.of(t, o, h, low, c, v, None if oi[0] is None else oi)
    segment = CALENDAR.segment_of(instrument.exchange, instrument.underlying)
    return in_session(bars, interval, segment, CALENDAR, with_auction=instrument.type is InstrumentType.EQUITY)


async def ended(rig: Any, made: Any, seconds: float = 120) -> Any:
    """The backfill once no chunk of it is open."""

    async def over() -> bool:
        return await rig.count("pending") + await rig.count("leased") == 0

    await eventually(over, seconds, every=0.1)
    return await rig.backfills.get(rig.outside.user_id, made.id)


async def test_every_interval_of_every_kind_of_instrument_arrives_as_the_exchange_made_it(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equity, index, future, option and a commodity's evening; 1s, 1m, 5m, 30m and 1d."""
    await rig.start_simulator(BREEZE_SIM_LIMITS="off")
    found = await contracts(rig)
    for symbol, instrument in found.items():
        monkeypatch.setitem(rig.outside.known, symbol, instrument)
    symbols = ["NSE:RELIANCE", "NSE_INDEX:NIFTY", *found]
    rig.start_worker(**UNLIMITED)
    for interval in (Interval.MINUTE_1, Interval.MINUTE_5, Interval.MINUTE_30, Interval.DAY_1, Interval.SECOND_1):
        # A day of seconds is 25 calls and more.
        asked = symbols[:1] if interval is Interval.SECOND_1 else symbols
        first = LAST if interval is Interval.SECOND_1 else FIRST
        made = await rig.backfills.start(
            rig.outside.user_id, "token", asked, interval, midnight(first), midnight(LAST + timedelta(days=1))
        )
        view = await ended(rig, made)
        assert (view.state, list(view.errors)) == ("done", []), interval
        for symbol in asked:
            expected = await truth(rig, rig.outside.known[symbol], interval, first, LAST)
            stored = await rig.store.read(symbol, interval, first, LAST)
            assert len(stored) > 0
            if interval is Interval.DAY_1:
                # The broker stamps days at its own hour; which day it is counts.
                assert (stored.t // 86_400).tolist() == ((expected.t + 19_800) // 86_400 - 1).tolist()
            else:
                assert stored.t.tolist() == expected.t.tolist(), (symbol, interval)
            for column in "ohlcv":
                assert getattr(stored, column).tolist() == getattr(expected, column).tolist(), (symbol, interval)
            covered = await rig.store.coverage(symbol, interval, first, LAST)
            assert {each.state for each in covered.values()} == {CoverageState.COMPLETE}, (symbol, interval)


async def faulty(rig: Any, **order: Any) -> None:
    """Have the simulator's history go wrong."""
    async with httpx.AsyncClient(base_url=rig.simulator_url) as client:
        (await client.post("/_sim/faults", json={**order, "path": "/api/v2/historicalcharts"})).raise_for_status()


async def test_j_06_the_simulators_faults_leave_no_hole(rig: Any) -> None:
    """J-06: the broker's maintenance page, a 503, half a body. What is asked again arrives whole, and nothing that was
    not there is marked complete."""
    await rig.start_simulator(BREEZE_SIM_LIMITS="off")
    await faulty(rig, kind="html_page", count=1)
    await faulty(rig, kind="http_error", status=503, count=1)
    await faulty(rig, kind="truncate", count=1)
    made = await rig.backfills.start(
        rig.outside.user_id, "token", ["NSE:RELIANCE"], Interval.MINUTE_1, midnight(date(2026, 11, 11)), midnight(LAST)
    )
    rig.start_worker(**UNLIMITED)
    view = await ended(rig, made)
    assert (view.state, view.chunks_failed) == ("done", 0)
    assert view.calls_used > view.calls_estimated, "some were asked again"
    expected = await truth(rig, rig.outside.known["NSE:RELIANCE"], Interval.MINUTE_1, date(2026, 11, 11), FIRST)
    stored = await rig.store.read("NSE:RELIANCE", Interval.MINUTE_1, date(2026, 11, 11), FIRST)
    assert stored.t.tolist() == expected.t.tolist()
    assert stored.c.tolist() == expected.c.tolist()
    covered = await rig.store.coverage("NSE:RELIANCE", Interval.MINUTE_1, date(2026, 11, 11), FIRST)
    assert {each.state for each in covered.values()} == {CoverageState.COMPLETE}


async def test_a_storm_of_sigterm_loses_and_doubles_nothing(rig: Any) -> None:
    """Deploys one after the other: workers are told to go while they work, and each goes by itself."""
    await rig.start_simulator(BREEZE_SIM_LIMITS="off")
    # So slow that there is work left for those who come after.
    await faulty(rig, kind="slow", delay_seconds=3, seconds=600)
    symbols = ["NSE:RELIANCE", "NSE:INFY"]
    first = date(2026, 10, 1)
    made = await rig.backfills.start(
        rig.outside.user_id, "token", symbols, Interval.MINUTE_1, midnight(first), midnight(LAST)
    )
    workers = [rig.start_worker(**UNLIMITED, BACKFILL_CONCURRENCY="1") for _ in range(2)]

    async def under_way() -> bool:
        return await rig.count("done") > 0 and await rig.count("leased") > 0

    await eventually(under_way, 90, every=0.02)
    for _ in range(5):
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.05)
    codes = [await asyncio.to_thread(worker.wait, 60) for worker in workers]
    assert codes == [0, 0]
    assert await rig.count("leased") == 0, "a worker that goes finishes what it holds"
    assert 0 < await rig.count("pending") < made.chunks_total
    async with httpx.AsyncClient(base_url=rig.simulator_url) as client:
        await client.delete("/_sim/faults")
    rig.start_worker(**UNLIMITED)
    view = await ended(rig, made)
    assert (view.state, view.chunks_failed, view.chunks_done) == ("done", 0, made.chunks_total)
    assert view.calls_used == made.calls_estimated == len(await rig.history_calls())
    for symbol in symbols:
        expected = await truth(rig, rig.outside.known[symbol], Interval.MINUTE_1, first, FIRST)
        stored = await rig.store.read(symbol, Interval.MINUTE_1, first, FIRST)
        assert stored.t.tolist() == expected.t.tolist()
        assert stored.v.tolist() == expected.v.tolist()
