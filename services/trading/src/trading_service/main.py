"""The service's entrypoint: `uvicorn --factory trading_service.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI

from breezeway import logs
from breezeway.http.app import Check, create_service
from trading_service import bootstrap
from trading_service.api import accounts, banking, groups, internal, orders, portfolio, resolving
from trading_service.settings import TradingSettings


def create_app(settings: TradingSettings | None = None) -> FastAPI:
    """The application; settings come from the environment when none are given."""
    given = settings or TradingSettings()
    logs.configure(bootstrap.SERVICE, log_format=given.log_format, level=given.log_level)

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(given, app, stack)

    app = create_service("Breezeway trading", build=build)
    for module in (accounts, orders, resolving, groups, portfolio, banking, internal):
        app.include_router(module.router)
    return app
