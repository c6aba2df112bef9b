"""The simulated exchange's clock, as a developer sees and moves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal, Protocol

ClockMode = Literal["auto", "wall", "replay"]


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """How the simulated exchange keeps time.

    `auto` follows the market's own hours and replays the last session outside of them, `replay` shows one day over and
    over, `wall` is the present.
    """

    exchange_time: datetime
    mode: ClockMode
    speed: float
    replay: bool


@dataclass(frozen=True, slots=True)
class ClockMove:
    """What is None stays as it is. `at` is an Indian wall time in the replayed day."""

    mode: ClockMode | None = None
    day: date | None = None
    at: time | None = None
    speed: float | None = None


class SimulatorControl(Protocol):
    """The simulator's control routes.

    Every method raises:
        UpstreamUnavailable: `simulator_unavailable`; the simulator does not answer, or not with what it should.
        Forbidden: `simulator_control_refused`; it takes no such call from this machine.
    """

    async def read(self) -> SimulatedClock: ...

    async def move(self, move: ClockMove) -> SimulatedClock:
        """Move the clock for everybody.

        Raises:
            InvalidInput: `not_a_trading_day` among others.
        """
        ...

    async def days(self, limit: int) -> Sequence[date]:
        """Days that can be replayed, newest first."""
        ...
