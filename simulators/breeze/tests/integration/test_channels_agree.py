"""One market behind all channels: ticks folded into minutes, the OHLC channel, history and the truth say the same."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import socketio

from breeze_simulator import bootstrap
from breeze_simulator.settings import Settings
from breezeway.clock import IST
from breezeway.testing.eventually import eventually

ROOM = "4.1!2885"
SPEED = 60.0
MINUTES = 4

Candle = tuple[float, float, float, float, int]


def folded(frames: list[list[Any]]) -> dict[int, Candle]:
    """Minutes that were seen whole; a minute's volume is what it added to the day's."""
    by_minute: dict[int, list[list[Any]]] = defaultdict(list)
    for frame in frames:
        by_minute[frame[19] // 60 * 60].append(frame)
    candles: dict[int, Candle] = {}
    minutes = sorted(by_minute)
    for before, minute in pairwise(minutes[1:-1]):
        prices = [frame[2] for frame in by_minute[minute]]
        traded = by_minute[minute][-1][12] - by_minute[before][-1][12]
        candles[minute] = (prices[0], max(prices), min(prices), prices[-1], traded)
    return candles


def from_text(lines: list[str]) -> dict[int, Candle]:
    candles: dict[int, Candle] = {}
    for line in lines:
        _, _, low, high, open_, close, volume, at, _ = line.split(",")
        start = datetime.fromisoformat(at).replace(tzinfo=IST)
        candles[int(start.timestamp())] = (float(open_), float(high), float(low), float(close), int(volume))
    return candles


@pytest.mark.slow
async def test_ticks_bars_history_and_truth_agree(served: Callable[..., Any], login: Callable[..., Any]) -> None:
    settings = Settings(clock="replay:2026-07-30", speed=SPEED)
    async with served(settings, make_market=bootstrap.make_market) as running:
        await running.client.post("/_sim/clock", json={"at": "11:00:30", "day": "2026-07-30"})
        caller = await login(running.client)
        quotes: list[list[Any]] = []
        bars: list[str] = []
        clients = []
        for path, event, heard in (("socket.io", "stock", quotes.append), ("ohlcvstream", "1MIN", bars.append)):
            client = socketio.AsyncClient(reconnection=False)
            client.on(event, heard)
            auth = {"user": "SIM00001", "token": caller.session_key}
            await client.connect(running.url, auth=auth, transports=["websocket"], socketio_path=path)
            await client.emit("join", ROOM)
            clients.append(client)
        await eventually(lambda: len(folded(quotes)) >= MINUTES and len(bars) >= MINUTES, seconds=60)
        for client in clients:
            await client.disconnect()

        ticks, channel = folded(quotes), from_text(bars)
        span = {
            "interval": "1minute",
            "from_date": "2026-07-30T11:00:00.000Z",
            "to_date": "2026-07-30T12:59:00.000Z",
        }
        answer = await caller.v2(**span, stock_code="RELIND", exch_code="NSE")
        history = {
            int(datetime.fromisoformat(row["datetime"]).replace(tzinfo=IST).timestamp()): (
                row["open"],
                row["high"],
                row["low"],
                row["close"],
                row["volume"],
            )
            for row in answer.json()["Success"]
        }
        asked = {"symbol": "RELIANCE", "from": "2026-07-30T11:00:00", "to": "2026-07-30T12:59:00"}
        rows = (await running.client.get("/_sim/truth/candles", params=asked)).json()["candles"]
        truth = {row[0]: tuple(row[1:6]) for row in rows}

        assert len(truth) == 120
        assert len(history) < 120, "bars that have not closed must not be answered"
        for seen in (ticks, channel, history):
            assert len(seen) >= MINUTES
            assert {minute: truth[minute] for minute in seen} == seen
        now = datetime.fromisoformat((await running.client.get("/_sim/clock")).json()["exchange_now"])
        assert max(history) + 60 <= now.astimezone(UTC).timestamp()
