"""Errors as RFC 9457 problem documents: one mapping for every service.

`{"type", "title", "status", "detail", "code", "request_id", "errors"?}` with media type `application/problem+json`.
"""

import math
from collections.abc import Mapping

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from breezeway.errors import BreezewayError, FieldFault, InvalidInput
from breezeway.http.request_id import current_request_id

MEDIA_TYPE = "application/problem+json"

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

_log = structlog.get_logger()

_CODES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "Request refused"),
    401: ("unauthenticated", "Not signed in"),
    403: ("forbidden", "Not allowed"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "Method not allowed"),
    413: ("too_large", "Too large"),
    415: ("unsupported_media_type", "Unsupported media type"),
}


class FieldProblem(BaseModel):
    """One wrong field."""

    field: str = Field(examples=["body.symbols.0"])
    message: str = Field(examples=["Value error, 'NSE' is not a symbol"])


class Problem(BaseModel):
    """What every error of the API looks like (RFC 9457)."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        examples=["There is no instrument NSE:RELIANSE. Search for it: /api/v1/instruments/search?q=RELIANSE"]
    )
    code: str = Field(examples=["instrument_not_found"])
    request_id: str = Field(examples=["0199a1b2c3d47e5f8a9b0c1d2e3f4a5b"])
    errors: list[FieldProblem] | None = None


def problem_response(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    retry_after: float | None = None,
    faults: tuple[FieldFault, ...] = (),
    context: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document as a response."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": current_request_id(),
        **(context or {}),
    }
    if faults:
        body["errors"] = [{"field": fault.field, "message": fault.message} for fault in faults]
    out = dict(headers or {})
    if retry_after is not None:
        out["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if status == 401:
        out.setdefault("WWW-Authenticate", "Bearer")
    return Response(orjson.dumps(body), status_code=status, headers=out, media_type=MEDIA_TYPE)


def error_response(error: BreezewayError) -> Response:
    """The problem document of one of our errors."""
    return problem_response(
        error.status,
        error.code,
        error.title,
        error.detail,
        retry_after=error.retry_after,
        faults=error.faults,
        context=error.context,
    )


def install(app: FastAPI) -> None:
    """Answer every failure of `app` with a problem document."""

    async def on_ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, BreezewayError)  # noqa: S101 - registered for this class only; narrows the type
        if error.status >= 500:
            _log.warning("request_failed", code=error.code, detail=error.detail)
        return error_response(error)

    async def on_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only; narrows the type
        # The faulty input itself is never echoed: it may be a password.
        faults = tuple(
            FieldFault(".".join(str(part) for part in fault["loc"]), str(fault["msg"])[:300])
            for fault in error.errors()[:50]
        )
        first = faults[0] if faults else FieldFault("body", "invalid")
        return error_response(InvalidInput(f"{first.field}: {first.message}", faults=faults))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only; narrows the type
        code, title = _CODES.get(error.status_code, ("http_error", "Request failed"))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # Starlette names the methods of the first route of this path; there is one route for each method.
            headers["Allow"] = ", ".join(sorted(_methods_of(request))) or headers.get("Allow", "")
        return problem_response(error.status_code, code, title, str(error.detail), headers=headers)

    app.add_exception_handler(BreezewayError, on_ours)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def _methods_of(request: Request) -> set[str]:
    """Every method that the application answers on the path of `request`."""
    found: set[str] = set()
    for method in _METHODS:
        probe = {**request.scope, "method": method}
        if any(route.matches(probe)[0] is Match.FULL for route in request.app.routes):
            found.add(method)
    return found
