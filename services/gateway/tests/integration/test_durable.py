"""W-05: durable channels replay exactly what was missed, or say that they cannot; never a part."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from breezeway.bus.durable import KEPT, DurableChannels, Place
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.feed_stack import FeedStack, run_gateway
from breezeway.testing.stream_client import StreamClient


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        yield stack


@pytest.fixture
def user() -> UUID:
    return new_id()


def client(stack: FeedStack, user: UUID) -> Any:
    return StreamClient.connect(stack.stream_url, stack.neighbours.access_token(user_id=user))


async def say(redis: "Redis", user: UUID, *numbers: int) -> None:
    for number in numbers:
        await DurableChannels(redis).append(user, "orders", {"type": "order", "number": number})


async def subscribe(stream: StreamClient, since: dict[str, Any] | None) -> dict[str, Any]:
    channel = "orders" if since is None else {"channel": "orders", "since": since}
    await stream.send({"action": "subscribe", "id": 1, "channels": [channel]})
    await stream.next("subscribed")
    return await stream.next("position")


async def numbers(stream: StreamClient, count: int) -> list[int]:
    return [(await stream.next("order"))["number"] for _ in range(count)]


async def test_what_is_said_right_after_the_subscription_is_heard(gateway: FeedStack, redis: "Redis") -> None:
    """The place of a channel is read before the client is told that it has subscribed: read later, it would take a
    message that came in between for one of before."""
    for number in range(20):
        user = new_id()
        async with client(gateway, user) as stream:
            # Reading the place then needs a second question, and comes late enough to be overtaken.
            await redis.script_flush()
            await stream.subscribe(["orders"])
            await say(redis, user, number)
            assert await numbers(stream, 1) == [number]


async def test_w_05_what_was_missed_is_replayed_in_order_before_what_is_new(
    gateway: FeedStack, redis: "Redis", user: UUID
) -> None:
    async with client(gateway, user) as stream:
        start = await subscribe(stream, None)
        assert (start["recovered"], start["offset"]) == (True, 0)
        await say(redis, user, 1, 2)
        first = await stream.next("order")
        assert (first["number"], first["offset"]) == (1, 1)
    await say(redis, user, 3, 4)
    async with client(gateway, user) as stream:
        answer = await subscribe(stream, {"offset": first["offset"], "epoch": first["epoch"]})
        assert (answer["recovered"], answer["offset"]) == (True, 4)
        await say(redis, user, 5)
        assert await numbers(stream, 4) == [2, 3, 4, 5]


@pytest.mark.parametrize("since", [{"offset": 1, "epoch": "another"}, {"offset": 9, "epoch": None}])
async def test_w_05_a_strange_place_is_not_recovered_and_nothing_is_replayed(
    gateway: FeedStack, redis: "Redis", user: UUID, since: dict[str, Any]
) -> None:
    await say(redis, user, 1, 2, 3)
    epoch = (await DurableChannels(redis).since(user, "orders", None)).place.epoch
    async with client(gateway, user) as stream:
        answer = await subscribe(stream, {**since, "epoch": since["epoch"] or epoch})
        assert (answer["recovered"], answer["offset"], answer["epoch"]) == (False, 3, epoch)
        await say(redis, user, 4)
        assert await numbers(stream, 1) == [4]


async def test_w_05_a_cut_from_redis_loses_no_order(gateway: FeedStack, redis: "Redis", user: UUID) -> None:
    async with client(gateway, user) as stream:
        await subscribe(stream, None)
        await say(redis, user, 1)
        assert await numbers(stream, 1) == [1]
        await redis.client_kill_filter(_type="pubsub")
        await say(redis, user, 2, 3)
        assert await numbers(stream, 2) == [2, 3]
        await say(redis, user, 4)
        assert await numbers(stream, 1) == [4]


async def test_w_05_more_than_is_kept_is_refused_whole_and_exactly_that_much_is_not(redis: "Redis", user: UUID) -> None:
    await say(redis, user, *range(KEPT + 1))
    channels = DurableChannels(redis)
    epoch = (await channels.since(user, "orders", None)).place.epoch
    refused = await channels.since(user, "orders", Place(0, epoch))
    assert (refused.complete, refused.bodies) == (False, ())
    rest = await channels.since(user, "orders", Place(1, epoch))
    assert (rest.complete, len(rest.bodies)) == (True, KEPT)


async def test_a_lost_stream_begins_a_new_epoch(redis: "Redis", user: UUID) -> None:
    channels = DurableChannels(redis)
    await say(redis, user, 1)
    before = (await channels.since(user, "orders", None)).place
    await redis.delete(keys.durable_stream(user, "orders"))
    await say(redis, user, 2)
    after = await channels.since(user, "orders", before)
    assert not after.complete
    assert after.place.epoch != before.epoch
    assert after.place.offset == 1
