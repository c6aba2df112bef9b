"""Requests to the gateway: authenticated, repeated where that is safe, failures as typed errors."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import orjson

from breezeway.client.backoff import RetryPolicy
from breezeway.client.credentials import ApiKey, Credentials, Identity, Nobody, TokenPair, Tokens, TokenStore
from breezeway.client.problems import error_of
from breezeway.errors import (
    BreezewayError,
    Conflict,
    InvalidInput,
    OutcomeUnknown,
    UpstreamTimeout,
    UpstreamUnavailable,
)

_READ_AGAIN = frozenset({429, 502, 503, 504})
_WRITE_AGAIN = frozenset({429, 503})
"""The gateway keeps every other answer for its Idempotency-Key, so that asking again would only repeat it."""
# Below the five seconds after which the gateway closes an idle connection, for a request on a dying one fails.
_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=4)


def checked_url(url: str) -> str:
    """The gateway's origin without a trailing slash.

    Raises:
        InvalidInput: `invalid_url`.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput(
            f"{url!r} is no address of a gateway; it looks like http://127.0.0.1:8000", code="invalid_url"
        )
    if parts.username or parts.password:
        raise InvalidInput("The address must not contain a password; sign in or use an API key.", code="invalid_url")
    return url.rstrip("/")


class Transport:
    """One connection pool and one identity.

    Args:
        url: the gateway's origin.
        timeout: seconds without a sign of life of the server.
        http: for tests: an httpx transport.
    """

    def __init__(
        self, url: str, *, retry: RetryPolicy, timeout: float, http: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url = checked_url(url)
        self.credentials: Credentials = Nobody()
        self._retry = retry
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            limits=_LIMITS,
            headers={"User-Agent": "breezeway-python"},
            transport=http,
        )

    async def close(self) -> None:
        if isinstance(self.credentials, Tokens):
            await self.credentials.close()
        await self._http.aclose()

    def use_key(self, key: str) -> None:
        self.credentials = ApiKey(key)

    def use_tokens(self, tokens: TokenPair, store: TokenStore | None = None) -> None:
        self.credentials = Tokens(tokens, self.exchange, store)

    def sign_out(self) -> None:
        self.credentials = Nobody()

    async def exchange(self, refresh_token: str) -> TokenPair:
        """A new pair for a refresh token, which is used up by that."""
        answer = await self.send(
            "POST", "/api/v1/auth/refresh", body={"refresh_token": refresh_token}, anonymous=True, idempotent=False
        )
        return TokenPair.of_answer(orjson.loads(answer.content))

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        anonymous: bool = False,
        idempotent: bool = True,
    ) -> httpx.Response:
        """Send one request until it is answered, refused, or the retry policy gives up.

        A write carries an `Idempotency-Key`, so it takes effect once however often it is sent. With `idempotent` false
        it has none, and is only repeated when it certainly did not arrive.

        Raises:
            the class of `errors.BY_STATUS` that the server answered, with its code and detail;
            UpstreamUnavailable: `gateway_unreachable`;
            UpstreamTimeout: `gateway_timeout`, for a read;
            OutcomeUnknown: `no_answer`, for a write that may or may not have taken effect.
        """
        writes = method not in {"GET", "HEAD"}
        headers: dict[str, str] = {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if writes and idempotent and not anonymous:
            headers["Idempotency-Key"] = uuid4().hex
        request = self._http.build_request(
            method,
            path,
            params={name: value for name, value in (params or {}).items() if value is not None},
            content=orjson.dumps(body) if body is not None else None,
            headers=headers,
        )
        again = (_WRITE_AGAIN if writes else _READ_AGAIN, not writes or idempotent)
        started = time.monotonic()
        for attempt in range(self._retry.attempts):
            try:
                return await self._once(request, anonymous)
            except BreezewayError as error:
                pause = self._retry.backoff.pause(attempt, error.retry_after)
                last = attempt + 1 == self._retry.attempts
                too_late = time.monotonic() + pause - started > self._retry.seconds
                if last or too_late or not _worth_repeating(error, *again):
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")  # the last attempt either returned or raised

    async def _once(self, request: httpx.Request, anonymous: bool) -> httpx.Response:
        identity = await self.credentials.identity() if not anonymous else None
        response = await self._answer(request, identity)
        if response.status_code == 401 and identity is not None:
            other = await self.credentials.other_than(identity)
            if other is not None:
                response = await self._answer(request, other)
        if response.status_code >= 400:
            raise error_of(response)
        return response

    async def _answer(self, request: httpx.Request, identity: Identity | None) -> httpx.Response:
        request.headers.update(identity.headers if identity is not None else {})
        try:
            return await self._http.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UpstreamUnavailable(
                f"Nothing answers at {self.url}. Is Breezeway running there? Start it with: make run",
                code="gateway_unreachable",
            ) from error
        except httpx.TransportError as error:
            if request.method in {"GET", "HEAD"}:
                raise UpstreamTimeout(
                    f"{self.url} did not answer {request.url.path} in time.", code="gateway_timeout"
                ) from error
            raise OutcomeUnknown(
                f"The connection broke before {self.url} had answered; {request.method} {request.url.path} may or may "
                "not have taken effect.",
                code="no_answer",
            ) from error


def _worth_repeating(error: BreezewayError, statuses: frozenset[int], repeatable: bool) -> bool:
    if error.code == "gateway_unreachable":
        return True
    if not repeatable:
        return False
    if error.code in {"gateway_timeout", "no_answer"}:
        return True
    if isinstance(error, Conflict):
        return error.code == "request_in_flight"
    return error.context.get("status") in statuses
