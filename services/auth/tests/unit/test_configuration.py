"""Keys and settings: what starts, and what refuses to."""

import base64
import os
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from auth_service.adapters.signing_keys import load_signing_key
from auth_service.api.fields import Body, Email
from auth_service.bootstrap import vault_keys
from auth_service.domain.users import normalise_email
from auth_service.settings import AuthSettings
from breezeway.errors import Misconfigured


def settings(home: Path, environment: str = "development", **more: object) -> AuthSettings:
    return AuthSettings.model_validate(
        {
            "BREEZEWAY_ENVIRONMENT": environment,
            "BREEZEWAY_HOME": home,
            "BREEZEWAY_INTERNAL_KEY": "uT4kq0WnZ7xRb2LmV9cYs5HdJ3gPe8Fa",
            "DATABASE_URL": "postgresql://nowhere",
            "REDIS_URL": "redis://nowhere",
        }
        | more
    )


def test_development_makes_its_keys_once(tmp_path: Path) -> None:
    first = load_signing_key(tmp_path / "secrets" / "signing.pem", generate=True)
    again = load_signing_key(tmp_path / "secrets" / "signing.pem", generate=True)
    assert first.kid == again.kid
    vault_keys(settings(tmp_path))
    made = (tmp_path / "secrets" / "vault.key").read_bytes()
    vault_keys(settings(tmp_path))
    assert (tmp_path / "secrets" / "vault.key").read_bytes() == made
    for name in ("signing.pem", "vault.key"):
        assert stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "secrets").iterdir()) == ["signing.pem", "vault.key"]


def test_a29_production_does_not_start_without_a_vault_key(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        vault_keys(settings(tmp_path, "production"))
    assert refused.value.code == "vault_key_missing"
    sample = base64.b64encode(b"change-me-change-me-change-me-32").decode()
    with pytest.raises(Misconfigured) as sampled:
        vault_keys(settings(tmp_path, "production", BREEZEWAY_VAULT_KEY=sample))
    assert sampled.value.code == "bad_vault_key"
    good = base64.b64encode(os.urandom(32)).decode()
    assert vault_keys(settings(tmp_path, "production", BREEZEWAY_VAULT_KEY=good)).newest == "v1"
    assert not (tmp_path / "secrets").exists()


def test_a29_production_does_not_start_without_a_signing_key(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_signing_key(tmp_path / "absent.pem", generate=False)
    assert refused.value.code == "signing_key_missing"
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(Misconfigured) as bad:
        load_signing_key(tmp_path / "bad.pem", generate=False)
    assert bad.value.code == "bad_signing_key"


def test_settings_do_not_show_secrets(tmp_path: Path) -> None:
    shown = repr(settings(tmp_path, BREEZEWAY_VAULT_KEY="canary-key"))
    assert "canary" not in shown
    assert "x" * 32 not in shown


class _Given(Body):
    email: Email


@pytest.mark.parametrize(
    "email", ["asha@example.com", "a.b+c@sub.example.co.in", "demo@breezeway.test", "demo@nas.local", "अशा@example.com"]
)
def test_addresses_that_could_exist(email: str) -> None:
    assert _Given(email=email).email == email


@pytest.mark.parametrize(
    "email", ["", "asha", "a@b@c.example", "asha@", "a b@example.com", "asha@localhost", "a\x00@x.in"]
)
def test_addresses_that_could_not(email: str) -> None:
    with pytest.raises(ValidationError):
        _Given(email=email)


def test_addresses_are_compared_in_one_form() -> None:
    assert normalise_email("  ASHA@Example.COM ") == normalise_email("asha@example.com")
    assert normalise_email("ａsha@example.com") == "asha@example.com"
