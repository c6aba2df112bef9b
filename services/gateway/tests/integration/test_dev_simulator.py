"""The simulated exchange's clock: administrators read and move it in development, and elsewhere there is none."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from breezeway.testing.fake_service import FakeService, serve

OpenGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

CLOCK = "/api/v1/dev/simulator/clock"
DAYS = "/api/v1/dev/simulator/days"


@dataclass
class FakeSimulator:
    """Records what the clock is told. `refusal` is answered instead, when there is one."""

    origin: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    refusal: Response | None = None

    def app(self) -> FastAPI:
        app = FastAPI()
        view = {"exchange_now": "2026-11-20T10:30:00+05:30", "mode": "replay", "speed": 5.0, "replay": True}
        also = {"wall_now": "2026-11-21T05:00:00Z", "wall_anchor": "2026-11-21T05:00:00Z", "exchange_anchor": None}

        @app.get("/_sim/clock")
        async def read() -> Response:
            return self.refusal or JSONResponse(view | also)

        @app.post("/_sim/clock")
        async def move(request: Request) -> Response:
            self.told.append(await request.json())
            return self.refusal or JSONResponse(view | also)

        @app.get("/_sim/clock/days")
        async def days(limit: int) -> Response:
            listed = ["2026-11-20", "2026-11-19", "2026-11-18"]
            return self.refusal or JSONResponse({"items": listed[:limit]})

        return app


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[FakeSimulator]:
    fake = FakeSimulator()
    async with serve(fake.app()) as origin:
        fake.origin = origin
        yield fake


@pytest_asyncio.fixture
async def gateway(open_gateway: OpenGateway, simulator: FakeSimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with open_gateway(BREEZE_SIMULATOR_URL=simulator.origin) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def admin(behind: FakeService) -> dict[str, str]:
    return bearer(behind.access_token(role="admin"))


async def test_an_administrator_reads_and_moves_the_clock(
    gateway: httpx.AsyncClient, simulator: FakeSimulator, admin: dict[str, str]
) -> None:
    shown = {"exchange_time": "2026-11-20T10:30:00+05:30", "mode": "replay", "speed": 5.0, "replay": True}
    read = await gateway.get(CLOCK, headers=admin)
    assert (read.status_code, read.json()) == (200, shown)
    for change in ({"day": "2026-11-19", "at": "14:00:00", "speed": 2.5}, {"mode": "auto"}, {"speed": 1.0}):
        moved = await gateway.post(CLOCK, json=change, headers=admin)
        assert (moved.status_code, moved.json()) == (200, shown)
        assert simulator.told.pop() == change
    listed = await gateway.get(DAYS, params={"limit": 2}, headers=admin)
    assert listed.json() == {"items": ["2026-11-20", "2026-11-19"]}


async def test_nobody_else_reads_or_moves_it(
    gateway: httpx.AsyncClient, simulator: FakeSimulator, behind: FakeService
) -> None:
    """There is one exchange: another day under other users' orders is not for each of them to choose."""
    user = bearer(behind.access_token())
    for headers, status, code in (({}, 401, "unauthenticated"), (user, 403, "admin_only")):
        answers = [
            await gateway.get(CLOCK, headers=headers),
            await gateway.post(CLOCK, json={"speed": 5}, headers=headers),
            await gateway.get(DAYS, headers=headers),
        ]
        assert [(each.status_code, each.json()["code"]) for each in answers] == [(status, code)] * 3
    assert simulator.told == []


@pytest.mark.parametrize("production", [True, False])
async def test_there_is_none_in_production_nor_without_a_simulator(
    open_gateway: OpenGateway, simulator: FakeSimulator, admin: dict[str, str], production: bool
) -> None:
    key = "pN7tR2xW9kLq4vB8sZ1mD6hJ3gF5cYaE"
    elsewhere: dict[str, Any] = {}
    if production:
        elsewhere = {"BREEZEWAY_ENVIRONMENT": "production", "BREEZEWAY_INTERNAL_KEY": key}
        elsewhere |= {"BREEZE_SIMULATOR_URL": simulator.origin, "BREEZEWAY_ALLOWED_HOSTS": ["gw"]}
    async with open_gateway(**elsewhere) as gateway:
        for headers in ({}, admin):
            answers = [
                await gateway.get(CLOCK, headers=headers),
                await gateway.post(CLOCK, json={"speed": 5}, headers=headers),
                await gateway.get(DAYS, headers=headers),
            ]
            assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "route_not_found")] * 3
    assert simulator.told == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mode": None},
        {"mode": "sideways"},
        {"mode": "auto", "day": "2026-11-19"},
        {"mode": "wall", "at": "10:00:00"},
        {"day": "2026-02-30"},
        {"at": "10:00:00+05:30"},
        {"speed": 0},
        {"speed": -1},
        {"speed": 1e9},
        {"speed": "fast"},
        {"seed": 1, "speed": 2},
        [],
    ],
)
async def test_what_makes_no_sense_does_not_reach_the_simulator(
    gateway: httpx.AsyncClient, simulator: FakeSimulator, admin: dict[str, str], body: object
) -> None:
    answer = await gateway.post(CLOCK, json=body, headers=admin)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert simulator.told == []


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (JSONResponse({"code": "not_a_trading_day", "detail": "A Sunday."}, 422), 422, "not_a_trading_day"),
        (JSONResponse([], 422), 422, "clock_refused"),
        (JSONResponse({"code": "control_forbidden"}, 403), 403, "simulator_control_refused"),
        (JSONResponse({"code": "internal_error"}, 500), 503, "simulator_unavailable"),
        (JSONResponse({"items": "no"}, 200), 503, "simulator_unavailable"),
    ],
)
async def test_what_the_simulator_refuses_is_said(
    gateway: httpx.AsyncClient,
    simulator: FakeSimulator,
    admin: dict[str, str],
    refusal: Response,
    status: int,
    code: str,
) -> None:
    simulator.refusal = refusal
    answer = await gateway.post(CLOCK, json={"day": "2026-11-15"}, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    listed = await gateway.get(DAYS, headers=admin)
    assert (listed.status_code, listed.json()["code"]) == (status, code)


async def test_a_simulator_that_is_away_is_said(open_gateway: OpenGateway, admin: dict[str, str]) -> None:
    async with serve(FastAPI()) as gone:
        pass
    async with open_gateway(BREEZE_SIMULATOR_URL=gone) as gateway:
        answer = await gateway.get(CLOCK, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (503, "simulator_unavailable")
