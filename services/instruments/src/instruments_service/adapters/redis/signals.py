"""What goes out over Redis: the wake-up of a worker, and the news of a new master. Both may be lost without harm."""

from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.jobs.queue import JobQueue
from breezeway.redis import keys
from instruments_service.domain.sync_run import SyncRun

SYNC_JOB = "sync_master"

_log = structlog.get_logger()


class ArqSyncWaker:
    """Implements `SyncWaker`. The sweeper repeats what is lost here."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def wake(self, run: SyncRun, delay: float = 0) -> None:
        # The attempt is part of the id: the entry of a killed worker would otherwise keep the next attempt out.
        job_id = f"{SYNC_JOB}:{run.id}:{run.attempts}"
        try:
            await self._queue.wake(SYNC_JOB, str(run.id), job_id=job_id, delay=delay)
        except (RedisError, OSError) as error:
            _log.warning("wake_up_lost", sync_id=str(run.id), error=repr(error))


class RedisAnnouncer:
    """Implements `Announcer`. Readers also look by themselves every few seconds."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def master_changed(self, sync_id: UUID) -> None:
        try:
            await self._redis.publish(keys.instruments_changed(), str(sync_id))
        except (RedisError, OSError) as error:
            _log.warning("announcement_lost", sync_id=str(sync_id), error=repr(error))
