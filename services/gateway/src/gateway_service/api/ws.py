"""The WebSocket edges: accept, authenticate, read, write, close. The only part that knows WebSockets.

`GET /ws/v1/stream` speaks our own protocol (as MessagePack with `?encoding=msgpack`), `GET /ws/alpaca/v2/breeze` that
of Alpaca's market-data stream.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from breezeway import cancellation
from breezeway.errors import BreezewayError
from breezeway.http.problem import error_response, problem_response
from breezeway.security.tokens import Principal
from gateway_service.api.express import express_of
from gateway_service.api.guards import own_origins
from gateway_service.application.alpaca import AlpacaDialect
from gateway_service.application.connection import Connection, Disconnect
from gateway_service.application.dialects import Dialect, NativeDialect, PackedDialect
from gateway_service.application.doorway import Doorway
from gateway_service.application.outbox import Outbox
from gateway_service.application.stream import Stream
from gateway_service.domain.addresses import UNKNOWN
from gateway_service.domain.close_codes import CloseCode
from gateway_service.domain.credentials import exposed_credentials

router = APIRouter()

_CLOSE_SECONDS: Final = 1.0
_RENEW_BEFORE_SECONDS: Final = 60.0

_log = structlog.get_logger()


async def stream(websocket: WebSocket) -> None:
    """Ticks, depth, bars and private events; see the contract's chapter on the stream."""
    packed = websocket.query_params.get("encoding") == "msgpack"
    await _serve(websocket, PackedDialect if packed else NativeDialect)


async def alpaca(websocket: WebSocket) -> None:
    """Alpaca's market-data stream; its own client asks for MessagePack with a Content-Type header."""
    packed = websocket.headers.get("content-type") == "application/msgpack"
    symbols = websocket.app.state.stream.symbols
    await _serve(websocket, partial(AlpacaDialect, symbols=symbols, packed=packed))


# Starlette's plain routes: FastAPI's keep a request's dependencies, of which there are none here, and several kilobytes
# for as long as the socket is open.
router.add_websocket_route("/ws/v1/stream", stream, name="stream")
router.add_websocket_route("/ws/alpaca/v2/breeze", alpaca, name="alpaca")


async def _serve(websocket: WebSocket, speak: Callable[[Connection], Dialect]) -> None:
    service: Stream = websocket.app.state.stream
    doorway: Doorway = websocket.app.state.doorway
    ip = websocket.client.host if websocket.client else UNKNOWN
    if await _refused(websocket, service, doorway, ip):
        return
    with doorway.hold(ip):
        await websocket.accept()
        await _accepted(websocket, speak, service, ip)


async def _accepted(websocket: WebSocket, speak: Callable[[Connection], Dialect], service: Stream, ip: str) -> None:
    loop = asyncio.get_running_loop()
    verdict: list[Disconnect] = []
    # One movable deadline serves all that ends a connection from outside: no auth in time, an expired token,
    # revocation, a client that does not read, shutdown. It costs no task and also interrupts a write that is stuck.
    limit = asyncio.timeout(service.limits.auth_seconds)

    def kick(code: CloseCode, reason: str) -> None:
        # A deadline that has struck ends the connection anyway, and raises when it is moved.
        if not verdict and not limit.expired():
            verdict.append(Disconnect(code, reason))
            limit.reschedule(loop.time())

    connection = service.open(kick, ip)
    dialect = speak(connection)
    if type(dialect) is NativeDialect:
        # Prepared frames are our own JSON; the other dialects say it in their own words.
        connection.outbox.express = express_of(websocket)
    try:
        async with limit:
            await _converse(websocket, connection, dialect, service, limit)
    except* TimeoutError:
        if not verdict:
            verdict.append(Disconnect(CloseCode.UNAUTHENTICATED, "authentication_expired"))
    except* Disconnect as ended:
        verdict.append(next(iter(_leaves(ended))))
    except* WebSocketDisconnect:
        verdict.append(Disconnect(None))
    except* Exception as failed:  # noqa: BLE001 - the last line of one client's tasks: logged, and told to come back
        _log.error("stream_failed", error=repr(failed), exc_info=failed)
        verdict.append(Disconnect(CloseCode.INTERNAL, "internal_error"))
    finally:
        service.close(connection)
    if verdict[0].code is not None:
        service.registry.note_closed(verdict[0].code.name.lower())
    await _close(websocket, connection.outbox, dialect, verdict[0])


async def _refused(websocket: WebSocket, service: Stream, doorway: Doorway, ip: str) -> bool:
    """Whether the handshake was answered with a problem document instead of an upgrade."""
    exposed = exposed_credentials(websocket.query_params.multi_items())
    origin = websocket.headers.get("origin")
    # A cookie without an origin: no browser of today sends that, and nobody else has a cookie of ours.
    foreign = "cookie" in websocket.headers if origin is None else origin not in _allowed_origins(websocket)
    if exposed:
        answer = problem_response(
            400,
            "credential_in_url",
            "Request refused",
            "A credential was sent in the URL, which ends up in logs. Send it in the first frame instead: "
            '{"action":"auth","token":"…"}',
        )
    elif foreign:
        answer = problem_response(
            403, "origin_not_allowed", "Not allowed", "Pages of this origin may not open the stream."
        )
    elif not service.admit(asyncio.get_running_loop().time()):
        # Spread, so that those who are refused together do not come back together.
        wait = random.randint(1, 5)  # noqa: S311 - guards nothing
        answer = problem_response(
            503, "stream_full", "Try again later", "This gateway takes no more connections now.", retry_after=wait
        )
    else:
        try:
            await doorway.check(ip)
        except BreezewayError as error:
            answer = error_response(error)
        else:
            return False
    await websocket.send_denial_response(answer)
    return True


def _allowed_origins(websocket: WebSocket) -> frozenset[str]:
    allowed: frozenset[str] = websocket.app.state.stream_origins
    return allowed.union(own_origins(websocket.headers.get("host", "")))


async def _converse(
    websocket: WebSocket, connection: Connection, dialect: Dialect, service: Stream, limit: asyncio.Timeout
) -> None:
    dialect.welcome()
    async with asyncio.TaskGroup() as group:
        group.create_task(_read(websocket, connection, dialect, service, limit, group))
        group.create_task(_write(websocket, connection.outbox, dialect))


async def _read(
    websocket: WebSocket,
    connection: Connection,
    dialect: Dialect,
    service: Stream,
    limit: asyncio.Timeout,
    group: asyncio.TaskGroup,
) -> None:
    renewing: asyncio.Task[None] | None = None
    while True:
        # A command asks Redis, and redis-py loses a cancellation that arrives together with an answer: who was to be
        # closed just then would stay.
        cancellation.heed()
        principal = await dialect.handle(await _frame(websocket))
        if principal is not None:
            if not service.registry.enter(connection, principal.user_id):
                raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS, "too_many_connections")
            _end_with(principal, service, limit)
            if connection.renews_itself and (renewing is None or renewing.done()):
                renewing = group.create_task(_renew(connection, service, limit))


def _end_with(principal: Principal, service: Stream, limit: asyncio.Timeout) -> None:
    if limit.expired():
        # On a loop that was held up the credentials may be read after the deadline for them has struck.
        raise Disconnect(CloseCode.UNAUTHENTICATED, "authentication_expired")
    seconds = principal.expires_at - service.now() + service.limits.expiry_leeway_seconds
    limit.reschedule(asyncio.get_running_loop().time() + seconds)


async def _renew(connection: Connection, service: Stream, limit: asyncio.Timeout) -> None:
    """Keep a client open whose API key stays good, beyond the quarter of an hour that each exchange lasts."""
    while connection.renews_itself and (held := connection.principal) is not None:
        await asyncio.sleep(max(1.0, held.expires_at - service.now() - _RENEW_BEFORE_SECONDS))
        _end_with(await connection.renew(), service, limit)
        cancellation.heed()


async def _frame(websocket: WebSocket) -> str | bytes:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise Disconnect(None)
    text: str | None = message.get("text")
    if text is not None:
        return text
    raw: bytes = message.get("bytes") or b""
    return raw


async def _write(websocket: WebSocket, outbox: Outbox, dialect: Dialect) -> None:
    loop = asyncio.get_running_loop()
    while True:
        cancellation.heed()
        await outbox.wait()
        frame = outbox.take()
        if frame is None:
            continue
        outbox.sending_since = loop.time()
        for message in dialect.encode(frame):
            await websocket.send(message)
        outbox.sending_since = None


async def _close(websocket: WebSocket, outbox: Outbox, dialect: Dialect, verdict: Disconnect) -> None:
    if verdict.code is None:
        return
    _log.info("stream_closed", code=int(verdict.code), reason=verdict.reason, conflated=outbox.conflated)
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            if verdict.code is not CloseCode.TOO_SLOW:
                dialect.farewell(verdict.code, verdict.reason)
                for message in dialect.encode(outbox.take() or b"[]"):
                    await websocket.send(message)
            await websocket.close(int(verdict.code), verdict.reason[:120])
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        _abort(websocket)
        return
    if verdict.code is CloseCode.TOO_SLOW:
        _abort(websocket)


def _abort(websocket: WebSocket) -> None:
    """Drop the connection of a client that does not read.

    A polite close waits for the client to take what is buffered, which this one never does. ASGI knows nothing harder,
    so the server's transport is reached through its bound `receive`; a server that is built otherwise closes politely.
    """
    protocol: Any = getattr(websocket._receive, "__self__", None)
    transport = getattr(protocol, "transport", None)
    if transport is not None:
        transport.abort()


def _leaves(group: BaseExceptionGroup[Disconnect]) -> list[Disconnect]:
    found: list[Disconnect] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
