"""A span around every request, continuing the caller's trace. Installed only where traces are wanted."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway.http.meter import route_of
from breezeway.http.request_id import current_request_id
from breezeway.observability import tracing


class TraceMiddleware:
    """Inside `RequestIdMiddleware`, whose id the span carries; each log line of the request carries the trace's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)
        with tracing.span(
            scope["method"], "server", {"breezeway.request_id": current_request_id()}, parent=given
        ) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            trace_id = format(span.get_span_context().trace_id, "032x")
            try:
                with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                    await self._app(scope, receive, watched)
            finally:
                # Known only now; a template, because a path may hold anything that a stranger typed.
                route = route_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
