"""The server's problem documents as the errors of `breezeway.errors`."""

import httpx
import orjson

from breezeway.errors import BY_STATUS, BreezewayError, FieldFault, Rejected, Unauthenticated, UpstreamFault

MEDIA_TYPE = "application/problem+json"


def error_of(response: httpx.Response) -> BreezewayError:
    """The error that a response of 400 or more stands for; `context` has `status`, `request_id` and what else it said.

    A body that is no problem document (a proxy's page) is never quoted: it is prose of somebody unknown.
    """
    status = response.status_code
    kind = BY_STATUS.get(status, BreezewayError if status >= 500 else Rejected)
    try:
        body = orjson.loads(response.content)
    except ValueError:
        body = None
    if not isinstance(body, dict) or "code" not in body:
        return (kind if status in BY_STATUS else UpstreamFault)(
            f"The server answered {status} without saying why. Is there really a Breezeway at {response.url.host}?",
            code="no_problem_document",
            retry_after=retry_after(response),
            context={"status": status},
        )
    faults = [
        FieldFault(str(each.get("field", "")), str(each.get("message", "")))
        for each in body.get("errors") or ()
        if isinstance(each, dict)
    ]
    known = {"type", "title", "detail", "code", "errors"}
    return kind(
        str(body.get("detail") or body.get("title") or kind.title),
        code=str(body["code"]),
        retry_after=retry_after(response),
        faults=faults,
        context={name: value for name, value in body.items() if name not in known},
    )


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of the `Retry-After` header; None without one (dates are not used by this API)."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def signed_out(detail: str) -> Unauthenticated:
    """There is no way to get a valid token any more."""
    return Unauthenticated(detail, code="signed_out")
