"""Settings from the environment, as an operator writes them."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from breeze_simulator.settings import LOCAL_CALLBACK, Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APPS", "CLOCK", "LIMITS", "MASTER_ZIP", "CANDLES_DIR", "REDIRECT_URL"):
        monkeypatch.delenv(f"BREEZE_SIM_{name}", raising=False)


def test_the_demo_app_is_the_default() -> None:
    settings = Settings()
    (app,) = settings.apps
    assert (app.api_key, app.secret) == ("sim+key=1", "sim-secret")
    assert settings.redirect_url == LOCAL_CALLBACK
    assert settings.limits is True
    assert settings.replay_day is None


def test_apps_are_json_and_switches_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREEZE_SIM_APPS", '[{"api_key":"k","secret":"s","user_id":"U1","user_name":"A"}]')
    monkeypatch.setenv("BREEZE_SIM_LIMITS", "off")
    monkeypatch.setenv("BREEZE_SIM_CLOCK", "replay:2026-07-30")
    monkeypatch.setenv("BREEZE_SIM_MASTER_ZIP", "")
    settings = Settings()
    assert settings.apps[0].user_id == "U1"
    assert settings.limits is False
    assert settings.replay_day == date(2026, 7, 30)
    assert settings.master_zip is None


@pytest.mark.parametrize("clock", ["replay", "replay:", "replay:30-07-2026", "fast", "wall:2026-07-30"])
def test_a_wrong_clock_stops_the_start(clock: str) -> None:
    with pytest.raises(ValidationError):
        Settings(clock=clock)


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="master_zip"):
        Settings(master_zip=tmp_path / "absent.zip")
    with pytest.raises(ValidationError, match="candles_dir"):
        Settings(candles_dir=tmp_path / "absent")


def test_a_secret_is_not_shown() -> None:
    assert "sim-secret" not in repr(Settings())
