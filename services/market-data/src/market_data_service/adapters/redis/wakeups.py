"""Wakes backfill workers through arq."""

import time

import structlog
from redis.exceptions import RedisError

from breezeway.jobs.queue import JobQueue

DRAIN_JOB = "drain_backfills"
_BUCKET_SECONDS = 3

_log = structlog.get_logger()


class ArqWakeups:
    """`Wakeups`. A wake-up that Redis does not take is harmless: the sweeper finds the work in the database.

    Job ids carry the time in steps of a few seconds: asking twice at once adds nothing, while the id of a job
    whose worker was killed (arq keeps it reserved for most of a minute) does not stand in the way of the next.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def wake(self, workers: int = 1) -> None:
        bucket = int(time.time()) // _BUCKET_SECONDS
        try:
            for slot in range(workers):
                await self._queue.wake(DRAIN_JOB, job_id=f"{DRAIN_JOB}:{bucket}:{slot}")
        except (RedisError, OSError) as error:
            _log.warning("wake_up_lost", error=type(error).__name__)
