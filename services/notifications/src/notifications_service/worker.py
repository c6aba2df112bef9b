"""The worker's entrypoint: `python -m notifications_service.worker`.

Serves `/livez`, `/readyz` and `/metrics` on `NOTIFICATIONS_WORKER_PORT` (a free port when it is 0) beside its work.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import uvicorn
from fastapi import FastAPI

from breezeway import logs
from breezeway.http.app import Check, create_service
from notifications_service import bootstrap
from notifications_service.settings import WorkerSettings


def create_app(settings: WorkerSettings) -> FastAPI:
    """The operational routes; deliveries and alerts go on for as long as the application's lifespan."""

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build_worker(settings, app, stack)

    return create_service("Breezeway notifications worker", build=build, body_limit=1024)


def main() -> None:
    """Run until told to stop."""
    settings = WorkerSettings()
    logs.configure("notifications-worker", log_format=settings.log_format, level=settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.worker_host,
        port=settings.worker_port,
        log_config=None,
        access_log=False,
        log_level="warning",
        loop="uvloop",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
