"""TradingView's stock UDF adapter against our routes.

`Adapter` is written after `UDFCompatibleDatafeed` of the charting library (which may not be redistributed): its
requests, what it takes out of the answers, what it throws on. A chart would do to us what it does here.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.resample import resample
from breezeway.clock import SystemClock
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import Conflict, UpstreamUnavailable
from breezeway.http.app import Check, create_service
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.security.tokens import Principal
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.adapters.db.stored_prices import PostgresStoredPrices
from market_data_service.api import udf
from market_data_service.api.udf_cors import UdfCorsMiddleware
from market_data_service.application.candles import ReadCandles
from market_data_service.application.quotes import ReadQuotes
from market_data_service.application.udf import Udf
from market_data_service.domain.day_bars import in_session, split_days

CALENDAR = MarketCalendar.default()
SPAN = (datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 20, 20, tzinfo=UTC))


class AdapterError(Exception):
    """What the adapter would give to the chart's `onError`."""


@dataclass
class Adapter:
    """`UDFCompatibleDatafeed`, without timers.

    Args:
        max_response_length: `limitedServerResponse`, latest first; 0 is none.
    """

    http: httpx.AsyncClient
    max_response_length: int = 0
    configuration: dict[str, Any] = field(default_factory=dict)
    last_bars: dict[str, dict[str, float]] = field(default_factory=dict)

    async def send(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        answer = await self.http.get(f"/udf/{path}", params=params)
        return json.loads(answer.text)

    async def setup(self) -> None:
        self.configuration = await self.send("config")
        if not self.configuration.get("exchanges"):
            self.configuration["exchanges"] = []
        if not self.configuration["supports_search"] and not self.configuration["supports_group_request"]:
            raise AdapterError("Unsupported datafeed configuration. Must either support search, or group request")

    async def server_time(self) -> int:
        assert self.configuration["supports_time"]
        return int(await self.send("time"))

    async def search(self, text: str, exchange: str, kind: str) -> list[dict[str, Any]]:
        params = {"limit": 30, "query": text.upper(), "type": kind, "exchange": exchange}
        found = await self.send("search", params)
        if isinstance(found, dict) and "s" in found:
            return []
        for item in found:
            item.setdefault("params", [])
            item["exchange"] = item.get("exchange") or ""
            item["full_name"] = item.get("full_name") or f"{item['exchange']}:{item['symbol']}"
        return list(found)

    async def resolve(self, name: str) -> dict[str, Any]:
        found = await self.send("symbols", {"symbol": name})
        if "s" in found:
            raise AdapterError("unknown_symbol")
        listed = found.get("listed_exchange", found.get("exchange-listed"))
        symbol = found["name"]
        return {**found, "base_name": [f"{listed}:{symbol}"], "ticker": found["ticker"], "format": found["format"]}

    async def bars(
        self, info: Mapping[str, Any], resolution: str, start: int, end: int, count_back: int | None
    ) -> tuple[list[dict[str, float]], dict[str, Any]]:
        params: dict[str, Any] = {"symbol": info["ticker"], "resolution": resolution, "from": start, "to": end}
        if count_back is not None:
            params["countback"] = count_back
        if info.get("currency_code") is not None:
            params["currencyCode"] = info["currency_code"]
        bars, meta = processed(await self.send("history", params))
        length = len(bars)
        while self.max_response_length and length == self.max_response_length and params["from"] < params["to"]:
            if params.get("countback"):
                params["countback"] -= length
            params["to"] = round(bars[0]["time"] / 1000)
            more, _ = processed(await self.send("history", params))
            length = len(more)
            if more and more[-1]["time"] == bars[0]["time"]:
                more.pop()
            bars = more + bars
        return bars, meta

    async def pulse(self, info: Mapping[str, Any], resolution: str, now: int) -> list[dict[str, float]]:
        """One poll of `subscribeBars`: the bars it would hand to the chart."""
        bars, _ = await self.bars(info, resolution, now - 10 * 60 * int(resolution), now, 2)
        if not bars:
            return []
        last = bars[-1]
        known = self.last_bars.get(info["ticker"])
        if known is not None and last["time"] < known["time"]:
            return []
        told = []
        if known is not None and last["time"] > known["time"]:
            if len(bars) < 2:
                raise AdapterError("Not enough bars in history for proper pulse update. Need at least 2.")
            told.append(bars[-2])
        self.last_bars[info["ticker"]] = last
        return [*told, last]

    async def quotes(self, *symbols: str) -> list[dict[str, Any]]:
        found = await self.send("quotes", {"symbols": ",".join(symbols)})
        if found["s"] != "ok":
            raise AdapterError(found["errmsg"])
        return list(found["d"])


def processed(answer: Mapping[str, Any]) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """`_processHistoryResponse`."""
    if answer["s"] not in ("ok", "no_data"):
        raise AdapterError(answer["errmsg"])
    if answer["s"] == "no_data":
        return [], {"noData": True, "nextTime": answer.get("nextTime")}
    bars = []
    for i, t in enumerate(answer["t"]):
        bar = {"time": t * 1000, "close": answer["c"][i], "open": answer["o"][i], "high": answer["h"][i]}
        bars.append({**bar, "low": answer["l"][i], "volume": answer["v"][i]})
    return bars, {"noData": False}


@dataclass
class Chart:
    adapter: Adapter
    outside: Any
    db: AsyncEngine

    def truth(self, interval: Interval) -> Any:
        raw = self.outside.truth(self.outside.known["NSE:RELIANCE"], Interval.MINUTE_1, *SPAN)
        base = in_session(raw, Interval.MINUTE_1, Segment.NSE, CALENDAR)
        return resample(base, interval, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)


@pytest_asyncio.fixture
async def chart(db: AsyncEngine, outside: Any) -> AsyncIterator[Chart]:
    class Everyone:
        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            return Principal(outside.user_id, "user", frozenset({"read", "data"}), "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    outside.time.at = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
    app = create_service("test", build=build)
    app.include_router(udf.router)
    app.add_middleware(UdfCorsMiddleware)
    app.state.authenticator = Everyone()
    store = PostgresCandleStore(db)
    prices = PostgresStoredPrices(db)
    quotes = ReadQuotes(outside.instruments, outside.snapshots, outside.sessions, outside.broker, prices, SystemClock())
    app.state.udf = Udf(
        ReadCandles(store, outside.instruments, CALENDAR, outside.time, outside.live_bars),
        quotes,
        PostgresStoredPrices(db),
        outside.instruments,
        CALENDAR,
        outside.time,
    )
    headers = {"Authorization": "Bearer token"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=headers) as http:
        made = Chart(Adapter(http), outside, db)
        await made.adapter.setup()
        async with UnitOfWork(db) as work:
            days = split_days(made.truth(Interval.MINUTE_1))
            await write_days(work.session, "NSE:RELIANCE", Interval.MINUTE_1, days, "test")
            await work.commit()
        yield made


async def test_the_configuration_is_what_the_adapter_needs(chart: Chart) -> None:
    known = chart.adapter.configuration
    assert known["exchanges"][0]["value"] == ""
    assert {"value", "name", "desc"} <= set(known["exchanges"][1])
    assert all(set(each) == {"name", "value"} for each in known["symbols_types"])
    assert await chart.adapter.server_time() == int(chart.outside.time.at.timestamp())


async def test_a_found_symbol_resolves_into_what_the_library_accepts(chart: Chart) -> None:
    (found, *_) = await chart.adapter.search("reliance", "NSE", "stock")
    assert found["full_name"] == "NSE:RELIANCE"
    info = await chart.adapter.resolve(found["full_name"])
    assert (info["ticker"], info["base_name"]) == ("NSE:RELIANCE", ["NSE:RELIANCE"])
    assert info["timezone"] == "Asia/Kolkata"
    assert re.fullmatch(r"\d{4}-\d{4}(,\d{4}-\d{4})*", info["session"])
    assert all(re.fullmatch(r"\d{8}", day) for day in info["session_holidays"].split(","))
    assert all(re.fullmatch(r"[\d,\-]+:\d{8}", each) for each in info["corrections"].split(";"))
    assert (info["minmove2"], info["fractional"], info["has_empty_bars"]) == (0, False, False)
    assert info["minmov"] / info["pricescale"] == pytest.approx(0.10)
    assert "1" in info["intraday_multipliers"]
    assert set(info["supported_resolutions"]) <= set(chart.adapter.configuration["supported_resolutions"])
    assert (info["visible_plots_set"], info["data_status"], info["format"]) == ("ohlcv", "streaming", "price")
    with pytest.raises(AdapterError, match="unknown_symbol"):
        await chart.adapter.resolve("NSE:NONE")
    assert await chart.adapter.search("reliance", "NASDAQ", "") == []


@pytest.mark.parametrize("longest", [0, 700])
async def test_history_page_by_page_is_every_bar_once(chart: Chart, longest: int) -> None:
    """With and without a server that is said to answer 700 bars at most."""
    chart.adapter.max_response_length = longest
    info = await chart.adapter.resolve("NSE:RELIANCE")
    expected = chart.truth(Interval.MINUTE_1)
    seen: list[dict[str, float]] = []
    end, count = int(SPAN[1].timestamp()), 700
    while True:
        bars, meta = await chart.adapter.bars(info, "1", end - 60 * count, end, count)
        if meta["noData"]:
            assert meta["nextTime"] is None
            break
        seen = bars + seen
        end = round(bars[0]["time"] / 1000)
    assert [bar["time"] for bar in seen] == (expected.t * 1000).tolist()
    assert [bar["close"] for bar in seen] == expected.c.tolist()
    assert [bar["volume"] for bar in seen] == expected.v.tolist()


async def test_days_are_labelled_at_midnight_utc(chart: Chart) -> None:
    info = await chart.adapter.resolve("NSE:RELIANCE")
    end = int(SPAN[1].timestamp())
    days, _ = await chart.adapter.bars(info, "1D", 0, end, 300)
    assert [bar["time"] % 86_400_000 for bar in days] == [0] * len(days)
    assert [f"{datetime.fromtimestamp(bar['time'] / 1000, UTC):%Y-%m-%d}" for bar in days[-3:]] == [
        "2026-11-18", "2026-11-19", "2026-11-20"
    ]  # fmt: skip
    weeks, _ = await chart.adapter.bars(info, "1W", 0, end, 2)
    assert [datetime.fromtimestamp(bar["time"] / 1000, UTC).weekday() for bar in weeks] == [0, 0]


async def test_a_gap_is_skipped_by_next_time(chart: Chart) -> None:
    info = await chart.adapter.resolve("NSE:RELIANCE")
    sunday = int(datetime(2026, 11, 15, 6, tzinfo=UTC).timestamp())
    bars, meta = await chart.adapter.bars(info, "1", sunday, sunday + 3_600, None)
    assert (bars, meta["noData"]) == ([], True)
    assert meta["nextTime"] == int(datetime(2026, 11, 13, 9, 59, tzinfo=UTC).timestamp())


async def test_polling_hands_on_the_newest_bar_and_closes_the_one_before(chart: Chart) -> None:
    info = await chart.adapter.resolve("NSE:RELIANCE")
    at = int(datetime(2026, 11, 20, 5, 0, tzinfo=UTC).timestamp())
    (first,) = await chart.adapter.pulse(info, "5", at)
    assert await chart.adapter.pulse(info, "5", at) == [first]
    before, newest = await chart.adapter.pulse(info, "5", at + 300)
    assert before == first
    assert newest["time"] == first["time"] + 300_000
    with pytest.raises(AdapterError):
        await chart.adapter.bars(info, "7", at - 60, at, None)


async def test_quotes_have_an_age_and_survive_a_lost_session(chart: Chart) -> None:
    live, unknown = await chart.adapter.quotes("NSE:RELIANCE", "NSE:NONE")
    wanted = {
        "ch", "chp", "short_name", "exchange", "description", "lp", "ask", "bid", "spread", "open_price", "high_price",
        "low_price", "prev_close_price", "volume", "original_name", "age_ms",
    }  # fmt: skip
    assert (live["s"], set(live["v"])) == ("ok", wanted)
    assert (unknown["s"], unknown["v"]) == ("error", {})
    chart.outside.sessions.error = Conflict("connect first", code="broker_session_required")
    old, nothing = await chart.adapter.quotes("NSE:RELIANCE", "NSE:INFY")
    minutes = chart.truth(Interval.MINUTE_1)
    assert (old["s"], old["v"]["lp"]) == ("ok", minutes.c[-1])
    assert old["v"]["age_ms"] == 1000 * (int(chart.outside.time.at.timestamp()) - int(minutes.t[-1]) - 60)
    assert old["v"]["ch"] == pytest.approx(old["v"]["lp"] - old["v"]["prev_close_price"], abs=1e-4)
    assert (nothing["s"], nothing["errmsg"]) == ("error", "broker_session_required")


async def test_marks_are_empty_in_their_own_forms(chart: Chart) -> None:
    marks = await chart.adapter.send("marks", {"symbol": "NSE:RELIANCE", "from": 0, "to": 1, "resolution": "1"})
    assert set(marks) == {"id", "time", "color", "text", "label", "labelFontColor", "minSize"}
    assert await chart.adapter.send("timescale_marks", {"symbol": "NSE:RELIANCE", "from": 0, "to": 1}) == []


MALFORMED = [
    ("symbols", {}, "symbol"),
    ("symbols", {"symbol": "X" * 97}, "symbol"),
    ("search", {"query": "a", "limit": "0"}, "limit"),
    ("search", {"query": "a", "limit": "many"}, "limit"),
    ("search", {"query": "q" * 101}, "query"),
    ("history", {}, "symbol"),
    ("history", {"symbol": "NSE:RELIANCE", "resolution": "1"}, "to"),
    ("history", {"symbol": "NSE:RELIANCE", "to": 1}, "resolution"),
    ("history", {"symbol": "NSE:RELIANCE", "resolution": "1", "to": "now"}, "to"),
    ("history", {"symbol": "NSE:RELIANCE", "resolution": "1", "to": "NaN", "from": "undefined"}, "from"),
    ("history", {"symbol": "NSE:RELIANCE", "resolution": "1", "to": 1, "countback": -1}, "countback"),
    ("history", {"symbol": "NSE:RELIANCE", "resolution": "1" * 9, "to": 1}, "resolution"),
    ("history", {"symbol": "NSE:RELIANCE", "resolution": "7", "to": 1}, "resolution"),
    ("history", {"symbol": "NSE:NONE", "resolution": "1", "to": 1}, "unknown_symbol"),
    ("quotes", {}, "symbols"),
    ("quotes", {"symbols": "S" * 5_001}, "symbols"),
]


@pytest.mark.parametrize(("path", "params", "told"), MALFORMED, ids=str)
async def test_a_malformed_request_is_told_as_udf_tells(
    chart: Chart, path: str, params: dict[str, Any], told: str
) -> None:
    """The adapter reads no status and no problem document: it shows `errmsg`."""
    answer = await chart.adapter.http.get(f"/udf/{path}", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    body = answer.json()
    assert (set(body), body["s"]) == ({"s", "errmsg"}, "error")
    assert told in body["errmsg"]
    assert "S" * 50 not in body["errmsg"], "what was sent is not repeated"
    with pytest.raises(AdapterError, match=re.escape(body["errmsg"])):
        processed(body)


async def test_without_a_token_the_chart_still_has_a_message(chart: Chart) -> None:
    """401 stays 401, so that a page can sign in again; its body is a problem document that UDF can read, too."""
    answer = await chart.adapter.http.get("/udf/history", headers={"Authorization": ""})
    body = answer.json()
    assert (answer.status_code, body["s"], body["code"]) == (401, "error", "unauthenticated")
    assert answer.headers["content-type"] == "application/problem+json"
    with pytest.raises(AdapterError, match=body["detail"]):
        processed(body)


async def test_an_upstream_that_is_away_is_an_error_that_the_chart_shows(chart: Chart) -> None:
    info = await chart.adapter.resolve("NSE:RELIANCE")

    async def away(symbol: str, bearer: str) -> None:
        raise UpstreamUnavailable("The instruments service does not answer.", code="upstream_unavailable")

    chart.outside.instruments.resolve = away
    with pytest.raises(AdapterError, match="does not answer"):
        await chart.adapter.bars(info, "1", 0, int(SPAN[1].timestamp()), 10)
