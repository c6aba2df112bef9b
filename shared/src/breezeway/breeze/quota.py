"""The broker's call limits, shared by every process that calls it for an account.

One Lua script decides on the Redis server and by the Redis server's clock, so N workers on N machines never exceed the
limits together. The minute is a *rolling* one; the day ends at midnight in India. After the broker has complained in
spite of us (the user may run other programs on the same key), the account is paused for everybody.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.clock import IST_OFFSET_SECONDS
from breezeway.errors import RateLimited, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.redis import keys


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """How much of the broker's limits to use.

    The broker documents 100 calls a minute and 5,000 a day. Ten a minute stay unused because its rolling minute counts
    arrivals and ours counts departures. Its complaint about the day has been seen long before 5,000 calls, so that
    pause is short of a day.
    """

    per_minute: int = 90
    per_day: int = 5_000
    min_gap_ms: int = 0
    window_ms: int = 60_000
    minute_pause_seconds: float = 120
    day_pause_seconds: float = 900


class Budget(NamedTuple):
    """Calls left in the rolling minute and in the Indian day; both are 0 while the account is paused."""

    minute: int
    day: int


class CallQuota(Protocol):
    """What a caller of the broker needs of the limiter."""

    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None: ...

    async def cool_down(self, account_id: str, code: str) -> float: ...


_REASONS: Final = ("", "broker_cooling_down", "broker_day_limit", "broker_minute_limit", "broker_minute_limit")

# KEYS: the rolling minute, the stem of the day counter (the day is appended here, since only this clock counts; the
# hash tag keeps all of an account's keys in one slot), the pause.
# ARGV: cost, per minute, per day, gap, window (ms), IST offset (s), id of this call.
# Answers: granted, reason, ms to wait, left in the minute, left in the day, the server's ms.
_SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local cost, per_minute, per_day = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local gap, window, offset, id = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local day = math.floor((t[1] + offset) / 86400)
local day_key = KEYS[2] .. day
local day_end = ((day + 1) * 86400 - offset) * 1000

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])
local today = tonumber(redis.call('GET', day_key) or '0')
local left_minute, left_day = math.max(0, per_minute - used), math.max(0, per_day - today)

local pause = redis.call('PTTL', KEYS[3])
if pause > 0 then
  return {0, 1, pause, 0, 0, now}
end
if cost == 0 then
  return {1, 0, 0, left_minute, left_day, now}
end
if redis.call('ZSCORE', KEYS[1], id .. ':1') then
  return {1, 0, 0, left_minute, left_day, now}
end
if left_day < cost then
  return {0, 2, day_end - now, left_minute, left_day, now}
end
if left_minute < cost then
  -- Room appears when the calls that are too many have left the window.
  local blocking = redis.call('ZRANGE', KEYS[1], cost - left_minute - 1, cost - left_minute - 1, 'WITHSCORES')
  return {0, 3, math.max(1, blocking[2] + window - now), left_minute, left_day, now}
end
if gap > 0 then
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
  if last and last + gap > now then
    return {0, 4, last + gap - now, left_minute, left_day, now}
  end
end
for i = 1, cost do
  redis.call('ZADD', KEYS[1], now, id .. ':' .. i)
end
redis.call('PEXPIRE', KEYS[1], window + 1000)
redis.call('INCRBY', day_key, cost)
redis.call('PEXPIREAT', day_key, day_end + 3600000)
return {1, 0, 0, left_minute - cost, left_day - cost, now}
"""


class Verdict(NamedTuple):
    """What the script said: waits in milliseconds, `at_ms` by the server's clock."""

    granted: bool
    code: str
    wait_ms: int
    left: Budget
    at_ms: int


class BrokerQuota:
    """The limiter over Redis. Raises UpstreamUnavailable when Redis does not answer: without it nobody may call."""

    def __init__(self, redis: Redis, rules: QuotaRules | None = None) -> None:
        self.rules = rules or QuotaRules()
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)

    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None:
        """Take `cost` calls of the account, waiting up to `wait` seconds.

        Raises RateLimited (`broker_minute_limit`, `broker_day_limit`, `broker_cooling_down`) with `retry_after` as soon
        as it is clear that waiting would not do.
        """
        if not 0 < cost <= self.rules.per_minute:
            raise ValueError(f"cost must be between 1 and {self.rules.per_minute}")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        # A fixed id makes a retried script harmless: redis-py sends it again after a broken connection.
        call_id = new_id().hex
        while True:
            verdict = await self.try_acquire(account_id, cost, call_id)
            if verdict.granted:
                return
            pause = verdict.wait_ms / 1000
            if loop.time() + pause > deadline:
                raise RateLimited(
                    "The broker's call limit for this account is used up for now.",
                    code=verdict.code,
                    retry_after=max(1.0, pause),
                )
            # Waiters wake apart, or all but one of them would only ask and sleep again.
            await asyncio.sleep(pause + random.uniform(0, 0.02))  # noqa: S311  # jitter, not a secret

    async def try_acquire(self, account_id: str, cost: int, call_id: str) -> Verdict:
        """One attempt, without waiting; the same `call_id` is counted once."""
        return await self._run(account_id, cost, call_id)

    async def remaining(self, account_id: str) -> Budget:
        """What is left, without taking any."""
        return (await self._run(account_id, 0, "-")).left

    async def cool_down(self, account_id: str, code: str) -> float:
        """Pause the account after the broker's own limit error; returns the seconds. A longer pause is kept."""
        seconds = self.rules.day_pause_seconds if code == "broker_day_limit" else self.rules.minute_pause_seconds
        key, milliseconds = keys.broker_quota_pause(account_id), int(seconds * 1000)
        try:
            if not await self._redis.set(key, code, px=milliseconds, nx=True):
                await self._redis.pexpire(key, milliseconds, gt=True)
        except RedisError as error:
            raise _unavailable() from error
        return seconds

    async def _run(self, account_id: str, cost: int, call_id: str) -> Verdict:
        rules = self.rules
        try:
            granted, reason, wait_ms, minute, day, at_ms = await self._script(
                keys=[
                    keys.broker_quota_minute(account_id),
                    keys.broker_quota_day(account_id, ""),
                    keys.broker_quota_pause(account_id),
                ],
                args=[
                    cost,
                    rules.per_minute,
                    rules.per_day,
                    rules.min_gap_ms,
                    rules.window_ms,
                    IST_OFFSET_SECONDS,
                    call_id,
                ],
            )
        except RedisError as error:
            raise _unavailable() from error
        return Verdict(bool(granted), _REASONS[reason], wait_ms, Budget(minute, day), at_ms)


def _unavailable() -> UpstreamUnavailable:
    return UpstreamUnavailable("The limiter of broker calls does not answer.", code="quota_unavailable", retry_after=1)
