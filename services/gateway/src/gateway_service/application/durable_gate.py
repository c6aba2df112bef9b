"""A durable channel on its way to one client: every message once, in order, or the word that some are lost."""

from collections import deque
from collections.abc import Callable
from typing import Final

import orjson

from gateway_service.application.outbox import Outbox
from gateway_service.application.parcels import Parcel, lasting_parcel
from gateway_service.application.stream_ports import History
from gateway_service.domain.commands import Position

_MAX_HELD: Final = 1_000


class DurableGate:
    """Stands between the hub and an outbox for as long as the channel is subscribed.

    History and live messages come over different connections to Redis, so each may bring what the other has brought
    already; the offset tells. While history is being read, live messages are held. A live message that does not follow
    the one before means that something was missed: it is held too, and history asked for.

    Args:
        position: of the last message that the client has; None when it does not say.
        on_hole: called when something was missed; somebody must then read history and call `open`.
    """

    __slots__ = ("_held", "_name", "_on_hole", "_outbox", "position")

    def __init__(self, name: str, outbox: Outbox, position: Position | None, on_hole: Callable[[], None]) -> None:
        self._on_hole = on_hole
        self._name = name
        self._outbox = outbox
        self._held: deque[Parcel] | None = deque(maxlen=_MAX_HELD)
        self.position = position
        """Of the last message that was let through, or that the client says it has."""

    def hold(self) -> None:
        """Keep live messages back until `open`."""
        if self._held is None:
            self._held = deque(maxlen=_MAX_HELD)

    @property
    def idle(self) -> bool:
        """Never: every message has to be looked at."""
        return False

    def write(self, frame: bytes) -> bool:
        return False

    def post(self, parcel: Parcel) -> None:
        for part in parcel.parts or (parcel,):
            if self._held is not None:
                self._held.append(part)
            else:
                self._pass(part)

    def open(self, history: History | None) -> None:
        """Say where the channel stands, replay what the client lacks, then let live messages through.

        Args:
            history: what was read after `position`; None when it could not be.
        """
        held, self._held = self._held or (), None
        if history is not None:
            self._say(history.position, recovered=history.complete)
            self.position = history.position
            for body in history.bodies:
                self._outbox.post(lasting_parcel(body))
        elif self.position is not None:
            self._say(self.position, recovered=False)
            self.position = None
        for part in held:
            self.post(part)

    def _pass(self, parcel: Parcel) -> None:
        position, mine = _position_of(parcel.body), self.position
        if position is not None and mine is not None:
            if mine.epoch == position.epoch and position.offset <= mine.offset:
                return
            # The empty epoch is that of a channel on which nothing had been said yet.
            if position.offset != mine.offset + 1 or mine.epoch not in ("", position.epoch):
                self._held = deque([parcel], maxlen=_MAX_HELD)
                self._on_hole()
                return
        self.position = position or mine
        self._outbox.post(parcel)

    def _say(self, position: Position, *, recovered: bool) -> None:
        body = {"type": "position", "channel": self._name, "offset": position.offset, "epoch": position.epoch}
        self._outbox.post(lasting_parcel(orjson.dumps(body | {"recovered": recovered})))


def _position_of(body: bytes) -> Position | None:
    # Whoever writes to a durable channel gives its place; a message without one (published past it) is passed on.
    message = orjson.loads(body)
    offset, epoch = message.get("offset"), message.get("epoch")
    return Position(offset, epoch) if isinstance(offset, int) and isinstance(epoch, str) else None
