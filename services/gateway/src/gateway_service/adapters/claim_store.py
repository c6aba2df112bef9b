"""Idempotency claims in Redis."""

import msgpack
from redis.asyncio import Redis

from breezeway.redis import keys
from gateway_service.application.idempotency import Claim, StoredAnswer


class RedisClaimStore:
    """Implements `application.idempotency.ClaimStore`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def claim(self, key: str, fingerprint: str, seconds: int) -> Claim | None:
        # SET … NX GET is one step: of two simultaneous requests exactly one finds the key free.
        held = await self._redis.set(keys.idempotency(key), msgpack.packb([fingerprint]), nx=True, get=True, ex=seconds)
        if held is None:
            return None
        print_, *answer = msgpack.unpackb(held)
        if not answer:
            return Claim(print_, None)
        status, headers, body = answer
        return Claim(print_, StoredAnswer(status, [(name, value) for name, value in headers], body))

    async def keep(self, key: str, fingerprint: str, answer: StoredAnswer, seconds: int) -> None:
        packed = msgpack.packb([fingerprint, answer.status, answer.headers, answer.body])
        await self._redis.set(keys.idempotency(key), packed, ex=seconds)

    async def release(self, key: str) -> None:
        await self._redis.delete(keys.idempotency(key))
