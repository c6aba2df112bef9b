"""Real bars in the simulator come out of the database exactly: through SDK, worker, store and resampling.

The expectation is computed here with pandas alone, from the source files and two facts about the exchange: the session
is 09:15 to 15:30, and the Muhurat sessions of 2019 and 2020 were in the evening.
"""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.real_candles import fifty_stocks_2021, nifty_2019_2020
from breezeway.testing.stack_process import StackProcess

pytestmark = [pytest.mark.e2e, pytest.mark.real_data, pytest.mark.slow, pytest.mark.timeout(900)]

MUHURAT = {"2019-10-27": ("18:15", "19:15"), "2020-11-14": ("18:15", "19:15")}
STEPS = {"5m": 5, "15m": 15, "1h": 60}
WINDOWS = {"2019-20": ("2019-01-01", "2021-01-01"), "2021": ("2021-03-26", "2021-06-12")}
SYMBOLS_2021 = (
    "NSE:RELIANCE",
    "NSE:INFY",
    "NSE:HDFCBANK",
    "NSE:SBIN",
    "NSE:M&M",
    "NSE:BAJAJ-AUTO",
    "NSE_INDEX:BANKNIFTY",
)


def in_session(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars of the source that lie inside a session, with the session's open beside each."""
    day = bars["datetime"].dt.strftime("%Y-%m-%d")
    opens = pd.to_datetime(day + " " + day.map(lambda d: MUHURAT.get(d, ("09:15", ""))[0]))
    closes = pd.to_datetime(day + " " + day.map(lambda d: MUHURAT.get(d, ("", "15:30"))[1]))
    inside = bars.assign(day=day, open_at=opens)[(bars["datetime"] >= opens) & (bars["datetime"] < closes)]
    return inside.sort_values("datetime").reset_index(drop=True)


def epochs(times: pd.Series) -> list[int]:
    """IST wall times as epoch seconds."""
    seconds = (times.astype("datetime64[s]").astype("int64") - 19800).tolist()
    return [int(second) for second in seconds]


def resampled(bars: pd.DataFrame, minutes: int | None) -> pd.DataFrame:
    """Bars of `minutes` anchored at each session's open; None for whole days labelled by midnight."""
    if minutes is None:
        label = pd.to_datetime(bars["day"])
    else:
        passed = (bars["datetime"] - bars["open_at"]).dt.total_seconds() // (minutes * 60)
        label = bars["open_at"] + pd.to_timedelta(passed * minutes, unit="min")
    grouped = bars.groupby(label, sort=True)
    return (
        grouped.agg(
            open=("open", "first"),
            high=("high", "max"),
            low=("low", "min"),
            close=("close", "last"),
            volume=("volume", "sum"),
        )
        .rename_axis("datetime")
        .reset_index()
    )


async def stored(http: httpx.AsyncClient, symbol: str, interval: str, window: tuple[str, str]) -> dict[str, list[Any]]:
    """All candles of a window, page by page."""
    columns: dict[str, list[Any]] = {name: [] for name in "tohlcv"}
    params: dict[str, Any] = {"interval": interval, "from": window[0], "to": window[1], "limit": 100_000}
    while True:
        answer = await http.get(f"/api/v1/candles/{symbol}", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for name, values in columns.items():
            values.extend(page[name])
        if page["next"] is None:
            return columns
        assert page["next"] != params["from"], "the page did not move on"
        params["from"] = page["next"]


def on_days_of(source: pd.DataFrame, got: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What was stored on the days that the source has; on others the simulator makes prices up, as it says it does."""
    days = set(source["day"])
    kept = [str(pd.Timestamp(moment + 19800, unit="s").date()) in days for moment in got["t"]]
    return {name: [value for value, keep in zip(values, kept, strict=True) if keep] for name, values in got.items()}


def assert_equal(got: dict[str, list[Any]], expected: pd.DataFrame, what: str) -> None:
    assert got["t"] == epochs(expected["datetime"]), f"{what}: times differ"
    for name, column in zip("ohlc", ("open", "high", "low", "close"), strict=True):
        np.testing.assert_allclose(got[name], expected[column], rtol=0, atol=1e-9, err_msg=f"{what}: {column}")
    assert got["v"] == expected["volume"].astype(int).tolist(), f"{what}: volumes differ"


async def backfill(user: ApiUser, symbols: list[str], window: tuple[str, str]) -> str:
    body = {"symbols": symbols, "interval": "1m", "from": window[0], "to": window[1]}
    answer = await user.http.post("/api/v1/backfills", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def completed(user: ApiUser, backfill_id: str, seconds: float) -> dict[str, Any]:
    state: dict[str, Any] = {}

    async def ended() -> bool:
        answer = await user.http.get(f"/api/v1/backfills/{backfill_id}")
        if answer.status_code == 401:
            await user.sign_in()
            return False
        state.update(answer.json())
        return state["state"] in ("done", "failed", "cancelled")

    await eventually(ended, seconds, every=0.5)
    assert state["state"] == "done", state
    return state


def kill_worker(stack: StackProcess) -> None:
    """kill -9 the market-data worker; the supervisor starts another."""
    worker = psutil.Process(stack.component("market-data-worker"))
    for process in [*worker.children(recursive=True), worker]:
        process.kill()


async def test_two_years_of_nifty_and_the_2021_set_survive_a_killed_worker(
    stack: StackProcess, real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nifty = in_session(nifty_2019_2020(real_data))
    set_2021 = in_session(fifty_stocks_2021(real_data))
    async with (
        httpx.AsyncClient(base_url=stack.url, timeout=60) as first,
        httpx.AsyncClient(base_url=stack.url, timeout=60) as second,
    ):
        users = [ApiUser(first), ApiUser(second)]
        for user in users:
            await user.register()
            await user.sign_in()
            await user.connect_broker()
        long = await backfill(users[0], ["NSE_INDEX:NIFTY"], WINDOWS["2019-20"])
        wide = await backfill(users[1], list(SYMBOLS_2021), WINDOWS["2021"])

        async def under_way() -> bool:
            return bool((await first.get(f"/api/v1/backfills/{long}")).json()["chunks_done"] >= 5)

        await eventually(under_way, 60, every=0.2)
        kill_worker(stack)
        states = await asyncio.gather(completed(users[0], long, 600), completed(users[1], wide, 600))

        got = await stored(first, "NSE_INDEX:NIFTY", "1m", WINDOWS["2019-20"])
        assert_equal(got, nifty, "NIFTY 1m")
        assert states[0]["candles_written"] == len(nifty)
        for interval, minutes in {**STEPS, "1d": None}.items():
            got = await stored(first, "NSE_INDEX:NIFTY", interval, WINDOWS["2019-20"])
            assert_equal(got, resampled(nifty, minutes), f"NIFTY {interval}")
        for symbol in SYMBOLS_2021:
            expected = set_2021[set_2021["symbol"] == symbol.partition(":")[2]].reset_index(drop=True)
            assert len(expected) > 5000
            got = on_days_of(expected, await stored(second, symbol, "1m", WINDOWS["2021"]))
            assert_equal(got, expected, f"{symbol} 1m")
            for interval, minutes in {**STEPS, "1d": None}.items():
                got = on_days_of(expected, await stored(second, symbol, interval, WINDOWS["2021"]))
                assert_equal(got, resampled(expected, minutes), f"{symbol} {interval}")

        async with httpx.AsyncClient() as plain:
            journal = (await plain.get(f"{users[0].simulator}/_sim/journal")).json()
        assert "Limit exceed" not in str(journal)
        for state in states:
            assert state["errors"] == []
    with capsys.disabled():
        calls = sum(state["calls_used"] for state in states)
        bars = sum(state["candles_written"] for state in states)
        print(f"\nreal history: {bars:,} bars in {calls} broker calls, one worker killed")
