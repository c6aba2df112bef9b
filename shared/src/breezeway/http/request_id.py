"""The request id: accepted or made at the edge, on every log line, in every answer, passed on to every hop."""

import re
from contextvars import ContextVar

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.ids import new_id

HEADER = "X-Request-ID"

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,128}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request being served, or an empty string outside of one."""
    return _current.get()


class RequestIdMiddleware:
    """Pure ASGI, so that it also covers WebSockets and never buffers a body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"x-request-id"), "")
        # An id that could break a log line or a header is replaced rather than refused: it is only a label.
        request_id = given if _ACCEPTABLE.fullmatch(given) else new_id().hex
        token = _current.set(request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._app(scope, receive, send_with_id)
        finally:
            _current.reset(token)
