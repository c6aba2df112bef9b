"""Who the client is, and how it asks: what every part of the API needs."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from uuid import UUID

import httpx
import orjson

from breezeway.client.backoff import RetryPolicy
from breezeway.client.credentials import TokenPair, Tokens, TokenStore
from breezeway.client.times import wire
from breezeway.client.transport import Transport

if TYPE_CHECKING:
    from breezeway.client import models

DEFAULT_URL: Final = "http://127.0.0.1:8000"
_PAGE: Final = 500

T = TypeVar("T")


class Session:
    """A connection pool and an identity. `Breezeway` describes the arguments."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        refresh_token: str | None = None,
        access_token: str | None = None,
        store: TokenStore | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable
        timeout: float = 30.0,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url or os.environ.get("BREEZEWAY_URL") or DEFAULT_URL
        self._store = store
        self._transport = Transport(self.url, retry=retry, timeout=timeout, http=http)
        if not (api_key or refresh_token or access_token or store):
            api_key = os.environ.get("BREEZEWAY_API_KEY")
        saved = store.load() if store is not None else None
        if api_key:
            self._transport.use_key(api_key)
        elif refresh_token or access_token:
            self._transport.use_tokens(TokenPair(refresh_token, access_token), store)
        elif saved is not None:
            self._transport.use_tokens(saved, store)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection. Stays signed in at the server."""
        await self._transport.close()

    @property
    def tokens(self) -> TokenPair | None:
        """The present tokens, for callers that keep them themselves; None without a sign-in."""
        credentials = self._transport.credentials
        return credentials.tokens if isinstance(credentials, Tokens) else None

    async def register(self, email: str, password: str, full_name: str | None = None) -> "models.User":
        """Create an account; does not sign in. The first one of an instance is its administrator."""
        from breezeway.client.models import User

        body = {"email": email, "password": password, **({"full_name": full_name} if full_name else {})}
        return await self._ask("POST", "/api/v1/auth/register", User, body=body, anonymous=True, idempotent=False)

    async def login(self, email: str, password: str, otp: str | None = None) -> "models.User":
        """Sign in; `otp` is the code of the authenticator app, where the account has one.

        Raises:
            Unauthenticated: wrong, or the code is missing (`code` tells).
        """
        from breezeway.client.models import User, decode

        body = {"email": email, "password": password, **({"otp": otp} if otp else {})}
        answer = await self._transport.send("POST", "/api/v1/auth/login", body=body, anonymous=True, idempotent=False)
        session = orjson.loads(answer.content)
        tokens = TokenPair.of_answer(session)
        self._transport.use_tokens(tokens, self._store)
        if self._store is not None:
            await asyncio.to_thread(self._store.save, tokens)
        return decode(User, orjson.dumps(session["user"]))

    async def logout(self) -> None:
        """End this sign-in at the server. With an API key nothing happens there: delete the key to end it."""
        tokens = self.tokens
        if tokens is not None and tokens.refresh is not None:
            await self._transport.send(
                "POST", "/api/v1/auth/logout", body={"refresh_token": tokens.refresh}, anonymous=True, idempotent=False
            )
        self._transport.sign_out()

    async def me(self) -> "models.User":
        """Who is signed in."""
        from breezeway.client.models import User

        return await self._ask("GET", "/api/v1/users/me", User)

    async def api_keys(self) -> "list[models.ApiKey]":
        """The user's API keys, without their secrets."""
        from breezeway.client.models import ApiKey

        return await self._pages("/api/v1/auth/api-keys", ApiKey, {}, None)

    async def create_api_key(
        self,
        name: str,
        scopes: Sequence[str] = ("read",),
        *,
        expires_at: datetime | None = None,
        allowed_ips: Sequence[str] = (),
    ) -> "models.CreatedApiKey":
        """A new key; its `key` is shown this once. Only a sign-in can make one, not another key.

        Args:
            scopes: of `read`, `data` (have history fetched) and `trade`.
            allowed_ips: addresses and CIDR ranges; from anywhere when empty.
        """
        from breezeway.client.models import CreatedApiKey

        body: dict[str, object] = {"name": name, "scopes": list(scopes), "allowed_ips": list(allowed_ips)}
        if expires_at is not None:
            body["expires_at"] = wire(expires_at)
        return await self._ask("POST", "/api/v1/auth/api-keys", CreatedApiKey, body=body)

    async def delete_api_key(self, key_id: UUID | str) -> None:
        """The key stops working at once."""
        await self._transport.send("DELETE", f"/api/v1/auth/api-keys/{key_id}")

    async def _ask(self, method: str, path: str, kind: type[T], **how: Any) -> T:
        from breezeway.client.models import decode

        return decode(kind, (await self._transport.send(method, path, **how)).content)

    async def _json(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        from breezeway.client.models import decode

        return decode(dict[str, Any], (await self._transport.send(method, path, **how)).content)

    async def _page(self, path: str, kind: type[T], params: Mapping[str, Any]) -> list[T]:
        return (await self._pages(path, kind, params, None, paged=False))[: params.get("limit")]

    async def _pages(
        self, path: str, kind: type[T], params: Mapping[str, Any], limit: int | None, *, paged: bool = True
    ) -> list[T]:
        from breezeway.client.models import Page, decode

        items: list[T] = []
        asked = dict(params)
        while True:
            if paged:
                asked["limit"] = _PAGE if limit is None else max(1, min(_PAGE, limit - len(items)))
            answer = await self._transport.send("GET", path, params=asked)
            page = decode(Page[kind], answer.content)  # type: ignore[valid-type]
            items += page.items
            if not paged or page.next is None or (limit is not None and len(items) >= limit):
                return items
            asked["cursor"] = page.next
