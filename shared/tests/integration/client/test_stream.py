"""The client's stream over a real gateway and a real Valkey, with what goes wrong in life; the test publishes what a
feed owner and the services would.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from breezeway.bus.durable import DurableChannels
from breezeway.client import Breezeway, BreezewaySync, Event, GapMessage, Lost, Stream, TickMessage
from breezeway.contracts.stream import CandleMessage, encode
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_gateway
from breezeway.testing.tcp_proxy import TcpProxy, tcp_proxy


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        stack.neighbours.tokens = {f"NSE:S{n}": f"4.1!{n}" for n in range(50)}
        yield stack


@pytest_asyncio.fixture
async def proxy(gateway: FeedStack) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(gateway.gateway_url) as made:
        yield made


@pytest_asyncio.fixture
async def client(gateway: FeedStack, redis: "Redis") -> AsyncIterator[Breezeway]:
    """A signed-in user of an emptied Valkey."""
    gateway.neighbours.user_id = new_id()
    async with signed_in(gateway, gateway.gateway_url) as made:
        yield made


def signed_in(stack: FeedStack, url: str) -> Breezeway:
    return Breezeway(url, refresh_token=stack.neighbours.refresh_token)


def tick(symbol: str, seq: int) -> bytes:
    quote = TickMessage(
        *(symbol, seq, 100.5, 1, 1_700_000_000_000, 100.0, 1, 101.0, 1, 99.0, 102.0, 98.0, 99.5, 1.0, 1_000, 100.2),
        *(None, 10, 20, 90.0, 110.0, int(time.time() * 1000)),
    )
    return encode(quote)


async def publish(redis: "Redis", stack: FeedStack, symbol: str, seq: int) -> None:
    body = tick(symbol, seq)
    await redis.hset(keys.snapshot(stack.feed), f"tick:{symbol}", body)  # type: ignore[misc,arg-type]
    await redis.publish(keys.feed_channel(stack.feed, f"tick:{symbol}"), body)


async def order(redis: "Redis", stack: FeedStack, number: int) -> None:
    await DurableChannels(redis).append(stack.neighbours.user_id, "orders", {"type": "order", "number": number})


async def live(stream: Stream, channels: int) -> None:
    await eventually(lambda: len(stream.channels) == channels, 60)


async def next_of(stream: Stream, kind: type[Any]) -> Any:
    async with asyncio.timeout(30):
        async for message in stream:
            if isinstance(message, kind):
                return message
    raise AssertionError("the stream ended")


class Market:
    """Publishes ticks of one symbol and orders of one user, on and on, and knows how many."""

    def __init__(self, redis: "Redis", stack: FeedStack) -> None:
        self.orders = 0
        self._redis, self._stack, self._seq = redis, stack, 0
        self._open = True

    async def run(self) -> None:
        while self._open:
            self._seq += 1
            self.orders += 1
            await publish(self._redis, self._stack, "NSE:S1", self._seq)
            await order(self._redis, self._stack, self.orders)
            await asyncio.sleep(0.02)

    async def close(self, running: "asyncio.Task[None]") -> None:
        """Publish what was begun and no more: cancelled, it could count an order that it did not publish, or go on."""
        self._open = False
        await running


class Reader:
    """Reads a stream to its end and sorts what comes."""

    def __init__(self, stream: Stream) -> None:
        self.orders: list[int] = []
        self.ticks: list[int] = []
        self.gaps: list[GapMessage] = []
        self.lost: list[Lost] = []
        self._stream = stream

    async def run(self) -> None:
        async for message in self._stream:
            match message:
                case Event(type="order", body=body):
                    self.orders.append(body["number"])
                case TickMessage(seq=seq):
                    self.ticks.append(seq)
                case GapMessage():
                    self.gaps.append(message)
                case Lost():
                    self.lost.append(message)

    async def more(self, count: int) -> None:
        """Wait for so many more ticks and orders."""
        ticks, orders = len(self.ticks) + count, len(self.orders) + count
        await eventually(lambda: len(self.ticks) >= ticks and len(self.orders) >= orders, 60)


async def test_ticks_come_by_any_name_and_a_snapshot_first(
    gateway: FeedStack, redis: "Redis", client: Breezeway
) -> None:
    await publish(redis, gateway, "NSE:S1", 41)
    async with client.stream("tick:4.1!1") as stream:
        first = await next_of(stream, TickMessage)
        assert (first.symbol, first.seq, first.ltp) == ("NSE:S1", 41, 100.5)
        assert stream.channels == ["tick:NSE:S1"]
        assert await stream.subscribe("candle:1m:NSE:S2", "orders") == ["tick:NSE:S1", "candle:1m:NSE:S2", "orders"]
        bar = CandleMessage("NSE:S2", "1m", 1_700_000_040, 1.0, 2.0, 0.5, 1.5, 10, None, closed=True)
        await redis.publish(keys.feed_channel(gateway.feed, "candle:1m:NSE:S2"), encode(bar))
        assert await next_of(stream, CandleMessage) == bar
        await stream.unsubscribe("tick:NSE:S1")
        await eventually(lambda: stream.channels == ["candle:1m:NSE:S2", "orders"])
    assert [message async for message in stream] == []


async def test_ticks_as_msgpack_and_through_the_short_form(
    gateway: FeedStack, redis: "Redis", client: Breezeway
) -> None:
    await publish(redis, gateway, "NSE:S3", 7)
    async with client.stream("tick:NSE:S3", encoding="msgpack") as stream:
        assert (await next_of(stream, TickMessage)).seq == 7
    async with aclosing(client.ticks("NSE:S3")) as ticks, asyncio.timeout(20):
        assert (await anext(ticks)).seq == 7


async def test_a_channel_that_does_not_exist_is_an_error_at_the_start_and_at_subscribe(client: Breezeway) -> None:
    with pytest.raises(InvalidInput) as wrong:
        client.stream("news:NSE:S1")
    assert wrong.value.code == "invalid_channel"
    with pytest.raises(NotFound) as missing:
        await next_of(client.stream("tick:NSE:NOBODY"), TickMessage)
    assert missing.value.code == "instrument_not_found"
    async with client.stream("tick:NSE:S1") as stream:
        with pytest.raises(NotFound):
            await stream.subscribe("tick:NSE:NOBODY", "tick:NSE:S2")
        await eventually(lambda: stream.channels == ["tick:NSE:S1", "tick:NSE:S2"])


@pytest.mark.parametrize("how", ["asked to end", "killed"])
async def test_a_restarted_gateway_costs_no_order_and_ticks_go_on(
    gateway: FeedStack, redis: "Redis", client: Breezeway, how: str
) -> None:
    market = Market(redis, gateway)
    states: list[str] = []
    async with client.stream("tick:NSE:S1", "orders", on_state=lambda state, _: states.append(state)) as stream:
        await live(stream, 2)
        reader = Reader(stream)
        work = [asyncio.create_task(market.run()), asyncio.create_task(reader.run())]
        await reader.more(20)
        if how == "killed":
            assert gateway.gateway is not None
            gateway.gateway.kill()
        await gateway.stop_gateway()
        await asyncio.sleep(1)
        await gateway.start_gateway()
        await reader.more(50)
        await market.close(work[0])
        await eventually(lambda: len(reader.orders) == market.orders, 30)
        work[1].cancel()
    assert reader.orders == list(range(1, market.orders + 1))
    assert reader.lost == []
    assert reader.ticks == sorted(reader.ticks)
    assert {(gap.symbol, gap.reason) for gap in reader.gaps} == {("NSE:S1", "connection_lost")}
    assert sum(gap.end - gap.start for gap in reader.gaps) >= 900
    assert "waiting" in states
    assert states[-1] == "closed"


async def test_a_cut_network_costs_no_order_and_ticks_go_on(
    gateway: FeedStack, redis: "Redis", client: Breezeway, proxy: TcpProxy
) -> None:
    market = Market(redis, gateway)
    async with signed_in(gateway, proxy.url) as far, far.stream("tick:NSE:S1", "orders", heartbeat=1) as stream:
        await live(stream, 2)
        reader = Reader(stream)
        work = [asyncio.create_task(market.run()), asyncio.create_task(reader.run())]
        await reader.more(10)
        for refuse in (False, True):
            proxy.cut(refuse=refuse)
            await asyncio.sleep(0.5)
            proxy.mend()
            await reader.more(10)
        # The worst kind: nothing is closed and nothing comes. Only the heartbeat can tell.
        proxy.swallow()
        before = stream.reconnects
        await eventually(lambda: stream.state != "live" or stream.reconnects > before, 30)
        proxy.mend()
        await reader.more(10)
        await market.close(work[0])
        await eventually(lambda: len(reader.orders) == market.orders, 30)
        work[1].cancel()
    assert reader.orders == list(range(1, market.orders + 1))
    assert reader.ticks == sorted(reader.ticks)
    assert len(reader.gaps) >= 3
    assert stream.reconnects >= 3


@pytest.mark.slow
async def test_thirty_faults_at_random_cost_no_order(
    gateway: FeedStack, redis: "Redis", client: Breezeway, proxy: TcpProxy
) -> None:
    market, dice = Market(redis, gateway), random.Random(7)
    async with signed_in(gateway, proxy.url) as far, far.stream("tick:NSE:S1", "orders", heartbeat=1) as stream:
        await live(stream, 2)
        reader = Reader(stream)
        work = [asyncio.create_task(market.run()), asyncio.create_task(reader.run())]
        for _ in range(30):
            await asyncio.sleep(dice.uniform(0, 1))
            match dice.choice(["cut", "refuse", "swallow", "redis"]):
                case "cut":
                    proxy.cut()
                case "refuse":
                    proxy.cut(refuse=True)
                    await asyncio.sleep(dice.uniform(0, 1))
                case "swallow":
                    proxy.swallow()
                    await asyncio.sleep(dice.uniform(0, 4))
                case "redis":
                    await redis.client_kill_filter(_type="pubsub")
            proxy.mend()
        await reader.more(20)
        await market.close(work[0])
        await eventually(lambda: len(reader.orders) == market.orders, 60)
        work[1].cancel()
    assert reader.orders == list(range(1, market.orders + 1))
    assert reader.lost == []


async def test_a_token_is_renewed_before_it_expires_and_the_connection_stays(
    gateway: FeedStack, redis: "Redis", client: Breezeway
) -> None:
    gateway.neighbours.token_seconds = 5
    try:
        async with client.stream("tick:NSE:S4") as stream:
            await live(stream, 1)
            refreshes = gateway.neighbours.refreshes
            # Two lives of a token and the gateway's patience with expired ones.
            await eventually(lambda: gateway.neighbours.refreshes >= refreshes + 4, 60)
            await publish(redis, gateway, "NSE:S4", 9)
            assert (await next_of(stream, TickMessage)).seq == 9
            assert stream.reconnects == 0
    finally:
        gateway.neighbours.token_seconds = 900


async def test_a_token_that_the_server_does_not_take_any_more_is_replaced(
    gateway: FeedStack, redis: "Redis", client: Breezeway
) -> None:
    expired = gateway.neighbours.access_token(seconds=-60)
    refresh = gateway.neighbours.refresh_token
    async with Breezeway(gateway.gateway_url, access_token=expired, refresh_token=refresh) as late:
        await publish(redis, gateway, "NSE:S5", 3)
        assert (await next_of(late.stream("tick:NSE:S5"), TickMessage)).seq == 3
        assert late.tokens is not None
        assert late.tokens.refresh == gateway.neighbours.refresh_token != refresh


async def test_an_api_key_opens_the_stream(gateway: FeedStack, redis: "Redis", client: Breezeway) -> None:
    await publish(redis, gateway, "NSE:S7", 4)
    async with Breezeway(gateway.gateway_url, api_key=gateway.neighbours.add_api_key()) as program:
        assert (await next_of(program.stream("tick:NSE:S7"), TickMessage)).seq == 4
    async with Breezeway(gateway.gateway_url, api_key="bwk_0123456789012345678901_wrong") as stranger:
        with pytest.raises(Unauthenticated):
            await next_of(stranger.stream("tick:NSE:S7"), TickMessage)


async def test_without_a_way_to_a_valid_token_the_stream_ends_with_an_error(gateway: FeedStack) -> None:
    async with Breezeway(gateway.gateway_url, access_token="nonsense") as stranger:
        with pytest.raises(Unauthenticated):
            await next_of(stranger.stream("tick:NSE:S1"), TickMessage)
    async with Breezeway(gateway.gateway_url, refresh_token="used up") as ended:
        with pytest.raises(Unauthenticated) as error:
            await next_of(ended.stream("tick:NSE:S1"), TickMessage)
        assert error.value.code == "signed_out"
    async with Breezeway(gateway.gateway_url) as nobody:
        with pytest.raises(Unauthenticated):
            await next_of(nobody.stream("tick:NSE:S1"), TickMessage)


async def test_too_many_connections_are_not_tried_again(gateway: FeedStack, client: Breezeway) -> None:
    streams = [client.stream("orders") for _ in range(10)]
    for each in streams:
        each.start()
        await live(each, 1)
    with pytest.raises(Forbidden) as error:
        await next_of(client.stream("orders"), Event)
    assert error.value.code == "too_many_connections"


async def test_a_later_stream_goes_on_where_an_earlier_one_was_read_to(
    gateway: FeedStack, redis: "Redis", client: Breezeway
) -> None:
    await order(redis, gateway, 1)
    async with client.stream("orders") as first:
        await live(first, 1)
        await order(redis, gateway, 2)
        await order(redis, gateway, 3)
        assert (await next_of(first, Event)).body["number"] == 2
    await order(redis, gateway, 4)
    async with client.stream(since=first.places) as second:
        assert [(await next_of(second, Event)).body["number"] for _ in range(2)] == [3, 4]


async def test_what_cannot_be_recovered_is_said_and_not_guessed(
    gateway: FeedStack, redis: "Redis", client: Breezeway, proxy: TcpProxy
) -> None:
    async with signed_in(gateway, proxy.url) as far, far.stream("orders") as stream:
        await live(stream, 1)
        await order(redis, gateway, 1)
        assert (await next_of(stream, Event)).body["number"] == 1
        proxy.cut(refuse=True)
        await redis.delete(keys.durable_stream(gateway.neighbours.user_id, "orders"))
        await order(redis, gateway, 2)
        proxy.mend()
        assert await next_of(stream, Lost) == Lost("orders")
        await order(redis, gateway, 3)
        assert (await next_of(stream, Event)).body["number"] == 3


async def test_a_slow_reader_gets_the_newest_and_every_order(
    gateway: FeedStack, redis: "Redis", client: Breezeway
) -> None:
    async with client.stream("tick:NSE:S1", "orders", buffer=5) as stream:
        await live(stream, 2)
        for seq in range(1, 101):
            await publish(redis, gateway, "NSE:S1", seq)
        await order(redis, gateway, 1)
        # The gateway may conflate before the client does: what counts is that the newest comes, and the order.
        newest = 0
        while newest < 100:
            newest = (await next_of(stream, TickMessage)).seq
        assert (await next_of(stream, Event)).body["number"] == 1


async def test_the_blocking_client_streams_too(gateway: FeedStack, redis: "Redis", client: Breezeway) -> None:
    await publish(redis, gateway, "NSE:S6", 5)
    refresh = gateway.neighbours.refresh_token

    def read() -> tuple[int, list[str], list[str]]:
        with BreezewaySync(gateway.gateway_url, refresh_token=refresh) as blocking:
            found = next(iter(blocking.ticks("NSE:S6")))
            with blocking.stream("tick:NSE:S6") as stream:
                kinds = [type(next(stream)).__name__]
                listed = stream.subscribe("orders")
            return found.seq, kinds, listed

    # In a thread, because here a loop runs already.
    assert await asyncio.to_thread(read) == (5, ["TickMessage"], ["tick:NSE:S6", "orders"])
