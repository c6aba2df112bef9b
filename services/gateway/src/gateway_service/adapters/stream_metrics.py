"""The stream in `/metrics`: read from the live objects when Prometheus asks, so that fan-out pays nothing for it."""

import re
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway_service.application.hub import Hub
from gateway_service.application.registry import Registry

_HOP: Final = Histogram(
    "breezeway_stream_hop_seconds",
    "Latency of one hop of a message: owner_to_gateway (arrival at the feed owner to the end of a flush here) or "
    "in_gateway (arrival here to the end of the flush); one sample a flush.",
    ["hop"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# A tick says when its feed owner received it in its last field but one.
_RECEIVED: Final = re.compile(rb'"ts":(\d{13}),"type":"tick"}$')


class HopMeter:
    """Implements `hub.FlushMeter`."""

    def __init__(self) -> None:
        self._from_owner = _HOP.labels("owner_to_gateway")
        self._inside = _HOP.labels("in_gateway")

    def flushed(self, newest: bytes, waited: float) -> None:
        self._inside.observe(waited)
        received = _RECEIVED.search(newest, max(0, len(newest) - 40))
        if received is not None:
            self._from_owner.observe(max(0.0, time.time() - int(received[1]) / 1000))


class StreamCollector(Collector):
    """Gauges and counters of one process's hub and connections."""

    def __init__(self, registry: Registry, hub: Hub, connected: Callable[[], bool]) -> None:
        self._registry = registry
        self._hub = hub
        self._connected = connected

    def collect(self) -> Iterable[Metric]:
        load = self._registry.load()
        values = {
            "stream_connections": ("Open WebSocket connections.", load.connections),
            "stream_users": ("Users with a connection.", load.users),
            "stream_waiting_bytes": ("Bytes waiting in all outboxes.", load.waiting_bytes),
            "stream_waiting_bytes_largest": ("Bytes waiting in the fullest outbox.", load.largest),
            "stream_topics": ("Topics that this process listens to.", self._hub.topics),
            "stream_broker_connected": ("1 while the Redis listener is connected.", int(self._connected())),
            "stream_draining": ("1 while everybody is being sent away.", int(self._registry.draining)),
        }
        for name, (text, value) in values.items():
            yield GaugeMetricFamily(f"breezeway_{name}", text, value=value)
        counts = {
            "stream_messages": ("Messages taken from Redis.", self._hub.messages),
            "stream_deliveries": ("Messages times their listeners.", self._hub.deliveries),
            "stream_conflated": ("Messages that newer ones replaced.", load.conflated + self._hub.conflated),
            "stream_gaps": ("Gaps told to clients, one an instrument and client.", load.gaps),
        }
        for name, (text, value) in counts.items():
            yield CounterMetricFamily(f"breezeway_{name}", text, value=value)
        closed = CounterMetricFamily("breezeway_stream_closed", "Connections that we closed.", labels=["reason"])
        for reason, count in load.closed.items():
            closed.add_metric([reason], count)
        yield closed


def register(collector: Collector, stack: AsyncExitStack) -> None:
    """Show `collector` in this process's `/metrics` until `stack` closes."""
    REGISTRY.register(collector)
    stack.callback(REGISTRY.unregister, collector)
