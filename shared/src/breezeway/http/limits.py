"""Refusal of bodies that are too large, too slow or packed, before anybody parses them."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.errors import BreezewayError, TooLarge
from breezeway.http.problem import error_response, problem_response

BODY_SECONDS: Final = 30.0
"""How long a body may take to arrive."""


class BodyLimitMiddleware:
    """Answers 413 to a body over `limit` bytes, whether its length is declared or only turns out while it arrives.

    A compressed body is answered with 415: nothing here unpacks one, so nobody can send a bomb. One that does not
    arrive within `seconds` is answered with 408.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared, encoding = b"0", b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                declared = value
            elif name == b"content-encoding":
                encoding = value.strip().lower()
        if not declared.isdigit() or int(declared) > self._limit:
            await error_response(self._too_large())(scope, receive, send)
            return
        if encoding not in (b"", b"identity"):
            detail = "Send the body as it is, without a Content-Encoding."
            answer = problem_response(415, "unsupported_encoding", "Unsupported media type", detail)
            await answer(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        seen = 0
        complete = started = False

        async def counted() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()  # nothing more comes but the end of the connection, whenever that is
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _BodyRefused(_TooSlow("The body did not arrive in time.")) from None
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if seen > self._limit:
                    raise _BodyRefused(self._too_large())
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _BodyRefused as refused:
            if started:
                raise
            await error_response(refused.error)(scope, receive, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self._limit:,} bytes.")


class _TooSlow(BreezewayError):
    status = 408
    title = "Too slow"
    default_code = "request_timeout"


class _BodyRefused(BaseException):
    """Not an `Exception`, so that no handler on the way takes it for a failure of its own."""

    def __init__(self, error: BreezewayError) -> None:
        super().__init__()
        self.error = error
