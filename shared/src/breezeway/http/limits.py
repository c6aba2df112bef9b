"""Refusal of what is too large, before anybody parses it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.errors import TooLarge
from breezeway.http.problem import error_response


class BodyLimitMiddleware:
    """Answers 413 to a body over `limit` bytes, whether its length is declared or only turns out while it arrives."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        seen = 0
        started = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._limit:
                    raise _BodyTooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _BodyTooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(f"The body is larger than {self._limit:,} bytes.")
        await error_response(error)(scope, receive, send)


class _BodyTooLarge(BaseException):
    """Not an `Exception`, so that no handler on the way takes it for a failure of its own."""
