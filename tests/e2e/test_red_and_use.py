"""Rate, errors and duration of what each process is asked and asks others; use and room of its pools and queues."""

from collections.abc import Mapping
from typing import Final

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from breezeway.supervisor import state_file
from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

Series = tuple[str, Mapping[str, str]]
"""A metric's name, and labels that one of its series has."""

WALK: Final = (
    *("/api/v1/users/me", "/api/v1/instruments/search?q=tcs", "/api/v1/market/status", "/api/v1/trading/accounts"),
    *("/api/v1/notifications", "/api/v1/alerts", "/api/v1/candles/NSE:RELIANCE?interval=1d"),
)
"""Something of every service."""


def timed(name: str, **labels: str) -> list[Series]:
    return [(f"breezeway_{name}_{ending}", labels) for ending in ("count", "sum", "bucket")]


def asked(*routes: str) -> list[Series]:
    """Requests answered; the gateway names services, where a service names routes."""
    name = "http_request_duration_seconds"
    return [each for route in routes for each in timed(name, method="GET", route=route, status="200")]


def asks(*upstreams: str) -> list[Series]:
    name = "upstream_call_duration_seconds"
    return [each for upstream in upstreams for each in timed(name, upstream=upstream, outcome="200")]


def jobs(*names: str) -> list[Series]:
    return [each for name in names for each in timed("job_duration_seconds", job=name, outcome="ok")]


def queue(service: str) -> list[Series]:
    label = {"queue": f"bw:jobs:{service}"}
    return [("breezeway_job_queue_waiting", label), ("breezeway_job_queue_lag_seconds", label)]


def backlogs(*names: str) -> list[Series]:
    gauges = ("breezeway_backlog_waiting", "breezeway_backlog_age_seconds")
    return [(gauge, {"backlog": name}) for name in names for gauge in gauges]


def pools(application: str | None) -> list[Series]:
    """Connections to Valkey, and to PostgreSQL where a process has any."""
    database: list[Series] = [
        (f"breezeway_db_pool_{what}", {"application": application}) for what in ("in_use", "size") if application
    ]
    return [*database, *((f"breezeway_redis_pool_{what}", {}) for what in ("in_use", "size"))]


TOLD: Final[Mapping[str, list[Series]]] = {
    "gateway": [
        *asked("auth", "instruments", "market-data", "trading", "notifications"),
        *asks("auth", "instruments", "market-data", "trading", "notifications"),
        *pools(None),
        ("breezeway_stream_waiting_bytes", {}),
        ("breezeway_stream_connections", {}),
    ],
    "auth": [*asked("/api/v1/users/me"), *pools("auth"), *backlogs("auth-events", "auth-mails")],
    "instruments": [
        *asked("/api/v1/instruments/search"),
        *asks("auth"),
        *pools("instruments"),
        *queue("instruments"),
    ],
    "market-data": [
        *asked("/api/v1/market/status", "/api/v1/candles/{symbol}"),
        *asks("auth", "instruments"),
        *pools("market-data"),
        *queue("market-data"),
        *backlogs("market-data-events"),
    ],
    "trading": [
        *asked("/api/v1/trading/accounts"),
        *asks("auth"),
        *pools("trading"),
        *backlogs("trading-events", "trading-orders"),
    ],
    "notifications": [
        *asked("/api/v1/notifications", "/api/v1/alerts"),
        *asks("auth"),
        *pools("notifications"),
        *backlogs("deliveries-web", "deliveries-email", "deliveries-telegram", "deliveries-webhook"),
    ],
    "instruments-worker": [*jobs("sweep_syncs"), *pools("instruments")],
    "market-data-worker": [
        *jobs("sweep_backfills", "drain_backfills"),
        *timed("broker_call_duration_seconds", call="history", outcome="ok"),
        *pools("market-data"),
    ],
    "feed-owner": [*pools("feed-owner"), ("breezeway_feeds_owned", {})],
    "trading-worker": pools("trading"),
    "notifications-worker": [*pools("notifications"), ("breezeway_alerts_evaluated_total", {})],
}


def lacking(text: str, wanted: list[Series]) -> list[Series]:
    """Those of `wanted` that a scrape does not have."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return [
        (name, labels)
        for name, labels in wanted
        if not any(each.name == name and labels.items() <= each.labels.items() for each in samples)
    ]


@pytest_asyncio.fixture
async def walked(user: ApiUser) -> None:
    for path in WALK:
        answer = await user.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"


@pytest.mark.usefixtures("walked")
@pytest.mark.parametrize("process", TOLD)
async def test_rate_errors_and_duration_use_and_room(stack: StackProcess, process: str) -> None:
    """Patient, because a worker's cron, or the first look at a queue, may be still to come."""
    missing: list[Series] = []

    def has_all() -> bool:
        missing[:] = lacking(stack.metrics(process), [*timed("event_loop_lag_seconds"), *TOLD[process]])
        return not missing

    try:
        await eventually(has_all, 120, every=1)
    except TimeoutError:
        pytest.fail(f"{process} does not tell {missing}")


def test_every_process_of_ours_is_in_the_table(stack: StackProcess) -> None:
    state = state_file.read(stack.home / "run" / "state.json")
    assert state is not None
    apart = {"postgres", "valkey", "simulator"}
    ours = {name.partition("@")[0] for name, entry in state.components.items() if entry.alive} - apart
    assert ours == set(TOLD)
