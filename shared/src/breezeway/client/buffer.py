"""What was received and not read yet: bounded, and honest about what it drops."""

import asyncio
from collections import deque
from typing import Final, Literal, TypeAlias

from breezeway.client.messages import Raw

Policy: TypeAlias = Literal["conflate", "wait"]
"""What happens when `size` messages wait to be read.

- `conflate`: of each instrument's ticks, depths and forming bars only the newest is kept; `seq` shows the jump.
- `wait`: nothing more is read from the network. The server then conflates in the same way, and may close the
  connection of a client that stays behind; the stream connects again and says what may be missing.

Closed bars, gaps and private messages are never dropped under either.
"""

_Key: TypeAlias = tuple[str, str, str]
_CONFLATED: Final = frozenset({"tick", "depth", "candle"})


class Buffer:
    """Between the task that reads the socket and the one that consumes messages; both in one event loop."""

    def __init__(self, size: int, policy: Policy) -> None:
        self.conflated = 0
        """Messages that gave way to newer ones of the same instrument."""
        self._size = size
        self._policy = policy
        self._slots: deque[list[Raw]] = deque()
        self._newest: dict[_Key, list[Raw]] = {}
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._end: BaseException | None = None
        self._ended = False

    def __len__(self) -> int:
        return len(self._slots)

    async def put(self, raw: Raw) -> None:
        """Add a message; waits while the buffer is full and nothing may be dropped for it."""
        key = _key(raw)
        if key is None:
            await self._room()
            # What comes after it must not take the place of what came before: a gap separates two sequences.
            self._newest.clear()
            self._append([raw])
            return
        if len(self._slots) >= self._size:
            if self._policy == "wait":
                await self._room()
            elif (slot := self._newest.get(key)) is not None:
                slot[0] = raw
                self.conflated += 1
                return
        # At most one message more for each instrument, because the next one of it finds this.
        slot = [raw]
        self._newest[key] = slot
        self._append(slot)

    async def get(self) -> Raw | None:
        """The next message; None at the end. Raises what `end` was given, once everything has been read."""
        while not self._slots:
            if self._ended:
                if self._end is not None:
                    raise self._end
                return None
            self._filled.clear()
            await self._filled.wait()
        slot = self._slots.popleft()
        raw = slot[0]
        key = _key(raw)
        if key is not None and self._newest.get(key) is slot:
            del self._newest[key]
        if len(self._slots) < self._size:
            self._drained.set()
        return raw

    def end(self, error: BaseException | None = None) -> None:
        """No more messages will come."""
        if not self._ended:
            self._ended, self._end = True, error
            self._filled.set()

    def _append(self, slot: list[Raw]) -> None:
        self._slots.append(slot)
        self._filled.set()

    async def _room(self) -> None:
        while len(self._slots) >= self._size:
            self._drained.clear()
            await self._drained.wait()


def _key(raw: Raw) -> _Key | None:
    """What a newer message of makes an older one pointless; None for what must not be dropped."""
    kind = raw["type"]
    if kind not in _CONFLATED or raw.get("closed"):
        return None
    return (kind, raw["symbol"], raw.get("interval", ""))
