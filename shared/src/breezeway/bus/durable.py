"""Durable channels: what a user must not miss (`orders`, `notifications`), kept in a Redis stream and published.

Every message gets an `offset` that rises by one, and the `epoch` of the stream, which changes when Redis has lost some
of it, or may have. Whoever asks from a place that is still part of it gets what followed all the same.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from breezeway.ids import new_id
from breezeway.observability import tracing
from breezeway.redis import keys

KEPT = 1_000
"""Messages that a client may have missed and still gets."""

_KEPT_SECONDS: Final = 7 * 86_400
_SYNC_MILLISECONDS: Final = 2_500
_MENDING_TRIES: Final = 30
_MENDING_SECONDS: Final = 0.1

# One script, so that what is published has the place at which it is kept. KEYS: stream, its state, channel, the ids it
# has taken. The place goes in front of the body's own fields; an id is `offset-1` because Redis allows no `0-0`.
#
# A server that was killed may come back without the last messages, which readers have had. The first append afterwards
# notices by the server's run id: a message that returns to the place it had (ARGV 6, 7) mends the tail, anything else
# begins a new epoch, and the state remembers with `e:<epoch>` how far the old one had come. So an offset never means
# two messages. ARGV 8 is the run in which its writer thinks it is: in another one, what it wrote before comes first.
_APPEND = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local state = redis.call('HMGET', KEYS[2], 'epoch', 'offset', 'run')
local epoch, last = state[1], tonumber(state[2] or 0)
if ARGV[8] ~= '' and ARGV[8] ~= run then return {-1, epoch or '', run} end
if not epoch or redis.call('EXISTS', KEYS[1]) == 0 then
  epoch = ARGV[2]
  last = 0
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'run', run)
elseif ARGV[5] ~= '' then
  local taken = redis.call('ZSCORE', KEYS[4], ARGV[5])
  if taken then return {tonumber(taken), epoch, run} end
end
if last > 0 and state[3] ~= run and not (ARGV[6] == epoch and tonumber(ARGV[7]) == last + 1) then
  redis.call('HSET', KEYS[2], 'e:' .. epoch, last, 'epoch', ARGV[2], 'run', run)
  epoch = ARGV[2]
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
return {offset, epoch, run}
"""

# One step, so that state and messages belong together. Answers epoch, last offset, the bodies after a place, whether
# the place is one of this stream, and whether it is of a tail that its writers may be about to bring back.
_READ = """
local state = redis.call('HMGET', KEYS[2], 'epoch', 'offset', 'run')
local epoch, last, place = state[1], tonumber(state[2] or 0), tonumber(ARGV[2])
if not epoch then return {false, 0, {}, 0, 0} end
local ended = ARGV[1] == epoch and last or tonumber(redis.call('HGET', KEYS[2], 'e:' .. ARGV[1]) or -1)
if place > ended then
  local mending = ARGV[1] == epoch and state[3] ~= string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return {epoch, last, {}, 0, mending and 1 or 0}
end
local bodies = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[2] .. '-1', '+')) do
  bodies[#bodies + 1] = entry[2][2]
end
return {epoch, last, bodies, 1, 0}
"""

_MARK = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', 60)
return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
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


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a message was kept, and in which life of the server."""

    place: Place
    run: str


@dataclass(frozen=True, slots=True)
class Append:
    """A message (which has a `type`) to be kept.

    Args:
        once: names it: appended again under the same name, among the last 2,000 of its channel, it is dropped.
        again: where it was kept before the server may have forgotten it; there it returns, if that is still the end.
    """

    user_id: UUID | str
    channel: str
    message: Mapping[str, Any]
    once: UUID | None = None
    again: Place | None = None


class Restarted(Exception):
    """The server is not the one that the writer knew; nothing of what was refused has been kept."""


class DurableChannels:
    """Appends to and reads from the durable channels of users. Redis errors are the caller's to handle."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._append = redis.register_script(_APPEND)
        self._read = redis.register_script(_READ)
        self._mark = redis.register_script(_MARK)

    async def append(
        self, user_id: UUID | str, channel: str, message: Mapping[str, Any], *, once: UUID | None = None
    ) -> int:
        """Keep and publish a message (which has a `type`); its offset. A server that is killed within the next second
        or two may forget it: `SafeWriter` guards against that.

        Args:
            once: see `Append`.
        """
        names, arguments = _call(Append(user_id, channel, message, once), "")
        offset, _, _ = await cast("Awaitable[tuple[int, bytes, bytes]]", self._append(keys=names, args=arguments))
        return int(offset)

    async def append_all(self, appends: Sequence[Append], *, run: str = "") -> list[Kept]:
        """Like `append` for each, in their order and in one round trip. When it raises, any number of them may have
        been kept.

        Args:
            run: the life of the server in which they are to be kept; any when empty.

        Raises:
            Restarted: it is another life.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for each in appends:
                names, arguments = _call(each, run)
                await cast("Awaitable[object]", self._append(keys=names, args=arguments, client=pipe))
            answers = cast("list[tuple[int, bytes, bytes]]", await pipe.execute())
        if any(offset < 0 for offset, _, _ in answers):
            raise Restarted
        return [Kept(Place(int(offset), epoch.decode()), life.decode()) for offset, epoch, life in answers]

    async def synced(self) -> str | None:
        """Wait until what has been appended until now is on the server's disk; in which life of it. None when that
        took too long. A server without an append-only file has nothing to wait for.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            # WAITAOF waits for what its own connection has written last, and so for all that came before.
            await cast("Awaitable[object]", self._mark(keys=[keys.durable_mark()], args=[new_id().hex], client=pipe))
            pipe.execute_command("WAITAOF", 1, 0, _SYNC_MILLISECONDS)
            run, synced = await pipe.execute(raise_on_error=False)
        if isinstance(run, Exception):
            raise run
        if isinstance(synced, Exception) and not isinstance(synced, ResponseError):
            raise synced
        late = not isinstance(synced, ResponseError) and synced[0] < 1
        return None if late else bytes(run).decode()

    async def since(self, user_id: UUID | str, channel: str, place: Place | None) -> Missed:
        """What came after `place`, never a part of it; where the channel stands when `place` is None.

        After a death of the server, a place that it has forgotten is waited for, up to three seconds, because its
        writers bring it back.
        """
        asked = place or Place(0, "")
        for _ in range(_MENDING_TRIES):
            call = self._read(keys=_keys(user_id, channel), args=[asked.epoch, asked.offset])
            answer = cast("Awaitable[tuple[bytes | None, int, list[bytes], int, int]]", call)
            epoch, last, bodies, known, mending = await answer
            if not mending:
                break
            await asyncio.sleep(_MENDING_SECONDS)
        now = Place(int(last), epoch.decode() if epoch else "")
        if place is None:
            return Missed(now, (), complete=True)
        # Trimmed messages, another epoch or an offset from the future: anything but exactly the rest is refused. On a
        # channel that never was, nothing was missed.
        complete = len(bodies) == now.offset - place.offset and (bool(known) or place == now)
        return Missed(now, tuple(bodies) if complete else (), complete)


def _call(append: Append, run: str) -> tuple[list[str], list[bytes | str | int]]:
    body = orjson.dumps(tracing.stamped(append.message))
    user_id, channel, again = append.user_id, append.channel, append.again or Place(0, "")
    names = [*_keys(user_id, channel), keys.user_channel(user_id, channel), keys.durable_once(user_id, channel)]
    once = append.once.hex if append.once else ""
    return names, [body, new_id().hex, KEPT, _KEPT_SECONDS, once, again.epoch, again.offset, run]


def _keys(user_id: UUID | str, channel: str) -> list[str]:
    return [keys.durable_stream(user_id, channel), keys.durable_state(user_id, channel)]
