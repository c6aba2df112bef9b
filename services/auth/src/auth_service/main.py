"""The auth service: `uvicorn --factory auth_service.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI

from auth_service import bootstrap
from auth_service.api import (
    api_keys,
    audit,
    auth,
    broker_accounts,
    broker_callback,
    broker_portfolio,
    broker_sessions,
    dev_mailbox,
    email_addresses,
    internal,
    passwords,
    preferences,
    second_factor,
    user_administration,
    users,
)
from auth_service.settings import AuthSettings
from breezeway import logs
from breezeway.clock import Clock
from breezeway.http.app import Check, create_service


def create_app(
    settings: AuthSettings | None = None, *, clock: Clock | None = None, broker: bootstrap.Broker | None = None
) -> FastAPI:
    """The application; `settings` come from the environment when omitted, as they do in production.

    Args:
        clock: for tests.
        broker: a fake broker, for tests.
    """
    if settings is None:
        settings = AuthSettings()
        logs.configure(bootstrap.SERVICE, log_format=settings.log_format, level=settings.log_level)
    chosen = settings

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(app, stack, chosen, clock=clock, broker=broker)

    app = create_service(
        "Breezeway auth",
        build=build,
        description="Users, tokens, the broker vault and daily broker sessions.",
        body_limit=65_536,
    )
    for router in (
        auth.router,
        passwords.router,
        email_addresses.router,
        second_factor.router,
        users.router,
        preferences.router,
        user_administration.router,  # after the users: `me` is nobody's id
        audit.router,
        api_keys.router,
        broker_callback.router,  # before the accounts: `callback` is not an account's id
        broker_accounts.router,
        broker_sessions.router,
        broker_portfolio.router,
        dev_mailbox.router,
        internal.router,
        api_keys.internal_router,
    ):
        app.include_router(router)
    return app
