"""The job queue: msgpack on the wire, one job per id, a cancelled job leaves no result behind."""

from typing import Any

import pytest
from redis.asyncio import Redis

from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.jobs.queue import JobQueue, build_worker, deserialize, serialize
from breezeway.redis import keys


async def test_a_job_runs_once_per_id_and_can_be_queued_again(valkey: EmbeddedValkey, redis: "Redis") -> None:
    ran: list[str] = []

    async def note(_ctx: dict[Any, Any], what: str) -> None:
        ran.append(what)

    queue = await JobQueue.connect(valkey.url, "test")
    assert await queue.wake("note", "first", job_id="one")
    assert not await queue.wake("note", "second", job_id="one")
    worker = build_worker(valkey.url, "test", [note])
    worker.burst = True
    await worker.async_run()
    assert ran == ["first"]
    assert await queue.wake("note", "third", job_id="one")
    await queue.aclose()
    await worker.close()


async def test_a28_the_wire_carries_no_pickle(valkey: EmbeddedValkey, redis: "Redis") -> None:
    queue = await JobQueue.connect(valkey.url, "test")
    await queue.wake("note", "x", job_id="one")
    raw = await redis.get("arq:job:one")
    assert raw is not None
    assert deserialize(raw)["f"] == "note"
    assert await redis.zcard(keys.job_queue("test")) == 1
    await queue.aclose()


def test_a28_a_hostile_payload_is_data_or_an_error() -> None:
    with pytest.raises(ValueError, match=r".*"):
        deserialize(b"\x80\x04\x95cposix\nsystem\n")
    assert serialize({"e": ValueError("why")}).find(b"why") > 0
