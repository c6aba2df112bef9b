"""A-29: a gateway that would be unsafe does not start."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_service.domain.rates import Rate
from gateway_service.domain.route_classes import Party, RouteClass
from gateway_service.settings import GatewaySettings

GOOD_KEY = "qX7vLw2RkZ9mTb4NcY8sHd3FgJ6pAe5U"


def settings(**variables: Any) -> GatewaySettings:
    return GatewaySettings.model_validate({"BREEZEWAY_INTERNAL_KEY": GOOD_KEY, "REDIS_URL": "redis://x", **variables})


def production(**variables: Any) -> GatewaySettings:
    return settings(BREEZEWAY_ENVIRONMENT="production", **variables)


def test_a_29_a_wildcard_origin_is_for_development_only() -> None:
    assert settings(BREEZEWAY_ALLOWED_ORIGINS=["*"]).allowed_origins == ["*"]
    with pytest.raises(ValidationError, match="name the origins"):
        production(BREEZEWAY_ALLOWED_ORIGINS=["https://a.example", "*"])


@pytest.mark.parametrize(
    "origin", ["app.example.com", "https://app.example.com/", "https://a.example/x", "null", "ftp://a"]
)
def test_a_29_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        settings(BREEZEWAY_ALLOWED_ORIGINS=[origin])


def test_limits_are_changed_one_by_one() -> None:
    limits = production(BREEZEWAY_LIMITS={"read": {"user": "7/10"}}).request_limits
    assert limits[RouteClass.READ][Party.USER] == Rate(7, 10)
    assert limits[RouteClass.READ][Party.IP] == Rate(3_000, 60)
    assert settings().request_limits[RouteClass.READ][Party.IP] == Rate(30_000, 60)


@pytest.mark.parametrize(
    "limits", [{"read": {"user": "many"}}, {"reading": {"ip": "1/1"}}, {"read": {"planet": "1/1"}}]
)
def test_a_limit_that_makes_no_sense_stops_the_start(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(BREEZEWAY_LIMITS=limits)


def test_production_answers_to_its_own_name_alone() -> None:
    assert "trade.example" in production(GATEWAY_URL="https://trade.example:8443").hosts
    assert production(BREEZEWAY_ALLOWED_HOSTS=["*.example"]).hosts == ["*.example"]
    assert settings().hosts == []


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "BREEZEWAY_ALLOWED_HOSTS",
        "BREEZEWAY_ALLOWED_ORIGINS",
        "BREEZEWAY_LIMITS",
        "BREEZEWAY_TRUSTED_PROXIES",
    ):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("BREEZEWAY_INTERNAL_KEY", GOOD_KEY)
    monkeypatch.setenv("REDIS_URL", "redis://x")
    assert GatewaySettings().trusted_proxies == []  # type: ignore[call-arg]
