"""How often a party may ask: GCRA, the leaky bucket whose whole state is one moment.

A rate of 600 in 60 seconds lets 600 requests through at once when nothing came before, and then one every tenth of a
second. The state of a bucket is the moment at which it will be empty again.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Final

_MOST_BUCKETS: Final = 50_000
_ROUNDING: Final = 1e-5
"""Seconds; sums of floats must not take away the last request."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in `seconds`."""

    count: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """`600/60` is 600 in 60 seconds. Raises ValueError, with words for the operator."""
        count, _, seconds = text.partition("/")
        if not count.isdecimal() or not seconds.isdecimal() or int(count) < 1 or not 1 <= int(seconds) <= 86_400:
            raise ValueError(f"{text!r} is no limit such as 600/60, which means 600 requests in 60 seconds")
        return cls(int(count), float(seconds))

    def times(self, factor: int) -> "Rate":
        return Rate(self.count * factor, self.seconds)

    @property
    def step(self) -> float:
        """Seconds in which one request is forgotten."""
        return self.seconds / self.count


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a request counts against: whose it is, and how much that party may."""

    name: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request stands in the bucket that leaves it the least room.

    Times are seconds: until the bucket is empty again, and until a refused request would pass.
    """

    bucket: Bucket
    allowed: bool
    remaining: int
    reset: float
    retry_after: float = 0.0


class LocalBuckets:
    """Counts in this process alone: what is left of the limits while Redis is away.

    Args:
        time: monotonic seconds.
    """

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._empty_at)

    def take(self, buckets: Sequence[Bucket]) -> Standing:
        """Count one request in all of `buckets`, or in none when one of them is full."""
        now = self._time()
        after = [max(self._empty_at.get(each.name, now), now) + each.rate.step for each in buckets]
        standings = [_standing(bucket, empty_at, now) for bucket, empty_at in zip(buckets, after, strict=True)]
        refused = [standing for standing in standings if not standing.allowed]
        if refused:
            return max(refused, key=lambda standing: standing.retry_after)
        for bucket, empty_at in zip(buckets, after, strict=True):
            self._empty_at[bucket.name] = empty_at
            self._empty_at.move_to_end(bucket.name)
        while len(self._empty_at) > _MOST_BUCKETS:
            # The party that has been quiet the longest; a flood of new ones cannot push out the busy ones.
            self._empty_at.popitem(last=False)
        return min(standings, key=lambda standing: standing.remaining)


def _standing(bucket: Bucket, empty_at: float, now: float) -> Standing:
    rate = bucket.rate
    over = empty_at - now - rate.seconds
    if over > _ROUNDING:
        return Standing(bucket, False, 0, max(0.0, empty_at - rate.step - now), over)
    remaining = max(0, floor((rate.seconds - (empty_at - now) + _ROUNDING) / rate.step))
    return Standing(bucket, True, remaining, empty_at - now)
