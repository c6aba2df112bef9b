"""Faults on demand: what goes wrong, for whom, how long or how often."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

from breezeway.clock import Clock


class FaultKind(StrEnum):
    """What goes wrong.

    The first eight touch REST calls, of which `TIMEOUT_BEFORE` never reaches the broker's application and
    `TIMEOUT_AFTER` does, with its answer lost; `IGNORE_CHANGE` lets a modification or cancellation be confirmed and
    not take effect. `EXPIRE_SESSION` and `DISCONNECT` act at once; the rest touch the sockets, those that end in
    `ORDER` only order notifications.
    """

    HTTP_ERROR = "http_error"
    RATE_LIMIT = "rate_limit"
    HTML_PAGE = "html_page"
    SLOW = "slow"
    TRUNCATE = "truncate"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    WRONG_IP = "wrong_ip"
    IGNORE_CHANGE = "ignore_change"
    EXPIRE_SESSION = "expire_session"
    DISCONNECT = "disconnect"
    MUTE = "mute"
    DUPLICATE_TICKS = "duplicate_ticks"
    REORDER_TICKS = "reorder_ticks"
    MALFORMED_FRAME = "malformed_frame"
    REFUSE_SOCKET = "refuse_socket"
    DROP_ORDER = "drop_order"
    DUPLICATE_ORDER = "duplicate_order"
    REORDER_ORDER = "reorder_order"
    PARTIAL_ORDER = "partial_order"


AT_ONCE = frozenset({FaultKind.EXPIRE_SESSION, FaultKind.DISCONNECT})


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """A fault as it was asked for. Without `seconds` and `count` it lasts until it is cleared."""

    kind: FaultKind
    seconds: float | None = None
    count: int | None = None
    path: str | None = None
    method: str | None = None
    user_id: str | None = None
    status: int | None = None
    delay_seconds: float = 5.0


@dataclass(slots=True)
class Fault:
    """A fault in force."""

    id: int
    order: FaultOrder
    until: datetime | None
    left: int | None
    hits: int = 0

    def concerns(self, path: str | None, user_id: str | None, method: str | None) -> bool:
        """Whether it applies here; without a path or method (sockets) or a user, only those without that filter do."""
        order = self.order
        if order.method is not None and order.method != method:
            return False
        if order.path is not None and (path is None or not path.startswith(order.path)):
            return False
        return order.user_id is None or order.user_id == user_id


class Faults:
    """The faults in force; expired and used-up ones vanish by themselves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: list[Fault] = []
        self._ids = count(1)

    def add(self, order: FaultOrder) -> Fault:
        until = None
        if order.seconds is not None:
            until = self._clock.now() + timedelta(seconds=order.seconds)
        fault = Fault(next(self._ids), order, until, order.count)
        if order.kind not in AT_ONCE:
            self._faults.append(fault)
        return fault

    def clear(self) -> int:
        """End all faults; returns how many were in force."""
        ended = len(self._live())
        self._faults.clear()
        return ended

    def active(self) -> tuple[Fault, ...]:
        return tuple(self._live())

    @property
    def any(self) -> bool:
        """A cheap question for hot paths; may be true a little too long, never false too early."""
        return bool(self._faults)

    def take(
        self, kind: FaultKind, *, path: str | None = None, user_id: str | None = None, method: str | None = None
    ) -> Fault | None:
        """The first fault of this kind that applies here; using it up counts against its `count`."""
        for fault in self._matching(kind, path, user_id, method):
            fault.hits += 1
            if fault.left is not None:
                fault.left -= 1
                if fault.left <= 0:
                    self._faults.remove(fault)
            return fault
        return None

    def _matching(self, kind: FaultKind, path: str | None, user_id: str | None, method: str | None) -> Iterator[Fault]:
        return (f for f in self._live() if f.order.kind is kind and f.concerns(path, user_id, method))

    def _live(self) -> list[Fault]:
        if self._faults:
            now = self._clock.now()
            self._faults = [f for f in self._faults if f.until is None or now < f.until]
        return self._faults
