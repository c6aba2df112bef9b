"""In front of every broker route: faults on the way out, and the journal."""

import asyncio
import time
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breeze_simulator.application.faults import Fault, FaultKind
from breeze_simulator.application.journal import masked
from breeze_simulator.application.simulator import Simulator
from breeze_simulator.domain.envelopes import BrokerRefusal
from breeze_simulator.domain.signing import unpack_session

BROKER_PATHS = ("/breezeapi/", "/api/v2/", "/apiuser/", "/MotherAppMaster/", "/SecurityMaster.zip")
NOTES = "breeze_simulator.notes"
BUSY_PAGE = "<html><head><title>Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>"


class BrokerDoor:
    """Pure ASGI, so that a truncated answer is really cut after everything else was done with it."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(BROKER_PATHS):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        notes: dict[str, object] = {"user_id": _user(request)}
        scope[NOTES] = notes
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._serve(request, notes, receive, watched)
        finally:
            self._simulator.journal.record(
                "http",
                method=request.method,
                path=request.url.path,
                query=masked(dict(parse_qsl(request.url.query))),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 2),
                **notes,
            )

    async def _serve(self, request: Request, notes: dict[str, object], receive: Receive, send: Send) -> None:
        scope = request.scope
        fault = self._fault(FaultKind.SLOW, request, notes)
        if fault is not None:
            await asyncio.sleep(fault.order.delay_seconds)
        instead = self._instead(request, notes)
        before = self._fault(FaultKind.TIMEOUT_BEFORE, request, notes) if instead is None else None
        after = self._fault(FaultKind.TIMEOUT_AFTER, request, notes) if instead is None and before is None else None
        if instead is not None:
            await instead(scope, receive, send)
        elif before is not None:
            await _time_out(before, scope, receive, send)
        elif after is not None:
            await self._app(scope, receive, _lost)
            await _time_out(after, scope, receive, send)
        elif self._fault(FaultKind.TRUNCATE, request, notes) is not None:
            await self._app(scope, receive, _Cutter(send).send)
        else:
            await self._app(scope, receive, send)

    def _instead(self, request: Request, notes: dict[str, object]) -> Response | None:
        """The answer that a fault gives in place of the real one."""
        fault = self._fault(FaultKind.HTTP_ERROR, request, notes)
        if fault is not None:
            return Response(b"", status_code=fault.order.status or 500)
        if self._fault(FaultKind.RATE_LIMIT, request, notes) is not None:
            return envelope_response(self._simulator.refusals.per_minute())
        fault = self._fault(FaultKind.HTML_PAGE, request, notes)
        if fault is not None:
            return HTMLResponse(BUSY_PAGE, status_code=fault.order.status or 200)
        return None

    def _fault(self, kind: FaultKind, request: Request, notes: dict[str, object]) -> Fault | None:
        faults = self._simulator.faults
        fault = None
        if faults.any:
            fault = faults.take(kind, path=request.url.path, user_id=_user(request), method=request.method)
        if fault is not None:
            notes["fault"] = kind.value
        return fault


class _Cutter:
    """Sends half of a body. The length header says so, which is how a proxy that lost its upstream looks."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        half = bytes(self._body[: len(self._body) // 2])
        headers = [(k, v) for k, v in self._start["headers"] if k.lower() != b"content-length"]
        headers.append((b"content-length", str(len(half)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": half})


async def _lost(_message: Message) -> None:
    """Where the answer goes that a time-out after the fact swallows."""


async def _time_out(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Say nothing for as long as the fault asks, or until the caller gives up; then answer as a proxy would."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), fault.order.delay_seconds)
    except TimeoutError:
        await HTMLResponse(BUSY_PAGE, status_code=fault.order.status or 504)(scope, receive, send)


def envelope_response(refusal: BrokerRefusal) -> Response:
    """A refusal as the broker sends it."""
    return Response(orjson.dumps(refusal.envelope), status_code=refusal.http_status, media_type="application/json")


def note(request: Request, **details: object) -> None:
    """Add details to this call's journal entry."""
    request.scope.get(NOTES, {}).update(details)


def _user(request: Request) -> str | None:
    """Who claims to call; faults and journal need no proof."""
    pair = unpack_session(request.headers.get("x-sessiontoken", ""))
    return pair[0] if pair else None
