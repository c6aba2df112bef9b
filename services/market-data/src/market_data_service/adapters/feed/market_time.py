"""Exchange time: the simulator's mapping, followed and shared through Redis, or the wall clock."""

import asyncio

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway import cancellation
from breezeway.clock import ClockMapping, ExchangeClock
from breezeway.redis import keys

_MAPPING: TypeAdapter[ClockMapping] = TypeAdapter(ClockMapping)
_SHARED_SECONDS = 30

_log = structlog.get_logger()


class SimulatorClock:
    """Keeps `clock` at the simulator's exchange time, and `keys.exchange_clock()` at its mapping.

    Run `run()` in a task. While the simulator does not answer, the last mapping stays.
    """

    def __init__(self, simulator_url: str, clock: ExchangeClock, redis: "Redis", *, every: float = 1.0) -> None:
        self._http = httpx.AsyncClient(base_url=simulator_url, timeout=2.0)
        self._clock = clock
        self._redis = redis
        self._every = every

    async def run(self) -> None:
        async with self._http:
            while True:
                cancellation.heed()
                await self._follow()
                await asyncio.sleep(self._every)

    async def _follow(self) -> None:
        try:
            answer = await self._http.get("/_sim/clock")
            answer.raise_for_status()
            mapping = _MAPPING.validate_json(answer.content)
            self._clock.mapping = mapping
            await self._redis.set(keys.exchange_clock(), _MAPPING.dump_json(mapping), ex=_SHARED_SECONDS)
        except (httpx.HTTPError, ValidationError, RedisError, OSError) as error:
            _log.warning("exchange_clock_not_followed", error=type(error).__name__)
