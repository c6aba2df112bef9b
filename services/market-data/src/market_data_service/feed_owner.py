"""The feed owner's entrypoint: `python -m market_data_service.feed_owner`.

Serves `/livez`, `/readyz` and `/metrics` on `FEED_OWNER_PORT` (a free port when it is 0) beside its real work.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import uvicorn
from fastapi import FastAPI

from breezeway import logs
from breezeway.http.app import Check, create_service
from market_data_service import bootstrap
from market_data_service.settings import FeedOwnerSettings


def create_app(settings: FeedOwnerSettings) -> FastAPI:
    """The operational routes; the feeds run for as long as the application's lifespan."""

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build_feed_owner(settings, app, stack)

    return create_service("Breezeway feed owner", build=build, body_limit=1024)


def main() -> None:
    """Run until told to stop; the sockets are closed and the leases released before the process ends."""
    settings = FeedOwnerSettings()
    logs.configure("feed-owner", log_format=settings.log_format, level=settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.feed_owner_host,
        port=settings.feed_owner_port,
        log_config=None,
        access_log=False,
        log_level="warning",
        loop="uvloop",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
