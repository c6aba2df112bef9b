"""How long the queue of a service's jobs is, and how late its oldest due job: whether its workers keep up."""

import asyncio
import time
from typing import Final

from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway import cancellation

_EVERY_SECONDS: Final = 5.0

_WAITING: Final = Gauge("breezeway_job_queue_waiting", "Jobs queued, those for later included.", ["queue"])
_LAG: Final = Gauge(
    "breezeway_job_queue_lag_seconds", "How late the job is that has been due for longest; 0 when none is.", ["queue"]
)


async def watch_queue(redis: "Redis", queue: str) -> None:
    """Measure until cancelled. While Redis is away the last figures stand."""
    while True:
        cancellation.heed()
        try:
            waiting, lag = await measure(redis, queue)
        except (RedisError, OSError):
            await asyncio.sleep(_EVERY_SECONDS)
            continue
        _WAITING.labels(queue).set(waiting)
        _LAG.labels(queue).set(lag)
        await asyncio.sleep(_EVERY_SECONDS)


async def measure(redis: "Redis", queue: str) -> tuple[int, float]:
    """Jobs waiting and seconds of lag. arq scores a job with the millisecond at which it may start."""
    waiting = int(await redis.zcard(queue))
    oldest = await redis.zrange(queue, 0, 0, withscores=True)
    due = oldest[0][1] / 1000 if oldest else float("inf")
    return waiting, max(0.0, time.time() - due)
