"""One connection's bounded queue: what waits for the writer, conflated when the client is slow."""

import asyncio
from collections.abc import Callable

from gateway_service.application.parcels import Parcel, newest


class Outbox:
    """Collects parcels between two flushes. `post` never waits and never raises, so no client can hold up another.

    While the client keeps up, everything leaves in order. Above `conflate_above` waiting bytes, a newer parcel replaces
    the one of the same key. When even that passes `limit`, the client is hopeless: what waits is thrown away, nothing
    is taken any more, and `on_overflow` is called once.

    Args:
        limit: bytes that may wait.
        conflate_above: bytes above which conflation begins.
    """

    __slots__ = (
        "_bytes",
        "_conflate_above",
        "_limit",
        "_on_overflow",
        "_pending",
        "_threshold",
        "_waiter",
        "conflated",
        "express",
        "overflowed",
        "sending_since",
    )

    def __init__(
        self, *, limit: int = 1_048_576, conflate_above: int = 393_216, on_overflow: Callable[[], None] | None = None
    ) -> None:
        self._limit = limit
        self._conflate_above = min(conflate_above, limit)
        self._threshold = self._conflate_above
        self._on_overflow = on_overflow
        self._pending: list[Parcel] = []
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self.conflated = 0
        """Parcels that a newer one replaced."""
        self.overflowed = False
        self.express: Callable[[bytes], bool] | None = None
        """Writes prepared bytes at once, past the queue, when the client has taken everything so far; False when not.
        Most clients keep up most of the time, and waking a task for each of them would cost more than the write."""
        self.sending_since: float | None = None
        """Loop time at which the write that is still going on began; for whoever looks for stuck clients."""

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    @property
    def idle(self) -> bool:
        """Whether bytes may go straight to the socket: nothing waits, and no write is under way."""
        return self.express is not None and not self._pending and self.sending_since is None and not self.overflowed

    def write(self, frame: bytes) -> bool:
        """Put prepared bytes on the socket now, while `idle`; False when it takes no more."""
        return self.express is not None and self.express(frame)

    def post(self, parcel: Parcel) -> None:
        """Add a parcel."""
        if self.overflowed:
            return
        self._pending.append(parcel)
        self._bytes += parcel.size
        if self._bytes > self._threshold:
            self._conflate()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Return when something waits. For one writer; an Event would cost every idle connection a kilobyte."""
        if self._pending:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self) -> bytes | None:
        """Everything that waits, as one JSON array; None when there is nothing."""
        if not self._pending:
            return None
        frame = b"[" + b",".join([parcel[1] for parcel in self._pending]) + b"]"
        self._pending.clear()
        self._bytes = 0
        self._threshold = self._conflate_above
        return frame

    def _conflate(self) -> None:
        before = sum([len(parcel.parts) or 1 for parcel in self._pending])
        self._pending = newest(self._pending)
        self.conflated += before - len(self._pending)
        self._bytes = sum(parcel.size for parcel in self._pending)
        if self._bytes > self._limit:
            self.overflowed = True
            self._pending.clear()
            self._bytes = 0
            if self._on_overflow is not None:
                self._on_overflow()
        # Doubling keeps the cost of conflating proportional to what arrives, however long the client is away.
        self._threshold = min(self._limit, max(self._conflate_above, 2 * self._bytes))
