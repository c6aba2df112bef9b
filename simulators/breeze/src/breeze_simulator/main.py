"""The simulator's entrypoint: `uvicorn --factory breeze_simulator.main:create_app`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from fastapi import FastAPI

from breeze_simulator import bootstrap
from breeze_simulator.bootstrap import MarketFactory
from breeze_simulator.settings import Settings
from breezeway import logs
from breezeway.clock import Clock
from breezeway.http.app import Check, create_service

DESCRIPTION = """\
A stand-in for ICICI Direct's Breeze: its REST (v1, v2), login page, security master and Socket.IO endpoints, against
which the unmodified SDK works. Only the control routes under `/_sim` are described here; the rest speaks the broker's
own dialect.
"""


def create_app(
    settings: Settings | None = None,
    *,
    make_market: MarketFactory = bootstrap.make_market,
    wall: Clock | None = None,
) -> FastAPI:
    """The application; settings come from the environment when none are given.

    Args:
        make_market: builds the market; tests give a small one.
        wall: the wall clock, by which sessions and quotas run.
    """
    given = settings or Settings()
    logs.configure("simulator", log_format=given.log_format, level=given.log_level)
    simulator = bootstrap.assemble(given, wall)

    async def build(app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
        return await bootstrap.build(given, simulator, make_market, app, stack)

    app = create_service("Breeze simulator", build=build, description=DESCRIPTION, body_limit=given.body_limit)
    bootstrap.install(app, given, simulator)
    return app
