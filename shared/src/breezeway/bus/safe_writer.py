"""Writes to durable channels what may not get lost with the server.

A message is published at once and is safe a second or two later, when the server has it on disk. Until then it is kept
here as well: a server that was killed and has forgotten it is told again, before anything newer, and at the place it
had, so that readers who have had it see nothing of all that.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.durable import Append, DurableChannels, Kept, Restarted


@dataclass(frozen=True, slots=True)
class _Unsafe:
    append: Append
    kept: Kept


class SafeWriter:
    """One for each process and connection pool. Redis errors are the caller's to handle, by trying again."""

    def __init__(self, redis: "Redis") -> None:
        self._channels = DurableChannels(redis)
        self._unsafe: dict[UUID, _Unsafe] = {}
        self._run = ""
        self._doubtful = False
        self._lock = asyncio.Lock()

    @property
    def unsafe(self) -> int:
        """How many messages would be lost if both the server and this process ended now."""
        return len(self._unsafe)

    async def offer(self, appends: Sequence[Append]) -> None:
        """Keep and publish them, in their order. Each must have a name (`once`).

        Raises:
            RedisError, OSError: any number of them may have been kept; offer the same again.
        """
        async with self._lock:
            kept = await self._offer([each for each in appends if each.once not in self._unsafe])
            self._unsafe |= kept

    async def confirm(self) -> list[UUID]:
        """Wait until the messages offered until now are safe; their names. None of them when it is not known yet, or
        when the server had died and they were told again: ask again.

        Raises:
            RedisError, OSError: the server is away; what is not safe is told again when it is back.
        """
        async with self._lock:
            if self._doubtful:
                await self._tell_again()
            asked = dict(self._unsafe)
        if not asked:
            return []
        try:
            run = await self._channels.synced()
        except (RedisError, OSError):
            self._doubtful = True
            raise
        if run is None:
            return []
        # One that has been told again meanwhile may not have been on disk when the server said so.
        safe = [name for name, each in asked.items() if each.kept.run == run and self._unsafe.get(name) is each]
        for name in safe:
            del self._unsafe[name]
        self._doubtful = self._doubtful or any(each.kept.run != run for each in self._unsafe.values())
        return safe

    async def _offer(self, appends: Sequence[Append]) -> dict[UUID, _Unsafe]:
        if not appends:
            return {}
        while True:
            if self._doubtful:
                await self._tell_again()
            try:
                # A connection that was made again behind our back may lead to a server that has forgotten.
                found = await self._channels.append_all(appends, run=self._run if self._unsafe else "")
            except Restarted:
                self._doubtful = True
                continue
            except (RedisError, OSError):
                self._doubtful = True
                raise
            self._run = found[-1].run
            return {each.once: _Unsafe(each, kept) for each, kept in zip(appends, found, strict=True) if each.once}

    async def _tell_again(self) -> None:
        unsafe = list(self._unsafe.values())
        if unsafe:
            found = await self._channels.append_all([replace(each.append, again=each.kept.place) for each in unsafe])
            if len({kept.run for kept in found}) > 1:
                return  # it died once more on the way; still in doubt
            self._run = found[-1].run
            for each, kept in zip(unsafe, found, strict=True):
                if each.append.once is not None:
                    self._unsafe[each.append.once] = _Unsafe(each.append, kept)
        self._doubtful = False
