"""The service's entrypoint: `uvicorn --factory notifications_service.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI

from breezeway import logs
from breezeway.http.app import Check, create_service
from notifications_service import bootstrap
from notifications_service.api import alerts, hooks, inbound, internal, notifications, preferences, webhooks
from notifications_service.settings import NotificationsSettings


def create_app(settings: NotificationsSettings | None = None) -> FastAPI:
    """The application; settings come from the environment when none are given."""
    given = settings or NotificationsSettings()
    logs.configure(bootstrap.SERVICE, log_format=given.log_format, level=given.log_level)

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(given, app, stack)

    app = create_service("Breezeway notifications", build=build)
    for module in (preferences, notifications, alerts, webhooks, hooks, inbound, internal):
        app.include_router(module.router)
    return app
