"""Who may open a stream: so many from one address at once, and so many new ones a minute."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from breezeway.errors import RateLimited
from gateway_service.application.limits import Caller, RequestLimits
from gateway_service.domain.addresses import party_of
from gateway_service.domain.route_classes import RouteClass

_RETRY_SECONDS = 10.0


class Doorway:
    """Counts the open streams of each address; a stream counts before it has said who it is.

    Args:
        max_per_ip: open streams of one address to this process.
    """

    def __init__(self, limits: RequestLimits, max_per_ip: int) -> None:
        self._limits = limits
        self._max_per_ip = max_per_ip
        self._open: Counter[str] = Counter()

    async def check(self, ip: str) -> None:
        """Count a handshake from `ip`. Raises RateLimited."""
        await self._limits.check(RouteClass.HANDSHAKE, Caller(ip))
        if self._open[party_of(ip)] >= self._max_per_ip:
            raise RateLimited(
                f"This address has {self._max_per_ip} streams open; close one first.",
                code="too_many_connections",
                retry_after=_RETRY_SECONDS,
            )

    def is_empty(self) -> bool:
        """Whether no stream is open, not even one that still has its farewell to send."""
        return not self._open

    @contextmanager
    def hold(self, ip: str) -> Iterator[None]:
        """Count one open stream of `ip` for as long as the block runs."""
        party = party_of(ip)
        self._open[party] += 1
        try:
            yield
        finally:
            self._open[party] -= 1
            if not self._open[party]:
                del self._open[party]
