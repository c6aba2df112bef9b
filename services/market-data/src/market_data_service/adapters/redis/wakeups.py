"""Wakes backfill workers through arq."""

import time

import structlog
from redis.exceptions import RedisError

from breezeway.ids import new_id
from breezeway.jobs.queue import JobQueue

DRAIN_JOB = "drain_backfills"
_SAME_MOMENT = 2
"""Delayed wake-ups within half a second are one."""

_log = structlog.get_logger()


class ArqWakeups:
    """`Wakeups`. A wake-up that Redis does not take is harmless: the sweeper finds the work in the database.

    Job ids are never used twice, because the id of a job whose worker was killed stays reserved at arq for most of a
    minute and would stand in the way of the next. Whoever wakes counts who is at work already.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def wake(self, workers: int = 1, delay: float = 0) -> None:
        moment = int((time.time() + delay) * _SAME_MOMENT)
        try:
            for slot in range(workers):
                # Several workers that pause for the same reason ask for the same successors.
                job_id = f"{DRAIN_JOB}:{moment}:{slot}" if delay else f"{DRAIN_JOB}:{new_id().hex}"
                await self._queue.wake(DRAIN_JOB, job_id=job_id, delay=delay)
        except (RedisError, OSError) as error:
            _log.warning("wake_up_lost", error=type(error).__name__)
