"""The FastAPI application that every service starts from."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware import Middleware

from breezeway import garbage
from breezeway.http import openapi, problem
from breezeway.http.limits import BodyLimitMiddleware
from breezeway.http.meter import MeterMiddleware
from breezeway.http.problem import Problem
from breezeway.http.request_id import RequestIdMiddleware
from breezeway.http.trace import TraceMiddleware
from breezeway.http.unexpected import UnexpectedErrorMiddleware
from breezeway.loop_lag import watch_loop
from breezeway.observability import tracing

Check = Callable[[], Awaitable[object]]
"""A dependency probe: returns when the dependency answers, raises when it does not."""

Lifespan = Callable[[FastAPI, AsyncExitStack], Awaitable[Mapping[str, Check]]]
"""Builds the service into `app.state`, registers what must be closed on the stack, and returns the readiness checks."""

_PROBE_SECONDS = 2.0
_ERRORS: dict[int | str, dict[str, object]] = {
    "4XX": {"model": Problem, "description": "The request is refused."},
    "5XX": {"model": Problem, "description": "We, or something we depend on, failed."},
}


def create_service(
    title: str,
    *,
    build: Lifespan,
    description: str = "",
    version: str = "1",
    body_limit: int = 1_048_576,
    public_openapi: bool = True,
    middleware: Sequence[Middleware] = (),
) -> FastAPI:
    """An application with problem documents, request ids, a body limit and the three operational routes.

    Args:
        build: called once at start-up with the app and an exit stack; what it pushes on the stack is closed in reverse
            order at shutdown, even when an earlier close fails.
        body_limit: bytes; a larger body is answered with 413.
        public_openapi: whether this process serves its own /openapi.json; the gateway merges those of all others.
        middleware: around everything but the request id, outermost first.
    """
    readiness: dict[str, Check] = {}
    draining = anyio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            readiness.update(await build(app, stack))
            await watch_loop(stack)
            garbage.tame(stack)
            yield
            draining.set()

    app = FastAPI(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        responses=_ERRORS,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if public_openapi else None,
        generate_unique_id_function=lambda route: route.name,
        # Metrics and traces are ours (`meter`, `tracing`). FastAPI's own would look for a provider at every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problem.install(app)
    openapi.correct(app)
    app.add_middleware(BodyLimitMiddleware, limit=body_limit)
    for gate in reversed(middleware):
        app.add_middleware(gate.cls, *gate.args, **gate.kwargs)
    # Around the gates too: they fail as unexpectedly as everything else.
    app.add_middleware(UnexpectedErrorMiddleware)
    app.add_middleware(MeterMiddleware)
    if tracing.configure(title):
        app.add_middleware(TraceMiddleware)
    app.add_middleware(RequestIdMiddleware)

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        checks = {name: await _probe(check) for name, check in readiness.items()}
        ready = not draining.is_set() and bool(checks) and all(state == "ok" for state in checks.values())
        body = {"status": "ready" if ready else "not_ready", "checks": checks}
        return JSONResponse(body, status_code=200 if ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


async def _probe(check: Check) -> str:
    try:
        with anyio.fail_after(_PROBE_SECONDS):
            await check()
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - whatever a dependency raises, the answer is "not ready"
        return type(error).__name__
    return "ok"
