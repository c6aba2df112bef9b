"""The Breeze simulator's control routes over HTTP."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import httpx
from pydantic import BaseModel, ValidationError

from breezeway.errors import Forbidden, InvalidInput, UpstreamUnavailable
from gateway_service.application.simulator import ClockMode, ClockMove, SimulatedClock

_SECONDS: Final = 30.0
"""Another day has another security master, which the simulator makes before it answers."""


class _Clock(BaseModel):
    exchange_now: datetime
    mode: ClockMode
    speed: float
    replay: bool


class _Days(BaseModel):
    items: list[date]


class HttpSimulatorControl:
    """Implements `application.simulator.SimulatorControl`.

    Args:
        origin: of the simulator.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin.rstrip("/")

    async def read(self) -> SimulatedClock:
        return _clock(await self._call("GET", "/_sim/clock"))

    async def move(self, move: ClockMove) -> SimulatedClock:
        given = {
            "mode": move.mode,
            "day": None if move.day is None else move.day.isoformat(),
            "at": None if move.at is None else move.at.isoformat(),
            "speed": move.speed,
        }
        wanted = {name: value for name, value in given.items() if value is not None}
        return _clock(await self._call("POST", "/_sim/clock", json=wanted))

    async def days(self, limit: int) -> Sequence[date]:
        answer = await self._call("GET", "/_sim/clock/days", params={"limit": limit})
        try:
            return _Days.model_validate_json(answer.content).items
        except ValidationError as error:
            raise _unavailable() from error

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            # A person clicks: a client that is kept open for it would cost more than it saves.
            async with httpx.AsyncClient(timeout=_SECONDS) as http:
                answer = await http.request(method, self._origin + path, **options)
        except httpx.HTTPError as error:
            raise _unavailable() from error
        if answer.status_code in (401, 403):
            raise Forbidden(
                "The simulator takes control calls from its own machine only.", code="simulator_control_refused"
            )
        if answer.status_code == 422:
            raise _refused(answer)
        if answer.status_code != 200:
            raise _unavailable()
        return answer


def _clock(answer: httpx.Response) -> SimulatedClock:
    try:
        found = _Clock.model_validate_json(answer.content)
    except ValidationError as error:
        raise _unavailable() from error
    return SimulatedClock(found.exchange_now, found.mode, found.speed, found.replay)


def _refused(answer: httpx.Response) -> InvalidInput:
    try:
        problem = answer.json()
        return InvalidInput(str(problem["detail"]), code=str(problem["code"]))
    except (ValueError, KeyError, TypeError):
        return InvalidInput("The simulator cannot show that.", code="clock_refused")


def _unavailable() -> UpstreamUnavailable:
    return UpstreamUnavailable("The simulator does not answer.", code="simulator_unavailable")
