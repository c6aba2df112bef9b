"""BreezeFeed against a small Socket.IO server with the broker's rooms, auth and paths."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import socketio
import uvicorn

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.feed import BreezeFeed, FeedEvent, FeedRules
from breezeway.breeze.frames import DepthTick, OhlcBar, OrderUpdate, QuoteTick
from breezeway.errors import InvalidInput, Unauthenticated, UpstreamUnavailable
from breezeway.testing.eventually import eventually

FRAMES = json.loads((Path(__file__).parents[2] / "unit" / "breeze" / "payloads" / "frames.json").read_text())


class Broker:
    """Two Socket.IO servers on one port, as the broker's hosts are behind one origin in the simulator."""

    def __init__(self) -> None:
        self.quotes = socketio.AsyncServer(async_mode="asgi", logger=False)
        self.ohlc = socketio.AsyncServer(async_mode="asgi", logger=False)
        self.sids: list[str] = []
        self.joined: list[object] = []
        self.left: list[object] = []
        self.agents: set[str] = set()
        for server in (self.quotes, self.ohlc):
            server.on("connect", self._connect)
            server.on("join", self._joiner(server))
            server.on("leave", lambda _sid, rooms: self.left.append(rooms))
        inner = socketio.ASGIApp(self.ohlc, socketio_path="ohlcvstream")
        self.app = socketio.ASGIApp(self.quotes, inner, socketio_path="socket.io")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        config = uvicorn.Config(
            self.app, log_level="error", ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=2
        )
        self.server = uvicorn.Server(config)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        if auth != {"user": "XY000000", "token": "4242"}:
            raise socketio.exceptions.ConnectionRefusedError("unauthorized")
        self.agents.add(environ["HTTP_USER_AGENT"])
        self.sids.append(sid)

    def _joiner(self, server: socketio.AsyncServer) -> Any:
        async def join(sid: str, rooms: object) -> None:
            self.joined.append(rooms)
            for room in rooms if isinstance(rooms, list) else [rooms]:
                await server.enter_room(sid, room)

        return join


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[Broker]:
    made = Broker()
    serving = asyncio.create_task(made.server.serve(sockets=[made.listener]))
    await eventually(lambda: made.server.started)
    yield made
    made.server.should_exit = True
    await serving


def build(broker: Broker, session_key: str = "4242", **rules: Any) -> BreezeFeed:
    return BreezeFeed(
        BreezeEndpoints.single_origin(broker.origin),
        "XY000000",
        session_key,
        rules=FeedRules(connect_timeout=3, **rules),
    )


@pytest_asyncio.fixture
async def feed(broker: Broker) -> AsyncIterator[BreezeFeed]:
    made = build(broker)
    await made.connect()
    yield made
    await made.close()


async def take(feed: BreezeFeed, count: int) -> list[FeedEvent]:
    taken: list[FeedEvent] = []
    async with asyncio.timeout(60):
        async for event in feed.events():
            taken.append(event)
            if len(taken) == count:
                break
    return taken


async def test_quotes_and_depth_of_joined_rooms_arrive_decoded_and_in_order(broker: Broker, feed: BreezeFeed) -> None:
    await feed.join(["4.1!10604", "4.2!95826"])
    await eventually(lambda: len(broker.joined) == 1)
    assert broker.joined == [["4.1!10604", "4.2!95826"]]
    await broker.quotes.emit("stock", FRAMES["nse_equity"], room="4.1!10604")
    await broker.quotes.emit("stock", FRAMES["bse_equity"], room="1.1!543349")
    await broker.quotes.emit("stock", FRAMES["nse_depth"], room="4.2!95826")
    first, second = await take(feed, 2)
    assert isinstance(first.event, QuoteTick)
    assert isinstance(second.event, DepthTick)
    assert (first.event.room, first.event.last) == ("4.1!10604", 893.75)
    assert abs(first.received_ms - second.received_ms) < 5_000
    assert broker.agents == {"python-socketio[client]/socket"}


async def test_left_rooms_fall_silent(broker: Broker, feed: BreezeFeed) -> None:
    await feed.join(["4.1!1", "4.1!2"])
    assert feed.stats().rooms == 2
    await feed.leave(["4.1!1"])
    await eventually(lambda: broker.left == [["4.1!1"]])
    assert feed.stats().rooms == 1


async def test_long_lists_of_rooms_are_cut(broker: Broker) -> None:
    feed = build(broker, rooms_per_join=2)
    await feed.connect()
    await feed.join([f"4.1!{n}" for n in range(5)])
    await eventually(lambda: len(broker.joined) == 3)
    assert broker.joined == [["4.1!0", "4.1!1"], ["4.1!2", "4.1!3"], ["4.1!4"]]
    await feed.close()


async def test_bars_come_over_their_own_socket_one_room_a_message(broker: Broker, feed: BreezeFeed) -> None:
    await feed.join_ohlc(["4.1!2885", "4.1!1594"], "1s")
    await eventually(lambda: len(broker.joined) == 2)
    assert (broker.joined, len(broker.sids)) == (["4.1!2885", "4.1!1594"], 2)
    await broker.ohlc.emit("1MIN", FRAMES["ohlc_equity"], room="4.1!2885")  # not asked for
    await broker.ohlc.emit("1SEC", FRAMES["ohlc_future"], room="4.1!2885")
    (first,) = await take(feed, 1)
    assert isinstance(first.event, OhlcBar)
    assert first.event.open_interest == 11771450
    await feed.leave_ohlc(["4.1!2885"])
    await eventually(lambda: broker.left == ["4.1!2885"])


async def test_a_length_of_bar_that_nobody_streams_is_refused(feed: BreezeFeed) -> None:
    with pytest.raises(InvalidInput):
        await feed.join_ohlc(["4.1!2885"], "2m")


async def test_a_host_that_swallows_the_connection_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        origin = f"http://127.0.0.1:{silent.getsockname()[1]}"
        feed = BreezeFeed(BreezeEndpoints.single_origin(origin), "u", "t", rules=FeedRules(connect_timeout=0.2))
        with pytest.raises(UpstreamUnavailable) as caught:
            await feed.connect()
        assert caught.value.code == "broker_feed_down"


async def test_orders_need_no_join_and_overtake_ticks(broker: Broker) -> None:
    feed = build(broker)
    await feed.connect(orders=True)
    assert len(broker.sids) == 2
    await broker.quotes.emit("stock", FRAMES["nse_equity"], to=broker.sids[0])
    await broker.quotes.emit("order", FRAMES["order_fno"], to=broker.sids[1])
    await eventually(lambda: feed.stats().waiting == 2)
    first, second = await take(feed, 2)
    assert isinstance(first.event, OrderUpdate)
    assert isinstance(second.event, QuoteTick)
    await feed.close()


async def test_a_refused_session_says_so(broker: Broker) -> None:
    feed = build(broker, session_key="stale")
    with pytest.raises(Unauthenticated) as caught:
        await feed.connect()
    assert caught.value.code == "broker_feed_refused"
    assert broker.sids == []
    await feed.close()


async def test_a_broker_that_is_not_there() -> None:
    feed = BreezeFeed(BreezeEndpoints.single_origin("http://127.0.0.1:1"), "u", "t")
    with pytest.raises(UpstreamUnavailable) as caught:
        await feed.connect()
    assert caught.value.code == "broker_feed_down"
    await feed.close()


async def test_a_lost_socket_is_an_exception_after_what_came_before(broker: Broker, feed: BreezeFeed) -> None:
    await broker.quotes.emit("stock", FRAMES["nse_equity"], to=broker.sids[0])
    await eventually(lambda: feed.stats().waiting == 1)
    await broker.quotes.disconnect(broker.sids[0])
    seen: list[FeedEvent] = []

    async def read() -> None:
        async for event in feed.events():
            seen.append(event)

    with pytest.raises(UpstreamUnavailable) as caught:
        await asyncio.wait_for(read(), 60)
    assert (caught.value.code, caught.value.context) == ("broker_feed_disconnected", {"socket": "quotes"})
    assert len(seen) == 1
    with pytest.raises(UpstreamUnavailable):
        await feed.join(["4.1!1"])


async def test_closing_ends_the_stream_quietly(broker: Broker, feed: BreezeFeed) -> None:
    reader = asyncio.create_task(anext(feed.batches(), None))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    assert not reader.done()
    await feed.close()
    assert await asyncio.wait_for(reader, 60) is None
    await feed.close()


async def test_malformed_frames_are_counted_and_the_last_are_kept(broker: Broker) -> None:
    feed = build(broker, kept_faults=2)
    await feed.connect()
    sid = broker.sids[0]
    for payload in ([], ["4.1!1", None], "text", {"a": 1}, ["4.1!7"] + [0] * 20):
        await broker.quotes.emit("stock", payload, to=sid)
    await broker.quotes.emit("order", ["secret"] * 3, to=sid)
    await broker.quotes.emit("stock", FRAMES["nfo"], to=sid)
    (only,) = await take(feed, 1)
    assert isinstance(only.event, QuoteTick)
    stats = feed.stats()
    assert (stats.received, stats.malformed, stats.dropped) == (7, 6, 0)
    assert [(fault.channel, fault.reason) for fault in stats.faults] == [
        ("stock", "time is not a time"),
        ("order", "order of unknown length"),
    ]
    assert stats.faults[1].sample == ""
    await feed.close()


async def test_a_slow_reader_loses_the_oldest_ticks_but_no_order(broker: Broker) -> None:
    feed = build(broker, buffer=3)
    await feed.connect()
    sid = broker.sids[0]
    for number in range(1, 7):
        await broker.quotes.emit("stock", [f"4.1!{number}", *FRAMES["nse_equity"][1:]], to=sid)
    for _ in range(5):
        await broker.quotes.emit("order", FRAMES["order_cash"], to=sid)
    await eventually(lambda: feed.stats().received == 11)
    events = [one.event for one in await take(feed, 8)]
    assert [event.token for event in events if isinstance(event, QuoteTick)] == ["4", "5", "6"]
    assert feed.stats().dropped == 3
    await feed.close()


async def test_losing_the_bars_costs_no_quotes_and_they_can_be_joined_again(broker: Broker, feed: BreezeFeed) -> None:
    await feed.join_ohlc(["4.1!2885"], "1m")
    await eventually(lambda: broker.joined == ["4.1!2885"])
    await broker.ohlc.disconnect(broker.sids[1])
    await eventually(lambda: feed.bars_lost == 1)
    await feed.leave_ohlc(["4.1!2885"])
    await broker.quotes.emit("stock", FRAMES["nse_equity"], to=broker.sids[0])
    assert isinstance((await take(feed, 1))[0].event, QuoteTick)
    await feed.join_ohlc(["4.1!2885"], "1m")
    await eventually(lambda: broker.joined == ["4.1!2885"] * 2)
    await broker.ohlc.emit("1MIN", FRAMES["ohlc_equity"].replace("1SEC", "1MIN"), room="4.1!2885")
    assert isinstance((await take(feed, 1))[0].event, OhlcBar)


async def test_a_close_that_is_cut_short_still_closes_the_connection(broker: Broker, feed: BreezeFeed) -> None:
    """A socket that outlives its owner's patience would be a second one at the broker."""
    await feed.join_ohlc(["4.1!2885"], "1m")
    closing = asyncio.create_task(feed.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await eventually(lambda: not broker.quotes.eio.sockets and not broker.ohlc.eio.sockets)
