"""Durable channels: what a user must not miss (`orders`, `notifications`), kept in a Redis stream and published.

Every message gets an `offset` that rises by one, and the `epoch` of the stream, which changes when Redis has lost it.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import orjson
from redis.asyncio import Redis

from breezeway.ids import new_id
from breezeway.observability import tracing
from breezeway.redis import keys

KEPT = 1_000
"""Messages that a client may have missed and still gets."""

_KEPT_SECONDS = 7 * 86_400

# One script, so that what is published has the place at which it is kept. KEYS: stream, its state, channel, the ids it
# has taken. The place goes in front of the body's own fields; an id is `offset-1` because Redis allows no `0-0`.
_APPEND = """
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch or redis.call('EXISTS', KEYS[1]) == 0 then
  epoch = ARGV[2]
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
if ARGV[5] ~= '' then
  local taken = redis.call('ZSCORE', KEYS[4], ARGV[5])
  if taken then return tonumber(taken) end
end
local offset = redis.call('HINCRBY', KEYS[2], 'offset', 1)
local body = '{"offset":' .. offset .. ',"epoch":"' .. epoch .. '",' .. string.sub(ARGV[1], 2)
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], offset .. '-1', 'b', body)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
if ARGV[5] ~= '' then
  redis.call('ZADD', KEYS[4], offset, ARGV[5])
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -2 * ARGV[3])
  redis.call('EXPIRE', KEYS[4], ARGV[4])
end
redis.call('PUBLISH', KEYS[3], body)
return offset
"""

# One step, so that state and messages belong together. Answers epoch, last offset, and the bodies after a place.
_READ = """
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then return {false, 0, {}} end
local bodies = {}
if ARGV[1] == epoch then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[2] .. '-1', '+')) do
    bodies[#bodies + 1] = entry[2][2]
  end
end
return {epoch, tonumber(redis.call('HGET', KEYS[2], 'offset')), bodies}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a channel."""

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Missed:
    """What follows a place: all of it when `complete`, else nothing. `place` is where the channel stands."""

    place: Place
    bodies: tuple[bytes, ...]
    complete: bool


class DurableChannels:
    """Appends to and reads from the durable channels of users. Redis errors are the caller's to handle."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._append = redis.register_script(_APPEND)
        self._read = redis.register_script(_READ)

    async def append(
        self, user_id: UUID | str, channel: str, message: Mapping[str, Any], *, once: UUID | None = None
    ) -> int:
        """Keep and publish a message (which has a `type`); its offset.

        Args:
            once: names the message: appended again under the same name, among the last 2,000 of them, it is dropped.
        """
        names, arguments = self._call(user_id, channel, message, once)
        return int(await cast("Awaitable[int]", self._append(keys=names, args=arguments)))

    async def append_all(self, messages: Sequence[tuple[UUID | str, str, Mapping[str, Any]]]) -> None:
        """Like `append` for each (user, channel, message), in their order and in one round trip.

        When it raises, any number of them may have been kept.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for message in messages:
                names, arguments = self._call(*message, None)
                await cast("Awaitable[object]", self._append(keys=names, args=arguments, client=pipe))
            await pipe.execute()

    def _call(
        self, user_id: UUID | str, channel: str, message: Mapping[str, Any], once: UUID | None
    ) -> tuple[list[str], list[bytes | str | int]]:
        body = orjson.dumps(tracing.stamped(message))
        names = [
            *self._keys(user_id, channel),
            keys.user_channel(user_id, channel),
            keys.durable_once(user_id, channel),
        ]
        return names, [body, new_id().hex, KEPT, _KEPT_SECONDS, once.hex if once else ""]

    async def since(self, user_id: UUID | str, channel: str, place: Place | None) -> Missed:
        """What came after `place`, never a part of it; where the channel stands when `place` is None."""
        asked = place or Place(0, "")
        call = self._read(keys=self._keys(user_id, channel), args=[asked.epoch, asked.offset])
        epoch, last, bodies = await cast("Awaitable[tuple[bytes | None, int, list[bytes]]]", call)
        now = Place(int(last), epoch.decode() if epoch else "")
        if place is None:
            return Missed(now, (), complete=True)
        # Trimmed messages, another epoch or an offset from the future: anything but exactly the rest is refused.
        complete = place.epoch == now.epoch and len(bodies) == now.offset - place.offset
        return Missed(now, tuple(bodies) if complete else (), complete)

    @staticmethod
    def _keys(user_id: UUID | str, channel: str) -> list[str]:
        return [keys.durable_stream(user_id, channel), keys.durable_state(user_id, channel)]
