"""The market's clock: what the feed owner shares in Redis, else the simulator's, else the wall clock."""

import time
from datetime import datetime

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.clock import Clock, ClockMapping
from breezeway.redis import keys

_REMEMBER_SECONDS = 1.0
_MAPPING: TypeAdapter[ClockMapping] = TypeAdapter(ClockMapping)

_log = structlog.get_logger()


class SharedExchangeTime:
    """Maps wall time to exchange time. When nobody answers, the last mapping stays.

    Args:
        simulator: a client whose base URL is the simulator's origin; None where there is only the real market.
    """

    def __init__(self, wall: Clock, redis: "Redis", simulator: httpx.AsyncClient | None) -> None:
        self.wall = wall
        self._redis = redis
        self._simulator = simulator
        self._known: ClockMapping | None = None
        self._until = 0.0

    async def mapping(self) -> ClockMapping:
        """How wall time maps to exchange time; asked for once a second at most."""
        if self._known is None or time.monotonic() >= self._until:
            self._known = await self._ask() or self._known or self._wall_mapping()
            self._until = time.monotonic() + _REMEMBER_SECONDS
        return self._known

    async def now(self) -> datetime:
        return (await self.mapping()).at(self.wall.now())

    def _wall_mapping(self) -> ClockMapping:
        now = self.wall.now()
        return ClockMapping(wall_anchor=now, exchange_anchor=now)

    async def _ask(self) -> ClockMapping | None:
        try:
            stored = await self._redis.get(keys.exchange_clock())
            if stored is not None:
                return _MAPPING.validate_json(stored)
            if self._simulator is not None:
                answer = await self._simulator.get("/_sim/clock")
                answer.raise_for_status()
                return _MAPPING.validate_json(answer.content)
        except (RedisError, httpx.HTTPError, ValidationError) as error:
            _log.warning("exchange_clock_unknown", error=type(error).__name__)
        return None
