"""The working orders of a book as they are served, and the prices between which none is concerned."""

from bisect import insort
from decimal import Decimal
from typing import Final

from breezeway.exchange._working import Working

_NEVER_LOW: Final = Decimal("-Infinity")
_NEVER_HIGH: Final = Decimal("Infinity")


class Resting:
    """`orders` holds all by id, in order of acceptance; each is also in exactly one of the lists while it rests."""

    def __init__(self) -> None:
        self.orders: dict[str, Working] = {}
        self.buys: list[Working] = []
        self.sells: list[Working] = []
        self.stops: list[Working] = []
        self.waiting: list[Working] = []
        self.low, self.high = _NEVER_LOW, _NEVER_HIGH
        """A market strictly between them touches no order. They cross while one must be looked at on every tick."""

    def rest(self, work: Working) -> None:
        if work.armed:
            self.stops.append(work)
        elif work.price is None:
            self.waiting.append(work)
        else:
            insort(self.buys if work.buy else self.sells, work, key=_key)
        self._bound()

    def lift(self, work: Working) -> None:
        """Take it out of its list, if it is in one."""
        for members in (self.buys, self.sells, self.stops, self.waiting):
            if work in members:
                members.remove(work)
        self._bound()

    def forget(self, work: Working) -> None:
        self.orders.pop(work.order.order_id, None)
        self.lift(work)

    def _bound(self) -> None:
        if self.waiting:
            self.low, self.high = _NEVER_HIGH, _NEVER_LOW
            return
        low, high = _NEVER_LOW, _NEVER_HIGH
        if self.buys and self.buys[0].price is not None:
            low = self.buys[0].price
        if self.sells and self.sells[0].price is not None:
            high = self.sells[0].price
        for work in self.stops:
            trigger = work.order.trigger_price
            if trigger is not None:
                low, high = (low, min(high, trigger)) if work.buy else (max(low, trigger), high)
        self.low, self.high = low, high


def _key(work: Working) -> tuple[Decimal, int]:
    return work.key
