"""Which service answers which path."""

import pytest

from gateway_service.domain.routing import service_for


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/auth/login", "auth"),
        ("/api/v1/auth", "auth"),
        ("/api/v1/broker-accounts/7/session", "auth"),
        ("/.well-known/jwks.json", "auth"),
        ("/api/v1/instruments/NSE:RELIANCE", "instruments"),
        ("/api/v1/instruments.csv.gz", "instruments"),
        ("/api/v1/candles/NSE:M&M", "market-data"),
        ("/udf/history", "market-data"),
        ("/api/v1/option-chain/NIFTY", "market-data"),
        ("/api/v1/inbound/1", "notifications"),
        ("/api/v1/alerts", "notifications"),
        ("/api/v1/authors", None),
        ("/internal/users/1", None),
        ("/api/v1/internal", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_prefix_covers_itself_and_what_is_below(path: str, service: str | None) -> None:
    assert service_for(path) == service
