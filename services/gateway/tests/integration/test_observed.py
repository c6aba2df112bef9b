"""What the gateway tells about the requests that it passes on: metrics always, a trace where one is wanted."""

from collections.abc import Iterator

import httpx
import pytest

from breezeway.observability.red import REQUESTS, UPSTREAM_CALLS
from breezeway.observability.tracing import ENDPOINT, Tracing
from breezeway.testing.fake_service import FakeService
from breezeway.testing.trace_collector import TraceCollector, trace_collector

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceCollector]:
    with trace_collector() as running:
        monkeypatch.setenv(ENDPOINT, running.url)
        yield running
        if Tracing.tracer is not None:
            Tracing.tracer.shutdown()
            Tracing.tracer = None


async def test_requests_and_calls_are_counted_by_service(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    request, call = ("GET", "market-data", "201"), ("market-data", "201")
    away, lost = ("GET", "instruments", "503"), ("instruments", "unreachable")
    before = [REQUESTS.count(request), UPSTREAM_CALLS.count(call), REQUESTS.count(away), UPSTREAM_CALLS.count(lost)]
    for number in range(3):
        await gateway.get(f"/api/v1/candles/NSE:S{number}")
    await gateway.get("/api/v1/instruments/NSE:X")
    after = [REQUESTS.count(request), UPSTREAM_CALLS.count(call), REQUESTS.count(away), UPSTREAM_CALLS.count(lost)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [3, 3, 1, 1]
    assert len(behind.seen) == 3


async def test_the_caller_s_trace_goes_on_through_the_gateway(
    collector: TraceCollector, gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    answer = await gateway.get("/api/v1/candles/NSE:INFY", headers={"traceparent": CALLER})
    assert answer.status_code == 201
    assert Tracing.tracer is not None
    Tracing.tracer.flush()
    # Named alike: what came in, and what went on to the service.
    spans = {span.parent_id: span for span in collector.named("GET market-data")}
    entered = spans[CALLER.split("-")[2]]
    asked = spans[entered.span_id]
    assert entered.trace_id == asked.trace_id == CALLER.split("-")[1]
    assert behind.seen[-1]["headers"]["traceparent"] == f"00-{asked.trace_id}-{asked.span_id}-01"
    assert entered.attributes["http.response.status_code"] == "201"


async def test_without_a_collector_the_caller_s_trace_passes_as_it_is(
    gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    await gateway.get("/api/v1/candles/NSE:INFY", headers={"traceparent": CALLER})
    assert behind.seen[-1]["headers"]["traceparent"] == CALLER
