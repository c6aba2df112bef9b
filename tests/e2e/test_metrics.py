"""Every metric that a dashboard or an alert names is told by some process of the running stack."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROCESSES = (
    *("gateway", "auth", "instruments", "market-data", "trading", "notifications"),
    *("instruments-worker", "market-data-worker", "feed-owner", "trading-worker", "notifications-worker"),
)
GIVEN = {"job", "instance", "le"}
"""Labels that Prometheus or the histogram adds."""
QUIET = {"feed", "state", "reason", "channel"}
"""Labels of what tells nothing before a feed is owned, a client is sent away or a notification is delivered."""


@pytest.fixture(scope="module")
def told(stack: StackProcess) -> Mapping[str, str]:
    return {name: stack.metrics(name) for name in PROCESSES}


def expressions() -> Iterator[str]:
    for name in ("alerts", "slo"):
        for group in yaml.safe_load((DEPLOY / "prometheus" / f"{name}.yml").read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"])
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def names_of(text: str) -> set[str]:
    """What may be asked for of the families in a scrape."""
    names: set[str] = set()
    for family in text_string_to_metric_families(text):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def test_every_metric_that_we_name_exists(told: Mapping[str, str]) -> None:
    known = set().union(*(names_of(text) for text in told.values()))
    asked = {name for text in expressions() for name in re.findall(r"\b(?:breezeway|process)_[a-z0-9_]+", text)}
    assert len(asked) > 30
    assert sorted(asked - known) == []


def test_every_label_that_we_ask_by_exists(told: Mapping[str, str]) -> None:
    seen = {
        label
        for text in told.values()
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for label in sample.labels
    }
    asked = {
        label.strip()
        for text in expressions()
        for labels in re.findall(r"by \(([^)]*)\)", text)
        for label in labels.split(",")
    }
    asked |= {label for text in expressions() for label in re.findall(r"[{,]([a-z]+)(?:=~|!~|!=|=)", text)}
    assert sorted(asked - seen - GIVEN - QUIET) == []


def test_labels_stay_few(told: Mapping[str, str]) -> None:
    """Whatever users do, a process tells a bounded number of series: no path, id, symbol or address is a label."""
    for name, text in told.items():
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        assert len(samples) < 20_000, name
        values = {value for sample in samples for value in sample.labels.values()}
        assert not any("@" in value or "NSE:" in value or re.search(r"/[0-9a-f]{32}", value) for value in values), name


def test_the_seeds_requests_were_counted(told: Mapping[str, str]) -> None:
    """By the gateway under the service that answered, by the service under its route, and the call between them."""
    edge = 'method="POST",route="auth",status="200"'
    assert f"breezeway_http_request_duration_seconds_count{{{edge}}}" in told["gateway"]
    route = 'method="POST",route="/api/v1/auth/login",status="200"'
    assert f"breezeway_http_request_duration_seconds_count{{{route}}}" in told["auth"]
    assert 'breezeway_upstream_call_duration_seconds_count{outcome="200",upstream="auth"}' in told["gateway"]
    assert 'breezeway_job_duration_seconds_count{job="drain_backfills",outcome="ok"}' in told["market-data-worker"]
    assert 'breezeway_broker_call_duration_seconds_count{call="history",outcome="ok"}' in told["market-data-worker"]
    assert 'breezeway_job_queue_lag_seconds{queue="bw:jobs:market-data"}' in told["market-data"]
    assert 'breezeway_db_pool_size{application="trading"}' in told["trading"]
