"""Which connections of this process listen to which topic."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from weakref import WeakValueDictionary

from gateway_service.application.parcels import Parcel, bundle, newest, parcel, pieces
from gateway_service.application.stream_ports import Broker

_LATE_BYTES: Final = 1_048_576


class FlushMeter(Protocol):
    """Takes a sample of every flush; must be cheap, and never raises."""

    def flushed(self, newest: bytes, waited: float) -> None:
        """The newest message of a flush, and the seconds since the oldest of it came from the broker."""
        ...


class Listener(Protocol):
    """Takes parcels without waiting and without raising."""

    @property
    def idle(self) -> bool:
        """Whether it would rather have bytes for its socket than parcels: nothing of before waits."""
        ...

    def write(self, frame: bytes) -> bool:
        """Put bytes on the socket at once; False when it has no room, and the parcels must be posted after all."""
        ...

    def post(self, parcel: Parcel) -> None: ...


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class _Audience:
    """The listeners of one or more topics, as they were when it was made."""

    listeners: frozenset[Listener]


@dataclass(slots=True)
class _Topic:
    listeners: dict[int, Listener] = field(default_factory=dict)
    audience: _Audience | None = None
    """None after a change of listeners, until it is needed."""
    subscribed: bool = False
    empty_since: float | None = None


class Hub:
    """Topic to listeners. Messages are collected for a few milliseconds; then those of all topics with the same
    listeners are joined into one parcel, which every one of these listeners gets. So a hundred clients that look at
    the same fifty instruments cost a hundred calls a flush, not five thousand. Messages of one topic stay in order.

    The first listener of a topic subscribes to the broker; the last one to leave unsubscribes
    after a pause, so that a page reload does not reach Redis.

    One lock serves all topics: a broker call covers a whole batch in one write, and with a lock per topic two batches
    could wait for each other.

    Args:
        linger: seconds that a topic without listeners stays subscribed.
        flush_seconds: at most so often are messages handed on; the first after a pause at once. When writing to
            everybody takes a good part of that time, the pause grows with it, up to ten times: fewer and larger frames
            are what keeps a thousand clients served.
        time: monotonic seconds.
        wire: makes of a JSON array what is written to a socket.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        linger: float = 1.0,
        flush_seconds: float = 0.005,
        time: Callable[[], float],
        wire: Callable[[bytes], bytes] | None = None,
        meter: FlushMeter | None = None,
    ) -> None:
        self._broker = broker
        self._linger = linger
        self._time = time
        self._wire = wire
        self._meter = meter
        self._oldest_at = 0.0
        self.messages = 0
        """Taken from the broker so far."""
        self.deliveries = 0
        """Messages times listeners so far."""
        self.conflated = 0
        """The same of what newer messages replaced because this process was late."""
        self._flush_seconds = flush_seconds
        self._pause = flush_seconds
        self._topics: dict[str, _Topic] = {}
        self._audiences: WeakValueDictionary[frozenset[Listener], _Audience] = WeakValueDictionary()
        self._pending: list[tuple[str, bytes]] = []
        self._flushed_at = float("-inf")
        self._changing = asyncio.Lock()

    @property
    def topics(self) -> int:
        """How many topics have a listener or are still lingering."""
        return len(self._topics)

    async def join(self, who: int, listeners: Mapping[str, Listener]) -> None:
        """Add `who` to topics; returns once the broker delivers all of them."""
        for name, listener in listeners.items():
            topic = self._topics.setdefault(name, _Topic())
            topic.listeners[who] = listener
            topic.audience = None
            topic.empty_since = None
        async with self._changing:
            # Looked at under the lock: a topic may have been subscribed, or swept away, while we waited for it.
            missing = [name for name in listeners if (t := self._topics.get(name)) is not None and not t.subscribed]
            if not missing:
                return
            await self._broker.subscribe(missing)
            for name in missing:
                topic = self._topics[name]
                topic.subscribed = True
                if not topic.listeners and topic.empty_since is None:
                    topic.empty_since = self._time()

    def replace(self, who: int, name: str, listener: Listener) -> None:
        """Put another listener in the place of `who`'s present one; without effect when `who` has left."""
        topic = self._topics.get(name)
        if topic is not None and who in topic.listeners:
            topic.listeners[who] = listener
            topic.audience = None

    def leave(self, who: int, names: Iterable[str]) -> None:
        """Take `who` off topics. The broker hears of it later, from `sweep`."""
        for name in names:
            topic = self._topics.get(name)
            if topic is None:
                continue
            topic.listeners.pop(who, None)
            topic.audience = None
            if not topic.listeners and topic.empty_since is None:
                topic.empty_since = self._time()

    def broadcast(self, name: str, body: bytes) -> None:
        """Take one message for every listener of a topic; they get it with the next flush."""
        if not self._pending:
            self._oldest_at = self._time()
            wait = self._flushed_at + self._pause - self._oldest_at
            # Also with nothing to wait for, what came with the same read from Redis is collected first.
            asyncio.get_running_loop().call_later(max(0.0, wait), self.flush)
        self._pending.append((name, body))

    def flush(self) -> None:
        """Hand on what has been collected."""
        pending, self._pending = self._pending, []
        self._flushed_at = self._time()
        posts: dict[_Audience, list[Parcel]] = {}
        for name, body in pending:
            topic = self._topics.get(name)
            if topic is None:
                continue
            audience = topic.audience or self._audience_of(topic)
            parcels = posts.get(audience)
            if parcels is None:
                parcels = posts[audience] = []
            parcels.append(parcel(name, body))
        self.messages += len(pending)
        shares: dict[Listener, list[Parcel]] = {}
        for audience, parcels in posts.items():
            if sum([each[2] for each in parcels]) > _LATE_BYTES:
                # We are late ourselves, and every outbox would have to conflate this: once is enough for all.
                before, parcels = len(parcels), newest(parcels)
                self.conflated += (before - len(parcels)) * len(audience.listeners)
            self.deliveries += len(parcels) * len(audience.listeners)
            for piece in pieces(parcels):
                shared = bundle(piece)
                for listener in audience.listeners:
                    share = shares.get(listener)
                    if share is None:
                        shares[listener] = [shared]
                    else:
                        share.append(shared)
        self._hand_on(shares)
        # Asked for now, run after the loop has written what was posted: until then it had no time for anything else.
        asyncio.get_running_loop().call_soon(self._pace, self._flushed_at)
        if self._meter is not None and pending:
            self._meter.flushed(pending[-1][1], self._time() - self._oldest_at)

    def _hand_on(self, shares: Mapping[Listener, list[Parcel]]) -> None:
        """One frame a listener, or a few when it would be too long: prepared once where many get the same."""
        frames: dict[int, bytes] = {}
        for listener, parcels in shares.items():
            rest = parcels
            if self._wire is not None and listener.idle:
                rest = []
                for piece in pieces(parcels):
                    # Once the socket has refused a piece, what follows must wait behind it.
                    if rest or not listener.write(self._frame(piece, frames)):
                        rest += piece
            for each in rest:
                listener.post(each)

    def _frame(self, piece: list[Parcel], frames: dict[int, bytes]) -> bytes:
        """What goes on the wire; `frames` remembers it by the parcel that it consists of."""
        assert self._wire is not None  # noqa: S101 - the caller has looked; narrows the type
        if len(piece) > 1:
            return self._wire(b"[" + b",".join([each[1] for each in piece]) + b"]")
        frame = frames.get(id(piece[0]))
        if frame is None:
            frame = frames[id(piece[0])] = self._wire(b"[" + piece[0].body + b"]")
        return frame

    def _pace(self, began: float) -> None:
        busy = self._time() - began
        self._pause = min(10 * self._flush_seconds, max(self._flush_seconds, 2 * busy))

    def _audience_of(self, topic: _Topic) -> _Audience:
        listeners = frozenset(topic.listeners.values())
        audience = self._audiences.get(listeners)
        if audience is None:
            audience = self._audiences[listeners] = _Audience(listeners)
        topic.audience = audience
        return audience

    async def sweep(self) -> None:
        """Unsubscribe from topics that have had no listener for `linger` seconds."""
        async with self._changing:
            before = self._time() - self._linger
            gone = [
                name
                for name, topic in self._topics.items()
                if topic.empty_since is not None and topic.empty_since <= before
            ]
            if not gone:
                return
            for name in gone:
                del self._topics[name]
            await self._broker.unsubscribe(gone)
