"""Exchange time: the wall clock in market hours, otherwise a replay of a past session."""

from datetime import date, datetime, time, timedelta
from typing import Literal, Protocol

from breezeway.clock import IST, Clock, ClockMapping, ist_datetime

ClockMode = Literal["auto", "wall", "replay"]


class TradingDays(Protocol):
    """What the clock asks of the market calendar."""

    def is_open(self, moment: datetime) -> bool:
        """Whether any NSE cash or derivatives session runs at `moment`."""
        ...

    def last_session_day(self, moment: datetime) -> date:
        """The newest trading day whose session is over at `moment`."""
        ...

    def replay_hours(self, day: date) -> tuple[time, time]:
        """From when to when a replay of `day` runs: 09:15 to 15:40 but for special sessions."""
        ...


class SimClock:
    """Exchange time, from an injected wall clock.

    `wall` is the wall clock always. `replay` shows one day from 09:15 at `speed` and starts over at 15:40 (a special
    session from its own open to ten minutes after its close); a loop repeats identical prices. `auto` is `wall` while
    a session runs and otherwise replays the last session.
    """

    def __init__(
        self,
        wall: Clock,
        days: TradingDays,
        *,
        mode: ClockMode = "auto",
        day: date | None = None,
        speed: float = 1.0,
    ) -> None:
        self._wall = wall
        self._days = days
        self.mode: ClockMode = "replay" if day is not None else mode
        self.speed = speed
        self._mapping = self._start(wall.now(), day, None)

    def now(self) -> datetime:
        """Exchange time, aware, IST."""
        wall = self._wall.now()
        return self._mapping_at(wall).at(wall).astimezone(IST)

    def mapping(self) -> ClockMapping:
        """How wall time maps to exchange time now; it changes when a replay starts over or the clock is set."""
        return self._mapping_at(self._wall.now())

    def today(self) -> date:
        """The day that the exchange is in."""
        return self.now().date()

    def set(
        self,
        *,
        mode: ClockMode | None = None,
        day: date | None = None,
        at: time | None = None,
        speed: float | None = None,
    ) -> None:
        """Move the clock. `day` alone means a replay of that day; `at` is an IST wall time in the replayed day.

        What is not given stays: another speed alone goes on from where the replay is, whatever the mode.
        """
        wall = self._wall.now()
        current = self._mapping_at(wall)
        if speed is not None:
            self.speed = speed
        if mode is not None:
            self.mode = mode
        elif day is not None:
            self.mode = "replay"
        if day is None and (self.mode == "replay" or (mode is None and current.replay)):
            day = current.at(wall).astimezone(IST).date()
        if at is None and mode is None and day is not None and current.replay:
            shown = current.at(wall).astimezone(IST)
            at = shown.time() if shown.date() == day else None
        self._mapping = self._start(wall, day, at)

    def _mapping_at(self, wall: datetime) -> ClockMapping:
        mapping = self._mapping
        if self.mode == "wall":
            return mapping
        if self.mode == "auto":
            live = self._days.is_open(wall)
            shown = mapping.exchange_anchor.astimezone(IST).date()
            if live == mapping.replay or (not live and shown != self._days.last_session_day(wall)):
                mapping = self._start(wall, None, None)
        if mapping.replay:
            mapping = self._looped(mapping, wall)
        self._mapping = mapping
        return mapping

    def _start(self, wall: datetime, day: date | None, at: time | None) -> ClockMapping:
        if self.mode == "wall" or (self.mode == "auto" and self._days.is_open(wall)):
            return ClockMapping(wall_anchor=wall, exchange_anchor=wall)
        shown = day or self._days.last_session_day(wall)
        anchor = ist_datetime(shown, at or self._days.replay_hours(shown)[0])
        return ClockMapping(wall_anchor=wall, exchange_anchor=anchor, speed=self.speed, replay=True)

    def _looped(self, mapping: ClockMapping, wall: datetime) -> ClockMapping:
        shown = mapping.at(wall).astimezone(IST)
        day = mapping.exchange_anchor.astimezone(IST).date()
        start, end = (ist_datetime(day, at) for at in self._days.replay_hours(day))
        if shown < end or mapping.speed <= 0:
            return mapping
        wall_at_end = mapping.wall_anchor + timedelta(
            seconds=(end - mapping.exchange_anchor).total_seconds() / mapping.speed
        )
        loop = (end - start).total_seconds() / mapping.speed
        loops = int((wall - wall_at_end).total_seconds() // loop)
        return ClockMapping(
            wall_anchor=wall_at_end + timedelta(seconds=loops * loop),
            exchange_anchor=start,
            speed=mapping.speed,
            replay=True,
        )
