"""A-28: whoever can write into Redis can make a worker neither run code nor fall over."""

import pickle
import time
from pathlib import Path
from typing import Any

import msgpack
import pytest
from redis.asyncio import Redis

from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.jobs.queue import JobQueue, build_worker
from breezeway.redis import keys


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


async def plant(redis: Redis, job_id: str, payload: bytes) -> None:
    """Put a job into the queue as arq would, whatever is in it."""
    now = int(time.time() * 1000)
    await redis.set(f"arq:job:{job_id}", payload)
    await redis.zadd(keys.job_queue("hostile"), {job_id: now})


def job(function: Any = "note", args: Any = (), kwargs: Any = None, tries: Any = 0, at: Any = 0) -> bytes:
    packed: bytes = msgpack.packb({"t": tries, "f": function, "a": list(args), "k": kwargs or {}, "et": at})
    return packed


@pytest.mark.timeout(60)
async def test_a_28_hostile_jobs_run_nothing_and_stop_nobody(
    valkey: EmbeddedValkey, redis: Redis, tmp_path: Path
) -> None:
    """Pickles, garbage, functions that are none, wrong arguments, deep nesting; then an honest job still runs."""
    ran: list[str] = []

    async def note(_ctx: dict[Any, Any], what: str) -> None:
        ran.append(what)

    trap = tmp_path / "code-ran"
    hostile = {
        "pickle": pickle.dumps({"t": 0, "f": "note", "a": (Bomb(trap),), "k": {}, "et": 0}),
        "bare pickle": pickle.dumps(Bomb(trap)),
        "opcodes": b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.",
        "garbage": b"\xff\x00\xc1",
        "empty": b"",
        "cut off": job()[:-3],
        "a number": msgpack.packb(7),
        "no members": msgpack.packb({}),
        "deep": b"\x91" * 100_000,
        "a module's function": job("os.system", [f"touch {trap}"]),
        "a dunder": job("__import__", ["os"]),
        "no name": job({"x": 1}),
        "words for numbers": job("note", ["a"], tries="many", at="now"),
        "many tries": job("note", ["a"], tries=2**62),
        "keywords that are none": job("note", [], {7: "x"}),
        "too many arguments": job("note", ["a", "b", "c"]),
        "unknown keywords": job("note", [], {"__class__": "x"}),
    }
    for name, payload in hostile.items():
        await plant(redis, name, payload)
    queue = await JobQueue.connect(valkey.url, "hostile")
    await queue.wake("note", "honest")
    worker = build_worker(valkey.url, "hostile", [note])
    worker.burst = True
    try:
        await worker.async_run()
    finally:
        await worker.close()
        await queue.aclose()
    assert not trap.exists()
    assert ran == ["honest"]
    assert await redis.zcard(keys.job_queue("hostile")) == 0, "none of them comes back"
