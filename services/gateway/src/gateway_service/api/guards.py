"""What is refused before anybody looks at a request closely: malformed ones, foreign hosts, other sites' forms."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from breezeway.http.problem import problem_response
from gateway_service.domain.credentials import exposed_credentials
from gateway_service.domain.route_classes import is_api

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOST: Final = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_HEADER_BYTES: Final = 65_536
_PROBES: Final = frozenset({"/livez", "/readyz"})
_BROKER_CALLBACK: Final = "/api/v1/broker-accounts/callback"
_SIMPLE_TYPES: Final = frozenset({"", "text/plain"})
_FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

Guard = Callable[["Incoming"], Response | None]


class Incoming:
    """The parts of a scope that guards ask about."""

    def __init__(self, scope: Scope) -> None:
        self.kind: str = scope["type"]
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self._headers: Sequence[tuple[bytes, bytes]] = scope["headers"]

    def values(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self._headers if key == name]

    def value(self, name: bytes) -> str:
        return next(iter(self.values(name)), "")

    @property
    def header_bytes(self) -> int:
        return sum(len(name) + len(value) for name, value in self._headers)

    @property
    def has_body(self) -> bool:
        return bool(self.values(b"transfer-encoding")) or self.value(b"content-length") not in ("", "0")


class GuardMiddleware:
    """Answers with the first refusal of its guards. WebSocket handshakes are judged by those that say so."""

    def __init__(self, app: ASGIApp, guards: Sequence[Guard]) -> None:
        self._app = app
        self._guards = tuple(guards)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            incoming = Incoming(scope)
            for guard in self._guards:
                refusal = guard(incoming)
                if refusal is not None:
                    await refusal(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def well_formed(request: Incoming) -> Response | None:
    """400 for a path that is none (CVE-2026-48710), 405 for TRACE and methods nobody has heard of, 431 for headers that
    only an attacker sends (A-12)."""
    if not request.path.startswith("/"):
        return problem_response(400, "malformed_path", "Request refused", "The path of a request begins with a slash.")
    if request.method not in _METHODS:
        allow = {"Allow": ", ".join(sorted(_METHODS))}
        detail = "Nothing here answers this method."
        return problem_response(405, "method_not_allowed", "Method not allowed", detail, headers=allow)
    if request.header_bytes > _HEADER_BYTES:
        detail = f"The headers of a request may have {_HEADER_BYTES:,} bytes."
        return problem_response(431, "headers_too_large", "Headers too large", detail)
    return None


def hosts(allowed: Collection[str]) -> Guard:
    """400 for a `Host` that is malformed, doubled, or not ours: what links are made of must not come from a stranger.

    Args:
        allowed: host names without ports, `*.example.com` for all below one; any well-formed name when empty.
    """
    names = frozenset(name.lower() for name in allowed if not name.startswith("*."))
    suffixes = tuple(name[1:].lower() for name in allowed if name.startswith("*."))

    def guard(request: Incoming) -> Response | None:
        given = request.values(b"host")
        if not given and request.path in _PROBES:
            return None
        match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None or int(match[2] or 0) > 65_535:
            return problem_response(400, "malformed_host", "Request refused", "The Host header is no host name.")
        name = match[1].lower()
        if allowed and name not in names and not name.endswith(suffixes or ("\0",)):
            detail = "This server does not answer to that host name; see BREEZEWAY_ALLOWED_HOSTS."
            return problem_response(400, "unknown_host", "Request refused", detail)
        return None

    return guard


def no_credential_in_url(request: Incoming) -> Response | None:
    """W-10: 400 for a credential in the query of the API."""
    if not request.query or not is_api(request.path):
        return None
    query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
    exposed = exposed_credentials(query)
    if not exposed:
        return None
    return problem_response(
        400,
        "credential_in_url",
        "Request refused",
        f"A credential was sent in the URL ({', '.join(exposed)}). URLs end up in logs: send it in a header, and "
        "replace it, since it may already have been recorded.",
    )


def same_site(origins: Collection[str]) -> Guard:
    """H-07: what changes something must come from our own pages or from no page at all.

    A browser says where a request was made by `Origin` and `Sec-Fetch-Site`, and a page cannot forge them. Programs
    send neither. Nor does a page of another site get far with the content types that need no preflight: as JSON they
    are refused, and as forms they are when only a cookie would prove who sends them. The broker's redirect is the one
    form that does come from another site; it carries a proof of its own.

    Args:
        origins: of web pages other than our own that may call.
    """

    def guard(request: Incoming) -> Response | None:
        if request.method not in _WRITES or request.path == _BROKER_CALLBACK:
            return None
        if not _from_our_pages(request, origins):
            detail = "Pages of another site may not do this. BREEZEWAY_ALLOWED_ORIGINS names those that may."
            return problem_response(403, "cross_site_request", "Not allowed", detail)
        if not request.has_body or not is_api(request.path):
            return None
        media_type = request.value(b"content-type").partition(";")[0].strip().lower()
        by_cookie = bool(request.values(b"cookie")) and not request.values(b"authorization")
        if media_type in _SIMPLE_TYPES or (by_cookie and media_type in _FORM_TYPES):
            detail = "Send the body as `Content-Type: application/json`."
            return problem_response(415, "unsupported_media_type", "Unsupported media type", detail)
        return None

    return guard


def _from_our_pages(request: Incoming, origins: Collection[str]) -> bool:
    origin = request.values(b"origin")
    if origin:
        return len(origin) == 1 and (origin[0] in origins or origin[0] in own_origins(request.value(b"host")))
    return request.value(b"sec-fetch-site") not in ("cross-site", "same-site")


def own_origins(host: str) -> tuple[str, str]:
    """The origins of the pages that we serve ourselves, whatever name the user reached us by."""
    return (f"http://{host}", f"https://{host}")
