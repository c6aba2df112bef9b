"""When an alert fires: a crossing from one side of its level to the other, once.

The side is part of the alert and stored with it, so whoever evaluates it next, after a restart or in another process,
knows from where the market came. It begins on the side of the last price known when it was made, so that a crossing
right after that is one; without such a price, the first one that it sees only tells on which side it begins.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid5


class Condition(StrEnum):
    CROSSES_ABOVE = "crosses_above"
    CROSSES_BELOW = "crosses_below"
    CROSSES = "crosses"
    """In either direction; touching is not crossing."""
    MOVES_PERCENT = "moves_percent"
    """So many percent up or down from `base`, or from the close of the day before."""
    VOLUME_ABOVE = "volume_above"
    """Of the day."""


class Repeat(StrEnum):
    ONCE = "once"
    EVERY = "every"
    COOLDOWN = "cooldown"
    """Every crossing, but not within `cooldown_seconds` of the one before."""


class AlertState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    FIRED = "fired"
    """A `once` alert that has done its work."""
    EXPIRED = "expired"


class Side(StrEnum):
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one tick says. `ms` is when it was received, epoch milliseconds."""

    price: Decimal
    change_percent: Decimal | None
    volume: int | None
    ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """One condition on one instrument. `version` rises with every change, so that only one of two writers wins."""

    id: UUID
    user_id: UUID
    symbol: str
    condition: Condition
    value: Decimal
    created_at: datetime
    base: Decimal | None = None
    repeat: Repeat = Repeat.ONCE
    cooldown_seconds: int = 0
    expires_at: datetime | None = None
    note: str = ""
    state: AlertState = AlertState.ACTIVE
    side: Side | None = None
    seen_ms: int = 0
    fired_at: datetime | None = None
    fire_count: int = 0
    version: int = 1

    @property
    def event_id(self) -> UUID:
        """The id of the event of its last firing: the same whoever makes it."""
        return uuid5(self.id, str(self.fire_count))

    @property
    def already_reached(self) -> bool | None:
        """Whether the market is beyond the level, and has to come back before the alert can fire; None when that is not
        known, or either direction fires.
        """
        if self.side is None or self.condition is Condition.CROSSES:
            return None
        return self._fires_on(self.side)

    def begun_at(self, reading: Reading | None) -> "Alert":
        """The alert on the side where the market was seen last; on none, when it was not: then the next tick tells."""
        side = None if reading is None else self._side(reading)
        return replace(self, side=side, seen_ms=0 if side is None or reading is None else reading.ms)

    def after(self, reading: Reading, now: datetime) -> "Alert | None":
        """The alert after a tick; None when nothing changed. It has fired when `fire_count` rose."""
        if self.state is not AlertState.ACTIVE or reading.ms < self.seen_ms:
            return None
        if self.expires_at is not None and self.expires_at <= now:
            return self.expired()
        side = self._side(reading)
        if side is None or side is self.side:
            return None
        moved = replace(self, side=side, seen_ms=reading.ms, version=self.version + 1)
        if self.side is None or not self._fires_on(side) or not self._rested(now):
            return moved
        ended = AlertState.FIRED if self.repeat is Repeat.ONCE else AlertState.ACTIVE
        return replace(moved, state=ended, fired_at=now, fire_count=self.fire_count + 1)

    def expired(self) -> "Alert":
        return replace(self, state=AlertState.EXPIRED, version=self.version + 1)

    def measured(self, reading: Reading) -> Decimal | None:
        """What the condition compares with its level; None when the tick does not tell."""
        if self.condition is Condition.VOLUME_ABOVE:
            return None if reading.volume is None else Decimal(reading.volume)
        if self.condition is Condition.MOVES_PERCENT:
            if self.base is not None:
                return abs((reading.price / self.base - 1) * 100)
            return None if reading.change_percent is None else abs(reading.change_percent)
        return reading.price

    def _side(self, reading: Reading) -> Side | None:
        found = self.measured(reading)
        if found is None or (found == self.value and self.condition is Condition.CROSSES):
            return None
        reached = found >= self.value if self.condition is not Condition.CROSSES_BELOW else found > self.value
        return Side.ABOVE if reached else Side.BELOW

    def _fires_on(self, side: Side) -> bool:
        if self.condition is Condition.CROSSES:
            return True
        return side is (Side.BELOW if self.condition is Condition.CROSSES_BELOW else Side.ABOVE)

    def _rested(self, now: datetime) -> bool:
        if self.repeat is not Repeat.COOLDOWN or self.fired_at is None:
            return True
        return now - self.fired_at >= timedelta(seconds=self.cooldown_seconds)
