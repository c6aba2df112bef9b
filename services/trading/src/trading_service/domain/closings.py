"""What closing orders made: first in, first out, told by the tags under which it had been opened.

Recomputed from the trades. What each of them realised in the ledger would not do: a future that was kept over night is
marked to the close every day, so that on the day of its sale hardly anything is left to realise.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from breezeway.money import ZERO
from trading_service.domain.bookkeeping import Trade


@dataclass(frozen=True, slots=True)
class Closing:
    """An order that closed something, in however many parts it filled. Rupees, before charges."""

    order_id: UUID
    symbol: str
    by_tag: Mapping[str | None, Decimal]
    """By the tag of the order that had opened it; by its own where that had none."""

    @property
    def profit(self) -> Decimal:
        return sum(self.by_tag.values(), ZERO)


@dataclass(slots=True)
class _Open:
    quantity: int
    price: Decimal
    tag: str | None


def closings(trades: Iterable[Trade]) -> list[Closing]:
    """Of all trades of an account, oldest first."""
    held: dict[tuple[str, str], deque[_Open]] = {}
    made: dict[UUID, tuple[str, dict[str | None, Decimal]]] = {}
    for trade in trades:
        lots = held.setdefault((trade.symbol, trade.product), deque())
        left = trade.signed
        while left and lots and (lots[0].quantity > 0) != (left > 0):
            lot = lots[0]
            part = min(abs(left), abs(lot.quantity))
            closed = part if lot.quantity > 0 else -part
            _, by_tag = made.setdefault(trade.order_id, (trade.symbol, {}))
            tag = trade.tag if lot.tag is None else lot.tag
            by_tag[tag] = by_tag.get(tag, ZERO) + (trade.price - lot.price) * closed
            left += closed
            lot.quantity -= closed
            if not lot.quantity:
                lots.popleft()
        if left:
            lots.append(_Open(left, trade.price, trade.tag))
    return [Closing(order_id, symbol, by_tag) for order_id, (symbol, by_tag) in made.items()]
