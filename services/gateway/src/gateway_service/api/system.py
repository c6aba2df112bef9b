"""What the whole suite looks like from its door."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from breezeway.errors import UpstreamUnavailable
from breezeway.security.dependencies import CurrentUser
from gateway_service.application.ports import ServicePort

router = APIRouter(prefix="/api/v1/system", tags=["system"])

_SECONDS = 2.5


class ServiceStatus(BaseModel):
    """One service as its readiness check sees it."""

    name: str = Field(examples=["market-data"])
    state: Literal["ready", "not_ready", "unreachable"] = Field(examples=["ready"])
    checks: dict[str, str] = Field(examples=[{"postgres": "ok", "redis": "ok"}])


class SystemStatus(BaseModel):
    """Every service behind the gateway."""

    state: Literal["ready", "degraded"] = Field(examples=["ready"])
    services: list[ServiceStatus]


@router.get("/status")
async def system_status(request: Request, _user: CurrentUser) -> SystemStatus:
    """Whether every service is ready, and which of its dependencies is not."""
    services: ServicePort = request.app.state.services
    states = await asyncio.gather(*(_state_of(services, name) for name in services.names))
    ready = all(state.state == "ready" for state in states)
    return SystemStatus(state="ready" if ready else "degraded", services=list(states))


async def _state_of(services: ServicePort, name: str) -> ServiceStatus:
    try:
        status, body = await services.get_json(name, "/readyz", _SECONDS)
    except UpstreamUnavailable:
        return ServiceStatus(name=name, state="unreachable", checks={})
    checks = body.get("checks")
    named = {str(key): str(value) for key, value in checks.items()} if isinstance(checks, dict) else {}
    return ServiceStatus(name=name, state="ready" if status == 200 else "not_ready", checks=named)
