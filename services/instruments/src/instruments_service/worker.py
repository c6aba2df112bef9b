"""The worker's entrypoint: `python -m instruments_service.worker`."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import uvloop
from arq import cron

from breezeway import logs
from breezeway.jobs.metrics_server import serve_metrics
from breezeway.jobs.queue import build_worker, work
from breezeway.loop_lag import watch_loop
from instruments_service import bootstrap
from instruments_service.jobs.sync import SWEEP, SYNC, sweep_syncs, sync_master
from instruments_service.settings import InstrumentsSettings

JOB_SECONDS = 240.0
"""Longer than the slowest download, parse and merge together."""


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = InstrumentsSettings()
    logs.configure("instruments-worker", log_format=settings.log_format, level=settings.log_level)
    stack = AsyncExitStack()

    async def start(ctx: dict[Any, Any]) -> None:
        serve_metrics(settings.metrics_host, settings.metrics_port, stack)
        await watch_loop(stack)
        parts = await bootstrap.build_worker_parts(settings, stack)
        ctx[SYNC], ctx[SWEEP] = parts.sync, parts.sweep

    async def stop(ctx: dict[Any, Any]) -> None:
        ctx.clear()
        await stack.aclose()

    # arq takes the loop that it finds.
    asyncio.set_event_loop(uvloop.new_event_loop())
    worker = build_worker(
        settings.redis_url,
        bootstrap.SERVICE,
        [sync_master],
        cron_jobs=[cron(sweep_syncs, second=0, run_at_startup=True, keep_result=0, max_tries=1)],
        concurrency=2,
        job_timeout=JOB_SECONDS,
        on_startup=start,
        on_shutdown=stop,
    )
    work(worker, stack)


if __name__ == "__main__":
    main()
