"""API keys at the edge: exchanged once at auth, remembered for a minute, and never passed on.

What is remembered is the SHA-256 of a key and the access token it was exchanged for. The token's `sid` names the key,
so that deleting the key puts the token on every service's deny list, and ours, within two seconds: the memory here
never makes a key live longer.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, Protocol
from uuid import UUID

from breezeway.errors import Forbidden, Unauthenticated
from breezeway.security.tokens import Principal
from gateway_service.application.limits import Caller, RequestLimits
from gateway_service.domain.addresses import Network, is_in, parse_address
from gateway_service.domain.credentials import KEY_PREFIX
from gateway_service.domain.route_classes import RouteClass

REMEMBERED_SECONDS: Final = 60.0
REFUSED_SECONDS: Final = 5.0
"""How long a key that auth does not know is refused without asking again."""

MAX_KEY_LENGTH: Final = 512
_MOST_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True, repr=False)
class ExchangedKey:
    """What auth gives for a key. `expires_in` is seconds."""

    access_token: str
    expires_in: int
    user_id: UUID
    key_id: UUID
    allowed_ips: tuple[str, ...]


class KeyExchange(Protocol):
    """Auth's exchange of a key for an access token."""

    async def exchange(self, key: str, ip: str) -> ExchangedKey:
        """Raises Unauthenticated, Forbidden, and UpstreamUnavailable and its like when auth does not answer."""
        ...


Authenticate = Callable[[str], Awaitable[Principal]]


@dataclass(frozen=True, slots=True, repr=False)
class KeyGrant:
    """A key that was accepted: the token to go on with, and whom it speaks for."""

    access_token: str
    principal: Principal


@dataclass(frozen=True, slots=True, repr=False)
class _Remembered:
    until: float
    exchanged: ExchangedKey | None
    networks: tuple[Network, ...] = ()
    refusal: str = ""


class ApiKeyring:
    """Turns API keys into access tokens.

    Args:
        authenticate: verifies an access token and asks the deny list.
        limits: holds back whoever makes us ask auth too often, which guessing keys does.
        time: monotonic seconds.
    """

    def __init__(
        self, exchange: KeyExchange, authenticate: Authenticate, limits: RequestLimits, time: Callable[[], float]
    ) -> None:
        self._exchange = exchange
        self._authenticate = authenticate
        self._limits = limits
        self._time = time
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asking: dict[bytes, asyncio.Lock] = {}

    def __len__(self) -> int:
        return len(self._known)

    async def grant(self, key: str, ip: str) -> KeyGrant:
        """What `key` is good for when it comes from `ip`.

        Raises:
            Unauthenticated: `api_key_invalid`, `api_key_expired`, `token_revoked`.
            Forbidden: `api_key_ip_refused`.
            RateLimited: too many keys that had to be asked about came from this address.
            UpstreamUnavailable: auth does not answer, and the key is not remembered.
        """
        if not key.startswith(KEY_PREFIX) or len(key) > MAX_KEY_LENGTH or not key.isascii():
            raise Unauthenticated("This is no API key; one looks like `bwk_<id>_<secret>`.", code="api_key_invalid")
        digest = hashlib.sha256(key.encode()).digest()
        remembered = await self._remembered(digest, key, ip)
        try:
            return await self._check(remembered, ip)
        except Unauthenticated:
            # The token was revoked, for example by signing out everywhere, or its time is over; the key may be good
            # all the same. Auth knows, and a second refusal is final.
            if remembered.exchanged is None:
                raise
            self._forget(digest, remembered)
        return await self._check(await self._remembered(digest, key, ip), ip)

    async def principal_of(self, key: str, ip: str) -> Principal:
        """Whom `key` speaks for; raises as `grant` does."""
        return (await self.grant(key, ip)).principal

    async def _check(self, remembered: _Remembered, ip: str) -> KeyGrant:
        exchanged = remembered.exchanged
        if exchanged is None:
            raise Unauthenticated("The API key is not valid.", code=remembered.refusal)
        address = parse_address(ip)
        if remembered.networks and (address is None or not is_in(address, remembered.networks)):
            raise Forbidden("The API key may not be used from this address.", code="api_key_ip_refused")
        return KeyGrant(exchanged.access_token, await self._authenticate(exchanged.access_token))

    async def _remembered(self, digest: bytes, key: str, ip: str) -> _Remembered:
        known = self._fresh(digest)
        if known is not None:
            return known
        # One question for each key at a time: a program that starts with fifty requests at once is one question.
        lock = self._asking.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                return self._fresh(digest) or await self._ask(digest, key, ip)
        finally:
            if not lock.locked():
                self._asking.pop(digest, None)

    async def _ask(self, digest: bytes, key: str, ip: str) -> _Remembered:
        await self._limits.check(RouteClass.KEY_LOOKUP, Caller(ip))
        try:
            exchanged = await self._exchange.exchange(key, ip)
        except Unauthenticated as error:
            answer = _Remembered(self._time() + REFUSED_SECONDS, None, refusal=error.code)
        else:
            seconds = min(REMEMBERED_SECONDS, float(exchanged.expires_in))
            networks = tuple(ip_network(text, strict=False) for text in exchanged.allowed_ips)
            answer = _Remembered(self._time() + seconds, exchanged, networks)
        self._known[digest] = answer
        if len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)
        return answer

    def _fresh(self, digest: bytes) -> _Remembered | None:
        known = self._known.get(digest)
        if known is None or known.until <= self._time():
            return None
        self._known.move_to_end(digest)
        return known

    def _forget(self, digest: bytes, seen: _Remembered) -> None:
        if self._known.get(digest) is seen:
            del self._known[digest]
