"""The feeds of this process in `/metrics`, read when Prometheus asks."""

from collections.abc import Iterable
from contextlib import AsyncExitStack

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from market_data_service.application.feed_supervisor import FeedSupervisor

_NUMBERS = {
    "fence": "Fencing token of the tenure.",
    "rooms": "Rooms that the socket is in.",
    "subscriptions": "Channels that somebody listens to.",
    "ticks_per_second": "Ticks of the last second.",
    "ticks": "Ticks since the tenure began.",
    "malformed_frames": "Frames of the present socket that could not be decoded.",
    "dropped_frames": "Frames of the present socket that found the buffer full.",
    "last_received_ms": "Wall time of the newest tick, epoch milliseconds.",
}


class FeedCollector(Collector):
    """Gauges per feed, and how many feeds this process owns."""

    def __init__(self, supervisor: FeedSupervisor) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterable[Metric]:
        facts = {feed: session.facts() for feed, session in self._supervisor.tenures.items()}
        yield GaugeMetricFamily("breezeway_feeds_owned", "Feeds that this process holds.", value=len(facts))
        for name, text in _NUMBERS.items():
            family = GaugeMetricFamily(f"breezeway_feed_{name}", text, labels=["feed"])
            for feed, known in facts.items():
                if name in known:
                    family.add_metric([feed], float(known[name]))
            yield family
        live = GaugeMetricFamily(
            "breezeway_feed_state", "1 for the state that the feed is in.", labels=["feed", "state"]
        )
        for feed, known in facts.items():
            live.add_metric([feed, known["state"]], 1)
        yield live


def register(collector: Collector, stack: AsyncExitStack) -> None:
    """Show `collector` in this process's `/metrics` until `stack` closes."""
    REGISTRY.register(collector)
    stack.callback(REGISTRY.unregister, collector)
