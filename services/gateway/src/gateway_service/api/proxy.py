"""Everything under `/api`, `/udf` and `/.well-known` that a service behind us answers."""

from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from breezeway.errors import NotFound, Rejected
from breezeway.http.request_id import HEADER as REQUEST_ID
from breezeway.http.request_id import current_request_id
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER
from gateway_service.application import idempotency
from gateway_service.application.idempotency import ClaimStore, StoredAnswer
from gateway_service.application.ports import Answer, ServicePort
from gateway_service.domain.routing import service_for

router = APIRouter(include_in_schema=False)

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "date",
        "server",
    }
)
_NEVER_FROM_OUTSIDE: Final = frozenset(
    {
        *(SERVICE_TOKEN_HEADER.lower(), "x-api-key"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip"),
    }
)

_IDEMPOTENT_ANSWER_LIMIT: Final = 262_144


@router.api_route("/{path:path}", methods=_METHODS)
async def forward(request: Request, path: str) -> Response:
    """Pass the request on to the service that owns its path."""
    services: ServicePort = request.app.state.services
    service = service_for(request.url.path)
    if service is None:
        raise NotFound(f"There is no {request.url.path[:200]}. The API is described at /docs.", code="route_not_found")
    target = _raw_target(request)
    headers = _forwarded_headers(request)
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method not in _WRITES or "authorization" not in request.headers:
        body = request.stream() if _has_body(request) else None
        return _stream(await services.forward(service, request.method, target, headers, body))
    if not key or len(key) > idempotency.MAX_KEY_LENGTH:
        raise Rejected(
            f"An Idempotency-Key has 1 to {idempotency.MAX_KEY_LENGTH} characters.", code="invalid_idempotency_key"
        )
    return await _once(request, services, service, target, headers, key)


async def _once(
    request: Request, services: ServicePort, service: str, target: bytes, headers: list[tuple[str, str]], key: str
) -> Response:
    claims: ClaimStore = request.app.state.claims
    # The user, not the token: a refreshed token is still the same caller. And no stranger may probe keys.
    principal = await request.app.state.authenticator.authenticate(_bearer(request), changes_something=True)
    body = await request.body()
    name = idempotency.storage_key(str(principal.user_id), request.method, request.url.path, key)
    print_ = idempotency.fingerprint(request.url.query.encode(), body)
    if (earlier := await idempotency.begin(claims, name, print_)) is not None:
        return _replay(earlier)
    try:
        answer = await services.forward(service, request.method, target, headers, body)
        content = await answer.read(_IDEMPOTENT_ANSWER_LIMIT)
    except BaseException:
        await claims.release(name)
        raise
    first = StoredAnswer(answer.status, _answer_headers(answer), content)
    if answer.status in idempotency.NOT_KEPT:
        await claims.release(name)
    else:
        await claims.keep(name, print_, idempotency.keepable(first), idempotency.KEPT_SECONDS)
    return _response(first)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers["authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _raw_target(request: Request) -> bytes:
    # The raw path keeps %2F, %26 and the like as sent; decoding and encoding again would change symbols.
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return raw + b"?" + query if query else raw


def _forwarded_headers(request: Request) -> list[tuple[str, str]]:
    kept = [
        (name, value)
        for name, value in request.headers.items()
        if name not in _HOP_BY_HOP and name not in _NEVER_FROM_OUTSIDE and name != REQUEST_ID.lower()
    ]
    client = request.client.host if request.client else "unknown"
    return [
        *kept,
        (REQUEST_ID, current_request_id()),
        ("X-Forwarded-For", client),
        ("X-Forwarded-Proto", request.url.scheme),
        ("X-Forwarded-Host", request.headers.get("host", "")),
    ]


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _answer_headers(answer: Answer) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in answer.headers
        if name.lower() not in _HOP_BY_HOP and name.lower() != REQUEST_ID.lower()
    ]


def _stream(answer: Answer) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in answer.chunks():
            yield chunk

    response = StreamingResponse(chunks(), status_code=answer.status)
    # The body is passed on byte by byte, so its length is still true; without it, it would be cut into chunks again.
    length = [(name, value) for name, value in answer.headers if name.lower() == "content-length"]
    _copy_headers(response, _answer_headers(answer) + length[:1])
    return response


def _response(answer: StoredAnswer) -> Response:
    response = Response(answer.body, status_code=answer.status)
    _copy_headers(response, [(n, v) for n, v in answer.headers if n.lower() != "content-encoding"])
    return response


def _replay(answer: StoredAnswer) -> Response:
    response = _response(answer)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _copy_headers(response: Response, headers: list[tuple[str, str]]) -> None:
    for name, value in headers:
        response.headers.append(name, value)
