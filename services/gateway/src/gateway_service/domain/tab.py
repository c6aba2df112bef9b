"""Requests let through on what the shared count said a moment ago, and counted together with the next one.

Asking Redis about each request costs more than most answers do: two processes are woken. Far from every limit the
answer is known beforehand, so a busy party is counted some requests at a time. Near a limit each is asked about.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway_service.domain.rates import Bucket, Standing

SECONDS: Final = 0.25
"""How long a standing is believed."""

ROOM: Final = 100
"""Requests that must be left in the tightest bucket."""

CREDIT: Final = 16
"""Requests that one bucket may be behind: by so many, for each copy of the gateway, a limit can be overrun."""

_MOST: Final = 10_000


class Tab:
    """What this process owes to the shared buckets.

    Args:
        time: monotonic seconds.
    """

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._seen: OrderedDict[tuple[str, ...], tuple[Standing, float]] = OrderedDict()
        self._owed: OrderedDict[str, int] = OrderedDict()

    def put(self, buckets: Sequence[Bucket]) -> Standing | None:
        """Let one more request through on credit; None when it has to be counted now."""
        standing, until = self._seen.get(_names(buckets), (None, 0.0))
        if standing is None or self._time() >= until:
            return None
        owed = [self._owed.get(bucket.name, 0) for bucket in buckets]
        if max(owed) >= CREDIT:
            return None
        for bucket, before in zip(buckets, owed, strict=True):
            self._owed[bucket.name] = before + 1
        _forget_oldest(self._owed)
        return replace(standing, remaining=standing.remaining - max(owed) - 1)

    def owed(self, buckets: Sequence[Bucket]) -> list[int]:
        """What is behind in each of `buckets`; the caller counts it now."""
        return [self._owed.pop(bucket.name, 0) for bucket in buckets]

    def note(self, buckets: Sequence[Bucket], standing: Standing) -> None:
        """What the shared count said just now."""
        names = _names(buckets)
        if standing.allowed and standing.remaining >= ROOM:
            self._seen[names] = (standing, self._time() + SECONDS)
            self._seen.move_to_end(names)
            _forget_oldest(self._seen)
        else:
            self._seen.pop(names, None)


def _names(buckets: Sequence[Bucket]) -> tuple[str, ...]:
    return tuple(bucket.name for bucket in buckets)


def _forget_oldest(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _MOST:
        kept.popitem(last=False)
