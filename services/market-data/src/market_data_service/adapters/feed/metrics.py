"""The feeds of this process in `/metrics`, read when Prometheus asks."""

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from market_data_service.application.feed_supervisor import FeedSupervisor

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_HOP = Histogram(
    "breezeway_feed_hop_seconds",
    "Latency of one hop of a tick: exchange_to_owner (by exchange time) or owner_to_redis; one sample a batch.",
    ["hop"],
    buckets=_SECONDS,
)
_GAPS = Counter("breezeway_feed_gaps", "Times that ticks may have been missed.", ["reason"])
_GAP_SECONDS = Counter("breezeway_feed_gap_seconds", "Exchange time during which ticks may have been missed.")


class PrometheusMeter:
    """Implements `feed_ports.FeedMeter`."""

    def published(self, seconds: float) -> None:
        _HOP.labels("owner_to_redis").observe(max(0.0, seconds))

    def tick_age(self, seconds: float) -> None:
        _HOP.labels("exchange_to_owner").observe(max(0.0, seconds))

    def gap(self, reason: str, seconds: float) -> None:
        _GAPS.labels(reason).inc()
        _GAP_SECONDS.inc(max(0.0, seconds))


_NUMBERS = {
    "fence": "Fencing token of the tenure.",
    "rooms": "Rooms that the socket is in.",
    "subscriptions": "Channels that somebody listens to.",
    "ticks_per_second": "Ticks of the last second.",
    "ticks": "Ticks since the tenure began.",
    "malformed_frames": "Frames of the present socket that could not be decoded.",
    "dropped_frames": "Frames of the present socket that found the buffer full.",
    "sockets": "Sockets that carry the feed.",
    "last_received_ms": "Wall time of the newest tick, epoch milliseconds.",
}


class FeedCollector(Collector):
    """Gauges per feed, and how many feeds this process owns."""

    def __init__(self, supervisor: FeedSupervisor, now_ms: Callable[[], int]) -> None:
        self._supervisor = supervisor
        self._now_ms = now_ms

    def collect(self) -> Iterable[Metric]:
        facts = {feed: session.facts() for feed, session in self._supervisor.tenures.items()}
        yield GaugeMetricFamily("breezeway_feeds_owned", "Feeds that this process holds.", value=len(facts))
        yield GaugeMetricFamily(
            "breezeway_feed_owners", "Owner processes that live, as this one knows.", value=self._supervisor.owners
        )
        age = GaugeMetricFamily(
            "breezeway_feed_tick_age_seconds", "Since the newest tick of the feed arrived.", labels=["feed"]
        )
        for feed, known in facts.items():
            if "last_received_ms" in known:
                age.add_metric([feed], max(0.0, (self._now_ms() - int(known["last_received_ms"])) / 1000))
        yield age
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
