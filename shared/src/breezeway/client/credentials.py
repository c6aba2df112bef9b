"""Who the client is: an API key, or a pair of tokens that is renewed as needed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from breezeway.client.problems import signed_out
from breezeway.errors import Unauthenticated

_RENEW_EARLY = 0.2
"""Part of a token's life that is given away, so that it does not expire on its way to the server."""
_RENEW_EARLY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Tokens of one sign-in. `expires_at` is the access token's end in epoch seconds; None when it is not known."""

    refresh: str | None
    access: str | None = None
    expires_at: float | None = None
    lifetime: float = 900.0

    def __repr__(self) -> str:
        return f"TokenPair(refresh=[redacted], access=[redacted], expires_at={self.expires_at})"

    @classmethod
    def of_answer(cls, body: dict[str, Any]) -> "TokenPair":
        """What `login` and `refresh` answer."""
        lifetime = float(body["expires_in"])
        return cls(body["refresh_token"], body["access_token"], time.time() + lifetime, lifetime)

    @property
    def renew_at(self) -> float | None:
        """When to get the next access token, epoch seconds."""
        if self.expires_at is None:
            return None
        return self.expires_at - min(_RENEW_EARLY_SECONDS, self.lifetime * _RENEW_EARLY)

    @property
    def fresh(self) -> bool:
        return self.access is not None and (self.renew_at is None or time.time() < self.renew_at)


class TokenStore(Protocol):
    """Keeps tokens between processes. Called in a thread; every method may block for a moment."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from renewing: a refresh token works once, and using it twice ends the sign-in."""
        ...

    def load(self) -> TokenPair | None:
        """What was saved last, perhaps by another process."""
        ...

    def save(self, tokens: TokenPair) -> None: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What proves who we are: the headers of a request, and the same as members of the stream's `auth` frame.

    `renew_at`: from when on another one should be used, epoch seconds; None when it stays as it is.
    """

    headers: Mapping[str, str]
    frame: Mapping[str, str]
    renew_at: float | None = None

    def __repr__(self) -> str:
        return f"Identity([redacted], renew_at={self.renew_at})"


class Credentials(Protocol):
    """Where identities come from."""

    async def identity(self) -> Identity:
        """The one to use now.

        Raises:
            Unauthenticated: `signed_out`, there is none any more.
        """
        ...

    async def other_than(self, refused: Identity) -> Identity | None:
        """Another one, when the server does not accept `refused`, or soon will not; None when there is no other."""
        ...


class Nobody:
    """Not signed in."""

    async def identity(self) -> Identity:
        raise signed_out("Sign in first: login(email, password), or give an api_key or a refresh_token.")

    async def other_than(self, refused: Identity) -> Identity | None:
        return None


class ApiKey:
    """A key that does not change."""

    def __init__(self, key: str) -> None:
        self._identity = Identity({"X-API-Key": key}, {"api_key": key})

    async def identity(self) -> Identity:
        return self._identity

    async def other_than(self, refused: Identity) -> Identity | None:
        return None


class Tokens:
    """A pair of tokens. At most one renewal is under way, however many requests wait for it.

    Args:
        tokens: the pair to begin with.
        exchange: turns a refresh token into a new pair; it raises Unauthenticated when that is not accepted.
        store: where pairs are kept; nowhere when None.
    """

    def __init__(
        self, tokens: TokenPair, exchange: Callable[[str], Awaitable[TokenPair]], store: TokenStore | None = None
    ) -> None:
        self.tokens = tokens
        self._exchange = exchange
        self._store = store
        self._renewing: asyncio.Task[None] | None = None

    async def identity(self) -> Identity:
        if not self.tokens.fresh and self.tokens.refresh is not None:
            await self._renew(self.tokens.access)
        access = self.tokens.access
        if access is None:
            raise signed_out("The sign-in has ended. Sign in again.")
        return Identity({"Authorization": f"Bearer {access}"}, {"token": access}, self.tokens.renew_at)

    async def other_than(self, refused: Identity) -> Identity | None:
        old = refused.frame.get("token")
        if self.tokens.refresh is None and old == self.tokens.access:
            return None
        await self._renew(old)
        return await self.identity()

    async def close(self) -> None:
        """Let a renewal that is under way end: what it brings is the only key to the next one."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])

    async def _renew(self, old: str | None) -> None:
        if self.tokens.access != old:
            return  # somebody else has done it meanwhile
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._replace(old), name="renew-token")
            self._renewing.add_done_callback(self._renewed)
        # A caller that gives up must not take the answer with it: the old refresh token is used up.
        await asyncio.shield(self._renewing)

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # every waiting caller has it; the loop need not complain when none waited any more

    async def _replace(self, old: str | None) -> None:
        if self._store is None:
            self.tokens = await self._exchanged(self.tokens)
            return
        lock = self._store.locked()
        await asyncio.to_thread(lock.__enter__)
        try:
            saved = await asyncio.to_thread(self._store.load) or self.tokens
            if saved.access == old or not saved.fresh:
                saved = await self._exchanged(saved)
                await asyncio.to_thread(self._store.save, saved)
            self.tokens = saved
        finally:
            lock.__exit__(None, None, None)

    async def _exchanged(self, tokens: TokenPair) -> TokenPair:
        if tokens.refresh is None:
            raise signed_out("The access token has expired and there is no refresh token. Sign in again.")
        try:
            return await self._exchange(tokens.refresh)
        except Unauthenticated as error:
            self.tokens = TokenPair(None)
            raise signed_out(f"The sign-in has ended ({error.code}). Sign in again.") from error
