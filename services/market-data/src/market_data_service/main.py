"""The service's entrypoint: `uvicorn --factory market_data_service.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI

from breezeway import logs
from breezeway.http.app import Check, create_service
from market_data_service import bootstrap
from market_data_service.api import (
    backfills,
    candles,
    feed,
    indicators,
    market,
    option_chain,
    quotes,
    subscriptions,
    udf,
    watchlists,
)
from market_data_service.api.udf_cors import UdfCorsMiddleware
from market_data_service.settings import MarketDataSettings


def create_app(settings: MarketDataSettings | None = None) -> FastAPI:
    """The application; settings come from the environment when none are given."""
    given = settings or MarketDataSettings()
    logs.configure(bootstrap.SERVICE, log_format=given.log_format, level=given.log_level)

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(given, app, stack)

    app = create_service("Breezeway market data", build=build)
    for module in (candles, indicators, backfills, quotes, option_chain, market, feed, subscriptions, watchlists, udf):
        app.include_router(module.router)
    app.add_middleware(UdfCorsMiddleware)
    return app
