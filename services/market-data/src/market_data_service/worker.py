"""The backfill worker: `python -m market_data_service.worker`."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from arq.cron import cron

from breezeway import logs
from breezeway.jobs.queue import build_worker
from market_data_service import bootstrap
from market_data_service.jobs.backfills import WORKER, drain_backfills, sweep_backfills
from market_data_service.settings import MarketDataSettings

_SWEEP_SECONDS = set(range(0, 60, 4))
"""With a lease of 18 s, work that a killed worker held is taken up again within some 25 s."""


async def run(settings: MarketDataSettings) -> None:
    """Work until SIGTERM or SIGINT."""
    async with AsyncExitStack() as stack:
        context: dict[str, Any] = {WORKER: await bootstrap.build_chunk_worker(settings, stack)}
        worker = build_worker(
            settings.redis_url,
            bootstrap.SERVICE,
            [drain_backfills],
            cron_jobs=[cron(sweep_backfills, second=_SWEEP_SECONDS, run_at_startup=True, keep_result=0, max_tries=1)],
            context=context,
            concurrency=settings.worker_concurrency + 1,
        )
        stack.push_async_callback(worker.close)
        await worker.async_run()


def main() -> None:
    settings = MarketDataSettings()
    logs.configure(f"{bootstrap.SERVICE}-worker", log_format=settings.log_format, level=settings.log_level)
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
