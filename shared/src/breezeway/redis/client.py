"""How the suite connects to Redis (or Valkey)."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from breezeway.observability.pools import POOLS


def connect(url: str, *, max_connections: int = 50, timeout: float = 5.0, retries: int = 2) -> "Redis":
    """A client with bounded waits; nothing is opened until its first command.

    Args:
        url: `redis://…` or `rediss://…`.
        max_connections: ceiling of the pool.
        timeout: seconds for connecting and for each answer.
        retries: how often a command is sent again after a broken connection. A pub/sub listener needs 0: redis-py would
            reconnect behind its back, and what was published meanwhile would be missed without a word.

    A command may have taken effect although its connection broke, so whoever must not count twice passes an id.
    """
    client: Redis = Redis.from_url(
        url,
        max_connections=max_connections,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries),
        retry_on_error=[RedisConnectionError, RedisTimeoutError] if retries else [],
    )
    POOLS.add_redis(client.connection_pool, max_connections)
    return client
