"""A-27: services accept only fresh tokens that were meant for them."""

import time

import pytest
from itsdangerous import URLSafeTimedSerializer

from breezeway.errors import Unauthenticated
from breezeway.security.service_tokens import MAX_AGE_SECONDS, ServiceTokens

KEY = "k" * 32


def test_a_token_names_its_sender_at_its_audience() -> None:
    assert ServiceTokens(KEY, "auth").verify(ServiceTokens(KEY, "gateway").issue("auth")) == "gateway"


def test_a_27_a_token_for_another_service_is_refused() -> None:
    token = ServiceTokens(KEY, "gateway").issue("instruments")
    with pytest.raises(Unauthenticated):
        ServiceTokens(KEY, "auth").verify(token)


def test_a_27_a_token_signed_with_another_key_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        ServiceTokens(KEY, "auth").verify(ServiceTokens("x" * 32, "gateway").issue("auth"))


def test_a_27_an_old_token_that_is_replayed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = ServiceTokens(KEY, "gateway").issue("auth")
    later = time.time() + MAX_AGE_SECONDS + 2
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated):
        ServiceTokens(KEY, "auth").verify(token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00"])
def test_a_27_garbage_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        ServiceTokens(KEY, "auth").verify(token)


def test_a_27_a_token_for_no_service_is_refused() -> None:
    token = URLSafeTimedSerializer(KEY).dumps("gateway")
    with pytest.raises(Unauthenticated):
        ServiceTokens(KEY, "auth").verify(token)
