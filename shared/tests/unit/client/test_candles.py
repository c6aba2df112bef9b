"""Candles: pages joined, and the same numbers in every form."""

import csv
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from breezeway.client import Breezeway, BreezewaySync, Candle, Candles
from breezeway.client.candles import checked_page
from breezeway.client.times import wire
from breezeway.clock import IST
from breezeway.errors import InvalidInput, UpstreamFault

START = 1_795_146_300  # a session's opening


def page(first: int, count: int, *, following: str | None = None, **changes: Any) -> dict[str, Any]:
    numbers = list(range(first, first + count))
    return {
        "symbol": "NSE:A",
        "interval": "1m",
        "timezone": "Asia/Kolkata",
        "t": [START + 60 * n for n in numbers],
        "o": [100.0 + n for n in numbers],
        "h": [101.5 + n for n in numbers],
        "l": [99.25 + n for n in numbers],
        "c": [100.5 + n for n in numbers],
        "v": [10 * n for n in numbers],
        "oi": None,
        "indicators": {"sma:2": [None if n == 0 else 100.0 + n for n in numbers]},
        "complete": True,
        "next": following,
        **changes,
    }


def candles(**changes: Any) -> Candles:
    return Candles("NSE:A", "1m", [page(0, 3, **changes)])


class Server:
    """Holds `total` bars and gives at most `size` of them at a time."""

    def __init__(self, total: int, size: int = 100_000) -> None:
        self.total, self.size = total, size
        self.asked: list[httpx.QueryParams] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        self.asked.append(params)
        limit = min(int(params["limit"]), self.size)
        since = params.get("cursor", "").removeprefix("after-") or params.get("from")
        first = (int(since) - START) // 60 if since else max(self.total - limit, 0)
        count = min(limit, self.total - first)
        following = f"after-{START + 60 * (first + count)}" if first + count < self.total else None
        body = page(first, count, following=following)
        if params.get("format") != "arrow":
            return httpx.Response(200, content=orjson.dumps(body))
        table = Candles("NSE:A", "1m", [body]).to_arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        headers = {"X-Next": following or "", "X-Complete": "true"}
        return httpx.Response(200, content=sink.getvalue().to_pybytes(), headers=headers)


def client(server: Server) -> BreezewaySync:
    return BreezewaySync("http://gateway", api_key="k", http=httpx.MockTransport(server))


@pytest.mark.parametrize(("interval", "form"), [("15m", None), ("1m", "arrow")])
def test_pages_are_joined(interval: str, form: str | None) -> None:
    server, seen = Server(250, size=100), []
    with client(server) as api:
        found = api.candles("NSE:A", interval, START, START + 60 * 250, on_page=lambda part: seen.append(len(part)))
    assert {asked.get("format") for asked in server.asked} == {form}
    assert found.t.tolist() == [START + 60 * n for n in range(250)]
    assert seen == [100, 100, 50]
    assert found.complete
    assert np.isnan(found.indicators["sma:2"][0])
    assert found.indicators["sma:2"][-1] == 349.0


def test_a_limit_is_kept_over_pages_and_without_a_start_the_newest_are_meant() -> None:
    server = Server(250, size=100)
    with client(server) as api:
        assert len(api.candles("NSE:A", start=START, limit=150)) == 150
        newest = api.candles("NSE:A", limit=7)
        assert newest.t.tolist() == [START + 60 * n for n in range(243, 250)]
        api.candles("NSE:M&M", "15m", indicators=["sma:20", "rsi:14"], live=True)
    last = server.asked[-1]
    assert (last["indicators"], last["live"], last["interval"], last["limit"]) == (
        "sma:20,rsi:14",
        "true",
        "15m",
        "5000",
    )


def test_no_bars_are_candles_too(tmp_path: Path) -> None:
    empty = Candles("NSE:A", "1m", [page(0, 0)])
    assert len(empty) == 0
    assert empty.to_list() == []
    assert list(empty.to_pandas().columns) == ["open", "high", "low", "close", "volume", "sma:2"]
    assert pq.read_table(empty.write(tmp_path / "x.parquet")).num_rows == 0


def test_rows_are_in_indian_time() -> None:
    first = candles().to_list()[0]
    assert first == Candle(datetime.fromtimestamp(START, IST), 100.0, 101.5, 99.25, 100.5, 0, None)
    assert candles(oi=[7, 8, 9]).to_list()[1].oi == 8


def test_numpy_and_pandas_hold_the_same() -> None:
    found = candles(oi=[7, 8, 9])
    table = found.to_numpy()
    assert table["time"][0] == np.datetime64(START, "s")
    assert table["close"].tolist() == [100.5, 101.5, 102.5]
    assert table["oi"].tolist() == [7, 8, 9]
    frame = found.to_pandas()
    assert frame.index[0] == pd.Timestamp(START, unit="s", tz="UTC")
    assert str(frame.index.tz) == "Asia/Kolkata"
    assert frame["close"].tolist() == [100.5, 101.5, 102.5]
    assert bool(frame["sma:2"].isna().iloc[0])
    assert frame.attrs["symbol"] == "NSE:A"
    assert "oi" not in candles().to_pandas()


def test_every_file_holds_the_same(tmp_path: Path) -> None:
    found = candles()
    parquet = pq.read_table(found.write(tmp_path / "x.parquet"))
    with pa.OSFile(str(found.write(tmp_path / "x.arrow"))) as source:
        arrow = pa.ipc.open_file(source).read_all()
    assert parquet.equals(arrow)
    assert parquet.column_names == ["time", "open", "high", "low", "close", "volume", "oi", "sma:2"]
    assert parquet["time"][0].as_py() == datetime.fromtimestamp(START, IST)
    assert parquet["sma:2"].to_pylist() == [None, 101.0, 102.0]
    with found.write(tmp_path / "x.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["close"] for row in rows] == ["100.5", "101.5", "102.5"]
    assert (rows[0]["oi"], rows[0]["sma:2"]) == ("", "")
    assert json.loads(found.write(tmp_path / "x.json").read_text())[1]["volume"] == 10


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    target.write_text("mine")
    with pytest.raises(InvalidInput, match="parquet"):
        candles().write(tmp_path / "x.xlsx")
    broken = candles()
    broken.v = broken.v[:1]
    with pytest.raises(ValueError, match="zip"):
        broken.write(target)
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("changes", [{"c": [1.0]}, {"oi": [1]}, {"next": ...}, {"t": 3}])
def test_columns_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    body = page(0, 3) | changes
    body = {name: value for name, value in body.items() if value is not ...}
    with pytest.raises(UpstreamFault):
        checked_page(orjson.dumps(body))
    with pytest.raises(UpstreamFault):
        checked_page(b"<html>")


def test_moments() -> None:
    assert wire(None) is None
    assert wire("2026-01-01") == "2026-01-01"
    assert wire(date(2026, 1, 1)) == "2026-01-01"
    assert wire(START) == str(START)
    assert wire(datetime(2026, 1, 1, 9, 15)) == "2026-01-01T09:15:00+05:30"  # noqa: DTZ001 - read as Indian time
    assert wire(datetime(2026, 1, 1, tzinfo=IST)) == "2026-01-01T00:00:00+05:30"
    with pytest.raises(InvalidInput):
        wire(True)


async def test_the_blocking_client_works_where_a_loop_runs_and_the_other_one_has_the_same_methods() -> None:
    with client(Server(3)) as api:
        assert len(api.candles("NSE:A")) == 3  # this test itself runs in a loop, as a notebook does
    asynchronous = {name for name in dir(Breezeway) if not name.startswith("_")}
    blocking = {name for name in dir(BreezewaySync) if not name.startswith("_")}
    assert asynchronous | {"url"} == blocking
