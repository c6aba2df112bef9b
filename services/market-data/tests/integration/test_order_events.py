"""What the broker says of orders, on its way into a Valkey that is killed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.breeze.events import OrderUpdate
from breezeway.breeze.frames import FrameRules, decode
from breezeway.bus.durable import DurableChannels
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import Retryable
from breezeway.ids import new_id
from breezeway.redis.client import connect
from breezeway.testing.eventually import eventually
from breezeway.testing.forgetful_valkey import Forgetful
from market_data_service.adapters.feed.orders import DurableOrderEvents

FRAMES = Path(__file__).parents[4] / "shared/tests/unit/breeze/payloads/frames.json"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey", durable=True) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: EmbeddedValkey) -> AsyncIterator["Redis"]:
    """As the feed owner has it."""
    made = connect(server.url, retries=0)
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def reader(server: EmbeddedValkey) -> AsyncIterator[DurableChannels]:
    made = connect(server.url)
    yield DurableChannels(made)
    await made.aclose()


@pytest_asyncio.fixture
async def events(client: "Redis") -> AsyncIterator[DurableOrderEvents]:
    made = DurableOrderEvents(client)
    running = [asyncio.create_task(made.run())]
    yield made
    await cancellation.end(running)


@pytest.fixture
def order() -> OrderUpdate:
    found = decode("order", json.loads(FRAMES.read_text())["order_cash"], FrameRules())
    assert isinstance(found, OrderUpdate)
    return found


async def test_an_order_event_that_valkey_forgot_is_told_again(
    tmp_path: Path,
    server: EmbeddedValkey,
    client: "Redis",
    reader: DurableChannels,
    events: DurableOrderEvents,
    order: OrderUpdate,
) -> None:
    """Killed with -9 after it had answered and before it had written: the last event is neither lost nor doubled."""
    user, forgetful = new_id(), Forgetful(server, tmp_path)
    await events.append(user, replace(order, reference="first"), new_id())
    await forgetful.remember(client)
    await events.append(user, replace(order, reference="second"), new_id())
    forgetful.kill()
    forgetful.start()

    async def told() -> list[str]:
        here = (await reader.since(user, "orders", None)).place
        known = await reader.since(user, "orders", replace(here, offset=0))
        return [orjson.loads(body)["broker_order_id"] for body in known.bodies]

    async def both() -> bool:
        return await told() == ["first", "second"]

    await eventually(both, 60)


async def test_an_event_is_told_once_however_often_it_is_tried(
    reader: DurableChannels, events: DurableOrderEvents, order: OrderUpdate
) -> None:
    user, name = new_id(), new_id()
    for _ in range(3):
        await events.append(user, order, name)
    assert (await reader.since(user, "orders", None)).place.offset == 1


async def test_an_event_waits_for_a_server_that_is_away(
    tmp_path: Path,
    server: EmbeddedValkey,
    client: "Redis",
    reader: DurableChannels,
    events: DurableOrderEvents,
    order: OrderUpdate,
) -> None:
    user, name, forgetful = new_id(), new_id(), Forgetful(server, tmp_path)
    await forgetful.remember(client)
    forgetful.kill()
    with pytest.raises(Retryable):
        await events.append(user, order, name)
    forgetful.start()

    async def taken() -> bool:
        try:
            await events.append(user, order, name)
        except Retryable:
            return False
        return True

    await eventually(taken, 60)
    assert (await reader.since(user, "orders", None)).place.offset == 1
