"""The stream in `/metrics`: read from the live objects when Prometheus asks, so that fan-out pays nothing for it."""

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway_service.application.hub import Hub
from gateway_service.application.registry import Registry


class StreamCollector(Collector):
    """Gauges of one process's hub and connections."""

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
            "stream_conflated_open": ("Messages conflated for the connections that are open.", load.conflated),
            "stream_topics": ("Topics that this process listens to.", self._hub.topics),
            "stream_broker_connected": ("1 while the Redis listener is connected.", int(self._connected())),
        }
        for name, (text, value) in values.items():
            yield GaugeMetricFamily(f"breezeway_{name}", text, value=value)


def register(collector: Collector, stack: AsyncExitStack) -> None:
    """Show `collector` in this process's `/metrics` until `stack` closes."""
    REGISTRY.register(collector)
    stack.callback(REGISTRY.unregister, collector)
