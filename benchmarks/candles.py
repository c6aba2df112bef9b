"""One year of 1-minute bars to 15-minute JSON, and how many candles a second are stored: our day blocks beside peers.

    python -m benchmarks candles

Everything runs in this process against an embedded PostgreSQL of its own, so that all share one machine's mood:

    packed blocks      what the service does
    array columns      one row a day with PostgreSQL arrays, read in their binary form; what the service did before
    zlib blocks        packed blocks, compressed
    SQL date_bin       a row a candle, aggregated by PostgreSQL
    rows and pandas    a row a candle, aggregated by pandas; what most home-made stores do
    DuckDB, ArcticDB   in an environment of their own, on the same bars

Every peer must answer the same bytes. `benchmarks.candles_http` asks the same of a running stack.
"""

import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from benchmarks.table import Row
from breezeway.candles.columns import Candles
from breezeway.candles.resample import ist_midnight, resample
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.adapters.db.block_codec import Block, pack, unpack
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.domain.day_bars import split_days

SERVICE = Path(__file__).resolve().parents[1] / "services" / "market-data"
PEERS = SERVICE.parents[1] / ".venv-peers" / "bin" / "python"
CALENDAR = MarketCalendar.default()
MINUTE, QUARTER = Interval.MINUTE_1, Interval.MINUTE_15
SYMBOL = "NSE:BENCH"
_REPEAT = 30
_ARRAY_HEADER = 20
_ARRAYS = (("t", "i4", "integer"), *((name, "f8", "double precision") for name in "ohlc"), ("v", "i8", "bigint"))


def year_of_minutes() -> Candles:
    """250 ordinary trading days of one made-up NSE stock."""
    days = CALENDAR.trading_days(Segment.NSE, date(2025, 6, 1), date(2026, 7, 31))
    return minutes_of(days)[: 250 * 375]


def minutes_of(days: Sequence[date]) -> Candles:
    """All minutes of those days that are ordinary; special sessions would trouble the peers' binning."""
    stretches = [CALENDAR.continuous(Segment.NSE, day)[0] for day in days]
    stretches = [(opens, closes) for opens, closes in stretches if (closes - opens).seconds == 375 * 60]
    t = np.concatenate([np.arange(int(a.timestamp()), int(b.timestamp()), 60) for a, b in stretches])
    random = np.random.default_rng(7)
    c = np.round(1_000 + np.abs(np.cumsum(random.normal(0, 0.3, len(t)))), 2)
    return Candles.of(t, c, np.round(c + 0.4, 2), np.round(c - 0.4, 2), c, random.integers(0, 100_000, len(t)))


def as_json(bars: Candles) -> bytes:
    columns = {"t": bars.t, "o": bars.o, "h": bars.h, "l": bars.l, "c": bars.c, "v": bars.v}
    return orjson.dumps(columns, option=orjson.OPT_SERIALIZE_NUMPY)


def quarters(bars: Candles) -> bytes:
    return as_json(_to_quarters(bars))


def _to_quarters(bars: Candles) -> Candles:
    return resample(bars, QUARTER, source=MINUTE, segment=Segment.NSE, calendar=CALENDAR)


async def _compare(engine: AsyncEngine, repeat: int) -> list[Row]:
    bars = year_of_minutes()
    days = split_days(bars)
    first, last = days[0].day, days[-1].day
    layout = pack(days[0].candles, ist_midnight(first)).layout
    store = PostgresCandleStore(engine)
    seconds = await _write_ours(engine, bars)
    async with engine.begin() as connection:
        await _write_peers(connection, bars)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE"))

        async def packed() -> bytes:
            stored = await store.read_best(SYMBOL, [MINUTE], first, last)
            return as_json(stored.parts[0][1].fold(_to_quarters))

        async def arrays() -> bytes:
            return quarters(await _read_arrays(connection))

        async def compressed() -> bytes:
            found = (await connection.execute(text("SELECT day, body FROM bench_zlib ORDER BY day"))).all()
            return quarters(unpack([Block(ist_midnight(day), layout, zlib.decompress(body)) for day, body in found]))

        async def binned() -> bytes:
            return await _date_bin(connection)

        async def by_pandas() -> bytes:
            return await _rows_and_pandas(connection)

        expected = await packed()
        table = []
        for name, peer, relation in (
            ("packed blocks", packed, "candle_blocks"),
            ("array columns", arrays, "bench_arrays"),
            ("zlib blocks", compressed, "bench_zlib"),
            ("SQL date_bin", binned, "bench_rows"),
            ("rows and pandas", by_pandas, "bench_rows"),
        ):
            if await peer() != expected:
                raise AssertionError(f"{name} answers something else")
            size = await connection.scalar(text("SELECT pg_total_relation_size(:name)"), {"name": relation})
            table.append(await _measure(name, peer, repeat if peer in (packed, arrays, compressed) else 5, size or 0))
        table += _other_stores(bars, expected, repeat)
    return [*table, Row("candles stored from arrays", "packed blocks", f"{len(bars) / seconds / 1e6:.2f} M/s")]


def _other_stores(bars: Candles, expected: bytes, repeat: int) -> list[Row]:
    """DuckDB and ArcticDB, in their own environment; left out, and said so, where that is not set up."""
    if not PEERS.is_file():
        sys.stderr.write("no .venv-peers: run `sh .ci/peers`. DuckDB and ArcticDB are left out.\n")
        return []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "bars.npz"
        np.savez(source, **{name: getattr(bars, name) for name in "tohlcv"})
        script = Path(__file__).parent / "peers" / "candle_stores.py"
        done = subprocess.run(  # noqa: S603 - our own command
            [str(PEERS), str(script), str(source), folder, str(repeat)], capture_output=True, check=True, timeout=120
        )
    found = []
    for name, result in orjson.loads(done.stdout.splitlines()[-1]).items():
        if result["digest"] != hashlib.sha256(expected).hexdigest():
            raise AssertionError(f"{name} answers something else")
        figure = f"p50 {statistics.median(result['ms']):.1f}, best {min(result['ms']):.1f} ms"
        found.append(Row("a year of 1m to 15m JSON", name, figure))
    return found


async def _measure(name: str, peer: Callable[[], Awaitable[bytes]], repeat: int, size: int) -> Row:
    took = []
    for _ in range(repeat):
        started = time.perf_counter()
        await peer()
        took.append((time.perf_counter() - started) * 1_000)
    figure = f"p50 {statistics.median(took):.1f}, best {min(took):.1f} ms"
    return Row(f"a year of 1m to 15m JSON ({size / 1e6:.1f} MB on disk)", name, figure)


async def _write_ours(engine: AsyncEngine, bars: Candles) -> float:
    started = time.perf_counter()
    async with UnitOfWork(engine) as work:
        await write_days(work.session, SYMBOL, MINUTE, split_days(bars), "bench")
        await work.commit()
    return time.perf_counter() - started


async def _write_peers(connection: AsyncConnection, bars: Candles) -> None:
    columns = ", ".join(f"{name} {kind}[] NOT NULL" for name, _, kind in _ARRAYS)
    await connection.execute(text(f"CREATE TABLE bench_arrays (day date PRIMARY KEY, {columns})"))
    await connection.execute(text("CREATE TABLE bench_zlib (day date PRIMARY KEY, body bytea NOT NULL)"))
    await connection.execute(text("ALTER TABLE bench_zlib ALTER body SET STORAGE EXTERNAL"))
    await connection.execute(
        text(
            "CREATE TABLE bench_rows (symbol text, at timestamptz, o float8, h float8, l float8, c float8, v bigint,"
            " PRIMARY KEY (symbol, at))"
        )
    )
    for part in split_days(bars):
        c = part.candles
        values = {"day": part.day, "t": c.t - ist_midnight(part.day), "o": c.o, "h": c.h, "l": c.l, "c": c.c, "v": c.v}
        lists = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}
        names = ", ".join(lists)
        await connection.execute(
            text(f"INSERT INTO bench_arrays ({names}) VALUES ({', '.join(':' + name for name in lists)})"),  # noqa: S608 - our own names
            lists,
        )
        await connection.execute(
            text("INSERT INTO bench_zlib VALUES (:day, :body)"),
            {"day": part.day, "body": zlib.compress(pack(c, ist_midnight(part.day)).body, 1)},
        )
    await connection.execute(
        text("INSERT INTO bench_rows SELECT symbol, at, open, high, low, close, volume FROM candle_rows")
    )


async def _read_arrays(connection: AsyncConnection) -> Candles:
    sent = ", ".join(f"array_send({name})" for name, _, _ in _ARRAYS)
    found = (await connection.execute(text(f"SELECT day, {sent} FROM bench_arrays ORDER BY day"))).all()  # noqa: S608
    parts: list[list[np.ndarray]] = [[] for _ in _ARRAYS]
    for day, *bodies in found:
        for index, ((name, kind, _), body) in enumerate(zip(_ARRAYS, bodies, strict=True)):
            element = np.dtype([("size", ">i4"), ("value", f">{kind}")])
            values = np.frombuffer(body, element, offset=_ARRAY_HEADER)["value"].astype(kind.replace("i4", "i8"))
            parts[index].append(values + ist_midnight(day) if name == "t" else values)
    return Candles(*(np.concatenate(part) for part in parts))


async def _date_bin(connection: AsyncConnection) -> bytes:
    query = text(
        "SELECT extract(epoch FROM date_bin('15 minutes', at, '2020-01-01 03:45+00'))::bigint AS bin,"
        " (array_agg(o ORDER BY at))[1], max(h), min(l), (array_agg(c ORDER BY at DESC))[1], sum(v)::bigint"
        " FROM bench_rows WHERE symbol = :symbol GROUP BY bin ORDER BY bin"
    )
    found = (await connection.execute(query, {"symbol": SYMBOL})).all()
    return as_json(Candles.of(*(list(column) for column in zip(*found, strict=True))))


async def _rows_and_pandas(connection: AsyncConnection) -> bytes:
    query = text("SELECT at, o, h, l, c, v FROM bench_rows WHERE symbol = :symbol ORDER BY at")
    found = (await connection.execute(query, {"symbol": SYMBOL})).all()
    frame = pd.DataFrame(found, columns=["at", "o", "h", "l", "c", "v"]).set_index("at")
    binned = (
        frame.resample("15min", origin=pd.Timestamp("2020-01-01 03:45", tz="UTC"))
        .agg({"o": "first", "h": "max", "l": "min", "c": "last", "v": "sum"})
        .dropna()
    )
    t = pd.DatetimeIndex(binned.index).tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    o, h, low, c = (binned[name].to_numpy() for name in "ohlc")
    return as_json(Candles.of(t, o, h, low, c, binned["v"].to_numpy()))


def rows() -> list[Row]:
    """All figures, from one run."""

    async def run(url: str) -> list[Row]:
        engine = create_engine(url, application="benchmark")
        try:
            return await _compare(engine, _REPEAT)
        finally:
            await engine.dispose()

    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
        postgres.create_database("bench")
        migrate.upgrade(SERVICE, postgres.url("bench"))
        # As the service's server does.
        return uvloop.run(run(postgres.url("bench")))
