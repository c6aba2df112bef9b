import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from breezeway.breeze.quota import BrokerQuota, Budget, QuotaRules, Verdict
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import RateLimited, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.redis.client import connect


async def test_the_budget_counts_down_and_ends(redis: Redis) -> None:
    quota = BrokerQuota(redis, QuotaRules(per_minute=3, per_day=10))
    assert await quota.remaining("a") == Budget(3, 10)
    await quota.acquire("a", cost=2)
    assert await quota.remaining("a") == Budget(1, 8)
    with pytest.raises(RateLimited) as caught:
        await quota.acquire("a", cost=2)
    assert caught.value.code == "broker_minute_limit"
    assert caught.value.retry_after is not None
    assert 55 < caught.value.retry_after <= 60
    assert await quota.remaining("a") == Budget(1, 8)
    assert await quota.remaining("b") == Budget(3, 10)


async def test_the_day_ends_at_midnight_in_india(redis: Redis) -> None:
    quota = BrokerQuota(redis, QuotaRules(per_minute=5, per_day=2))
    await quota.acquire("a", cost=2)
    with pytest.raises(RateLimited) as caught:
        await quota.acquire("a")
    assert caught.value.code == "broker_day_limit"
    seconds_left = 86_400 - (time.time() + 19_800) % 86_400
    assert caught.value.retry_after == pytest.approx(seconds_left, abs=3)
    (day_key,) = [key async for key in redis.scan_iter(keys.broker_quota_day("a", "*").replace("{", "[{]"))]
    assert await redis.ttl(day_key) == pytest.approx(seconds_left + 3600, abs=3)


async def test_waiting_gets_the_call_once_the_window_has_moved(redis: Redis) -> None:
    quota = BrokerQuota(redis, QuotaRules(per_minute=2, window_ms=300))
    await quota.acquire("a", cost=2)
    started = time.monotonic()
    await quota.acquire("a", wait=30)
    assert 0.2 < time.monotonic() - started < 30


async def test_calls_keep_their_distance(redis: Redis) -> None:
    quota = BrokerQuota(redis, QuotaRules(min_gap_ms=50))
    started = time.monotonic()
    for _ in range(5):
        await quota.acquire("a", wait=1)
    assert time.monotonic() - started >= 0.19


async def test_a_complaint_of_the_broker_pauses_everyone_and_is_never_shortened(redis: Redis) -> None:
    quota = BrokerQuota(redis, QuotaRules(minute_pause_seconds=0.4, day_pause_seconds=60))
    other = BrokerQuota(redis, quota.rules)
    assert await quota.cool_down("a", "broker_minute_limit") == 0.4
    with pytest.raises(RateLimited) as caught:
        await other.acquire("a")
    assert caught.value.code == "broker_cooling_down"
    assert await other.remaining("a") == Budget(0, 0)
    await other.acquire("a", wait=2)
    await quota.cool_down("a", "broker_day_limit")
    await quota.cool_down("a", "broker_minute_limit")
    assert await redis.pttl(keys.broker_quota_pause("a")) > 50_000


async def test_a_repeated_script_is_counted_once(redis: Redis) -> None:
    quota = BrokerQuota(redis, QuotaRules(per_minute=5))
    for _ in range(3):
        assert (await quota.try_acquire("a", 2, "the-same-call")).granted
    assert (await quota.remaining("a")).minute == 3


async def test_many_workers_together_never_exceed_the_rolling_window(valkey: EmbeddedValkey, redis: Redis) -> None:
    window_ms, limit = 400, 10
    clients = [connect(valkey.url) for _ in range(4)]
    granted: list[int] = []

    async def worker(quota: BrokerQuota) -> None:
        for _ in range(4):
            while True:
                verdict = await quota.try_acquire("a", 1, new_id().hex)
                if verdict.granted:
                    granted.append(verdict.at_ms)
                    break
                await asyncio.sleep(verdict.wait_ms / 1000)

    rules = QuotaRules(per_minute=limit, window_ms=window_ms)
    quotas = [BrokerQuota(client, rules) for client in clients]
    try:
        await asyncio.gather(*(worker(quotas[n % 4]) for n in range(12)))
    finally:
        for client in clients:
            await client.aclose()
    granted.sort()
    assert len(granted) == 48
    assert all(later - first >= window_ms for first, later in zip(granted, granted[limit:], strict=False))
    # And the limit is used, not merely kept: 48 calls need four full windows, not many more.
    assert granted[-1] - granted[0] < 4 * window_ms + 600


async def test_without_redis_nobody_may_call() -> None:
    client = connect("redis://127.0.0.1:1", timeout=0.2)
    try:
        with pytest.raises(UpstreamUnavailable) as caught:
            await BrokerQuota(client).acquire("a")
        assert caught.value.code == "quota_unavailable"
    finally:
        await client.aclose()


@dataclass
class Model:
    """What the script should say, told the server's time of each answer."""

    rules: QuotaRules
    calls: deque[int] = field(default_factory=deque)
    today: int = 0

    def expect(self, cost: int, now: int) -> Verdict:
        while self.calls and self.calls[0] <= now - self.rules.window_ms:
            self.calls.popleft()
        minute, day = self.rules.per_minute - len(self.calls), self.rules.per_day - self.today
        if day < cost:
            return Verdict(False, "broker_day_limit", -1, Budget(minute, day), now)
        if minute < cost:
            leaver = self.calls[cost - minute - 1]
            return Verdict(
                False, "broker_minute_limit", max(1, leaver + self.rules.window_ms - now), Budget(minute, day), now
            )
        gap = self.rules.min_gap_ms
        if gap and self.calls and self.calls[-1] + gap > now:
            return Verdict(False, "broker_minute_limit", self.calls[-1] + gap - now, Budget(minute, day), now)
        self.calls.extend([now] * cost)
        self.today += cost
        return Verdict(True, "", 0, Budget(minute - cost, day - cost), now)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=st.builds(
        QuotaRules,
        per_minute=st.integers(1, 6),
        per_day=st.integers(1, 40),
        min_gap_ms=st.sampled_from([0, 7]),
        window_ms=st.sampled_from([20, 60]),
    ),
    steps=st.lists(st.tuples(st.integers(1, 6), st.sampled_from([0, 0, 3, 15])), max_size=25),
)
async def test_it_agrees_with_the_model(redis: Redis, rules: QuotaRules, steps: list[tuple[int, int]]) -> None:
    quota, model, account = BrokerQuota(redis, rules), Model(rules), new_id().hex
    for cost, sleep_ms in steps:
        if cost > rules.per_minute:
            continue
        verdict = await quota.try_acquire(account, cost, new_id().hex)
        expected = model.expect(cost, verdict.at_ms)
        if expected.wait_ms == -1:
            expected = expected._replace(wait_ms=verdict.wait_ms)
        assert verdict == expected
        await asyncio.sleep(sleep_ms / 1000)
