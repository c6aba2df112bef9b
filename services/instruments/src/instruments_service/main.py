"""The service's entrypoint: `uvicorn --factory instruments_service.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI

from breezeway import logs
from breezeway.http.app import Check, create_service
from instruments_service import bootstrap
from instruments_service.api import export, instruments, internal, syncs
from instruments_service.settings import InstrumentsSettings


def create_app(settings: InstrumentsSettings | None = None) -> FastAPI:
    """The application; settings come from the environment when none are given."""
    given = settings or InstrumentsSettings()
    logs.configure(bootstrap.SERVICE, log_format=given.log_format, level=given.log_level)

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(given, app, stack)

    app = create_service("Breezeway instruments", build=build)
    # `instruments` comes last: its `/{symbol}` would take the others' paths.
    for module in (export, syncs, internal, instruments):
        app.include_router(module.router)
    return app
