"""One trace from a client's request through gateway, service and job to the frame that the client's stream shows."""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient
from breezeway.testing.trace_collector import SeenSpan, TraceCollector

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

DAYS = ("02", "03", "04", "05", "06", "09", "10", "11", "12", "13")
"""November 2026, on which a history can be asked for."""


def traced() -> tuple[str, dict[str, str]]:
    """A trace that the caller wants to be kept, and its header."""
    trace_id = secrets.token_hex(16)
    return trace_id, {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}


async def ended(stream: StreamClient, backfill: str) -> list[dict[str, Any]]:
    """Every message about a backfill until it has ended."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["state"] not in ("done", "failed", "cancelled"):
        message = await stream.next("backfill", seconds=180)
        if message["id"] == backfill:
            told.append(message)
    return told


async def fetch(user: ApiUser, stream: StreamClient, day: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    window = {"from": f"2026-11-{day}", "to": f"2026-11-{int(day) + 1:02}"}
    asked = {"symbols": ["NSE:COALINDIA"], "interval": "1m", **window}
    answer = await user.http.post("/api/v1/backfills", json=asked, headers=headers)
    assert answer.status_code == 202, answer.text
    return await ended(stream, answer.json()["id"])


async def test_one_trace_from_the_request_through_service_and_job_to_the_frame(
    stack: StackProcess, user: ApiUser, traces: TraceCollector
) -> None:
    """HTTP to the gateway, HTTP to market-data, arq to its worker, Redis to the stream. A job that another wake-up had
    begun may take the chunk first; then another day is asked for."""
    await user.connect_broker()
    uri = stack.url.replace("http", "ws", 1) + "/ws/v1/stream"
    last = ""
    async with StreamClient.connect(uri, user.token) as stream:
        await stream.subscribe(["backfills"])
        for day in DAYS:
            trace_id, headers = traced()
            frames = await fetch(user, stream, day, headers)
            marks = [frame["traceparent"].split("-") for frame in frames if "traceparent" in frame]
            shown = {mark[2] for mark in marks if mark[1] == trace_id}
            assert shown, "the answer to the request is told on the stream too"
            await eventually(partial(arrived, traces, trace_id, shown), 120, every=0.2)
            spans = {span.span_id: span for span in of(traces, trace_id)}
            last = next((mark for mark in shown if spans[mark].name.startswith("job ")), "")
            if last:
                break
    assert last, "no job of ten wrote to the stream in the trace of the request that woke it"
    way = way_to(spans, last)
    assert [(span.service, span.name) for span in way] == [
        ("Breezeway API", "POST market-data"),
        ("Breezeway API", "POST market-data"),
        ("Breezeway market data", "POST /api/v1/backfills"),
        ("market-data-worker", "job drain_backfills"),
    ]
    assert way[0].parent_id == headers["traceparent"].split("-")[2]
    assert user.token.encode() not in traces.raw


async def test_one_trace_from_the_request_through_the_outbox_to_the_delivery(
    stack: StackProcess, user: ApiUser, traces: TraceCollector
) -> None:
    """Auth writes an event with the API key; its relay carries it, notifications takes it, their worker delivers it."""
    trace_id, headers = traced()
    uri = stack.url.replace("http", "ws", 1) + "/ws/v1/stream"
    async with StreamClient.connect(uri, user.token) as stream:
        await stream.subscribe(["notifications"])
        key = {"name": "traced", "scopes": ["read"]}
        made = await user.http.post("/api/v1/auth/api-keys", json=key, headers=headers)
        assert made.status_code == 201, made.text
        told = await stream.next("notification", seconds=120)
    assert (told["kind"], told["data"]["what"]) == ("security.changed", "api_key_created")
    _, of_trace, shown, _ = told["traceparent"].split("-")
    assert of_trace == trace_id
    await eventually(partial(arrived, traces, trace_id, {shown}), 120, every=0.2)
    spans = {span.span_id: span for span in of(traces, trace_id)}
    assert [(span.service, span.name) for span in way_to(spans, shown)] == [
        ("Breezeway API", "POST auth"),
        ("Breezeway API", "POST auth"),
        ("Breezeway auth", "POST /api/v1/auth/api-keys"),
        ("Breezeway notifications", "take event"),
        ("Breezeway notifications worker", "deliver web"),
    ]


def way_to(spans: Mapping[str, SeenSpan], last: str) -> list[SeenSpan]:
    """From the first ancestor to the span itself."""
    way = [spans[last]]
    while way[0].parent_id in spans:
        way.insert(0, spans[way[0].parent_id])
    return way


def of(traces: TraceCollector, trace_id: str) -> list[SeenSpan]:
    return [span for span in list(traces.spans) if span.trace_id == trace_id]


def arrived(traces: TraceCollector, trace_id: str, wanted: set[str]) -> bool:
    """Whether the collector has the spans `wanted` and all of their ancestors, each process sending its own."""
    spans = {span.span_id: span for span in of(traces, trace_id)}
    roots = [span for span in spans.values() if span.parent_id not in spans]
    return wanted <= spans.keys() and [span.service for span in roots] == ["Breezeway API"]


async def test_what_nobody_traces_carries_no_mark(stack: StackProcess, user: ApiUser, traces: TraceCollector) -> None:
    """The stack's sampler keeps what a caller asks for and nothing else; messages of other traces carry none."""
    await user.connect_broker()
    uri = stack.url.replace("http", "ws", 1) + "/ws/v1/stream"
    trace_id = secrets.token_hex(16)
    async with StreamClient.connect(uri, user.token) as stream:
        await stream.subscribe(["backfills"])
        frames = await fetch(user, stream, "16", {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-00"})
    assert [frame for frame in frames if trace_id in frame.get("traceparent", "")] == []
    assert of(traces, trace_id) == []
