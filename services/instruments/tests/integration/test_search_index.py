"""The index in memory follows the master, and the news of a sync reaches whoever asked for it."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import orjson

from breezeway import cancellation
from breezeway.redis import keys
from breezeway.testing import small_master as small
from breezeway.testing.eventually import eventually
from instruments_service.adapters.redis.signals import RedisAnnouncer
from instruments_service.domain.sync_run import Stage, SyncRun, SyncState

THURSDAY, FRIDAY = date(2026, 7, 30), date(2026, 7, 31)


async def symbols(service: Any, text: str) -> list[str]:
    return [one.symbol for one in await service.search(text)]


async def test_a_new_master_is_searched_once_it_is_indexed(service: Any) -> None:
    first = await service.run(small.master(THURSDAY))
    assert service.keeper.generation == first.id
    assert await symbols(service, "zomato") == ["NSE:ZOMATO"]
    eternal = small.ZOMATO.replace("ZOMATO LIMITED", "ETERNAL LIMITED").replace(",ZOMATO", ",ETERNAL")
    archive = small.master(FRIDAY, nse=[small.RELIANCE, eternal, small.BANKNIFTY])
    service.source.archive = archive
    await service.sync((await service.request("test")).id)
    # The old index answers until the new one is there.
    await service.catalogue.refresh()
    assert service.keeper.generation == first.id
    assert await symbols(service, "zomato") == ["NSE:ZOMATO"]
    await service.keeper.refresh()
    assert service.keeper.generation != first.id
    assert "NSE:HDFCBANK" not in await symbols(service, "hdfc bank"), "gone"
    assert await symbols(service, "eternal") == ["NSE:ETERNAL"]
    assert await symbols(service, "zomato") == ["NSE:ETERNAL"], "its former symbol"
    assert await symbols(service, "500325") == ["BSE:RELIANCE", "NFO:RELIANCE25AUG26FUT"], "BSE's scrip code"


async def test_an_unchanged_master_is_not_indexed_again(service: Any) -> None:
    archive = small.master(THURSDAY)
    await service.run(archive)
    before = service.keeper.source
    await service.keeper.refresh()
    assert service.keeper.source is before


async def test_progress_goes_to_who_asked_and_to_everybody_inside(redis: Any) -> None:
    admin = uuid4()
    channels = [keys.instruments_progress(), keys.user_channel(admin, "backfills")]
    heard: list[tuple[str, dict[str, Any]]] = []
    async with redis.pubsub(ignore_subscribe_messages=True) as subscriber:
        await subscriber.subscribe(*channels)

        async def listen() -> None:
            async for message in subscriber.listen():
                heard.append((message["channel"].decode(), orjson.loads(message["data"])))

        task = asyncio.create_task(listen())
        at = datetime(2026, 7, 30, 3, tzinfo=UTC)
        for requester in (str(admin), "schedule"):
            run = SyncRun(uuid4(), SyncState.RUNNING, at, requester, False, 1, "x", stage=Stage.STORING)
            await RedisAnnouncer(redis).progressed(run)

        async def all_heard() -> bool:
            return len(heard) == 3

        await eventually(all_heard, 60)
        await cancellation.end([task])
    assert [name for name, _ in heard] == [*channels, channels[0]]
    assert {message["type"] for _, message in heard} == {"instrument_sync"}
    assert heard[0][1] == heard[1][1]
    assert (heard[0][1]["stage"], heard[0][1]["progress"]) == ("storing", 0.5)
