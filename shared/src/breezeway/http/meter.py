"""Rate, errors and duration of every request, by the template of its route."""

from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.observability.red import REQUESTS

ROUTE: Final = "breezeway.route"
"""Key in the scope: what a route that takes every path calls the one it was given. Must be one of a few names."""

_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MeterMiddleware:
    """Outside of what turns errors into answers, so that those count as what was answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        # Until an answer has begun the request counts as broken off, which nginx calls 499.
        status = 499

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            REQUESTS.observe((method, route_of(scope), str(status)), perf_counter() - started)


def route_of(scope: Scope) -> str:
    """The template of the route that answered; `unmatched` when none did, so that nobody can invent labels."""
    if ROUTE in scope:
        return str(scope[ROUTE])
    return str(getattr(scope.get("route"), "path", "unmatched"))
