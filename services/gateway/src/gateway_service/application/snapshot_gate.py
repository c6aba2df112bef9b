"""Snapshot first, then live: the bridge between a channel's last known message and what follows it."""

from collections import deque
from collections.abc import Callable

from gateway_service.application.outbox import Outbox
from gateway_service.application.parcels import Parcel, is_gap, lasting_parcel, position_after, position_of

_MAX_HELD = 1_000


class SnapshotGate:
    """Stands in for an outbox in the hub while a channel's snapshot is being read.

    Live parcels are held until `open`; then the snapshot goes out, followed by what is newer. Snapshot and live
    messages come over different connections, so an older live message may arrive even after the snapshot: the gate
    stays until the first newer one has passed, then calls `on_done` and is taken out of the way. A gap also ends it,
    because after one positions may start again from the beginning.
    """

    __slots__ = ("_held", "_next", "_on_done", "_outbox")

    def __init__(self, outbox: Outbox, on_done: Callable[[], None]) -> None:
        self._outbox = outbox
        self._on_done = on_done
        self._held: deque[Parcel] | None = deque(maxlen=_MAX_HELD)
        self._next: int | None = None

    @property
    def idle(self) -> bool:
        """Never: every message has to be looked at."""
        return False

    def write(self, frame: bytes) -> bool:
        return False

    def post(self, parcel: Parcel) -> None:
        for part in parcel.parts or (parcel,):
            self._post(part)

    def _post(self, parcel: Parcel) -> None:
        if self._held is not None:
            self._held.append(parcel)
            return
        if is_gap(parcel.body):
            self._finish()
        elif self._next is not None:
            position = position_of(parcel.body)
            if position is not None and position < self._next:
                return
            self._finish()
        self._outbox.post(parcel)

    def open(self, snapshot: bytes | None) -> None:
        """Let the snapshot out, then what was held and is newer."""
        held, self._held = self._held or (), None
        if snapshot is not None:
            self._next = position_after(snapshot)
            self._outbox.post(lasting_parcel(snapshot))
        if self._next is None:
            self._finish()
        for parcel in held:
            self._post(parcel)

    def _finish(self) -> None:
        self._next = None
        self._on_done()
