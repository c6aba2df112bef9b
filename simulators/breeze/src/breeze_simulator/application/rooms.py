"""Rooms of a socket endpoint: who listens where. The first to come in switches something on, the last out off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from breeze_simulator.domain.instruments import Instrument


class Listener(Protocol):
    """One connected client."""

    @property
    def user_id(self) -> str: ...

    def send(self, text: str) -> None:
        """Queue one Engine.IO text message; never blocks, drops the client when it does not keep up."""
        ...


@dataclass(eq=False, slots=True)
class Room:
    """A room that somebody is in. Rooms of unknown instruments exist too: the broker accepts them and stays silent."""

    name: str
    instrument: Instrument | None
    members: set[Listener] = field(default_factory=set)


class Rooms:
    """Membership only; what a room's life switches on and off is the owner's business."""

    def __init__(
        self,
        find: Callable[[str], Instrument | None],
        opened: Callable[[Room], None],
        closed: Callable[[Room], None],
    ) -> None:
        self._find = find
        self._opened = opened
        self._closed = closed
        self._rooms: dict[str, Room] = {}
        self._of: dict[Listener, set[str]] = {}

    def get(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def join(self, listener: Listener, name: str) -> Room:
        """Enter a room; entering twice is entering once."""
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(name, self._find(name))
            self._opened(room)
        room.members.add(listener)
        self._of.setdefault(listener, set()).add(name)
        return room

    def leave(self, listener: Listener, name: str) -> None:
        """Leave a room; leaving one that the listener is not in does nothing."""
        self._of.get(listener, set()).discard(name)
        room = self._rooms.get(name)
        if room is None or listener not in room.members:
            return
        room.members.discard(listener)
        if not room.members:
            del self._rooms[name]
            self._closed(room)

    def drop(self, listener: Listener) -> None:
        """Leave every room."""
        for name in tuple(self._of.pop(listener, ())):
            self.leave(listener, name)

    def of(self, listener: Listener) -> frozenset[str]:
        return frozenset(self._of.get(listener, ()))

    def refresh(self) -> None:
        """Look every room's instrument up again, after the exchange moved to another day with other contracts."""
        for room in self:
            found = self._find(room.name)
            if found != room.instrument:
                self._closed(room)
                room.instrument = found
                self._opened(room)

    def __iter__(self) -> Iterator[Room]:
        return iter(tuple(self._rooms.values()))

    def __len__(self) -> int:
        return len(self._rooms)
