"""Feeds Redis as the feed owner does: ticks encoded once, published in batches by the owner's own fenced script.

python -m benchmarks.fanout_publisher < plan.json

Prints `ready`, then reads from standard input until when it has to publish (epoch microseconds), and begins at once.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

import uvloop

from breezeway.contracts.stream import TickMessage, encode
from breezeway.redis import keys
from breezeway.redis.client import connect
from market_data_service.adapters.feed.publisher import RedisPublisher
from market_data_service.application.feed_ports import Outgoing
from market_data_service.application.feed_session import FeedRules


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` ticks a second over all symbols."""

    redis_url: str
    feed: str
    symbols: list[str]
    rate: int


@dataclass(frozen=True, slots=True)
class Tenure:
    """A lease that nobody contests."""

    feed: str
    holder: str = "bench"
    fence: int = 1
    renew_every: float = 1.0
    valid: bool = True

    async def renew(self) -> bool:
        return True

    async def release(self) -> None:
        return None


async def run(plan: Plan) -> None:
    redis, rules = connect(plan.redis_url), FeedRules()
    publisher, lease = RedisPublisher(redis), Tenure(plan.feed)
    await redis.set(keys.feed_lease(plan.feed), lease.holder)
    print("ready", flush=True)
    end = int(await asyncio.to_thread(sys.stdin.readline))
    began = time.time_ns() // 1000
    made = 0
    try:
        while (now := time.time_ns() // 1000) < end:
            due = (now - began) * plan.rate // 1_000_000
            while made < due:
                batch = []
                for number in range(made, min(due, made + rules.batch)):
                    # Stamped with the moment at which the tick was due, so that a late publisher counts as latency.
                    batch.append(_tick(plan, number, began // 1_000, began + number * 1_000_000 // plan.rate))
                made += len(batch)
                assert await publisher.publish(lease, batch)
            await asyncio.sleep(rules.flush_seconds)
    finally:
        await redis.aclose()


def _tick(plan: Plan, number: int, first: int, stamp: int) -> Outgoing:
    # Begins at the clock's milliseconds, so that a later run is newer than the snapshots that this one leaves.
    seq = first + number // len(plan.symbols)
    symbol = plan.symbols[number % len(plan.symbols)]
    price = 1_000 + number % 997 / 20
    message = TickMessage(
        *(symbol, seq, price, 25, stamp, price - 0.05, 310, price + 0.05, 125, 998.5, 1_051.0, 990.05, 1_001.1),
        *(-0.42, 4_402_915 + number, 1_013.37, None, 418_220, 502_114, 900.95, 1_101.2, stamp // 1_000),
    )
    return Outgoing("tick:" + symbol, encode(message))


def main() -> None:
    uvloop.run(run(Plan(**json.loads(sys.stdin.readline()))))


if __name__ == "__main__":
    main()
