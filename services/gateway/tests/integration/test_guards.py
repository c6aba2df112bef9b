"""H-02, H-04, H-05, H-07, H-08 and W-10: what is refused before anybody looks at a request closely."""

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from breezeway.testing.fake_service import FakeService

OpenGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

EVIL = "https://evil.example"
FRIEND = "https://app.example.com"


async def raw_call(app: FastAPI, **scope: object) -> tuple[int, bytes]:
    """What `app` answers to a scope that no HTTP client would make."""
    sent: list[Message] = []
    base = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/v1/quotes",
        "raw_path": b"/api/v1/quotes",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"gw")],
        "client": ("127.0.0.1", 1),
        "server": ("gw", 80),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(base | scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("path", ["api/v1/quotes", "", "*", "http://gw/api/v1/quotes"])
async def test_h_04_a_path_without_its_slash_is_refused(
    open_app: Callable[..., FastAPI], behind: FakeService, path: str
) -> None:
    """CVE-2026-48710: a router and a check of the path must not read it differently."""
    app = open_app()
    async with app.router.lifespan_context(app):
        status, body = await raw_call(app, path=path, raw_path=path.encode())
    assert (status, b"malformed_path" in body) == (400, True)
    assert behind.seen == []


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b""],
        [b"gw", b"evil.example"],
        [b"gw/../x"],
        [b"gw:99999"],
        [b"a b"],
        [b"user@gw"],
        [b"-gw"],
        [b"[::1"],
        [b"gw\xff"],
    ],
)
async def test_h_04_a_host_that_is_none_is_refused(open_app: Callable[..., FastAPI], hosts: list[bytes]) -> None:
    """CVE-2026-54282, and links that are made of the Host header."""
    app = open_app()
    async with app.router.lifespan_context(app):
        status, body = await raw_call(app, headers=[(b"host", host) for host in hosts])
    assert (status, b"malformed_host" in body) == (400, True)


async def test_h_04_only_our_own_names_are_answered_to(open_gateway: OpenGateway) -> None:
    async with open_gateway(BREEZEWAY_ALLOWED_HOSTS=["trade.example", "*.lan", "[::1]"]) as gateway:
        for host in ("trade.example", "TRADE.example:8443", "nas.lan", "[::1]:8000"):
            assert (await gateway.get("/livez", headers={"Host": host})).status_code == 200, host
        for host in ("evil.example", "trade.example.evil", "lan", "xtrade.example", "127.0.0.1"):
            answer = await gateway.get("/api/v1/quotes", headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host"), host


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND", "DEBUG"])
async def test_h_08_methods_that_only_help_attackers_are_refused(
    gateway: httpx.AsyncClient, behind: FakeService, method: str
) -> None:
    answer = await gateway.request(method, "/api/v1/quotes", headers={"Cookie": "refresh=canary"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "canary" not in answer.text
    assert behind.seen == []


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/api/v1/quotes", {}),
        ("GET", "/api/v1/nothing", {}),
        ("GET", "/nothing", {}),
        ("TRACE", "/", {}),
        ("GET", "/api/v1/quotes?token=x", {}),
        ("GET", "/api/v1/instruments/NSE:X", {}),
        ("POST", "/api/v1/backfills", {"Origin": EVIL}),
        ("GET", "/api/v1/quotes", {"X-API-Key": "bwk_wrong_one"}),
        ("GET", "/livez", {}),
    ],
)
async def test_h_08_every_answer_has_the_security_headers(
    gateway: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await gateway.request(method, path, headers=headers)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert len(answer.headers["X-Request-ID"]) == 32
    if path.startswith("/api/"):
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "name", ["token", "TOKEN", "access_token", "api_key", "apikey", "authorization", "password", "jwt"]
)
@pytest.mark.parametrize("path", ["/api/v1/quotes", "/api/v1/system/status", "/udf/history"])
async def test_w_10_a_credential_in_the_url_is_refused_on_every_route(
    gateway: httpx.AsyncClient, behind: FakeService, name: str, path: str
) -> None:
    answer = await gateway.get(path, params={"a": "1", name: "canary"})
    assert (answer.status_code, answer.json()["code"]) == (400, "credential_in_url")
    assert "canary" not in answer.text
    assert behind.seen == []


async def test_w_10_a_credential_under_another_name_is_known_by_its_looks(
    gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    for value in (behind.add_key().text, behind.access_token()):
        answer = await gateway.get("/api/v1/quotes", params={"q": value})
        assert (answer.status_code, answer.json()["code"]) == (400, "credential_in_url")
        assert value not in answer.text


async def test_h_07_an_evil_origin_gets_no_permission(open_gateway: OpenGateway, behind: FakeService) -> None:
    """The preflight and the request itself, with and without origins that may."""
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for variables in ({}, {"BREEZEWAY_ALLOWED_ORIGINS": [FRIEND]}):
        async with open_gateway(**variables) as gateway:
            asked = await gateway.options("/api/v1/backfills", headers={"Origin": EVIL, **preflight})
            read = await gateway.get("/api/v1/quotes", headers={"Origin": EVIL})
            assert "access-control-allow-origin" not in asked.headers
            assert "access-control-allow-origin" not in read.headers
            for origin in (EVIL, "null", "http://gw.evil.example", "http://gw:81", ""):
                headers = {"Origin": origin, "Cookie": "refresh=1"}
                answer = await gateway.post("/api/v1/backfills", json={}, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request"), origin
    assert [seen["method"] for seen in behind.seen if seen["method"] == "POST"] == []


async def test_h_07_a_named_origin_may_call_and_read_refusals_but_never_with_cookies(open_gateway: OpenGateway) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with open_gateway(BREEZEWAY_ALLOWED_ORIGINS=[FRIEND]) as gateway:
        asked = await gateway.options("/api/v1/backfills", headers={"Origin": FRIEND, **preflight})
        done = await gateway.post("/api/v1/backfills", json={}, headers={"Origin": FRIEND})
        refused = await gateway.get("/api/v1/quotes?token=x", headers={"Origin": FRIEND})
    assert asked.headers["access-control-allow-origin"] == FRIEND
    assert (done.status_code, done.headers["access-control-allow-origin"]) == (201, FRIEND)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, FRIEND)
    assert all("access-control-allow-credentials" not in answer.headers for answer in (asked, done, refused))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_h_07_a_form_of_another_site_is_refused(
    gateway: httpx.AsyncClient, behind: FakeService, site: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Cookie": "refresh=1"}
    answer = await gateway.post("/api/v1/auth/refresh", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert behind.seen == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_h_07_our_own_pages_may(gateway: httpx.AsyncClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Origin": "http://gw", "Cookie": "refresh=1"}
    assert (await gateway.post("/api/v1/auth/refresh", json={}, headers=headers)).status_code == 201


@pytest.mark.parametrize("media_type", ["text/plain", "text/plain;charset=utf-8", "TEXT/PLAIN", None])
async def test_h_07_json_that_calls_itself_text_is_refused(
    gateway: httpx.AsyncClient, behind: FakeService, media_type: str | None
) -> None:
    """A page of any site may send that without a preflight."""
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await gateway.post("/api/v1/backfills", content=b'{"a":1}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert behind.seen == []


async def test_h_07_a_form_counts_only_with_a_credential_that_no_browser_adds(
    gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    form = {"username": "a", "password": "b"}
    refused = await gateway.post("/api/v1/auth/token", data=form, headers={"Cookie": "refresh=1"})
    assert refused.status_code == 415
    assert (await gateway.post("/api/v1/auth/token", data=form)).status_code == 201


async def test_h_07_the_broker_s_redirect_may_come_from_its_site(gateway: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://api.icicidirect.com", "Sec-Fetch-Site": "cross-site", "Cookie": "broker_login=1"}
    answer = await gateway.post("/api/v1/broker-accounts/callback", data={"apisession": "1"}, headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
async def test_h_02_a_packed_body_is_refused(gateway: httpx.AsyncClient, behind: FakeService, encoding: str) -> None:
    """A gzip bomb: 1 kB on the wire, 1 MB unpacked."""
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = await gateway.post("/api/v1/backfills", content=gzip.compress(b"0" * 1_000_000), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")
    assert behind.seen == []


async def test_h_02_a_body_of_100_mb_is_refused_by_its_first_header(gateway: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("nobody reads it")
        yield b""

    headers = {"Content-Type": "application/json", "Content-Length": str(100 * 1024 * 1024)}
    answer = await gateway.post("/api/v1/backfills", content=never(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_h_02_a_million_form_fields_are_refused_before_they_are_parsed(gateway: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await gateway.post("/api/v1/auth/token", content=b"a=1&" * 1_000_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", "12 12"])
async def test_h_02_a_length_that_is_no_number_is_refused(open_app: Callable[..., FastAPI], length: str) -> None:
    app = open_app()
    headers = [(b"host", b"gw"), (b"content-type", b"application/json"), (b"content-length", length.encode())]
    async with app.router.lifespan_context(app):
        status, _ = await raw_call(app, method="POST", headers=headers)
    assert status == 413


async def test_h_05_a_range_bomb_on_a_static_file_costs_nothing(open_gateway: OpenGateway, tmp_path: Path) -> None:
    """CVE-2025-62727: thousands of overlapping ranges that were merged in quadratic time."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "big.js").write_bytes(b"x" * 200_000)
    bombs = [
        "bytes=" + ",".join(f"{n}-" for n in range(5_000)),
        "bytes=" + ",".join("0-199999" for _ in range(5_000)),
        "bytes=" + "," * 10_000,
        "bytes=" + "0-" * 20_000,
    ]
    async with open_gateway(BREEZEWAY_WEB_ROOT=str(tmp_path)) as gateway:
        for bomb in bombs:
            answer = await gateway.get("/big.js", headers={"Range": bomb})
            assert answer.status_code in (200, 206, 400, 416), answer.status_code
            assert len(answer.content) < 1_000_000
        assert (await gateway.get("/big.js", headers={"Range": "bytes=0-9"})).content == b"x" * 10
