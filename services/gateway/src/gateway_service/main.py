"""The gateway's entrypoint: `uvicorn --factory gateway_service.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from breezeway import logs
from breezeway.http.app import Check, create_service
from gateway_service import bootstrap
from gateway_service.api import dev_simulator, docs, guards, proxy, system, web, ws
from gateway_service.api.client_address import ClientAddressMiddleware
from gateway_service.api.edge import EdgeMiddleware
from gateway_service.api.security_headers import SecurityHeadersMiddleware
from gateway_service.settings import GatewaySettings

DESCRIPTION = """\
Market data and paper trading around your own ICICI Direct Breeze account - or the built-in simulator.

Sign in with `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer …`; programs send an API key
as `X-API-Key: bwk_…` instead. No credential is accepted in a URL. `RateLimit-*` headers say how much room is left. Live
ticks, depth and bars come over the WebSocket `/ws/v1/stream`. Every error is an `application/problem+json` document
whose `code` is stable.

Breezeway is not affiliated with ICICI Securities. Use it for your own account only.
"""


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """The application; settings come from the environment when none are given."""
    given = settings or GatewaySettings()
    logs.configure("gateway", log_format=given.log_format, level=given.log_level)

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(given, app, stack)

    app = create_service(
        "Breezeway API",
        build=build,
        description=DESCRIPTION,
        body_limit=given.body_limit,
        public_openapi=False,
        middleware=_gates(given),
    )
    app.include_router(docs.router)
    app.include_router(system.router)
    app.include_router(dev_simulator.router)
    app.include_router(ws.router)
    web.install(app, given.web_root)
    app.include_router(proxy.router)  # last: it takes every path that is left
    # Behind even the body limit, which `create_service` has put innermost.
    app.user_middleware.append(Middleware(proxy.ForwardMiddleware))
    return app


def _gates(settings: GatewaySettings) -> list[Middleware]:
    """What a request passes before a route sees it, outermost first; each relies on those before it."""
    guard_list = (
        guards.well_formed,
        guards.hosts(settings.hosts),
        guards.no_credential_in_url,
        guards.same_site(settings.allowed_origins),
    )
    gates = [
        Middleware(SecurityHeadersMiddleware),
        Middleware(ClientAddressMiddleware, trusted=settings.trusted_proxies),
        Middleware(guards.GuardMiddleware, guards=guard_list),
        Middleware(EdgeMiddleware),
    ]
    if settings.allowed_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Request-ID"],
            expose_headers=[
                *("X-Request-ID", "Retry-After", "Idempotency-Replayed"),
                *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
            ],
        )
        # Around the refusals too: a page that may call us may also read why it was refused.
        gates.insert(1, cors)
    return gates
