"""The text of an API key, its ranges and its scopes, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.domain.api_keys import (
    ApiKey,
    check_networks,
    key_text,
    new_key_secret,
    parse_key,
    secret_fits,
)
from auth_service.domain.sign_ins import digest_of
from breezeway.errors import Forbidden
from breezeway.security.scopes import check_scope, is_api_key
from breezeway.security.tokens import Principal

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


def key(**changes: Any) -> ApiKey:
    values: dict[str, Any] = {
        "id": UUID(int=7),
        "user_id": UUID(int=1),
        "name": "k",
        "scopes": ("read",),
        "networks": (),
        "created_at": NOW,
    }
    return ApiKey(**values | changes)


@given(st.uuids())
def test_a_key_is_read_back_as_it_was_written(key_id: UUID) -> None:
    secret = new_key_secret()
    text = key_text(key(id=key_id), secret)
    assert text.count("_") == 2
    assert text.startswith("bwk_")
    assert text.replace("_", "").isalnum()
    assert parse_key(text) == (key_id, secret)


@pytest.mark.parametrize(
    "text",
    [
        "", "bwk", "bwk_", "bwk__", "bwk_x_y", f"bwk_{'z' * 22}_{'a' * 43}", f"bwk_{'0' * 21}é_{'a' * 43}",
        f"xyz_{'0' * 22}_{'a' * 43}", f"bwk_{'0' * 22}_{'a' * 42}", f"bwk_{'0' * 22}_{'a' * 44}", "\ud800",
    ],
)  # fmt: skip
def test_what_cannot_be_a_key_is_none(text: str) -> None:
    assert parse_key(text) is None


def test_only_the_right_secret_fits() -> None:
    secret = new_key_secret()
    assert secret_fits(secret, digest_of(secret))
    assert not secret_fits(secret, digest_of(new_key_secret()))
    assert not secret_fits(secret, None)
    assert not secret_fits("\ud800", digest_of(secret))


@pytest.mark.parametrize(
    ("networks", "ip", "may"),
    [
        ((), None, True),
        (("203.0.113.7/32",), "203.0.113.7", True),
        (("203.0.113.7/32",), "203.0.113.8", False),
        (("203.0.113.0/24", "2001:db8::/48"), "2001:db8:0:1::5", True),
        (("2001:db8::/48",), "2001:db9::1", False),
        (("203.0.113.0/24",), "::ffff:203.0.113.9", True),
        (("203.0.113.0/24",), None, False),
        (("203.0.113.0/24",), "testclient", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
    ],
)
def test_ranges_say_from_where_a_key_works(networks: tuple[str, ...], ip: str | None, may: bool) -> None:
    assert key(networks=networks).may_come_from(ip) is may


def test_ranges_have_one_spelling_and_no_doubt() -> None:
    assert check_networks(["203.0.113.7", "203.0.113.7/32", " 2001:DB8::/48 "]) == ("203.0.113.7/32", "2001:db8::/48")
    for wrong in ("10.0.0.5/8", "localhost", "", "1.2.3.4/33", "::1%eth0/64"):
        with pytest.raises(ValueError, match="no IP range"):
            check_networks([wrong])


def test_a_key_ends_when_its_time_has_come() -> None:
    assert not key(expires_at=None).has_expired(NOW)
    assert key(expires_at=NOW).has_expired(NOW)
    assert not key(expires_at=NOW + timedelta(seconds=1)).has_expired(NOW)


def test_one_of_several_scopes_is_enough() -> None:
    principal = Principal(UUID(int=1), "user", frozenset({"data"}), "key:x", "t", 0)
    check_scope(principal, "read", "data")
    with pytest.raises(Forbidden, match="`trade`"):
        check_scope(principal, "trade")
    assert is_api_key(principal)
    assert not is_api_key(Principal(UUID(int=1), "user", frozenset(), str(UUID(int=2)), "t", 0))
