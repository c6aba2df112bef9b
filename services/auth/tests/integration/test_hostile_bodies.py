"""H-02 at the service itself: bodies that are small on the wire and large to whoever parses them."""

import time
from typing import Any

import pytest


async def test_h_02_thousands_of_form_fields_are_refused(auth: Any) -> None:
    """CVE-2026-54283: a Starlette that ignored its limits for forms. As many as fit into the body's own limit."""
    form = b"username=a&password=b&" + b"x=1&" * 16_000
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await auth.http.post("/api/v1/auth/token", content=form, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"email":'])
async def test_h_02_json_nested_ten_thousand_deep_is_a_refusal(auth: Any, opening: str) -> None:
    content = (opening * 60_000)[:65_000]
    for route in ("login", "register", "refresh", "password/forgot"):
        answer = await auth.http.post(
            f"/api/v1/auth/{route}", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), route
        assert answer.headers["content-type"] == "application/problem+json"


async def test_h_02_numbers_without_end_are_a_refusal(auth: Any) -> None:
    """Python turns decimal digits into integers in quadratic time, up to its own limit."""
    for body in ('{"email":' + "9" * 60_000 + "}", '{"email":1e' + "9" * 60_000 + "}", '{"email":-' + "0." * 20 + "}"):
        started = time.monotonic()
        answer = await auth.http.post("/api/v1/auth/login", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)
        assert time.monotonic() - started < 30


async def test_h_02_a_packed_body_and_a_million_fields_end_at_the_limit(auth: Any) -> None:
    packed = await auth.http.post(
        "/api/v1/auth/login", content=b"x", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert (packed.status_code, packed.json()["code"]) == (415, "unsupported_encoding")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    many = await auth.http.post("/api/v1/auth/token", content=b"a=1&" * 1_000_000, headers=headers)
    assert (many.status_code, many.json()["code"]) == (413, "too_large")
