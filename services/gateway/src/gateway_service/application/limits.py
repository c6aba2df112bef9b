"""Our own request limits: what a request counts against, who counts, and what happens while nobody can."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from breezeway.errors import RateLimited, UpstreamUnavailable
from gateway_service.domain.addresses import party_of
from gateway_service.domain.rates import Bucket, LocalBuckets, Standing
from gateway_service.domain.route_classes import Limits, Party, RouteClass
from gateway_service.domain.tab import Tab

_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Buckets(Protocol):
    """Counts requests, together with the other copies of this process."""

    async def take(self, buckets: Sequence[Bucket], owed: Sequence[int]) -> Standing:
        """Count one request in all of `buckets`, or in none when one of them is full.

        Args:
            owed: of each bucket, requests that were let through already and are counted in any case.

        Raises:
            UpstreamUnavailable: they cannot be counted now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as it is proven. `key` is the id of the API key, when one was used."""

    ip: str
    user_id: UUID | None = None
    key: str | None = None


class RequestLimits:
    """Decides whether a request may pass.

    While Redis is away each process counts for itself, with the same limits: N copies then let N times as much through,
    which is neither an outage nor an open door. Redis is asked again after a second, so that a Redis that swallows
    requests instead of refusing them costs one wait a second and not one for every request.

    Args:
        shared: the buckets in Redis.
        local: the buckets of this process.
        time: monotonic seconds.
    """

    def __init__(self, limits: Limits, shared: Buckets, local: LocalBuckets, time: Callable[[], float]) -> None:
        self._limits = limits
        self._shared = shared
        self._local = local
        self._tab = Tab(time)
        self._time = time
        self._away_until = float("-inf")

    async def admit(self, route_class: RouteClass, caller: Caller) -> Standing:
        """How the request stands, counted; the caller looks at `allowed`."""
        buckets = self._buckets(route_class, caller)
        if self._time() >= self._away_until:
            if (on_credit := self._tab.put(buckets)) is not None:
                return on_credit
            try:
                standing = await self._shared.take(buckets, self._tab.owed(buckets))
            except UpstreamUnavailable as error:
                self._away_until = self._time() + _PAUSE_SECONDS
                _log.warning("limits_counted_locally", reason=error.code)
            else:
                self._tab.note(buckets, standing)
                return standing
        return self._local.take(buckets)

    async def check(self, route_class: RouteClass, caller: Caller) -> None:
        """Count a request that answers with nothing but an error when it is one too many. Raises RateLimited."""
        standing = await self.admit(route_class, caller)
        if not standing.allowed:
            raise refusal(standing)

    def _buckets(self, route_class: RouteClass, caller: Caller) -> list[Bucket]:
        whose = {Party.IP: party_of(caller.ip), Party.USER: caller.user_id, Party.KEY: caller.key, Party.ALL: "all"}
        return [
            Bucket(f"{kind}:{party}:{whose[party]}", rate)
            for kind in (route_class, RouteClass.EVERYTHING)
            for party, rate in self._limits[kind].items()
            if whose[party] is not None
        ]


def refusal(standing: Standing) -> RateLimited:
    """The error for a request that is one too many."""
    rate = standing.bucket.rate
    whose = standing.bucket.name.split(":")
    party = {"ip": "this address", "user": "this user", "key": "this API key"}.get(whose[1] if len(whose) > 1 else "")
    return RateLimited(
        f"Too many requests: {rate.count:,} in {rate.seconds:,.0f} s are allowed for {party or 'everybody together'} "
        "here. Try again in a moment.",
        retry_after=standing.retry_after,
    )
