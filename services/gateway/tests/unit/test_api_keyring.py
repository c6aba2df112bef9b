"""API keys in the gateway's memory: asked about once, bounded, never longer than auth allows."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from breezeway.errors import Forbidden, RateLimited, Unauthenticated, UpstreamUnavailable
from breezeway.security.tokens import Principal
from gateway_service.application.api_keys import ApiKeyring, ExchangedKey
from gateway_service.application.limits import RequestLimits
from gateway_service.domain.rates import Bucket, LocalBuckets, Rate, Standing
from gateway_service.domain.route_classes import DEFAULTS, Party, RouteClass

KEY = "bwk_0RbXEVMcwq2dLGmJf6hTzK_" + "s" * 43
IP = "203.0.113.9"


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Auth:
    """Exchanges and verifies; `revoked` are the tokens on the deny list."""

    def __init__(self) -> None:
        self.user_id, self.key_id = uuid4(), uuid4()
        self.asked: list[tuple[str, str]] = []
        self.known = {KEY}
        self.allowed: tuple[str, ...] = ()
        self.seconds = 900
        self.revoked: set[str] = set()
        self.down = False

    async def exchange(self, key: str, ip: str) -> ExchangedKey:
        self.asked.append((key, ip))
        await asyncio.sleep(0)
        if self.down:
            raise UpstreamUnavailable("away")
        if key not in self.known:
            raise Unauthenticated("unknown", code="api_key_invalid")
        return ExchangedKey(f"token{len(self.asked)}", self.seconds, self.user_id, self.key_id, self.allowed)

    async def authenticate(self, token: str) -> Principal:
        if token in self.revoked:
            raise Unauthenticated("revoked", code="token_revoked")
        return Principal(self.user_id, "user", frozenset(), f"key:{self.key_id}", "t", int(time.time()) + 900)


class NobodyShares:
    async def take(self, buckets: Sequence[Bucket], owed: Sequence[int]) -> Standing:
        raise UpstreamUnavailable("no Redis here")


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def ring(auth: Auth, seconds: Seconds) -> ApiKeyring:
    limits = {**DEFAULTS, RouteClass.KEY_LOOKUP: {Party.IP: Rate(20, 60)}}
    return ApiKeyring(
        auth, auth.authenticate, RequestLimits(limits, NobodyShares(), LocalBuckets(seconds), seconds), seconds
    )


async def test_a_key_is_asked_about_once_a_minute(ring: ApiKeyring, auth: Auth, seconds: Seconds) -> None:
    grants = [await ring.grant(KEY, IP) for _ in range(5)]
    assert {grant.access_token for grant in grants} == {"token1"}
    assert grants[0].principal.session_id == f"key:{auth.key_id}"
    seconds.now += 61
    assert (await ring.grant(KEY, IP)).access_token == "token2"
    assert auth.asked == [(KEY, IP)] * 2


async def test_a_key_that_ends_sooner_is_forgotten_sooner(ring: ApiKeyring, auth: Auth, seconds: Seconds) -> None:
    auth.seconds = 3
    await ring.grant(KEY, IP)
    seconds.now += 4
    auth.known.clear()
    with pytest.raises(Unauthenticated):
        await ring.grant(KEY, IP)


async def test_fifty_requests_at_once_are_one_question(ring: ApiKeyring, auth: Auth) -> None:
    await asyncio.gather(*(ring.grant(KEY, IP) for _ in range(50)))
    assert len(auth.asked) == 1


async def test_an_unknown_key_is_remembered_for_a_moment(ring: ApiKeyring, auth: Auth, seconds: Seconds) -> None:
    auth.known.clear()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await ring.grant(KEY, IP)
    assert len(auth.asked) == 1
    auth.known.add(KEY)
    seconds.now += 6
    assert (await ring.grant(KEY, IP)).access_token


async def test_the_address_is_checked_with_every_request(ring: ApiKeyring, auth: Auth) -> None:
    auth.allowed = ("203.0.113.0/24", "2001:db8::/48")
    await ring.grant(KEY, IP)
    await ring.grant(KEY, "2001:db8::7")
    for elsewhere in ("198.51.100.1", "unknown", "2001:db9::1"):
        with pytest.raises(Forbidden) as refused:
            await ring.grant(KEY, elsewhere)
        assert refused.value.code == "api_key_ip_refused"
    assert len(auth.asked) == 1


async def test_a_revoked_token_is_exchanged_again_and_a_deleted_key_is_not(ring: ApiKeyring, auth: Auth) -> None:
    await ring.grant(KEY, IP)
    auth.revoked.add("token1")
    assert (await ring.grant(KEY, IP)).access_token == "token2"
    auth.revoked.add("token2")
    auth.known.clear()
    with pytest.raises(Unauthenticated) as refused:
        await ring.grant(KEY, IP)
    assert refused.value.code == "api_key_invalid"


async def test_guessing_keys_is_limited_per_address(ring: ApiKeyring, auth: Auth) -> None:
    for n in range(20):
        with pytest.raises(Unauthenticated):
            await ring.grant(f"bwk_guess_{n}", IP)
    with pytest.raises(RateLimited):
        await ring.grant("bwk_guess_more", IP)
    assert len(auth.asked) == 20
    assert (await ring.grant(KEY, "198.51.100.1")).access_token, "somebody else is not meant"


async def test_auth_that_is_away_is_not_a_wrong_key(ring: ApiKeyring, auth: Auth) -> None:
    auth.down = True
    with pytest.raises(UpstreamUnavailable):
        await ring.grant(KEY, IP)
    auth.down = False
    assert (await ring.grant(KEY, IP)).access_token


@pytest.mark.parametrize("key", ["", "x", "bwk", "BWK_a_b", "bwk_" + "a" * 600, "bwk_é_x"])
async def test_what_cannot_be_a_key_is_nobodys_question(ring: ApiKeyring, auth: Auth, key: str) -> None:
    with pytest.raises(Unauthenticated):
        await ring.grant(key, IP)
    assert auth.asked == []


async def test_no_part_of_a_key_is_kept_or_shown(ring: ApiKeyring) -> None:
    grant = await ring.grant(KEY, IP)
    shown = repr(grant) + repr(ring) + repr(ring._known)
    assert KEY not in shown
    assert "token1" not in shown


async def test_the_memory_is_bounded(auth: Auth, seconds: Seconds) -> None:
    wide = {
        **DEFAULTS,
        RouteClass.KEY_LOOKUP: {Party.IP: Rate(1_000_000, 1)},
        RouteClass.EVERYTHING: {Party.ALL: Rate(1_000_000, 1)},
    }
    ring = ApiKeyring(
        auth, auth.authenticate, RequestLimits(wide, NobodyShares(), LocalBuckets(seconds), seconds), seconds
    )
    for n in range(10_050):
        with pytest.raises(Unauthenticated):
            await ring.grant(f"bwk_{n}", IP)
    assert len(ring) == 10_000
    assert isinstance(auth.user_id, UUID)
