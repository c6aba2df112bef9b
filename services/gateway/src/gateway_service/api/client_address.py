"""Puts the caller's own address and scheme into the scope, when the request came through a proxy that we trust."""

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway_service.domain.addresses import Network, client_address, is_in, parse_address

_SECURE: Final = {"http": "https", "ws": "wss"}


class ClientAddressMiddleware:
    """Everything after it may take `scope["client"]` for the caller: limits, the audit log, API keys.

    The server must not have done the same before by its own rules: uvicorn runs with `--no-proxy-headers`.

    Args:
        trusted: the networks of our proxies; with none, forwarded headers are never looked at.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            peer, port = scope["client"] or (None, 0)
            forwarded = _values(scope, b"x-forwarded-for") if self._trusted else []
            ip = client_address(peer, forwarded, self._trusted)
            scope["client"] = (ip, port if ip == peer else 0)
            address = parse_address(peer or "")
            if address is not None and is_in(address, self._trusted):
                protocols = _values(scope, b"x-forwarded-proto")
                # The nearest proxy's word; what it appended to stands before it.
                if protocols and protocols[-1].rsplit(",", 1)[-1].strip().lower() == "https":
                    scope["scheme"] = _SECURE.get(scope["scheme"], scope["scheme"])
        await self._app(scope, receive, send)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
