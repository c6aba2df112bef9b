"""The broker's call quotas: a rolling minute with a cool-down, and an Indian calendar day."""

from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum

from breezeway.clock import IST, Clock
from breezeway.exchange.checks import RateLimit

_MINUTE = timedelta(minutes=1)


class Verdict(Enum):
    ALLOWED = "allowed"
    PER_MINUTE = "per_minute"
    PER_DAY = "per_day"


@dataclass(frozen=True, slots=True)
class Quota:
    """`cool_down` is how long a user who overran the minute is refused, counted from the call that overran it."""

    per_minute: int = 100
    per_day: int = 5_000
    cool_down: timedelta = timedelta(seconds=60)


@dataclass(slots=True)
class _Usage:
    day: date
    today: int = 0
    recent: deque[datetime] = field(default_factory=deque)
    refused_until: datetime | None = None


class CallLimits:
    """Counts every user's REST calls by wall time. Refused calls are free, as far as is known of the broker."""

    def __init__(self, quota: Quota, clock: Clock, *, enabled: bool = True) -> None:
        self._quota = quota
        self._clock = clock
        self._usage: dict[str, _Usage] = {}
        self.enabled = enabled

    def spend(self, user_id: str) -> Verdict:
        """Count one call, or say which quota it would overrun."""
        now = self._clock.now()
        today = now.astimezone(IST).date()
        usage = self._usage.setdefault(user_id, _Usage(today))
        if usage.day != today:
            usage.day, usage.today = today, 0
        while usage.recent and now - usage.recent[0] >= _MINUTE:
            usage.recent.popleft()
        if self.enabled:
            if usage.today >= self._quota.per_day:
                return Verdict.PER_DAY
            if usage.refused_until is not None and now < usage.refused_until:
                return Verdict.PER_MINUTE
            if len(usage.recent) >= self._quota.per_minute:
                usage.refused_until = now + self._quota.cool_down
                return Verdict.PER_MINUTE
        usage.today += 1
        usage.recent.append(now)
        return Verdict.ALLOWED

    def used(self, user_id: str) -> tuple[int, int]:
        """Calls in the rolling minute, and today, as of the last call."""
        usage = self._usage.get(user_id)
        return (len(usage.recent), usage.today) if usage else (0, 0)


class MutationLimits:
    """Order placements, modifications, cancellations and square-offs of a user in one calendar second of wall time."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._none = RateLimit(per_second)
        self._clock = clock
        self._used: dict[str, RateLimit] = {}
        self.enabled = True

    def spend(self, user_id: str) -> bool:
        """Count one mutation; False when the second has no room for it."""
        now = self._clock.now()
        used = self._used.get(user_id, self._none)
        if self.enabled and not used.allows(now):
            return False
        self._used[user_id] = used.counted(now)
        return True
