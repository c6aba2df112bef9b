"""What goes out over Redis: the wake-up of a worker, and the news of a new master. Both may be lost without harm."""

from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.contracts.stream import ChannelKind
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

    async def progressed(self, run: SyncRun) -> None:
        body = orjson.dumps(progress_message(run))
        channels = [keys.instruments_progress()]
        requester = _user(run.requested_by)
        if requester is not None:
            # Whoever asked sees it on the stream, where the progress of all long work of theirs is.
            channels.append(keys.user_channel(requester, ChannelKind.BACKFILLS))
        try:
            for channel in channels:
                await self._redis.publish(channel, body)
        except (RedisError, OSError) as error:
            _log.warning("progress_not_published", sync_id=str(run.id), error=type(error).__name__)


def progress_message(run: SyncRun) -> dict[str, object]:
    """The stream's `instrument_sync` message: the essence of the run's REST object."""
    counts = run.counts
    return {
        "type": "instrument_sync",
        "id": str(run.id),
        "state": run.state.value,
        "stage": None if run.stage is None else run.stage.value,
        "progress": None if run.stage is None else run.stage.progress,
        "attempts": run.attempts,
        "rows": run.rows,
        "stored": counts.stored if counts else None,
        "added": counts.added if counts else None,
        "changed": counts.changed if counts else None,
        "expired": counts.expired if counts else None,
        "delisted": counts.delisted if counts else None,
        "refused": run.refused,
        "seconds": None if run.seconds is None else round(run.seconds, 3),
        "error_code": run.error_code,
        "error_detail": run.error_detail,
    }


def _user(requested_by: str) -> UUID | None:
    try:
        return UUID(requested_by)
    except ValueError:
        return None
