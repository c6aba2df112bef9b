"""The simulated exchange's clock, for whoever develops against it.

Only administrators move it: there is one exchange, so another day or speed changes what every user of the instance sees
and what their paper orders fill at. Whoever develops alone is the first user, and so the administrator. In production,
and without a simulator, none of this exists, whoever asks.
"""

from datetime import date, datetime, time
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from breezeway.errors import NotFound
from breezeway.security.dependencies import AdminUser
from gateway_service.application.simulator import ClockMode, ClockMove, SimulatedClock, SimulatorControl

_MODE = "`auto`: live in market hours, else the last session again; `replay`: one day over and over; `wall`: now."


async def _control(request: Request) -> SimulatorControl:
    control: SimulatorControl | None = request.app.state.simulator
    if control is None:
        raise NotFound("There is no simulator here.", code="route_not_found")
    return control


# For the router: before anybody's credentials are looked at.
router = APIRouter(prefix="/api/v1/dev/simulator", tags=["development"], dependencies=[Depends(_control)])

TheSimulator = Annotated[SimulatorControl, Depends(_control)]


class SimulatorClock(BaseModel):
    """How the simulated exchange keeps time."""

    exchange_time: datetime = Field(examples=["2026-11-20T11:30:00+05:30"])
    mode: ClockMode = Field(description=_MODE, examples=["replay"])
    speed: float = Field(description="Seconds of the exchange in one of ours.", examples=[1])
    replay: bool = Field(description="Whether a past session is shown.")

    @classmethod
    def of(cls, clock: SimulatedClock) -> Self:
        return cls(exchange_time=clock.exchange_time, mode=clock.mode, speed=clock.speed, replay=clock.replay)


class ClockChange(BaseModel):
    """What is left out stays. `day` alone replays that day."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"day": "2026-11-20", "at": "10:30:00", "speed": 5}]}
    )

    mode: ClockMode | None = Field(None, description=_MODE)
    day: date | None = Field(None, description="A trading day that is over.")
    at: time | None = Field(None, description="Indian time in the replayed day, without an offset.")
    speed: float | None = Field(None, gt=0, le=1_000, allow_inf_nan=False)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if all(value is None for value in (self.mode, self.day, self.at, self.speed)):
            raise ValueError("give at least one of mode, day, at, speed")
        if self.mode in ("auto", "wall") and (self.day or self.at):
            raise ValueError(f"mode {self.mode} takes no day and no time; use replay")
        if self.at is not None and self.at.tzinfo is not None:
            raise ValueError("at is an Indian wall time without an offset")
        return self


class ReplayDays(BaseModel):
    items: list[date] = Field(examples=[["2026-11-20", "2026-11-19"]])


@router.get("/clock", summary="Read the simulator's clock (development)")
async def read_simulator_clock(_admin: AdminUser, simulator: TheSimulator) -> SimulatorClock:
    """For administrators. 404 in production and without a simulator."""
    return SimulatorClock.of(await simulator.read())


@router.post("/clock", summary="Move the simulator's clock (development)")
async def move_simulator_clock(_admin: AdminUser, simulator: TheSimulator, body: ClockChange) -> SimulatorClock:
    """Another day or speed, for every user of the instance. For administrators. 422 `not_a_trading_day` for a day that
    cannot be replayed; 404 in production and without a simulator."""
    move = ClockMove(mode=body.mode, day=body.day, at=body.at, speed=body.speed)
    return SimulatorClock.of(await simulator.move(move))


@router.get("/days", summary="List the days that the simulator can replay (development)")
async def list_simulator_days(
    _admin: AdminUser, simulator: TheSimulator, limit: Annotated[int, Query(ge=1, le=250)] = 30
) -> ReplayDays:
    """Newest first. For administrators. 404 in production and without a simulator."""
    return ReplayDays(items=list(await simulator.days(limit)))
