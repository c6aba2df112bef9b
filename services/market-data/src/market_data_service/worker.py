"""The backfill worker: `python -m market_data_service.worker`."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import uvloop
from arq.cron import cron

from breezeway import logs
from breezeway.jobs.metrics_server import serve_metrics
from breezeway.jobs.queue import build_worker, work
from breezeway.loop_lag import watch_loop
from market_data_service import bootstrap
from market_data_service.jobs.backfills import TOP_UP, WORKER, drain_backfills, sweep_backfills, top_up
from market_data_service.settings import MarketDataSettings

_SWEEP_SECONDS = set(range(0, 60, 4))
"""With a lease of 18 s, work that a killed worker held is taken up again within some 25 s."""
_TOP_UP_SECOND = 30
"""Once a minute, at a second at which no sweep begins."""


def main() -> None:
    """Work until SIGTERM or SIGINT; jobs that are running may finish."""
    settings = MarketDataSettings()
    logs.configure(f"{bootstrap.SERVICE}-worker", log_format=settings.log_format, level=settings.log_level)
    stack = AsyncExitStack()

    async def start(ctx: dict[Any, Any]) -> None:
        serve_metrics(settings.metrics_host, settings.metrics_port, stack)
        await watch_loop(stack)
        ctx[WORKER], ctx[TOP_UP] = await bootstrap.build_worker_parts(settings, stack)

    async def stop(ctx: dict[Any, Any]) -> None:
        ctx.clear()
        await stack.aclose()

    # arq takes the loop that it finds.
    asyncio.set_event_loop(uvloop.new_event_loop())
    worker = build_worker(
        settings.redis_url,
        bootstrap.SERVICE,
        [drain_backfills],
        cron_jobs=[
            cron(sweep_backfills, second=_SWEEP_SECONDS, run_at_startup=True, keep_result=0, max_tries=1),
            cron(top_up, second=_TOP_UP_SECOND, keep_result=0, max_tries=1),
        ],
        # Two places more than chunks, so that neither the sweep nor the top-up waits behind them.
        concurrency=settings.worker_concurrency + 2,
        on_startup=start,
        on_shutdown=stop,
    )
    work(worker, stack)


if __name__ == "__main__":
    main()
