"""A-29: what would be unsafe in production does not start there; and a wrong value is never shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from breezeway.settings import DatabaseSettings

GOOD_KEY = "qX7vLw2RkZ9mTb4NcY8sHd3FgJ6pAe5U"


def settings(environment: str = "production", **variables: Any) -> DatabaseSettings:
    return DatabaseSettings.model_validate(
        {
            "BREEZEWAY_ENVIRONMENT": environment,
            "BREEZEWAY_INTERNAL_KEY": GOOD_KEY,
            "REDIS_URL": "redis://:9f8e7d6c5b4a@valkey:6379/0",
            "DATABASE_URL": "postgresql://breezeway:1a2b3c4d5e6f@postgres/breezeway_auth",
            **variables,
        }
    )


def test_a_29_good_secrets_start() -> None:
    assert settings().is_production
    assert settings(DATABASE_URL="postgresql:///breezeway", REDIS_URL="redis://localhost").is_production


@pytest.mark.parametrize(
    "unsafe",
    [
        {"BREEZEWAY_INTERNAL_KEY": "x" * 40},
        {"BREEZEWAY_INTERNAL_KEY": "brief"},
        {"BREEZEWAY_INTERNAL_KEY": ""},
        {"BREEZEWAY_INTERNAL_KEY": "change-me-to-something-really-long-please"},
        {"BREEZEWAY_INTERNAL_KEY": "an-Example-of-an-internal-key-0123456789"},
        {"BREEZEWAY_INTERNAL_KEY": "0123456701234567012345670123456701234567"},
        {"DATABASE_URL": "postgresql://postgres:postgres@postgres/x"},
        {"DATABASE_URL": "postgresql://breezeway:ChangeMe1@postgres/x"},
        {"DATABASE_URL": "postgresql://breezeway:p%61ssword@postgres/x"},
        {"REDIS_URL": "redis://:redis@valkey:6379/0"},
        {"LOG_LEVEL": "DEBUG"},
        {"LOG_LEVEL": "debug"},
        {"LOG_LEVEL": "NOTSET"},
    ],
    ids=lambda unsafe: "-".join(f"{name}={value[:12]}" for name, value in unsafe.items()),
)
def test_a_29_sample_short_and_default_secrets_and_debug_do_not_start(unsafe: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**unsafe)
    value = next(iter(unsafe.values()))
    assert not value or "LOG_LEVEL" in unsafe or value not in str(refused.value), "the message shows the value"


def test_development_is_left_alone_but_for_short_keys() -> None:
    assert settings("development", BREEZEWAY_INTERNAL_KEY="x" * 40, LOG_LEVEL="DEBUG").log_level == "DEBUG"
    with pytest.raises(ValidationError):
        settings("development", BREEZEWAY_INTERNAL_KEY="short")
