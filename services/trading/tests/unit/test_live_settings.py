"""Live trading is off, and refuses to be switched on where it would not be safe."""

from typing import Any

import pytest
from pydantic import ValidationError

from trading_service.settings import LiveTradingMode, TradingSettings

SAFE: dict[str, Any] = {
    "BREEZEWAY_ENVIRONMENT": "production",
    "BREEZEWAY_INTERNAL_KEY": "q8Zr1tYv5wXb2nMc7kLd9pSf3hGj6aQe4uRi0oTy",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "DATABASE_URL": "postgresql://127.0.0.1:1/trading",
    "GATEWAY_URL": "https://breezeway.test",
    "BREEZEWAY_LIVE_TRADING": "real",
}


def settings(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> TradingSettings:
    for name, value in (SAFE | {"BREEZE_SIMULATOR_URL": None} | changes).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    return TradingSettings()


def test_live_trading_is_off_unless_it_is_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, BREEZEWAY_LIVE_TRADING=None).live_trading is LiveTradingMode.OFF


@pytest.mark.parametrize("simulator", [None, ""], ids=["unset", "empty"])
def test_it_can_be_switched_on_where_it_is_safe(monkeypatch: pytest.MonkeyPatch, simulator: str | None) -> None:
    assert settings(monkeypatch, BREEZE_SIMULATOR_URL=simulator).live_trading is LiveTradingMode.REAL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"BREEZEWAY_ENVIRONMENT": "development"}, "BREEZEWAY_ENVIRONMENT=production"),
        ({"GATEWAY_URL": "http://breezeway.test"}, "https"),
        ({"BREEZE_SIMULATOR_URL": "http://127.0.0.1:9000"}, "BREEZE_SIMULATOR_URL"),
        ({"BREEZEWAY_LIVE_TRADING": "simulator"}, "BREEZE_SIMULATOR_URL"),
        ({"BREEZEWAY_LIVE_ORDER_RATE": "11"}, "BREEZEWAY_LIVE_ORDER_RATE"),
        ({"BREEZEWAY_LIVE_TRADING": "on"}, "BREEZEWAY_LIVE_TRADING"),
    ],
    ids=["development", "plain-http", "simulated-prices", "no-simulator", "rate", "unknown-mode"],
)
def test_where_it_is_not_safe_the_process_does_not_start(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings(monkeypatch, **changes)
