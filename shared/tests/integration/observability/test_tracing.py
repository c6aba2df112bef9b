"""One trace from the edge through a service and its job to the message that a user reads; none when nobody asked."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from breezeway.bus.durable import DurableChannels, Place
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.http.app import Check, create_service
from breezeway.http.client import ServiceClient
from breezeway.jobs.queue import JobQueue, build_worker
from breezeway.observability import tracing
from breezeway.observability.tracing import ENDPOINT, Tracing
from breezeway.security.service_tokens import ServiceTokens
from breezeway.testing.trace_collector import TraceCollector, trace_collector

SECRET = "canary-4711"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
USER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceCollector]:
    with trace_collector() as running:
        monkeypatch.setenv(ENDPOINT, running.url)
        yield running
        if Tracing.tracer is not None:
            Tracing.tracer.shutdown()
            Tracing.tracer = None


async def nothing(_app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
    return {}


@pytest_asyncio.fixture
async def queue(valkey: EmbeddedValkey, redis: Redis) -> AsyncIterator[JobQueue]:
    made = await JobQueue.connect(valkey.url, "traced")
    yield made
    await made.aclose()


def build_edge(queue: JobQueue) -> FastAPI:
    """Two services, one behind the other; the second wakes a job."""
    service = create_service("service", build=nothing)

    @service.post("/labour/{number}")
    async def work(number: int) -> None:
        await queue.wake("tell", number)

    @service.get("/fails/{secret}")
    async def fails(secret: str) -> None:
        raise RuntimeError(f"{secret} in the text of an error")

    edge = create_service("edge", build=nothing)
    tokens = ServiceTokens("k" * 40, "edge")
    inner = ServiceClient("http://service", "service", tokens, transport=httpx.ASGITransport(service))

    @edge.post("/in/{number}")
    async def enter(number: int) -> None:
        await inner.call("POST", f"/labour/{number}", type(None))

    @edge.get("/fail/{secret}")
    async def fail(secret: str) -> None:
        await inner.call("GET", f"/fails/{secret}", type(None), params={"token": secret}, bearer=secret)

    return edge


async def run_jobs(valkey: EmbeddedValkey, redis: Redis) -> None:
    channels = DurableChannels(redis)

    async def tell(_ctx: dict[Any, Any], number: int) -> None:
        await channels.append(USER, "orders", {"type": "order", "number": number})

    worker = build_worker(valkey.url, "traced", [tell])
    worker.burst = True
    worker.poll_delay_s = 0.05
    worker._handle_signals = False  # burst mode in the loop of the test
    await worker.main()
    await worker.close()


async def message_of(redis: Redis) -> dict[str, Any]:
    channels = DurableChannels(redis)
    now = (await channels.since(USER, "orders", None)).place
    missed = await channels.since(USER, "orders", Place(now.offset - 1, now.epoch))
    message: dict[str, Any] = orjson.loads(missed.bodies[-1])
    return message


async def test_one_trace_spans_edge_service_job_and_message(
    collector: TraceCollector, valkey: EmbeddedValkey, redis: Redis, queue: JobQueue
) -> None:
    edge = build_edge(queue)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://edge") as http:
        answer = await http.post("/in/7", headers={"traceparent": CALLER, "X-Request-ID": "request-1"})
    assert answer.status_code == 200
    await run_jobs(valkey, redis)
    assert Tracing.tracer is not None
    Tracing.tracer.flush()

    entered, asked, worked, job = (
        collector.named(name)[0] for name in ("POST /in/{number}", "POST service", "POST /labour/{number}", "job tell")
    )
    assert {span.trace_id for span in (entered, asked, worked, job)} == {CALLER.split("-")[1]}
    assert entered.parent_id == CALLER.split("-")[2]
    assert asked.parent_id == entered.span_id
    assert worked.parent_id == asked.span_id
    assert job.parent_id == worked.span_id
    assert entered.attributes["breezeway.request_id"] == worked.attributes["breezeway.request_id"] == "request-1"
    message = await message_of(redis)
    assert message["number"] == 7
    assert message["traceparent"] == f"00-{job.trace_id}-{job.span_id}-01"


async def test_a_26_spans_carry_no_secret(collector: TraceCollector, queue: JobQueue) -> None:
    """A-26: secrets in a path, a query, a header and the text of an error; the collector sees none of them."""
    edge = build_edge(queue)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://edge") as http:
        answer = await http.get(f"/fail/{SECRET}?token={SECRET}", headers={"Authorization": f"Bearer {SECRET}"})
        await http.get(f"/{SECRET}")
    assert answer.status_code >= 500
    assert Tracing.tracer is not None
    Tracing.tracer.flush()
    assert collector.named("GET /fails/{secret}")
    assert collector.named("GET unmatched")
    assert SECRET.encode() not in collector.raw


async def test_untraced_messages_and_jobs_look_as_before(
    valkey: EmbeddedValkey, redis: Redis, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    assert not tracing.configure("nobody")
    await queue.wake("tell", 8)
    await run_jobs(valkey, redis)
    assert set(await message_of(redis)) == {"offset", "epoch", "type", "number"}


async def test_a_worker_that_does_not_trace_runs_jobs_of_those_who_do(
    valkey: EmbeddedValkey, redis: Redis, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    await queue._redis.enqueue_job("tell", 9, traceparent=CALLER)
    await run_jobs(valkey, redis)
    assert (await message_of(redis))["number"] == 9


def test_without_a_collector_the_sdk_is_not_even_loaded() -> None:
    """Zero cost: a service's process has loaded neither SDK nor exporter, and has no middleware for traces."""
    program = (
        "import sys; from breezeway.http.app import create_service; import breezeway.jobs.queue\n"
        "async def build(a, s): return {}\n"
        "app = create_service('x', build=build)\n"
        "assert not any('Trace' in each.cls.__name__ for each in app.user_middleware)\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={}, timeout=60
    )
    assert done.stdout.strip() == "[]"
