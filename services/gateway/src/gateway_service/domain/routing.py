"""Which service answers which path. Longest prefix wins; what is not listed does not exist for the outside."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """A path prefix and the service behind it."""

    prefix: str
    service: str


ROUTES: Sequence[Route] = tuple(
    Route(prefix, service)
    for service, prefixes in {
        "auth": (
            "/api/v1/auth",
            "/api/v1/users",
            "/api/v1/audit",
            "/api/v1/broker-accounts",
            "/api/v1/dev/mailbox",
            "/.well-known/jwks.json",
        ),
        "instruments": ("/api/v1/instruments", "/api/v1/instruments.csv.gz"),
        "market-data": (
            "/api/v1/candles",
            "/api/v1/indicators",
            "/api/v1/backfills",
            "/api/v1/subscriptions",
            "/api/v1/watchlists",
            "/api/v1/quotes",
            # Its contracts are the instruments service's, but prices, feed and broker are here.
            "/api/v1/option-chain",
            "/api/v1/feed",
            "/api/v1/market",
            "/api/v1/jobs",
            "/udf",
        ),
        "trading": ("/api/v1/trading", "/api/v1/banking"),
        "notifications": (
            "/api/v1/notifications",
            "/api/v1/alerts",
            "/api/v1/webhooks",
            "/api/v1/hooks",
            "/api/v1/inbound",
        ),
    }.items()
    for prefix in prefixes
)


def service_for(path: str, routes: Sequence[Route] = ROUTES) -> str | None:
    """The service that answers `path`, or None.

    A prefix covers itself and everything below it, not names that merely begin alike: `/api/v1/auth` is not
    `/api/v1/authors`.
    """
    best: Route | None = None
    for route in routes:
        covered = path == route.prefix or path.startswith(route.prefix + "/")
        if covered and (best is None or len(route.prefix) > len(best.prefix)):
            best = route
    return best.service if best else None
