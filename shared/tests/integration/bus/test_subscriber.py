"""W-03: the pub/sub listener comes back after a cut, hears everything again, and says how long it was deaf."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.bus.subscriber import Handler, OnGap, Subscriber
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.testing.eventually import eventually


@contextlib.asynccontextmanager
async def listening(url: str, handler: Handler, on_gap: OnGap | None = None) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(url, handler, on_gap)
    task = asyncio.create_task(subscriber.run())
    await subscriber.connected.wait()
    yield subscriber
    await cancellation.end([task])


async def test_messages_arrive_and_unsubscribed_ones_do_not(valkey: EmbeddedValkey, redis: "Redis") -> None:
    heard: list[tuple[str, bytes]] = []
    async with listening(valkey.url, lambda channel, data: heard.append((channel, data))) as subscriber:
        await subscriber.subscribe(["a", "b"])
        await eventually(lambda: _publish(redis, "a", b"1", "a", heard))
        await subscriber.unsubscribe(["a"])
        heard.clear()
        await asyncio.sleep(0.1)
        await redis.publish("a", b"2")
        await eventually(lambda: _publish(redis, "b", b"3", "b", heard))
        assert {channel for channel, _ in heard} == {"b"}


async def test_a_channel_is_heard_from_the_moment_at_which_subscribe_returns(
    valkey: EmbeddedValkey, redis: "Redis"
) -> None:
    heard: list[tuple[str, bytes]] = []
    async with listening(valkey.url, lambda channel, data: heard.append((channel, data))) as subscriber:
        for number in range(100):
            await subscriber.subscribe([f"n{number}"])
            assert await redis.publish(f"n{number}", b"x") == 1
        await eventually(lambda: len(heard) == 100)


async def test_who_subscribes_before_the_first_connection_is_told_of_a_gap(valkey: EmbeddedValkey) -> None:
    """The `subscribe` has returned, so that its caller counts on every message from then on."""
    gaps: list[float] = []

    async def on_gap(seconds: float) -> None:
        gaps.append(seconds)

    subscriber = Subscriber(valkey.url, lambda _channel, _data: None, on_gap)
    await subscriber.subscribe(["from the beginning"])
    task = asyncio.create_task(subscriber.run())
    await asyncio.sleep(0)
    await subscriber.subscribe(["too early"])
    assert not subscriber.connected.is_set()
    await eventually(lambda: len(gaps) == 1)
    await cancellation.end([task])


async def test_the_first_connection_is_no_gap_for_what_was_wanted_before(valkey: EmbeddedValkey) -> None:
    gaps: list[float] = []

    async def on_gap(seconds: float) -> None:
        gaps.append(seconds)

    async with listening(valkey.url, lambda _channel, _data: None, on_gap) as subscriber:
        await subscriber.subscribe(["later"])
    assert gaps == []


async def test_a_wrong_password_is_an_error_that_is_tried_again(valkey: EmbeddedValkey) -> None:
    address = valkey.url.rpartition("@")[2]
    subscriber = Subscriber(f"redis://:wrong@{address}", lambda _channel, _data: None)
    task = asyncio.create_task(subscriber.run())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(subscriber.connected.wait(), 0.5)
    assert not task.done()
    await cancellation.end([task])


async def test_w_03_it_survives_a_cut_connection(valkey: EmbeddedValkey, redis: "Redis") -> None:
    heard: list[tuple[str, bytes]] = []
    gaps: list[float] = []

    async def on_gap(seconds: float) -> None:
        gaps.append(seconds)

    async with listening(valkey.url, lambda channel, data: heard.append((channel, data)), on_gap) as subscriber:
        await subscriber.subscribe(["a"])
        await eventually(lambda: _publish(redis, "a", b"1", "a", heard))
        await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: len(gaps) == 1)
        heard.clear()
        await eventually(lambda: _publish(redis, "a", b"after", "a", heard))
        assert 0 < gaps[0] < 10


async def test_a_cut_leaves_the_listener_uncancelled_and_it_ends_when_it_is(
    valkey: EmbeddedValkey, redis: "Redis"
) -> None:
    gaps: list[float] = []

    async def on_gap(seconds: float) -> None:
        gaps.append(seconds)

    subscriber = Subscriber(valkey.url, lambda _channel, _data: None, on_gap)
    task = asyncio.create_task(subscriber.run())
    await subscriber.connected.wait()
    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await eventually(lambda: len(gaps) == 1)
    assert task.cancelling() == 0
    task.cancel()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 60)
    assert task.cancelled()


async def test_channels_wanted_while_disconnected_are_heard_later(valkey: EmbeddedValkey, redis: "Redis") -> None:
    heard: list[tuple[str, bytes]] = []
    subscriber = Subscriber(valkey.url, lambda channel, data: heard.append((channel, data)))
    await subscriber.subscribe(["early"])
    task = asyncio.create_task(subscriber.run())
    await eventually(lambda: _publish(redis, "early", b"x", "early", heard))
    await cancellation.end([task])


async def _publish(redis: "Redis", channel: str, data: bytes, want: str, heard: list[tuple[str, bytes]]) -> bool:
    await redis.publish(channel, data)
    await asyncio.sleep(0.02)
    return any(name == want for name, _ in heard)
