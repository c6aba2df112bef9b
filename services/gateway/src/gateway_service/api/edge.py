"""The gate of every HTTP request: which credential it carries, and whether its sender may ask again so soon."""

import math
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.errors import BreezewayError
from breezeway.http.problem import error_response
from gateway_service.application.callers import Callers
from gateway_service.application.limits import refusal
from gateway_service.domain.rates import Standing
from gateway_service.domain.route_classes import class_of

_REFUSED: Final = 429


class EdgeMiddleware:
    """Behind it there are only requests that may pass, with an access token for a credential or with none.

    The limits' state is told in `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds), of the limit
    that leaves the least room; the names that most clients know, of the IETF draft's earlier versions.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route_class = None
        if scope["type"] == "http":
            route_class = class_of(scope["method"], scope["path"], scope["query_string"])
        if route_class is None:
            await self._app(scope, receive, send)
            return
        callers: Callers = scope["app"].state.callers
        ip: str = scope["client"][0]
        try:
            known = await callers.identify(ip, _values(scope, b"authorization"), _values(scope, b"x-api-key"))
        except BreezewayError as error:
            await error_response(error)(scope, receive, send)
            return
        if known.access_token is not None:
            _replace_key(scope, known.access_token)
        standing = await callers.limits.admit(route_class, known.caller)

        async def with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                _tell(MutableHeaders(scope=message), standing, message["status"])
            await send(message)

        if standing.allowed:
            await self._app(scope, receive, with_limits)
        else:
            await error_response(refusal(standing))(scope, receive, with_limits)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _replace_key(scope: Scope, access_token: str) -> None:
    kept = [(name, value) for name, value in scope["headers"] if name != b"x-api-key"]
    scope["headers"] = [*kept, (b"authorization", f"Bearer {access_token}".encode())]


def _tell(headers: MutableHeaders, standing: Standing, status: int) -> None:
    remaining, reset = standing.remaining, standing.reset
    wait = headers.get("Retry-After", "")
    if status == _REFUSED and standing.allowed and wait.isdigit():
        # A service has a stricter limit of its own for this.
        remaining, reset = 0, float(wait)
    headers["RateLimit-Limit"] = str(standing.bucket.rate.count)
    headers["RateLimit-Remaining"] = str(remaining)
    headers["RateLimit-Reset"] = str(math.ceil(reset))
