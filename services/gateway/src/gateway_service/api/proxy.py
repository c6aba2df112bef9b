"""Everything under `/api`, `/udf` and `/.well-known` that a service behind us answers."""

import asyncio
from typing import Final

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway import cancellation
from breezeway.errors import BreezewayError, NotFound, Rejected
from breezeway.http.meter import ROUTE
from breezeway.http.problem import error_response
from breezeway.http.request_id import HEADER as REQUEST_ID
from breezeway.http.request_id import current_request_id
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER
from gateway_service.application import idempotency
from gateway_service.application.idempotency import ClaimStore, StoredAnswer
from gateway_service.application.ports import Answer, ServicePort
from gateway_service.domain.routing import service_for

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
        b"content-length",
        b"date",
        b"server",
    }
)
_REQUEST_ID: Final = REQUEST_ID.lower().encode()
_NOT_PASSED_ON: Final = frozenset(
    {
        *_HOP_BY_HOP,
        *(SERVICE_TOKEN_HEADER.lower().encode(), b"x-api-key", _REQUEST_ID),
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"x-real-ip"),
    }
)
_NOT_PASSED_BACK: Final = _HOP_BY_HOP | {_REQUEST_ID}

_IDEMPOTENT_ANSWER_LIMIT: Final = 262_144
_WHOLE_ANSWER_LIMIT: Final = 1_048_576
"""Bytes up to which an answer is sent on in one piece, by one write."""
_UNWATCHED_LIMIT: Final = 8_388_608
"""Bytes up to which nobody watches for the client's going while an answer passes through: the rest of it is then read
for nothing, which costs less than a task and a turn of the loop for each piece. A year of minutes fits in."""

_log = structlog.get_logger()

router = APIRouter(include_in_schema=False)


@router.api_route("/{path:path}", methods=_METHODS)
async def nowhere(request: Request, path: str) -> Response:
    """What neither the gateway nor a service behind it owns."""
    raise NotFound(f"There is no {request.url.path[:200]}. The API is described at /docs.", code="route_not_found")


class ForwardMiddleware:
    """Passes a request on to the service that owns its path; the gateway's own paths go to the application.

    The innermost gate and not a route: what FastAPI does for a route of ours (matching, dependencies, a task group for
    the answer) costs more than forwarding, and none of it is needed where the bytes pass through.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = service_for(scope["path"]) if scope["type"] == "http" else None
        if service is None:
            await self._app(scope, receive, send)
            return
        # Each service counts its own routes; here it is enough to know whose they are.
        scope[ROUTE] = service
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            response = await _forward(service, scope, receive, watched)
        except BreezewayError as error:
            if started:
                raise
            if error.status >= 500:
                _log.warning("request_failed", code=error.code, detail=error.detail)
            response = error_response(error)
        except ClientDisconnect:
            return  # in the middle of its body: nobody is there who could be answered
        if response is not None:
            await response(scope, receive, watched)


async def _forward(service: str, scope: Scope, receive: Receive, send: Send) -> Response | None:
    """The response, or None when it has been sent already."""
    request = Request(scope, receive, send)
    key = request.headers.get("Idempotency-Key")
    if key is not None and request.method in _WRITES and "authorization" in request.headers:
        return await _once(request, service, key)
    # Whole: the body's limit is far below what this process can hold, and a slow sender keeps no service waiting.
    body = await request.body() if _has_body(request) else None
    services: ServicePort = request.app.state.services
    target, headers = _raw_target(scope), _forwarded_headers(request)
    answer = await services.forward(service, request.method, target, headers, body)
    if answer.length is None or answer.length > _UNWATCHED_LIMIT:
        return _stream(answer)
    content = await answer.read(_WHOLE_ANSWER_LIMIT) if answer.length <= _WHOLE_ANSWER_LIMIT else None
    await send({"type": "http.response.start", "status": answer.status, "headers": _passed_back(answer)})
    if content is None:
        await _pass_on(answer, send)
    await send({"type": "http.response.body", "body": content or b"", "more_body": False})
    return None


async def _pass_on(answer: Answer, send: Send) -> None:
    """Send the pieces as they come, so that the client reads the beginning while the service still writes the end.

    They are read apart from the sending: a client that reads slowly must not keep a connection to a service.
    """
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def read() -> None:
        try:
            async for piece in answer.chunks():
                pieces.put_nowait(piece)
        finally:
            pieces.put_nowait(b"")

    reading = asyncio.create_task(read(), name="answer")
    try:
        while piece := await pieces.get():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await reading
    finally:
        await cancellation.end([reading])


async def _once(request: Request, service: str, key: str) -> Response:
    if not key or len(key) > idempotency.MAX_KEY_LENGTH:
        raise Rejected(
            f"An Idempotency-Key has 1 to {idempotency.MAX_KEY_LENGTH} characters.", code="invalid_idempotency_key"
        )
    claims: ClaimStore = request.app.state.claims
    services: ServicePort = request.app.state.services
    # The user, not the token: a refreshed token is still the same caller. And no stranger may probe keys.
    principal = await request.app.state.authenticator.authenticate(_bearer(request), changes_something=True)
    body = await request.body()
    name = idempotency.storage_key(str(principal.user_id), request.method, request.url.path, key)
    print_ = idempotency.fingerprint(request.url.query.encode(), body)
    if (earlier := await idempotency.begin(claims, name, print_)) is not None:
        return _replay(earlier)
    # What is kept must be readable by everybody who asks again, whatever encodings they accept.
    headers = [each for each in _forwarded_headers(request) if each[0] != "accept-encoding"]
    try:
        answer = await services.forward(service, request.method, _raw_target(request.scope), headers, body)
        content = await answer.read(_IDEMPOTENT_ANSWER_LIMIT)
    except BaseException:
        await claims.release(name)
        raise
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in answer.headers
        if name not in _NOT_PASSED_BACK
    ]
    first = StoredAnswer(answer.status, passed, content)
    if answer.status in idempotency.NOT_KEPT:
        await claims.release(name)
    else:
        await claims.keep(name, print_, idempotency.keepable(first), idempotency.KEPT_SECONDS)
    return _response(first)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers["authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _raw_target(scope: Scope) -> bytes:
    # The raw path keeps %2F, %26 and the like as sent; decoding and encoding again would change symbols.
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return raw + b"?" + query if query else raw


def _forwarded_headers(request: Request) -> list[tuple[str, str]]:
    scope = request.scope
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _NOT_PASSED_ON
    ]
    client = scope["client"][0] if scope["client"] else "unknown"
    return [
        *kept,
        (REQUEST_ID, current_request_id()),
        ("X-Forwarded-For", client),
        ("X-Forwarded-Proto", scope["scheme"]),
        ("X-Forwarded-Host", request.headers.get("host", "")),
    ]


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _stream(answer: Answer) -> Response:
    response = StreamingResponse(answer.chunks(), status_code=answer.status)
    response.raw_headers = _passed_back(answer)
    return response


def _passed_back(answer: Answer) -> list[tuple[bytes, bytes]]:
    # The body is passed on byte by byte, so its length is still true; without it, it would be cut into chunks again.
    return [each for each in answer.headers if each[0] not in _NOT_PASSED_BACK or each[0] == b"content-length"]


def _response(answer: StoredAnswer) -> Response:
    response = Response(answer.body, status_code=answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response


def _replay(answer: StoredAnswer) -> Response:
    response = _response(answer)
    response.headers["Idempotency-Replayed"] = "true"
    return response
