"""HTTP between our services: pooled, bounded, typed, with the caller's identity and request id on every hop."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import orjson
from pydantic import BaseModel, TypeAdapter

from breezeway.errors import (
    BY_STATUS,
    BreezewayError,
    FieldFault,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from breezeway.http.request_id import HEADER, current_request_id
from breezeway.observability import tracing
from breezeway.observability.red import UPSTREAM_CALLS
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens

T = TypeVar("T")

_TIMEOUT = httpx.Timeout(connect=2.0, read=15.0, write=10.0, pool=5.0)
# uvicorn closes what was idle for five seconds: a connection kept for longer is now and then closed at the very moment
# at which a request is sent on it, which then fails.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=4)


class ServiceClient:
    """Calls one of our services.

    Args:
        base_url: its origin.
        name: the service's name: the audience of our service token, and the word used in errors.
        tokens: signs who we are.
        transport: for tests: `httpx.ASGITransport(app)`.

    Raises (from `call`):
        the class of `errors.BY_STATUS` that the service answered, with its code and detail;
        UpstreamTimeout, UpstreamUnavailable, UpstreamFault: when it did not answer, or not with JSON.
    """

    def __init__(
        self,
        base_url: str,
        name: str,
        tokens: ServiceTokens,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._tokens = tokens
        self._http = httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT, limits=_LIMITS, transport=transport)

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Send one request and validate the answer as `answer` (`type(None)` expects no body).

        Args:
            bearer: the user's access token, when the call is made in a user's name.
        """
        sent = {
            SERVICE_TOKEN_HEADER: self._tokens.issue(self._name),
            **({HEADER: request_id} if (request_id := current_request_id()) else {}),
            **({"Authorization": f"Bearer {bearer}"} if bearer else {}),
            **({"Content-Type": "application/json"} if json is not None else {}),
            **(headers or {}),
        }
        content = (
            orjson.dumps(json.model_dump(mode="json") if isinstance(json, BaseModel) else json)
            if json is not None
            else None
        )
        try:
            with (
                tracing.span(f"{method} {self._name}", "client", {"server.address": self._name}),
                UPSTREAM_CALLS.timing(self._name) as outcome,
            ):
                sent.update(tracing.carrier())
                response = await self._http.request(method, path, params=params, content=content, headers=sent)
                outcome[0] = str(response.status_code)
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(
                f"The {self._name} service did not answer in time.", code=f"{self._slug}_timeout"
            ) from error
        except httpx.TransportError as error:
            raise UpstreamUnavailable(
                f"The {self._name} service cannot be reached.",
                code=f"{self._slug}_unavailable",
                retry_after=2,
            ) from error
        if response.status_code >= 400:
            raise self._as_error(response)
        if answer is type(None):
            return None
        try:
            return TypeAdapter(answer).validate_json(response.content)
        except ValueError as error:
            raise UpstreamFault(
                f"The {self._name} service sent an answer that does not fit its contract.",
                code=f"{self._slug}_fault",
            ) from error

    @property
    def _slug(self) -> str:
        return self._name.replace("-", "_")

    def _as_error(self, response: httpx.Response) -> BreezewayError:
        try:
            body = orjson.loads(response.content)
        except ValueError:
            body = {}
        if not isinstance(body, dict) or "code" not in body:
            return UpstreamFault(
                f"The {self._name} service answered {response.status_code} without saying why.",
                code=f"{self._slug}_fault",
            )
        kind = BY_STATUS.get(response.status_code, UpstreamFault)
        wait = response.headers.get("Retry-After", "")
        known = {"type", "title", "status", "detail", "code", "request_id", "errors"}
        return kind(
            str(body.get("detail", "")),
            code=str(body["code"]),
            retry_after=float(wait) if wait.isdigit() else None,
            faults=[FieldFault(str(f["field"]), str(f["message"])) for f in body.get("errors") or ()],
            context={key: value for key, value in body.items() if key not in known},
        )

    async def ready(self) -> None:
        """Return when the service's /livez answers 200; for readiness checks."""
        response = await self._http.get("/livez", timeout=1.5)
        response.raise_for_status()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
