"""The REST surface on a real database: candles, coverage, backfills, quotes, market status, and what it refuses."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.folding import Bar
from breezeway.candles.resample import resample
from breezeway.clock import SystemClock, epoch_ms
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import Conflict, UpstreamUnavailable
from breezeway.http.app import Check, create_service
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.security.tokens import Principal
from market_data_service.adapters.db.backfills import PostgresBackfillStore
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.adapters.db.chunks import PostgresChunkStore
from market_data_service.adapters.db.stored_prices import PostgresStoredPrices
from market_data_service.api import backfills, candles, indicators, market, quotes, udf
from market_data_service.api.udf_cors import UdfCorsMiddleware
from market_data_service.application.backfills import Backfills
from market_data_service.application.candles import ReadCandles
from market_data_service.application.market_status import ReadMarketStatus
from market_data_service.application.quotes import ReadQuotes
from market_data_service.application.udf import Udf
from market_data_service.application.work import ChunkWorker
from market_data_service.domain.day_bars import in_session, split_days

CALENDAR = MarketCalendar.default()
DAYS = (datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 20, 20, tzinfo=UTC))


class Surface:
    def __init__(self, app: FastAPI, client: httpx.AsyncClient, outside: Any, db: AsyncEngine) -> None:
        self.app = app
        self.client = client
        self.outside = outside
        self.db = db

    def truth(self, interval: Interval) -> Any:
        instrument = self.outside.known["NSE:RELIANCE"]
        raw = self.outside.truth(instrument, Interval.MINUTE_1, *DAYS)
        base = in_session(raw, Interval.MINUTE_1, Segment.NSE, CALENDAR, with_auction=True)
        return resample(base, interval, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)

    async def store_minutes(self) -> None:
        async with UnitOfWork(self.db) as work:
            days = split_days(self.truth(Interval.MINUTE_1))
            await write_days(work.session, "NSE:RELIANCE", Interval.MINUTE_1, days, "test")
            await work.commit()

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params)


@pytest_asyncio.fixture
async def surface(db: AsyncEngine, outside: Any) -> AsyncIterator[Surface]:
    class Everyone:
        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            return Principal(outside.user_id, "user", frozenset({"read", "data"}), "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    app = create_service("test", build=build)
    for module in (candles, indicators, backfills, quotes, market, udf):
        app.include_router(module.router)
    app.add_middleware(UdfCorsMiddleware)
    store = PostgresCandleStore(db)
    app.state.authenticator = Everyone()
    app.state.candles = ReadCandles(store, outside.instruments, CALENDAR, outside.time, outside.live_bars)
    app.state.market_status = ReadMarketStatus(CALENDAR, outside.time)
    app.state.quotes = ReadQuotes(
        outside.instruments,
        outside.snapshots,
        outside.sessions,
        outside.broker,
        PostgresStoredPrices(db),
        SystemClock(),
    )
    app.state.udf = Udf(
        app.state.candles, app.state.quotes, PostgresStoredPrices(db), outside.instruments, CALENDAR, outside.time
    )
    app.state.backfills = Backfills(
        PostgresBackfillStore(db),
        store,
        outside.instruments,
        CALENDAR,
        outside.time,
        SystemClock(),
        outside.wakeups,
        outside.progress,
        90,
    )
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": "Bearer token"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield Surface(app, client, outside, db)


@pytest.mark.parametrize("interval", ["1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"])
async def test_every_interval_is_answered_from_minutes(surface: Surface, interval: str) -> None:
    await surface.store_minutes()
    answer = await surface.get("/api/v1/candles/NSE:RELIND", interval=interval, **{"from": "2026-11-01"})
    body = answer.json()
    expected = surface.truth(Interval(interval))
    assert answer.status_code == 200, body
    assert (body["symbol"], body["interval"], body["timezone"]) == ("NSE:RELIANCE", interval, "Asia/Kolkata")
    assert body["t"] == expected.t.tolist()
    assert body["c"] == expected.c.tolist()
    assert body["v"] == expected.v.tolist()
    assert (body["oi"], body["next"], body["complete"]) == (None, None, False)


@pytest.mark.parametrize("parameter", ["cursor", "from"])
async def test_from_is_inclusive_to_is_exclusive_and_pages_join(surface: Surface, parameter: str) -> None:
    """`next` is a cursor; clients of earlier versions send it as `from`."""
    await surface.store_minutes()
    whole = surface.truth(Interval.MINUTE_15)
    asked: dict[str, Any] = {"interval": "15m", "limit": 20, "indicators": "sma:20,bbands:20:2"}
    asked |= {"from": int(whole.t[5]), "to": datetime.fromtimestamp(int(whole.t[60]), UTC).isoformat()}
    pages: list[dict[str, Any]] = []
    following: dict[str, str] = {}
    while not pages or following:
        answer = await surface.get("/api/v1/candles/NSE:RELIANCE", **(asked | following))
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        following = {parameter: pages[-1]["next"]} if pages[-1]["next"] is not None else {}
    assert [len(page["t"]) for page in pages] == [20, 20, 15]
    at_once = (await surface.get("/api/v1/candles/NSE:RELIANCE", **(asked | {"limit": 100}))).json()
    assert at_once["next"] is None
    assert at_once["t"] == whole.t[5:60].tolist()
    for column in "tohlcv":
        assert [each for page in pages for each in page[column]] == at_once[column]
    for name, column in at_once["indicators"].items():
        joined = [each for page in pages for each in page["indicators"][name]]
        # null is NaN here; a rolling sum that begins elsewhere differs in its last digits.
        np.testing.assert_allclose(np.array(joined, float), np.array(column, float), rtol=1e-12)


@pytest.mark.parametrize(
    "other",
    [
        {"symbol": "NSE:INFY"},
        {"interval": "30m"},
        {"to": "2026-11-20"},
        {"indicators": "sma:20"},
        {"adjusted": "true"},
    ],
    ids=str,
)
async def test_a_cursor_fits_no_other_query(surface: Surface, other: dict[str, str]) -> None:
    await surface.store_minutes()
    asked = {"symbol": "NSE:RELIANCE", "interval": "15m", "from": "2026-11-05", "to": "2026-11-19"}

    async def page(**params: Any) -> httpx.Response:
        params = asked | params
        return await surface.get(f"/api/v1/candles/{params.pop('symbol')}", **params)

    cursor = (await page(limit=20)).json()["next"]
    refused = await page(**{"cursor": cursor, "limit": 20, **other})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")
    # How much is on a page, in what form, and by which of its names the instrument is asked for may change.
    assert (await page(cursor=cursor, limit=7)).json()["t"][0] == int(cursor.partition(".")[0])
    assert (await page(cursor=cursor, symbol="NSE:RELIND")).status_code == 200
    assert len((await page(cursor=cursor, format="csv", limit=3)).text.splitlines()) == 4


@pytest.mark.parametrize("cursor", ["", "x", "1795146300", "1795146300.0000000000", "-1.0000000000", "1" * 21, "0.٠"])
async def test_a_forged_cursor_is_refused(surface: Surface, cursor: str) -> None:
    answer = await surface.get("/api/v1/candles/NSE:RELIANCE", cursor=cursor, to="2026-11-20")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("interval", ["1m", "15m", "1d", "1w"])
async def test_without_from_the_newest_bars_come(surface: Surface, interval: str) -> None:
    await surface.store_minutes()
    body = (await surface.get("/api/v1/candles/NSE:RELIANCE", interval=interval, limit=3)).json()
    assert body["t"] == surface.truth(Interval(interval)).t[-3:].tolist()
    empty = (await surface.get("/api/v1/candles/NSE:INFY", interval=interval)).json()
    assert (empty["t"], empty["complete"]) == ([], False)


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d", "1w"])
async def test_live_adds_todays_newest_bars(surface: Surface, interval: str) -> None:
    await surface.store_minutes()
    whole = surface.truth(Interval.MINUTE_1)
    last = int(whole.t[-1])
    # What is stored ends at 15:29; the exchange's clock is moved on, beyond the close of an F&O day.
    surface.outside.time.at = datetime.fromtimestamp(last + 130, UTC)
    surface.outside.live_bars.bars["NSE:RELIANCE"] = [
        Bar(last, 1.0, 1.0, 1.0, 1.0, 1, None, closed=True),
        Bar(last + 60, 5000.0, 5010.0, 4990.0, 5001.0, 7, None, closed=True),
        Bar(last + 120, 5001.0, 5002.0, 5000.0, 5002.5, 3, None, closed=False),
    ]
    path = "/api/v1/candles/NSE:RELIANCE"
    plain = (await surface.get(path, interval=interval)).json()
    live = (await surface.get(path, interval=interval, live="true")).json()
    assert plain["c"][-1] == whole.c[-1]
    assert (live["c"][-1], live["h"][-1]) == (5002.5, 5010.0 if interval != "1m" else 5002.0)
    assert sum(live["v"]) == sum(plain["v"]) + 10
    if interval == "1m":
        assert live["t"] == [*plain["t"], last + 60, last + 120]
        assert live["c"][-3] == whole.c[-1]
    if interval in ("1d", "1w"):
        assert live["t"] == plain["t"]
    refused = await surface.get(path, interval="5s", live="true")
    assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_interval")


async def test_csv_carries_indian_times(surface: Surface) -> None:
    await surface.store_minutes()
    answer = await surface.get("/api/v1/candles/NSE:RELIANCE", interval="1d", format="csv", limit=1)
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert lines[0] == "time,open,high,low,close,volume,oi"
    assert lines[1].startswith("2026-11-20T00:00:00+05:30,")


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
async def test_tables_hold_what_json_holds(surface: Surface, form: str) -> None:
    await surface.store_minutes()
    asked = {"interval": "15m", "from": "2026-11-06", "limit": 30, "indicators": "sma:5,bbands:5:2"}
    body = (await surface.get("/api/v1/candles/NSE:RELIANCE", **asked)).json()
    answer = await surface.get("/api/v1/candles/NSE:RELIANCE", format=form, **asked)
    assert answer.status_code == 200
    source = io.BytesIO(answer.content)
    if form == "csv":
        frame = pd.read_csv(source, parse_dates=["time"])
    elif form == "arrow":
        frame = pa.ipc.open_stream(source).read_pandas()
    else:
        frame = pd.read_parquet(source)
    assert [int(each.timestamp()) for each in frame["time"]] == body["t"]
    assert str(frame["time"].iloc[0].utcoffset()) == "5:30:00"
    for name, key in (("open", "o"), ("high", "h"), ("low", "l"), ("close", "c"), ("volume", "v")):
        assert frame[name].tolist() == body[key]
    for name, column in body["indicators"].items():
        assert frame[name].tolist() == column
    assert frame["oi"].isna().all()
    assert (answer.headers["x-next"], answer.headers["x-complete"]) == (body["next"], "false")


@pytest.mark.parametrize("interval", ["1m", "15m", "1d"])
async def test_indicators_do_not_depend_on_the_asked_window(surface: Surface, interval: str) -> None:
    await surface.store_minutes()
    path = "/api/v1/candles/NSE:RELIANCE"
    asked = {"interval": interval, "indicators": "sma:3,roc:2,vwap,bbands:3:2"}
    whole = (await surface.get(path, **asked)).json()
    newest = (await surface.get(path, limit=2, **asked)).json()
    since = (await surface.get(path, **asked, **{"from": whole["t"][-3], "limit": 2})).json()
    assert newest["t"] == whole["t"][-2:]
    assert since["t"] == whole["t"][-3:-1]
    assert set(whole["indicators"]) == {
        "sma:3",
        "roc:2",
        "vwap",
        *(f"bbands:3:2.{x}" for x in ("upper", "middle", "lower")),
    }
    assert whole["indicators"]["sma:3"][0] is None
    assert whole["indicators"]["sma:3"][-1] == pytest.approx(sum(whole["c"][-3:]) / 3, rel=1e-12)
    for name, column in whole["indicators"].items():
        assert newest["indicators"][name] == pytest.approx(column[-2:], rel=1e-12)
        assert since["indicators"][name] == pytest.approx(column[-3:-1], rel=1e-12)


async def test_the_catalogue_names_what_can_be_asked(surface: Surface) -> None:
    items = (await surface.get("/api/v1/indicators")).json()["items"]
    assert len(items) >= 12
    asked = {"interval": "5m", "limit": 3, "indicators": ",".join(each["name"] for each in items[:20])}
    await surface.store_minutes()
    answer = await surface.get("/api/v1/candles/NSE:RELIANCE", **asked)
    assert answer.status_code == 200
    outputs = sum(len(each["outputs"]) for each in items[:20])
    assert [len(column) for column in answer.json()["indicators"].values()] == [3] * outputs


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/api/v1/candles/NSE:NONE", {}, 404, "instrument_not_found"),
        ("/api/v1/candles/NSE:RELIANCE", {"interval": "7m"}, 422, "unsupported_interval"),
        ("/api/v1/candles/NSE:RELIANCE", {"from": "yesterday"}, 422, "invalid_time"),
        ("/api/v1/candles/NSE:RELIANCE", {"from": "2026-11-20T10:00:00"}, 422, "invalid_time"),
        ("/api/v1/candles/NSE:RELIANCE", {"from": "99999999999999"}, 422, "invalid_time"),
        ("/api/v1/candles/NSE:RELIANCE", {"from": "2026-11-20", "to": "2026-11-20"}, 422, "invalid_range"),
        ("/api/v1/candles/NSE:RELIANCE", {"limit": "0"}, 422, "invalid_input"),
        ("/api/v1/candles/NSE:RELIANCE", {"format": "xml"}, 422, "unsupported_format"),
        ("/api/v1/candles/NSE:RELIANCE", {"indicators": "magic:20"}, 422, "unsupported_indicator"),
        ("/api/v1/candles/NSE:RELIANCE/coverage", {"interval": "15m"}, 422, "unsupported_interval"),
        ("/api/v1/quotes", {"symbols": ","}, 422, "invalid_input"),
        ("/api/v1/quotes", {"symbols": "NSE:NONE"}, 404, "instrument_not_found"),
        ("/api/v1/backfills/00000000-0000-0000-0000-000000000000", {}, 404, "backfill_not_found"),
        ("/api/v1/backfills", {"cursor": "x"}, 422, "invalid_cursor"),
    ],
)
async def test_bad_input_gets_a_problem(
    surface: Surface, path: str, params: dict[str, str], status: int, code: str
) -> None:
    answer = await surface.get(path, **params)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"symbols": [], "interval": "1m", "from": "2026-11-01", "to": "2026-11-20"}, "invalid_input"),
        ({"symbols": ["NSE:INFY"], "interval": "1m", "from": "2026-11-01"}, "invalid_input"),
        (
            {"symbols": ["NSE:INFY"], "interval": "1m", "from": "2026-11-01", "to": "2026-11-20", "x": 1},
            "invalid_input",
        ),
        ({"symbols": ["NSE:INFY"], "interval": "3m", "from": "2026-11-01", "to": "2026-11-20"}, "unsupported_interval"),
        ({"symbols": ["NSE:INFY"], "interval": "1m", "from": "2026-11-20", "to": "2026-11-01"}, "invalid_range"),
        ({"symbols": ["NSE:INFY"], "interval": "1m", "from": "2027-01-01", "to": "2027-02-01"}, "invalid_range"),
    ],
)
async def test_a_bad_backfill_gets_a_problem(surface: Surface, body: dict[str, Any], code: str) -> None:
    answer = await surface.client.post("/api/v1/backfills", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_without_a_token_nothing_is_answered(surface: Surface) -> None:
    for path in (
        "/api/v1/candles/NSE:RELIANCE",
        "/api/v1/backfills",
        "/api/v1/quotes?symbols=A",
        "/api/v1/market/status",
    ):
        answer = await surface.client.get(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_backfill_from_request_to_candles(surface: Surface) -> None:
    body = {"symbols": ["NSE:RELIND"], "interval": "1m", "from": "2026-11-05", "to": "2026-11-21"}
    made = await surface.client.post("/api/v1/backfills", json=body)
    assert made.status_code == 202
    started = made.json()
    assert (started["state"], started["from"], started["to"]) == ("queued", "2026-11-05", "2026-11-21")
    assert started["chunks_total"] == started["calls_estimated"] > 0
    assert started["eta_seconds"] > 0
    outside = surface.outside
    worker = ChunkWorker(
        PostgresChunkStore(surface.db),
        outside.sessions,
        outside.broker,
        CALENDAR,
        outside.time,
        SystemClock(),
        outside.wakeups,
        outside.progress,
    )
    while await worker.drain():
        pass
    done = (await surface.get(f"/api/v1/backfills/{started['id']}")).json()
    assert (done["state"], done["chunks_done"], done["errors"]) == ("done", done["chunks_total"], [])
    page = (await surface.get("/api/v1/backfills", limit=1)).json()
    assert ([each["id"] for each in page["items"]], page["next"]) == ([started["id"]], None)
    refused = await surface.client.post(f"/api/v1/backfills/{started['id']}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "backfill_state")

    read = await surface.get("/api/v1/candles/NSE:RELIANCE", interval="15m", **{"from": "2026-11-05"})
    assert read.json()["t"] == surface.truth(Interval.MINUTE_15).t.tolist()
    assert read.json()["complete"] is True
    covered = (await surface.get("/api/v1/candles/NSE:RELIANCE/coverage", **{"from": "2026-11-05"})).json()["days"]
    by_day = {each["day"]: each for each in covered}
    assert by_day["2026-11-10"]["state"] == "holiday"
    assert by_day["2026-11-10"]["reason"] == "Diwali Balipratipada"
    assert "2026-11-07" not in by_day
    assert (by_day["2026-11-08"]["state"], by_day["2026-11-08"]["bars"]) == ("complete", 60)
    assert by_day["2026-11-20"] == {
        "day": "2026-11-20",
        "state": "complete",
        "reason": None,
        "bars": 376,
        "expected": 375,
    }


async def test_daily_bars_prefer_the_brokers_own(surface: Surface) -> None:
    await surface.store_minutes()
    own = surface.outside.truth(surface.outside.known["NSE:RELIANCE"], Interval.DAY_1, *DAYS)
    only = [part for part in split_days(own) if part.day == date(2026, 11, 19)]
    async with UnitOfWork(surface.db) as work:
        await write_days(work.session, "NSE:RELIANCE", Interval.DAY_1, only, "test")
        await work.commit()
    body = (await surface.get("/api/v1/candles/NSE:RELIANCE", interval="1d", limit=2)).json()
    assert len(body["t"]) == 2
    assert body["v"][0] == int(only[0].candles.v[0])
    assert body["v"][1] == int(surface.truth(Interval.DAY_1).v[-1])


async def test_quotes_come_from_the_feed_while_it_is_fresh_else_from_the_broker(surface: Surface) -> None:
    now = epoch_ms(SystemClock().now())
    surface.outside.snapshots.ticks = {
        "NSE:RELIANCE": {"type": "tick", "symbol": "NSE:RELIANCE", "seq": 5, "ltp": 1.5, "ts": now - 1_000},
        "NSE:INFY": {"type": "tick", "symbol": "NSE:INFY", "seq": 5, "ltp": 1.5, "ts": now - 60_000},
    }
    items = (await surface.get("/api/v1/quotes", symbols="NSE:RELIND, NSE:INFY")).json()["items"]
    assert [each["symbol"] for each in items] == ["NSE:RELIANCE", "NSE:INFY"]
    assert (items[0]["ltp"], items[0]["seq"]) == (1.5, 5)
    assert 1_000 <= items[0]["age_ms"] < 10_000
    assert (items[1]["ltp"], items[1]["seq"], items[1]["age_ms"]) == (100.5, None, 0)
    surface.outside.sessions.error = Conflict("connect first", code="broker_session_required")
    refused = await surface.get("/api/v1/quotes", symbols="NSE:INFY")
    assert (refused.status_code, refused.json()["code"]) == (409, "broker_session_required")


async def test_quotes_are_answered_with_their_age_while_the_broker_is_away(surface: Surface) -> None:
    """From an old tick, else from the newest stored candle; and from the broker again as soon as it answers."""
    now = epoch_ms(SystemClock().now())
    surface.outside.snapshots.ticks = {
        "NSE:INFY": {"type": "tick", "symbol": "NSE:INFY", "seq": 5, "ltp": 1.5, "ts": now - 60_000},
    }
    surface.outside.sessions.error = UpstreamUnavailable("away", code="broker_down")
    old = (await surface.get("/api/v1/quotes", symbols="NSE:INFY")).json()["items"][0]
    assert (old["ltp"], old["source"], old["stale"]) == (1.5, "feed", True)
    assert 60_000 <= old["age_ms"] < 90_000
    unknown = await surface.get("/api/v1/quotes", symbols="NSE:RELIANCE")
    assert (unknown.status_code, unknown.json()["code"]) == (503, "broker_down")
    surface.outside.sessions.error = None
    back = (await surface.get("/api/v1/quotes", symbols="NSE:INFY")).json()["items"][0]
    assert (back["ltp"], back["source"], back["stale"], back["age_ms"]) == (100.5, "broker", False, 0)


async def test_market_status_follows_exchange_time(surface: Surface) -> None:
    surface.outside.time.at = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    body = (await surface.get("/api/v1/market/status")).json()
    assert body["exchange_time"] == "2026-11-20T09:30:00+05:30"
    found = {each["segment"]: each for each in body["segments"]}
    assert set(found) == {"NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "MCX_AGRI_INTL", "MCX_AGRI"}
    assert found["NSE"]["phase"] == "continuous"
    assert found["NFO"]["next_close"] == "2026-11-20T15:40:00+05:30"
    assert found["NSE"]["next_open"] == "2026-11-23T09:15:00+05:30"


async def test_udf_config_and_time_are_open_and_everything_may_be_read_cross_origin(surface: Surface) -> None:
    surface.outside.time.at = datetime.fromtimestamp(1_795_146_300, UTC)
    config = await surface.client.get("/udf/config", headers={"Authorization": ""})
    body = config.json()
    assert config.headers["access-control-allow-origin"] == "*"
    assert (body["supports_search"], body["supports_group_request"], body["exchanges"][0]["value"]) == (True, False, "")
    assert {"1", "3", "5", "15", "30", "60", "240", "1D", "1W", "1M", "1S"} <= set(body["supported_resolutions"])
    assert (await surface.client.get("/udf/time", headers={"Authorization": ""})).text == "1795146300"
    refused = await surface.client.get("/udf/symbols?symbol=A", headers={"Authorization": ""})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")
    preflight = await surface.client.options("/udf/history")
    assert (preflight.status_code, preflight.headers["access-control-allow-headers"]) == (204, "Authorization")
    assert "access-control-allow-origin" not in (await surface.get("/api/v1/market/status")).headers


async def test_udf_symbols_and_search(surface: Surface) -> None:
    found = (await surface.get("/udf/symbols", symbol="NSE:RELIND")).json()
    assert (found["ticker"], found["name"], found["type"]) == ("NSE:RELIANCE", "RELIANCE", "stock")
    assert (found["minmov"], found["pricescale"], found["timezone"]) == (10, 100, "Asia/Kolkata")
    assert found["session"] == "0915-1530"
    assert "20261110" in found["session_holidays"].split(",")
    assert any(each.endswith(":20261108") for each in found["corrections"].split(";"))
    future = (await surface.get("/udf/symbols", symbol="NFO:NIFTY27OCT26FUT")).json()
    assert (future["session"], future["type"]) == ("0915-1540", "futures")
    assert future["expiration_date"] == int(datetime(2026, 10, 27, tzinfo=UTC).timestamp())
    assert (await surface.get("/udf/symbols", symbol="NSE:NONE")).json() == {"s": "error", "errmsg": "unknown_symbol"}
    items = (await surface.get("/udf/search", query="nifty", type="index", exchange="NSE_INDEX", limit=30)).json()
    assert [(each["full_name"], each["type"]) for each in items] == [("NSE_INDEX:NIFTY", "index")]
    assert (await surface.get("/udf/search", query="nifty", type="crypto")).json() == []


@pytest.mark.parametrize(
    ("resolution", "interval"), [("1", "1m"), ("60", "1h"), ("D", "1d"), ("1W", "1w"), ("1M", "1M")]
)
async def test_udf_history_walks_back_like_a_chart(surface: Surface, resolution: str, interval: str) -> None:
    await surface.store_minutes()
    expected = surface.truth(Interval(interval))
    shift = 0 if resolution in ("1", "60") else 19_800
    asked: dict[str, Any] = {"symbol": "NSE:RELIANCE", "resolution": resolution}
    # As TradingView's adapter does: newest first, a page before the earliest bar so far, until there is no more.
    seen: list[int] = []
    to = int(DAYS[1].timestamp()) + 86_400
    while True:
        page = (await surface.get("/udf/history", countback=700, to=to, **asked, **{"from": to - 60})).json()
        if page["s"] == "no_data":
            assert "nextTime" not in page
            break
        assert page["s"] == "ok"
        assert page["t"] == sorted(set(page["t"]))
        assert max(page["t"]) < to
        seen = page["t"] + seen
        to = page["t"][0]
    assert seen == (expected.t + shift).tolist()
    window = (await surface.get("/udf/history", to=seen[-1], **asked, **{"from": seen[0]})).json()
    if len(seen) > 1:
        assert window["t"] == seen[:-1]
        assert window["c"] == expected.c[:-1].tolist()


async def test_udf_history_without_bars_says_where_the_next_are(surface: Surface) -> None:
    await surface.store_minutes()
    last = int(surface.truth(Interval.MINUTE_1).t[-1])
    asked = {"symbol": "NSE:RELIANCE", "resolution": "1"}
    empty = (await surface.get("/udf/history", to=last + 7_200, **asked, **{"from": last + 60})).json()
    assert empty == {"s": "no_data", "nextTime": last}
    wrong = (await surface.get("/udf/history", symbol="NSE:RELIANCE", resolution="7", to=last)).json()
    assert wrong["s"] == "error"


async def test_udf_quotes_fail_one_by_one(surface: Surface) -> None:
    answer = (await surface.get("/udf/quotes", symbols="NSE:RELIND,NSE:NONE")).json()
    good, bad = answer["d"]
    assert (answer["s"], good["s"], good["n"], good["v"]["lp"]) == ("ok", "ok", "NSE:RELIND", 100.5)
    assert (good["v"]["short_name"], good["v"]["age_ms"]) == ("RELIANCE", 0)
    assert (bad["s"], bad["n"], bad["v"]) == ("error", "NSE:NONE", {})


async def test_coverage_answers_one_of_five_states(surface: Surface) -> None:
    path = "/api/v1/candles/NFO:NIFTY27OCT26FUT/coverage"
    days = (await surface.get(path, **{"from": "2026-10-26", "to": "2026-10-29"})).json()["days"]
    assert [(each["day"][-2:], each["state"], each["reason"]) for each in days] == [
        ("26", "missing", "never_asked"),
        ("27", "missing", "never_asked"),
        ("28", "not_listed", "expired"),
    ]
    schema = surface.app.openapi()["components"]["schemas"]["DayView"]["properties"]["state"]
    assert schema["enum"] == ["complete", "partial", "missing", "holiday", "not_listed"]
