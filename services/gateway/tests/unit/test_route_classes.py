"""Every request has a class, and every class a limit."""

import pytest

from gateway_service.domain.route_classes import DEFAULTS, Party, RouteClass, class_of
from gateway_service.domain.routing import ROUTES


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("POST", "/api/v1/auth/login", b"", RouteClass.CREDENTIALS),
        ("DELETE", "/api/v1/auth/sessions/1", b"", RouteClass.CREDENTIALS),
        ("GET", "/api/v1/auth/sessions", b"", RouteClass.READ),
        ("POST", "/api/v1/backfills", b"", RouteClass.WRITE),
        ("PATCH", "/api/v1/users/me", b"", RouteClass.WRITE),
        ("GET", "/api/v1/candles/NSE:X", b"format=json", RouteClass.READ),
        ("GET", "/api/v1/candles/NSE:X", b"from=1&format=parquet", RouteClass.EXPORT),
        ("GET", "/api/v1/instruments.csv.gz", b"", RouteClass.EXPORT),
        ("GET", "/udf/history", b"", RouteClass.READ),
        ("OPTIONS", "/api/v1/auth/login", b"", RouteClass.READ),
        ("GET", "/", b"", RouteClass.PAGE),
        ("GET", "/assets/index.js", b"", RouteClass.PAGE),
        ("GET", "/docs", b"", RouteClass.PAGE),
        ("GET", "/ws/v1/stream", b"", RouteClass.HANDSHAKE),
        ("GET", "/livez", b"", None),
        ("GET", "/readyz", b"", None),
    ],
)
def test_the_class_of_a_request(method: str, path: str, query: bytes, expected: RouteClass | None) -> None:
    assert class_of(method, path, query) is expected


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.prefix)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_route_is_without_a_limit(route: object, method: str) -> None:
    found = class_of(method, route.prefix + "/x")  # type: ignore[attr-defined]
    assert found is not None
    assert found is not RouteClass.PAGE


def test_every_class_limits_each_address() -> None:
    assert set(DEFAULTS) == set(RouteClass)
    assert all(Party.IP in rates for kind, rates in DEFAULTS.items() if kind is not RouteClass.EVERYTHING)
    strict = DEFAULTS[RouteClass.CREDENTIALS]
    assert all(strict[party].count < rates[party].count for party in strict for rates in (DEFAULTS[RouteClass.READ],))
