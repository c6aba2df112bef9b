"""Where the master comes from, and what is accepted from there."""

from typing import Any

import pytest
from pydantic import ValidationError

from instruments_service.settings import InstrumentsSettings

LIVE = "https://directlink.icicidirect.com/MotherAppMaster/SecurityMaster.zip"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BREEZEWAY_MASTER_URL", "BREEZEWAY_MASTER_ACCEPT_ANY", "BREEZE_SIMULATOR_URL"):
        monkeypatch.delenv(name, raising=False)


def make(**over: Any) -> InstrumentsSettings:
    values = {
        "DATABASE_URL": "postgresql://localhost/instruments",
        "REDIS_URL": "redis://localhost",
        "BREEZEWAY_INTERNAL_KEY": "k" * 32,
    }
    return InstrumentsSettings.model_validate(values | over)


def test_the_brokers_own_master_is_the_default_and_is_judged_strictly() -> None:
    settings = make()
    assert settings.effective_master_url == LIVE
    assert not settings.accepts_any


def test_with_a_simulator_its_master_is_taken_as_it_comes() -> None:
    settings = make(BREEZE_SIMULATOR_URL="http://127.0.0.1:9000/")
    assert settings.effective_master_url == "http://127.0.0.1:9000/MotherAppMaster/SecurityMaster.zip"
    assert settings.accepts_any


def test_a_real_master_beside_a_simulator_is_judged_strictly() -> None:
    settings = make(BREEZE_SIMULATOR_URL="http://127.0.0.1:9000", BREEZEWAY_MASTER_URL=LIVE)
    assert settings.effective_master_url == LIVE
    assert not settings.accepts_any
    assert make(BREEZEWAY_MASTER_URL=LIVE, BREEZEWAY_MASTER_ACCEPT_ANY="true").accepts_any


def test_only_web_addresses_are_masters() -> None:
    with pytest.raises(ValidationError):
        make(BREEZEWAY_MASTER_URL="file:///etc/passwd")
