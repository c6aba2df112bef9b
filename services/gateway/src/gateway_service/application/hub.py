"""Which connections of this process listen to which topic."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway_service.application.parcels import Parcel, parcel
from gateway_service.application.stream_ports import Broker


class Listener(Protocol):
    """Takes parcels without waiting and without raising."""

    def post(self, parcel: Parcel) -> None: ...


@dataclass(slots=True)
class _Topic:
    listeners: dict[int, Listener] = field(default_factory=dict)
    subscribed: bool = False
    empty_since: float | None = None


class Hub:
    """Topic to listeners. The first listener of a topic subscribes to the broker; the last one to leave unsubscribes
    after a pause, so that a page reload does not reach Redis.

    One lock serves all topics: a broker call covers a whole batch in one write, and with a lock per topic two batches
    could wait for each other.

    Args:
        linger: seconds that a topic without listeners stays subscribed.
        time: monotonic seconds.
    """

    def __init__(self, broker: Broker, *, linger: float = 1.0, time: Callable[[], float]) -> None:
        self._broker = broker
        self._linger = linger
        self._time = time
        self._topics: dict[str, _Topic] = {}
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

    def leave(self, who: int, names: Iterable[str]) -> None:
        """Take `who` off topics. The broker hears of it later, from `sweep`."""
        for name in names:
            topic = self._topics.get(name)
            if topic is None:
                continue
            topic.listeners.pop(who, None)
            if not topic.listeners and topic.empty_since is None:
                topic.empty_since = self._time()

    def broadcast(self, name: str, body: bytes) -> int:
        """Hand one message to every listener of a topic; how many there were."""
        topic = self._topics.get(name)
        if topic is None:
            return 0
        shared = parcel(name, body)
        for listener in topic.listeners.values():
            listener.post(shared)
        return len(topic.listeners)

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
