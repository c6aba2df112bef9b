"""Time, given from outside so that nothing depends on when a test happens to run.

Two clocks exist. *Wall time* is ours: when a message was received, when a token expires. *Exchange time* is the
market's: what session it is, which bar is forming. They differ when the simulator replays a day, so code that asks
about the market takes an `ExchangeClock`, never the wall clock.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")
"""The exchanges' time zone: UTC+05:30, no daylight saving."""

IST_OFFSET_SECONDS = 19_800
"""IST has had no transition since 1945, so arrays of epoch seconds may add this instead of asking the zone."""


class Clock(Protocol):
    """Anything that tells an aware UTC time."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ClockMapping:
    """How wall time maps to exchange time: `exchange = exchange_anchor + (wall - wall_anchor) * speed`.

    The wall clock itself is the mapping with equal anchors and speed 1.
    """

    wall_anchor: datetime
    exchange_anchor: datetime
    speed: float = 1.0
    replay: bool = False

    def at(self, wall: datetime) -> datetime:
        """Exchange time (aware UTC) at the wall time `wall`."""
        return self.exchange_anchor + timedelta(seconds=(wall - self.wall_anchor).total_seconds() * self.speed)


class ExchangeClock:
    """Exchange time by a mapping that may be replaced while running (another replay day, another speed)."""

    def __init__(self, wall: Clock, mapping: ClockMapping | None = None) -> None:
        now = wall.now()
        self._wall = wall
        self.mapping = mapping or ClockMapping(wall_anchor=now, exchange_anchor=now)

    def now(self) -> datetime:
        return self.mapping.at(self._wall.now())


def ist_datetime(day: date, at: time) -> datetime:
    """The instant at which an Indian wall clock shows `at` on `day`."""
    return datetime.combine(day, at, tzinfo=IST)


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds of an aware time, rounded down."""
    return int(moment.timestamp() * 1000)
