"""A clock that only moves when told to."""

from datetime import datetime, timedelta


class FixedClock:
    """Shows `now` until `advance`d."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        self._now = now
