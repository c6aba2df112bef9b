"""Live candles, indicators, option chain and TradingView's UDF of a running stack, through the gateway."""

import io
from typing import Any

import httpx
import pandas as pd
import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

SYMBOL = "NSE:RELIANCE"


async def exchange_now(http: httpx.AsyncClient) -> int:
    return int((await http.get("/udf/time")).text)


async def test_candles_go_on_into_the_forming_minute(user: ApiUser) -> None:
    await user.add_broker_account()
    await user.log_in_at_broker()
    answer = await user.http.post("/api/v1/subscriptions", json={"symbols": [SYMBOL], "modes": ["tick"]})
    assert answer.status_code < 300, answer.text

    bars: dict[str, Any] = {}

    async def live() -> bool:
        params: dict[str, Any] = {"interval": "1m", "limit": 5, "live": "true"}
        bars.update((await user.http.get(f"/api/v1/candles/{SYMBOL}", params=params)).json())
        return bool(bars["t"]) and await exchange_now(user.http) - bars["t"][-1] < 120

    # The stack replays a day from its open on, so that the market is open.
    await eventually(live, 60, every=0.5)
    chart = {"symbol": SYMBOL, "resolution": "1", "to": await exchange_now(user.http) + 60, "countback": 3}
    history = (await user.http.get("/udf/history", params=chart)).json()
    assert history["s"] == "ok"
    assert history["t"][-1] >= bars["t"][-1]


async def chains_asked(user: ApiUser) -> int:
    """How many option chains the simulator has been asked for so far, by everybody."""
    async with httpx.AsyncClient() as plain:
        return (await plain.get(f"{user.simulator}/_sim/journal")).text.lower().count("optionchain")


async def test_an_option_chain_costs_two_broker_calls(user: ApiUser) -> None:
    await user.add_broker_account()
    await user.own_app()
    await user.log_in_at_broker()
    before = await chains_asked(user)
    answer = await user.http.get("/api/v1/option-chain/NIFTY", params={"strikes": 5})
    assert answer.status_code == 200, answer.text
    chain = answer.json()
    assert len(chain["strikes"]) == 11
    assert chain["forward"] == pytest.approx(chain["spot"], rel=0.02)
    assert chain["strikes"][5]["strike"] == chain["atm"]
    middle = chain["strikes"][5]
    assert 0.01 < middle["call"]["iv"] < 2
    assert middle["call"]["iv"] == pytest.approx(middle["put"]["iv"], rel=0.2)
    assert 0.2 < middle["call"]["delta"] < 0.8
    assert (await user.http.get("/api/v1/option-chain/NIFTY", params={"strikes": 9})).status_code == 200
    assert await chains_asked(user) == before + 2


async def test_a_chart_finds_its_symbol_and_its_history_and_tables_read_like_pandas_reads(user: ApiUser) -> None:
    assert (await user.http.get("/udf/config", headers={"Authorization": ""})).json()["supports_search"] is True
    preflight = await user.http.options("/udf/history", headers={"Origin": "https://chart.example"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    found = (await user.http.get("/udf/search", params={"query": "reliance", "type": "stock", "limit": 5})).json()
    assert found[0]["full_name"] == SYMBOL
    symbol = (await user.http.get("/udf/symbols", params={"symbol": SYMBOL})).json()
    assert symbol["session"].startswith("0915-")
    asked = {"interval": "15m", "format": "parquet", "indicators": "sma:20,rsi"}
    table = await user.http.get(f"/api/v1/candles/{SYMBOL}", params=asked)
    assert table.status_code == 200, table.text
    frame = pd.read_parquet(io.BytesIO(table.content))
    assert list(frame.columns) == ["time", "open", "high", "low", "close", "volume", "oi", "sma:20", "rsi:14"]
    names = {each["name"] for each in (await user.http.get("/api/v1/indicators")).json()["items"]}
    assert {"sma", "rsi", "bbands", "supertrend"} <= names
