"""The market on real inputs: a real master served as it is, real bars answered exactly and replayed live."""

import gzip
import shutil
import time as stopwatch
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from breeze_simulator.adapters.candle_files import CandleFolder
from breeze_simulator.adapters.master_zip import PackedMaster, RealMaster
from breeze_simulator.application.generated_files import GeneratedFiles
from breeze_simulator.application.live import LiveLoop
from breeze_simulator.application.market import Market
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.sessions import Sessions
from breeze_simulator.domain.underlyings import NoSource
from breezeway.candles.folding import fold
from breezeway.clock import IST, epoch_ms
from breezeway.market_calendar.calendar import MarketCalendar

pytestmark = pytest.mark.real_data


class HandWall:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return Sessions(MarketCalendar.default())


def test_a_real_master_is_served_byte_for_byte_and_understood(real_data: Path, sessions: Sessions) -> None:
    path = next((real_data / "security_master").glob("*.zip"))
    began = stopwatch.process_time()
    market = Market(
        SimClock(HandWall(), sessions, day=date(2026, 7, 30)), RealMaster(path), sessions, NoSource(), seed=1
    )
    universe = market.universe
    assert stopwatch.process_time() - began < 60
    assert market.master_zip() == path.read_bytes()

    with zipfile.ZipFile(path) as archive:
        rows = sum(
            archive.read(name).count(b"\r\n") for name in archive.namelist() if not name.startswith(("MF", "CD"))
        )
    # All but the junk tokens, of which one token repeats another.
    assert rows - 300 < len(universe) <= rows
    option = universe.by_contract("NFO", "NIFTY", "options", date(2026, 8, 4), 24500.0, "call")
    future = universe.by_contract("NFO", "NIFTY", "futures", date(2026, 8, 25))
    index = universe.by_room("4.1!NIFTY 50")
    assert option is not None
    assert future is not None
    assert index is not None
    assert option.lot_size == 65
    # The master's future closed at 24,311.50 on that day, so the index cannot be far.
    assert market.snapshot(index).last == pytest.approx(24_200, rel=0.04)
    assert market.snapshot(future).last == pytest.approx(24_311, rel=0.04)
    assert market.snapshot(option).last > 0


@pytest.fixture(scope="module")
def folder(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("candles")
    shutil.copy(next((real_data / "candles_1min").glob("NSE_50stocks*.csv.gz")), made / "a_set.csv.gz")
    # The licensed sample labels bars by their end; the simulator's files are labelled by start.
    sample = pd.read_csv(next((real_data / "candles_1min").glob("FEDERALBNK*.csv.gz")))
    starts = pd.to_datetime(sample["date"].astype(str) + " " + sample["time"]) - pd.Timedelta(minutes=1)
    sample.insert(0, "datetime", starts)
    sample.drop(columns=["date", "time"]).to_parquet(made / "federal.parquet")
    return made


@pytest.fixture(scope="module")
def source(folder: Path) -> CandleFolder:
    return CandleFolder(folder)


def market_of(sessions: Sessions, source: CandleFolder, day: date, at: time) -> tuple[Market, HandWall]:
    wall = HandWall()
    clock = SimClock(wall, sessions, day=day)
    clock.set(day=day, at=at)
    return Market(clock, PackedMaster(GeneratedFiles(1, sessions, source)), sessions, source, seed=1), wall


def test_seven_hundred_thousand_rows_load_in_seconds(folder: Path) -> None:
    source = CandleFolder(folder)
    began = stopwatch.process_time()
    symbols = source.symbols()
    assert stopwatch.process_time() - began < 60
    assert {"RELIANCE", "NIFTY", "BANKNIFTY", "M&M", "BAJAJ-AUTO", "FEDERALBNK"} <= set(symbols)


def test_history_is_the_file_exactly(sessions: Sessions, source: CandleFolder, folder: Path) -> None:
    market, _ = market_of(sessions, source, date(2021, 6, 14), time(10, 0))
    with gzip.open(folder / "a_set.csv.gz") as raw:
        frame = pd.read_csv(raw, parse_dates=["datetime"])
    for symbol, code in (("RELIANCE", "RELIND"), ("INFY", "INFTEC"), ("NIFTY", "NIFTY")):
        wanted = frame[frame["symbol"] == symbol].sort_values("datetime")
        instrument = market.universe.by_contract("NSE", code, "cash")
        assert instrument is not None
        bars = market.bars(instrument, "1minute", datetime(2021, 3, 26), datetime(2021, 6, 11, 23, 59))  # noqa: DTZ001
        days = {moment.date() for moment in wanted["datetime"]}
        inside = np.array([datetime.fromtimestamp(int(t), IST).date() in days for t in bars.time])
        starts = (wanted["datetime"].to_numpy().astype("datetime64[s]").astype(np.int64)) - 19_800
        assert np.array_equal(bars.time[inside], starts)
        for column in ("open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(bars, column)[inside], wanted[column].to_numpy()), (symbol, column)


def test_generated_days_chain_onto_the_last_close_of_the_file(sessions: Sessions, source: CandleFolder) -> None:
    market, _ = market_of(sessions, source, date(2021, 6, 14), time(10, 0))
    share = market.universe.by_contract("NSE", "RELIND", "cash")
    assert share is not None
    last = market.bars(share, "1minute", datetime(2021, 6, 11), datetime(2021, 6, 11, 15, 30))  # noqa: DTZ001
    quote = market.snapshot(share)
    assert quote.prev_close == last.close[-1]
    assert quote.open == pytest.approx(quote.prev_close, rel=0.05)


def test_a_replayed_hour_of_real_bars_folds_back_to_them(sessions: Sessions, source: CandleFolder) -> None:
    day = date(2021, 4, 22)
    market, wall = market_of(sessions, source, day, time(9, 15))
    instruments = [market.universe.by_contract("NSE", code, "cash") for code in ("RELIND", "NIFTY", "CNXBAN")]
    loop = LiveLoop(market.clock, market, 20.0)
    ticks: dict[str, list[tuple[int, float, int, None]]] = {}
    for instrument in instruments:
        assert instrument is not None
        loop.watch(instrument)
        ticks[instrument.key] = []
    for _ in range(3600):
        for tick in loop.step(1.0)[0]:
            if tick.quote.ltt is not None:
                trade = (epoch_ms(tick.quote.ltt), tick.quote.last, tick.quote.volume, None)
                ticks[tick.instrument.key].append(trade)
        wall.moment += timedelta(seconds=1)
    for instrument in instruments:
        assert instrument is not None
        bars = market.truth(instrument, "1minute", datetime(2021, 4, 22, 9, 15), datetime(2021, 4, 22, 10, 14))  # noqa: DTZ001
        found = fold(ticks[instrument.key], 60, day_start_volume=0)
        assert [(bar.t, bar.o, bar.h, bar.l, bar.c, bar.v) for bar in found] == list(
            zip(
                *(column.tolist() for column in (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)),
                strict=True,
            )
        )
