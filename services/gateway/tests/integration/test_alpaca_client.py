"""Alpaca's façade, proved with Alpaca's own client: the unmodified `alpaca-py` pointed at the gateway."""

import asyncio
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from breezeway.contracts.stream import CandleMessage, TickMessage, encode
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_gateway

with warnings.catch_warnings():
    # It still imports the old half of `websockets`.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.data.live import StockDataStream
    from alpaca.data.models import Bar, Quote, Trade

pytestmark = pytest.mark.filterwarnings("ignore:websockets.*deprecated:DeprecationWarning")

MINUTE = 1_700_000_040


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        stack.neighbours.tokens = {f"NSE:S{n}": f"4.1!{n}" for n in range(10)}
        yield stack


class Market:
    """Publishes one trade and one bid after the other, as an owner would."""

    def __init__(self, redis: "Redis", stack: FeedStack) -> None:
        self._redis, self._stack, self._seq = redis, stack, 0

    async def tick(self, symbol: str) -> None:
        self._seq += 1
        seq, now = self._seq, int(time.time() * 1000)
        head = (symbol, seq, 100.5, 7, now, 100.0 + seq, 11, 101.0, 12, 99.0, 102.0, 98.0, 99.5, 1.0, 7 * seq, 100.2)
        body = encode(TickMessage(*head, None, 10, 20, 90.0, 110.0, now))
        await self._redis.publish(keys.feed_channel(self._stack.feed, f"tick:{symbol}"), body)

    async def bar(self, symbol: str) -> None:
        bar = CandleMessage(symbol, "1m", MINUTE, 1.0, 2.0, 0.5, 1.7, 12, None, closed=True)
        await self._redis.publish(keys.feed_channel(self._stack.feed, f"candle:1m:{symbol}"), encode(bar))


@asynccontextmanager
async def running(stack: FeedStack, key: str, secret: str, subscribe: Any) -> AsyncIterator[StockDataStream]:
    """The client as its `run()` runs it, in our loop; `subscribe` is called before it connects."""
    url = stack.gateway_url.replace("http", "ws") + "/ws/alpaca/v2/breeze"
    client = StockDataStream(key, secret, url_override=url)
    subscribe(client)
    task = asyncio.create_task(client._run_forever())
    try:
        yield client
    finally:
        await client.stop_ws()
        await asyncio.wait_for(task, 20)


def split(key: str) -> tuple[str, str]:
    """`bwk_<id>_<secret>` as the two halves that Alpaca's clients ask for."""
    name, _, secret = key.rpartition("_")
    return name, secret


@pytest.mark.parametrize("how", ["key and secret", "the whole key as secret", "an access token as secret"])
async def test_quotes_trades_and_bars_arrive_as_alpacas_own_objects(
    gateway: FeedStack, redis: "Redis", how: str
) -> None:
    whole = gateway.neighbours.add_api_key()
    key, secret = {
        "key and secret": split(whole),
        "the whole key as secret": ("anything", whole),
        "an access token as secret": ("anything", gateway.neighbours.access_token()),
    }[how]
    got: list[Any] = []

    async def on_message(message: Any) -> None:
        got.append(message)

    def subscribe(client: StockDataStream) -> None:
        client.subscribe_quotes(on_message, "S1")
        client.subscribe_trades(on_message, "S1")
        client.subscribe_bars(on_message, "NSE:S2")

    market = Market(redis, gateway)

    async def all_three() -> bool:
        await market.tick("NSE:S1")
        await market.bar("NSE:S2")
        return {type(each) for each in got} >= {Quote, Trade, Bar}

    async with running(gateway, key, secret, subscribe):
        await eventually(all_three, 30, every=0.1)
    quote = next(each for each in got if isinstance(each, Quote))
    trade = next(each for each in got if isinstance(each, Trade))
    bar = next(each for each in got if isinstance(each, Bar))
    assert (quote.symbol, quote.bid_size, quote.ask_price, quote.ask_size) == ("S1", 11, 101.0, 12)
    assert (trade.symbol, trade.price, trade.size) == ("S1", 100.5, 7)
    assert abs((datetime.now(UTC) - trade.timestamp.astimezone(UTC)).total_seconds()) < 60
    assert (bar.symbol, bar.open, bar.high, bar.low, bar.close, bar.volume) == ("NSE:S2", 1.0, 2.0, 0.5, 1.7, 12)
    assert bar.timestamp.timestamp() == MINUTE


async def test_what_is_unsubscribed_stays_away_and_what_is_added_comes(gateway: FeedStack, redis: "Redis") -> None:
    quotes: list[str] = []

    async def on_quote(quote: Any) -> None:
        quotes.append(quote.symbol)

    market = Market(redis, gateway)

    async def quoted(*symbols: str) -> None:
        async def seen() -> bool:
            for number in (1, 2, 3):
                await market.tick(f"NSE:S{number}")
            return set(symbols) <= set(quotes)

        quotes.clear()
        await eventually(seen, 30, every=0.1)

    credentials = split(gateway.neighbours.add_api_key())
    async with running(gateway, *credentials, lambda client: client.subscribe_quotes(on_quote, "S1", "S2")) as client:
        await quoted("S1", "S2")
        # From another thread, as its documentation does it: these two wait for the loop that the client runs in.
        await asyncio.to_thread(client.unsubscribe_quotes, "S1")
        await asyncio.to_thread(client.subscribe_quotes, on_quote, "S3")
        await quoted("S2", "S3")
        await asyncio.sleep(0.2)
        await quoted("S2", "S3")
        assert "S1" not in quotes


@pytest.mark.parametrize("secret", ["wrong", "bwk_0123456789012345678901_wrong"])
async def test_a_wrong_key_gives_alpacas_documented_error(
    gateway: FeedStack, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def ignore(message: Any) -> None:
        raise AssertionError(message)

    def subscribe(client: StockDataStream) -> None:
        client.subscribe_quotes(ignore, "S1")

    async with running(gateway, "wrong", secret, subscribe):
        await eventually(lambda: "error during websocket communication: auth failed" in caplog.text, 60)
