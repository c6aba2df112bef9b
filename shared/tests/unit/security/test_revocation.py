"""The deny list: what it refuses, for how long, and when it no longer knows."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.errors import Unauthenticated, UpstreamUnavailable
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import REMEMBERED_SECONDS, DenyList
from breezeway.security.tokens import Principal

USER = uuid4()


class Seconds:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def principal(session: str = "s1", user: UUID = USER, issued_at: int = 1_000) -> Principal:
    return Principal(user, "user", frozenset(), session, "t", issued_at + 900, issued_at)


def test_one_sign_in_is_refused_and_the_other_is_not() -> None:
    denied = DenyList(Seconds())
    denied.add(CredentialsRevoked(user_id=USER, session_id="s1", at=1_000))
    assert denied.refuses(principal("s1"))
    assert denied.refuses(principal("s1", issued_at=2_000)), "a sign-in that has ended never comes back"
    assert not denied.refuses(principal("s2"))


def test_a_user_is_refused_up_to_that_moment() -> None:
    denied = DenyList(Seconds())
    denied.add(CredentialsRevoked(user_id=USER, at=1_000))
    denied.add(CredentialsRevoked(user_id=USER, at=900))
    assert denied.refuses(principal("any", issued_at=1_000))
    assert not denied.refuses(principal("any", issued_at=1_001))
    assert not denied.refuses(principal("any", user=uuid4()))


def test_entries_live_as_long_as_the_tokens_they_name() -> None:
    seconds = Seconds()
    denied = DenyList(seconds)
    denied.add(CredentialsRevoked(user_id=USER, session_id="s1"))
    denied.add(CredentialsRevoked(user_id=USER, at=1_000))
    seconds.now += REMEMBERED_SECONDS - 1
    denied.forget_old()
    assert len(denied) == 2
    seconds.now += 2
    denied.forget_old()
    assert len(denied) == 0


class Verified:
    """Stands in for a verifier whose tokens are all good."""

    key_ids = ("k",)

    def knows_key_of(self, token: str) -> bool:
        return True

    def replace_keys(self, keys: object) -> None:
        return None

    def verify(self, token: str) -> Principal:
        return principal(token)


async def authenticator(denied: DenyList) -> Authenticator:
    async def keys() -> dict[str, Any]:
        return {"keys": []}

    made = Authenticator(keys, denied)
    made._verifier = Verified()  # type: ignore[assignment]
    return made


async def test_a06_without_the_deny_list_reading_goes_on_and_changing_does_not() -> None:
    seconds = Seconds()
    denied = DenyList(seconds)
    checks = await authenticator(denied)
    denied.heard()
    await checks.authenticate("s1", changes_something=True)
    seconds.now += 3.1
    assert (await checks.authenticate("s1")).session_id == "s1"
    with pytest.raises(UpstreamUnavailable) as refused:
        await checks.authenticate("s1", changes_something=True)
    assert (refused.value.code, refused.value.status) == ("revocations_unknown", 503)


async def test_a06_a_list_that_was_never_read_lets_nothing_be_changed() -> None:
    with pytest.raises(UpstreamUnavailable):
        await (await authenticator(DenyList())).authenticate("s1", changes_something=True)


async def test_a_revoked_token_is_a_401() -> None:
    denied = DenyList()
    denied.add(CredentialsRevoked(user_id=USER, session_id="s1"))
    with pytest.raises(Unauthenticated) as refused:
        await (await authenticator(denied)).authenticate("s1")
    assert refused.value.code == "token_revoked"


def test_the_same_session_name_of_somebody_else_is_not_meant() -> None:
    denied = DenyList()
    denied.add(CredentialsRevoked(user_id=USER, session_id="s1"))
    assert not denied.refuses(principal("s1", user=uuid4()))
