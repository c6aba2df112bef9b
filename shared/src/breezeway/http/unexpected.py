"""The last net: an error that nobody expected becomes a problem document with the request's id, and a log line."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.http.problem import problem_response

_log = structlog.get_logger()


class UnexpectedErrorMiddleware:
    """Inside `RequestIdMiddleware`, and not an exception handler: Starlette runs the handler of `Exception` outside of
    every middleware, where the request has no id any more, and raises the error again for the server to log it twice.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            # A body that has begun cannot be taken back: the server must break the connection, so that nobody takes the
            # half for the whole.
            if started:
                raise
            _log.error("unexpected_error", error=repr(error), exc_info=error)
            response = problem_response(
                500,
                "internal_error",
                "Something failed",
                "An unexpected error happened. It was logged with this request id.",
            )
            await response(scope, receive, send)
