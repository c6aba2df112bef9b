"""Verifies access tokens in the services that do not sign them: keys from auth's JWKS, refreshed when needed."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from breezeway.errors import BreezewayError, Unauthenticated, UpstreamUnavailable
from breezeway.security.revocation import DenyList
from breezeway.security.tokens import LEEWAY_SECONDS, MAX_TOKEN_BYTES, Principal, TokenVerifier, public_keys

FetchKeys = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gets auth's JWK set."""

_REFRESH_SECONDS = 60.0
_MIN_GAP_SECONDS = 5.0
_REMEMBERED_TOKENS = 4_096


class Authenticator:
    """Turns a bearer token into a `Principal`.

    Keys are fetched at first use, every minute (so long can a key that has leaked outlive its deletion), and when a
    token names a key we have not seen - but never more often than every five seconds, so that forged key names cannot
    make us hammer auth.

    Args:
        denied: what has been revoked; without one, tokens are good until they expire.
    """

    def __init__(self, fetch_keys: FetchKeys, denied: DenyList | None = None) -> None:
        self._fetch = fetch_keys
        self._denied = denied
        self._verifier = TokenVerifier({})
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self._fetched_at = -_REFRESH_SECONDS
        self._lock = asyncio.Lock()

    async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
        """Who the token speaks for.

        Args:
            changes_something: refuse rather than guess when it cannot be known what has been revoked lately. Reading
                goes on then, for the fifteen minutes at most that a token lives.

        Raises:
            Unauthenticated: the token is not valid, or has been revoked (`token_revoked`).
            UpstreamUnavailable: no key was ever fetched and auth does not answer; `revocations_unknown`, see above.
        """
        age = time.monotonic() - self._fetched_at
        if age > _REFRESH_SECONDS or (age > _MIN_GAP_SECONDS and not self._verifier.knows_key_of(token)):
            await self._refresh()
        principal = self._verify(token)
        if self._denied is not None:
            if self._denied.refuses(principal):
                raise Unauthenticated("This sign-in has ended; log in again.", code="token_revoked")
            if changes_something and not self._denied.fresh:
                raise UpstreamUnavailable(
                    "It cannot be told right now whether this sign-in still counts, so nothing is changed. "
                    "Try again in a moment.",
                    code="revocations_unknown",
                    retry_after=2,
                )
        return principal

    def _verify(self, token: str) -> Principal:
        """The same token comes with every request of a client: its signature is checked once, its time each time."""
        if len(token) > MAX_TOKEN_BYTES:
            return self._verifier.verify(token)
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is not None and known.expires_at > time.time() - LEEWAY_SECONDS:
            self._verified.move_to_end(digest)
            return known
        principal = self._verified[digest] = self._verifier.verify(token)
        if len(self._verified) > _REMEMBERED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._fetched_at < _MIN_GAP_SECONDS:
                return
            try:
                keys = public_keys(await self._fetch())
            except BreezewayError:
                # With keys in hand an unreachable auth must not sign everybody out; tokens still expire by themselves.
                if not self._verifier.key_ids:
                    raise
            else:
                self._verifier.replace_keys(keys)
                # A key that is gone takes with it what it has signed.
                self._verified.clear()
            self._fetched_at = time.monotonic()
