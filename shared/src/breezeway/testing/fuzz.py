"""Schemathesis against a running stack, as two users and as nobody, and what it reported."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from breezeway.testing.fuzz_links import TRADING, linked

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
    "object_level_authorization",
)
"""All but four. `positive_data_acceptance` takes every string for a cursor, an e-mail address or a symbol, which JSON
Schema cannot describe; `negative_data_rejection` minds that a 0 is understood as false and a "5" as five;
`unsupported_method` and `allow_header_conformance` know one path only, where `…/callback` is also a wrong `…/{id}`."""

_ONE_OF_EACH_SERVICE: Final = {
    *("/api/v1/users/me", "/api/v1/instruments/search", "/api/v1/quotes", "/api/v1/trading/orders"),
    *("/api/v1/notifications", "/api/v1/system/status"),
}

# Whose objects are tried as whom.
_CONFIGURATION = """
[auth.wfc]
path = "auth.json"
peers = [{peers}]
"""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can sign in through `POST /api/v1/auth/login`."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """What a run found."""

    exit_status: int
    text: str
    """Everything it printed."""
    exchanges: str
    """Every request and answer, as a HAR document."""
    cases: int
    links: int
    """From one answer to the next request, as many different ones as were followed in sequences of requests."""
    succeeded: frozenset[str]
    """Operations, as `GET /api/v1/trading/orders/{order_id}`, that answered 2xx at least once."""


def fuzz(
    url: str,
    paths: str,
    users: Sequence[Login],
    folder: Path,
    *,
    seconds: int,
    phases: Sequence[str] = (),
    checks: Sequence[str] = CHECKS,
    seed: int = 20261121,
) -> FuzzReport:
    """Run Schemathesis on the routes whose path matches the regular expression `paths`.

    It signs in as each of `users`, again whenever it is answered 401, and replays what one may read as the others.

    Args:
        folder: for its reports.
        seconds: its time budget; a slow machine makes fewer requests in it.
        phases: which of Schemathesis's; `stateful` follows links. All of them when none is named.
    """
    names = {f"user{number}": user for number, user in enumerate(users)}
    (folder / "auth.json").write_text(json.dumps({"auth": [_login(name, user) for name, user in names.items()]}))
    peers = ", ".join(json.dumps(name) for name in names)
    (folder / "schemathesis.toml").write_text(_CONFIGURATION.format(peers=peers))
    har = folder / "exchanges.har"
    document = _document(url)
    (folder / "openapi.json").write_text(json.dumps(linked(document, TRADING)))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        "openapi.json",
        "--url",
        url,
        "--include-path-regex",
        paths,
        "--checks",
        ",".join(checks),
        "--max-time",
        str(seconds),
        *(["--phases", ",".join(phases)] if phases else []),
        "--continue-on-failure",
        "--no-shrink",
        "--seed",
        str(seed),
        "--report-har-path",
        str(har),
        "--output-sanitize",
        "false",
    ]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, capture_output=True, text=True, timeout=seconds * 3 + 120, check=False
    )
    exchanges = har.read_text() if har.exists() else "{}"
    entries: list[Any] = json.loads(exchanges).get("log", {}).get("entries", [])
    text = done.stdout + done.stderr
    links = re.search(r"API Links:\s+(\d+) covered", text)
    succeeded = frozenset(_succeeded(document["paths"], entries))
    return FuzzReport(done.returncode, text, exchanges, len(entries), int(links[1]) if links else 0, succeeded)


def _succeeded(paths: Mapping[str, Any], entries: Sequence[Any]) -> Iterable[str]:
    # Literal paths first: `/orders/preview` is not an order.
    templates = [
        (re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path))), path)
        for path in sorted(paths, key=lambda path: path.count("{"))
    ]
    for entry in entries:
        if 200 <= entry["response"]["status"] < 300:
            path = urlsplit(entry["request"]["url"]).path
            found = next((template for pattern, template in templates if pattern.fullmatch(path)), path)
            yield f"{entry['request']['method']} {found}"


def _document(url: str) -> dict[str, Any]:
    """The API's description, once all services are in it: the gateway leaves out one that is too slow to tell its own.

    Raises:
        AssertionError: one of them has not been in it for three minutes.
    """
    until = time.monotonic() + 180
    while True:
        answer = httpx.get(f"{url}/openapi.json", timeout=60)
        if answer.status_code == 200:
            document: dict[str, Any] = answer.json()
            if document["paths"].keys() >= _ONE_OF_EACH_SERVICE:
                return document
        assert time.monotonic() < until, f"{url}/openapi.json lacks a service"
        time.sleep(1)


def _login(name: str, user: Login) -> dict[str, Any]:
    return {
        "name": name,
        "loginEndpointAuth": {
            "endpoint": "/api/v1/auth/login",
            "verb": "POST",
            "contentType": "application/json",
            "payloadRaw": json.dumps({"email": user.email, "password": user.password}),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/access_token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }
