"""The HTTP edge: every failure is a problem document with a request id, and readiness tells the truth."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from breezeway.errors import NotFound, RateLimited
from breezeway.http.app import Check, create_service


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    password: str
    count: int


class Dependency:
    def __init__(self) -> None:
        self.up = True

    async def check(self) -> None:
        if not self.up:
            raise ConnectionError("down")


@pytest.fixture
def dependency() -> Dependency:
    return Dependency()


@pytest_asyncio.fixture
async def client(dependency: Dependency) -> AsyncIterator[httpx.AsyncClient]:
    async def build(_app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {"store": dependency.check}

    app = create_service("test", build=build, body_limit=1000)

    @app.get("/missing")
    async def missing() -> None:
        raise NotFound("There is no such thing.", code="thing_not_found", context={"hint": "look elsewhere"})

    @app.get("/limited")
    async def limited() -> None:
        raise RateLimited("Slow down.", retry_after=1.2)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret detail")

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            raise RuntimeError("half-way")

        return StreamingResponse(body())

    things = APIRouter()

    @things.get("/thing/{number}")
    @things.delete("/thing/{number}")
    async def thing(number: int) -> int:
        return number

    app.include_router(things)

    @app.post("/body")
    async def body(given: Body) -> int:
        return given.count

    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        yield http


async def test_our_errors_become_problem_documents(client: httpx.AsyncClient) -> None:
    answer = await client.get("/missing", headers={"X-Request-ID": "abcdefgh-1"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such thing.",
        "code": "thing_not_found",
        "request_id": "abcdefgh-1",
        "hint": "look elsewhere",
    }
    assert answer.headers["X-Request-ID"] == "abcdefgh-1"


async def test_a_wait_is_rounded_up_into_retry_after(client: httpx.AsyncClient) -> None:
    answer = await client.get("/limited")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")


async def test_an_unexpected_error_says_nothing_of_its_inside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text


async def test_an_unexpected_error_carries_the_requests_id(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken", headers={"X-Request-ID": "abcdefgh-2"})
    assert (answer.json()["request_id"], answer.headers["X-Request-ID"]) == ("abcdefgh-2", "abcdefgh-2")


async def test_an_error_behind_the_first_bytes_breaks_the_answer_off(client: httpx.AsyncClient) -> None:
    """Half an export must not pass for a whole one."""
    with pytest.raises(RuntimeError, match="half-way"):
        await client.get("/half", headers={"X-Request-ID": "abcdefgh-3"})


async def test_a_refused_method_names_all_that_the_path_allows(client: httpx.AsyncClient) -> None:
    answer = await client.put("/thing/1")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET")


async def test_field_faults_are_named_and_never_echo_the_input(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", json={"password": "hunter2", "count": "many", "extra": "hunter2"})
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["errors"]} == {"body.count", "body.extra"}
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/missing/x"])
async def test_unknown_paths_are_problems_too(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_body_over_the_limit_is_refused_when_declared(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", content=b"x" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_body_over_the_limit_is_refused_when_it_only_turns_out(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    answer = await client.post("/body", content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("given", ["short", "x" * 129, "with space", 'quo"te', "line\tbreak"])
async def test_a_request_id_that_could_break_a_log_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_readiness_follows_the_dependency(client: httpx.AsyncClient, dependency: Dependency) -> None:
    assert (await client.get("/readyz")).status_code == 200
    dependency.up = False
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"store": "ConnectionError"})
    assert (await client.get("/livez")).status_code == 200


async def test_a_gate_that_fails_is_a_problem_with_the_requests_id_too() -> None:
    async def build(_app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    class Broken:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise KeyError("a secret detail")

    app = create_service("test", build=build, middleware=[Middleware(Broken)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        answer = await http.get("/livez", headers={"X-Request-ID": "abcdefgh-4"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == "abcdefgh-4"
    assert "secret" not in answer.text
