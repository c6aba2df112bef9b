"""arq, with our defaults. The truth about a job is a row in PostgreSQL; what is queued here is only the wake-up.

Payloads are msgpack, because arq's default would unpickle whatever somebody wrote into Redis.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, cast

import msgpack
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import CronJob
from arq.worker import Function, Worker, func

from breezeway import cancellation, garbage
from breezeway.jobs.lag import watch_queue
from breezeway.observability import tracing
from breezeway.observability.red import JOBS
from breezeway.redis import keys

if TYPE_CHECKING:
    from arq.typing import StartupShutdown, WorkerCoroutine

_SHAPE: Final[Mapping[str, frozenset[type]]] = {
    "t": frozenset({int, NoneType}),
    "f": frozenset({str}),
    "a": frozenset({list}),
    "k": frozenset({dict}),
    "et": frozenset({int}),
}
"""arq's names for try, function, positional and keyword arguments, and the time of queueing."""


def serialize(value: Mapping[str, Any]) -> bytes:
    """What arq stores, as msgpack. Exceptions (arq keeps a failed job's error) become their text."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, default=repr)
    return packed


def deserialize(raw: bytes) -> dict[str, Any]:
    """The inverse; it can make nothing but plain values."""
    value: dict[str, Any] = msgpack.unpackb(raw, raw=False)
    return value


def deserialize_job(raw: bytes) -> dict[str, Any]:
    """A queued job, checked: arq takes what it finds for what it wrote, and an odd one would end the whole worker.

    Raises:
        ValueError: it is no job that arq could have queued; arq then drops it.
    """
    job = deserialize(raw)
    if not isinstance(job, dict) or not _SHAPE.keys() <= job.keys():
        raise ValueError("this is no job")
    wrong = [name for name, kinds in _SHAPE.items() if type(job[name]) not in kinds]
    if wrong or not all(isinstance(name, str) for name in job["k"]):
        raise ValueError(f"the job has members of the wrong kind: {', '.join(wrong) or 'k'}")
    return job


def redis_settings(url: str) -> RedisSettings:
    """arq's connection settings for our Redis URL, patient enough for a restart of Redis."""
    settings = RedisSettings.from_dsn(url)
    settings.conn_timeout = 5
    settings.conn_retries = 10
    settings.conn_retry_delay = 1
    return settings


class JobQueue:
    """Wakes the workers of one service.

    Args:
        redis: an arq pool made by `connect`.
        service: whose workers.
    """

    def __init__(self, redis: ArqRedis, service: str) -> None:
        self._redis = redis
        self._queue = keys.job_queue(service)

    @classmethod
    async def connect(cls, url: str, service: str) -> "JobQueue":
        pool = await create_pool(
            redis_settings(url),
            job_serializer=serialize,
            job_deserializer=deserialize,
            default_queue_name=keys.job_queue(service),
        )
        return cls(pool, service)

    async def wake(self, job: str, *args: Any, job_id: str | None = None, delay: float = 0) -> bool:
        """Queue `job(*args)`.

        Args:
            job_id: while a job with this id is queued or running, another is not added.
            delay: seconds to wait before it may start.

        Returns:
            False when a job with this id is already there; as good, since jobs read their work from the database.
        """
        queued = await self._redis.enqueue_job(
            job,
            *args,
            _job_id=job_id,
            _queue_name=self._queue,
            _defer_by=timedelta(seconds=delay) if delay else None,
            **cast("dict[str, Any]", tracing.carrier()),
        )
        return queued is not None

    def watch(self, stack: AsyncExitStack) -> None:
        """Show the length and lag of the queue in this process's `/metrics` until `stack` closes."""
        task = asyncio.create_task(watch_queue(self._redis, self._queue), name="queue-watch")
        stack.push_async_callback(cancellation.end, [task])

    async def aclose(self) -> None:
        # The pool was made for this client alone, so it goes with it; redis-py would leave its sockets open.
        await self._redis.aclose(close_connection_pool=True)


def build_worker(
    url: str,
    service: str,
    functions: "Sequence[WorkerCoroutine]",
    *,
    cron_jobs: Sequence[CronJob] = (),
    context: Mapping[str, Any] | None = None,
    concurrency: int = 4,
    job_timeout: float = 45,
    on_startup: "StartupShutdown | None" = None,
    on_shutdown: "StartupShutdown | None" = None,
) -> Worker:
    """An arq worker whose jobs are short, are tried once (our own tables count the tries) and leave no result behind.

    Args:
        functions: coroutine functions `(ctx, *args)`.
        context: what the jobs find in `ctx`.
        concurrency: jobs at the same time in this process.
        job_timeout: seconds after which a job is cancelled; its lease in the database runs out by itself.
    """
    tracing.configure(f"{service}-worker")
    return Worker(
        functions=[_as_function(function) for function in functions],
        queue_name=keys.job_queue(service),
        cron_jobs=[replace(job, coroutine=_observed(job.coroutine)) for job in cron_jobs] or None,
        redis_settings=redis_settings(url),
        max_jobs=concurrency,
        job_timeout=job_timeout,
        keep_result=0,
        max_tries=1,
        poll_delay=0.2,
        job_completion_wait=int(job_timeout),
        health_check_interval=10,
        health_check_key=keys.worker_health(service),
        ctx=dict(context or {}),
        on_startup=on_startup,
        on_shutdown=on_shutdown,
        job_serializer=serialize,
        job_deserializer=deserialize_job,
    )


def work(worker: Worker, stack: AsyncExitStack) -> None:
    """Run the process's worker until SIGTERM or SIGINT; jobs that are running may finish."""
    garbage.tame(stack)
    worker.run()


def _as_function(function: "WorkerCoroutine") -> Function:
    return func(_observed(function), name=_name(function), keep_result=0, max_tries=1)


def _name(function: "WorkerCoroutine") -> str:
    return function.__qualname__.rpartition(".")[2]


def _observed(function: "WorkerCoroutine") -> "WorkerCoroutine":
    """`function`, measured, and in the trace of whoever woke it. The keyword is taken off also where nobody traces:
    the process that queued the job may be one that does."""
    name = _name(function)

    @wraps(function)
    async def observed(ctx: dict[Any, Any], *args: Any, traceparent: str | None = None, **kwargs: Any) -> Any:
        with tracing.span(f"job {name}", "consumer", parent=traceparent), JOBS.timing(name):
            return await function(ctx, *args, **kwargs)

    return observed
