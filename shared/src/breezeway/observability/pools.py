"""Use and room of the pools of a process: connections to PostgreSQL and Redis. Read when Prometheus asks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.asyncio import BlockingConnectionPool, ConnectionPool

if TYPE_CHECKING:  # 24 MB, which the processes without a database (the gateway) need not carry
    from sqlalchemy import QueuePool
    from sqlalchemy.ext.asyncio import AsyncEngine

DATABASE_FAILURES: Final = Counter(
    "breezeway_db_unavailable", "Units of work that found PostgreSQL away or the pool exhausted."
)


class PoolCollector(Collector):
    """Knows the pools of this process without keeping them alive."""

    def __init__(self) -> None:
        self._engines: WeakKeyDictionary[QueuePool, tuple[str, int]] = WeakKeyDictionary()
        self._redis: WeakKeyDictionary[ConnectionPool, int] = WeakKeyDictionary()

    def add_engine(self, engine: "AsyncEngine", application: str, most: int) -> None:
        """Watch a pooled engine, which opens at most `most` connections."""
        from sqlalchemy import QueuePool

        if isinstance(engine.pool, QueuePool):
            self._engines[engine.pool] = (application, most)

    def add_redis(self, pool: "ConnectionPool | BlockingConnectionPool", most: int) -> None:
        self._redis[pool] = most

    def collect(self) -> Iterable[Metric]:
        used = GaugeMetricFamily("breezeway_db_pool_in_use", "Connections handed out.", labels=["application"])
        room = GaugeMetricFamily(
            "breezeway_db_pool_size", "Connections that may be open at once.", labels=["application"]
        )
        sums: dict[str, list[int]] = {}
        for pool, (application, most) in list(self._engines.items()):
            row = sums.setdefault(application, [0, 0])
            row[0] += pool.checkedout()
            row[1] += most
        for application, (in_use, most) in sums.items():
            used.add_metric([application], in_use)
            room.add_metric([application], most)
        yield used
        yield room
        # redis-py has no public count; both names have been there since its asyncio client began.
        busy = sum(len(getattr(pool, "_in_use_connections", ())) for pool in list(self._redis))
        yield GaugeMetricFamily("breezeway_redis_pool_in_use", "Connections handed out.", value=busy)
        yield GaugeMetricFamily(
            "breezeway_redis_pool_size", "Connections that may be open at once.", value=sum(self._redis.values())
        )


POOLS: Final = PoolCollector()
REGISTRY.register(POOLS)
