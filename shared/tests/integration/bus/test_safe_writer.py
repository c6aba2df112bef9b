"""A durable channel whose server is killed with -9 and has forgotten the last messages."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.durable import Append, DurableChannels, Missed, Place
from breezeway.bus.safe_writer import SafeWriter
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis.client import connect
from breezeway.testing.eventually import eventually
from breezeway.testing.forgetful_valkey import Forgetful


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A durable one of the test's own, because it is killed."""
    with EmbeddedValkey(tmp_path / "valkey", durable=True) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: EmbeddedValkey) -> AsyncIterator["Redis"]:
    made = connect(server.url)
    yield made
    await made.aclose()


def appends(user: UUID, *numbers: int) -> list[Append]:
    return [Append(user, "orders", {"type": "order", "number": number}, once=new_id()) for number in numbers]


def numbers_of(missed: Missed) -> list[int]:
    return [orjson.loads(body)["number"] for body in missed.bodies]


@pytest.fixture
def forgetful(server: EmbeddedValkey, tmp_path: Path) -> Forgetful:
    return Forgetful(server, tmp_path)


async def safely(writer: SafeWriter) -> None:
    """Wait until everything is safe, through whatever happens."""

    async def safe() -> bool:
        with suppress(RedisError, OSError):
            await writer.confirm()
        return writer.unsafe == 0

    await eventually(safe, 60)


async def end_of(client: "Redis", user: UUID) -> Place:
    return (await DurableChannels(client).since(user, "orders", None)).place


async def test_what_is_confirmed_survives_a_kill_and_the_epoch_says_that_nothing_is_missing(
    server: EmbeddedValkey, client: "Redis", forgetful: Forgetful
) -> None:
    user, writer, channels = new_id(), SafeWriter(client), DurableChannels(client)
    await writer.offer(appends(user, 1, 2))
    await safely(writer)
    before = await end_of(client, user)
    await forgetful.remember(client)
    forgetful.kill()
    forgetful.start()
    assert await end_of(client, user) == before
    await writer.offer(appends(user, 3))
    missed = await channels.since(user, "orders", before)
    assert (missed.complete, numbers_of(missed)) == (True, [3])
    assert missed.place.epoch != before.epoch
    assert numbers_of(await channels.since(user, "orders", Place(1, before.epoch))) == [2, 3]
    assert not (await channels.since(user, "orders", Place(3, before.epoch))).complete


async def test_a_forgotten_tail_comes_back_to_its_place_before_anything_new(
    server: EmbeddedValkey, client: "Redis", forgetful: Forgetful
) -> None:
    """A reader who had it notices nothing; one who had not gets it."""
    user, writer, channels = new_id(), SafeWriter(client), DurableChannels(client)
    await writer.offer(appends(user, 1, 2))
    await safely(writer)
    await forgetful.remember(client)
    await writer.offer(appends(user, 3, 4))
    had_all, had_some = await end_of(client, user), Place(2, (await end_of(client, user)).epoch)
    assert (had_all.offset, writer.unsafe) == (4, 2)
    forgetful.kill()
    forgetful.start()
    assert (await end_of(client, user)).offset == 2
    # Whoever asks before the tail is back waits for it.
    asking = asyncio.create_task(channels.since(user, "orders", had_all))
    await asyncio.sleep(0.3)
    assert not asking.done()
    await writer.offer(appends(user, 5))
    missed = await asking
    assert missed.complete
    assert numbers_of(await channels.since(user, "orders", had_all)) == [5]
    assert numbers_of(await channels.since(user, "orders", had_some)) == [3, 4, 5]
    await safely(writer)
    assert numbers_of(await channels.since(user, "orders", had_some)) == [3, 4, 5]


async def test_what_was_forgotten_is_told_again_when_nothing_new_comes(
    server: EmbeddedValkey, client: "Redis", forgetful: Forgetful
) -> None:
    user, writer, channels = new_id(), SafeWriter(client), DurableChannels(client)
    await writer.offer(appends(user, 1))
    await safely(writer)
    await forgetful.remember(client)
    await writer.offer(appends(user, 2))
    place = await end_of(client, user)
    confirming = asyncio.create_task(safely(writer))
    forgetful.kill()
    forgetful.start()
    await confirming
    assert await end_of(client, user) == place
    assert numbers_of(await channels.since(user, "orders", Place(0, place.epoch))) == [1, 2]


async def test_a_tail_that_somebody_else_overtook_begins_an_epoch_in_which_no_offset_means_two_messages(
    server: EmbeddedValkey, client: "Redis", forgetful: Forgetful
) -> None:
    user, writer, channels = new_id(), SafeWriter(client), DurableChannels(client)
    await writer.offer(appends(user, 1))
    await safely(writer)
    await forgetful.remember(client)
    await writer.offer(appends(user, 2))
    had_all = await end_of(client, user)
    forgetful.kill()
    forgetful.start()
    await channels.append(user, "orders", {"type": "broker_order", "number": 9})
    await safely(writer)
    assert not (await channels.since(user, "orders", had_all)).complete
    missed = await channels.since(user, "orders", Place(1, had_all.epoch))
    assert (missed.complete, numbers_of(missed)) == (True, [9, 2])


async def test_what_was_published_and_survived_is_not_told_twice(
    server: EmbeddedValkey, client: "Redis", forgetful: Forgetful
) -> None:
    user, writer, channels = new_id(), SafeWriter(client), DurableChannels(client)
    await writer.offer(appends(user, 1, 2))
    await forgetful.remember(client)
    forgetful.kill()
    forgetful.start()
    await safely(writer)
    place = await end_of(client, user)
    assert numbers_of(await channels.since(user, "orders", Place(0, place.epoch))) == [1, 2]


async def test_a_server_without_a_file_confirms_at_once_and_starts_anew(valkey: EmbeddedValkey, redis: "Redis") -> None:
    user, writer = new_id(), SafeWriter(redis)
    named = appends(user, 1)
    await writer.offer(named)
    await writer.offer(named)
    assert await writer.confirm() == [named[0].once]
    assert await writer.confirm() == []
    assert (await end_of(redis, user)).offset == 1


async def test_a_server_that_is_away_keeps_everything_waiting(valkey: EmbeddedValkey) -> None:
    away = connect("redis://127.0.0.1:1/0", retries=0, timeout=0.2)
    writer = SafeWriter(away)
    with pytest.raises((RedisError, OSError)):
        await writer.offer(appends(new_id(), 1))
    assert writer.unsafe == 0
    await away.aclose()
