"""From what the broker says of an order to the events of our own. Pure.

Everything is the difference between what is said and what is known, so that saying it twice changes nothing and parts
that arrive in the wrong order end where they would have ended in the right one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from breezeway.errors import Conflict
from breezeway.exchange.orders import TERMINAL, WORKING, EventKind, Fill, Order, OrderEvent, OrderState, OrderType
from trading_service.application.live_ports import BookRow, BrokerWord, Route
from trading_service.application.ports import StoredOrder
from trading_service.application.recording import applied

_UNNUMBERED: Final = frozenset({OrderState.NEW, OrderState.SUBMITTING, OrderState.UNKNOWN})
_SMALLEST: Final = Decimal("0.000001")
_PREFIX: Final = "bw"
_ADOPTED: Final = "gtt"


def tag_of(order: Order) -> str:
    """What we remark on an order at the broker: short, and of letters and digits that no form field refuses."""
    return _PREFIX + order.order_id.replace("-", "")[-16:]


def adopted_tag(order: Order) -> str:
    """What stands for the tag of an order that the broker placed by itself: it bears none of ours."""
    return _ADOPTED + order.order_id.replace("-", "")[-16:]


class Ambiguous(Conflict):
    """More of the broker's orders than were sent could be one of ours; `rows` are those."""

    def __init__(self, detail: str, rows: Sequence[BookRow]) -> None:
        super().__init__(detail, code="ambiguous_order")
        self.rows = tuple(rows)


class Surfaced(Conflict):
    """The broker has an order of which it was found that it never arrived."""


@dataclass(frozen=True, slots=True)
class _Fold:
    """Events so far, and the order after them."""

    stored: StoredOrder
    events: tuple[OrderEvent, ...] = ()

    def then(
        self,
        kind: EventKind,
        at: datetime,
        code: str,
        text: str,
        *,
        fill: Fill | None = None,
        order: Order | None = None,
    ) -> "_Fold":
        event = OrderEvent(str(self.stored.id), kind, at, code, text, fill=fill, order=order)
        return _Fold(applied(self.stored, event), (*self.events, event))


def events_of(stored: StoredOrder, word: BrokerWord, at: datetime) -> tuple[OrderEvent, ...]:
    """What happened to `stored` for the broker to say `word`; nothing when it is known already.

    Raises:
        Conflict: `over_fill`, when more was executed than asked for; `illegal_transition`. Nothing was decided then: a
            person has to look.
        Surfaced: `surfaced_late`.
    """
    gone = word.status == "rejected"
    if stored.state is OrderState.REJECTED:
        if gone:
            return ()
        raise Surfaced("The broker has an order that was given up as never arrived.", code="surfaced_late")
    fold = _Fold(stored)
    if gone and not stored.filled:
        if stored.state in TERMINAL:
            return ()
        return fold.then(EventKind.REJECT, at, "broker_rejected", "The exchange or the broker rejected it.").events
    fold = _acknowledged(fold, word, at)
    fold = _filled(fold, word, at)
    if fold.stored.state not in TERMINAL:
        fold = _ended(fold, word, at)
    if word.read and fold.stored.state in WORKING:
        fold = _changed(fold, word, at)
    return fold.events


def _acknowledged(fold: _Fold, word: BrokerWord, at: datetime) -> _Fold:
    if fold.stored.state not in _UNNUMBERED:
        return fold
    text = f"The broker has it as {word.broker_order_id}."
    if fold.stored.order.is_stop and not word.executed:
        return fold.then(EventKind.ACCEPT_STOP, at, "accepted", text)
    return fold.then(EventKind.ACCEPT, at, "accepted", text)


def _filled(fold: _Fold, word: BrokerWord, at: datetime) -> _Fold:
    stored, executed = fold.stored, word.executed
    if executed is None or executed <= stored.filled:
        return fold
    price = _price_of(stored, executed, word.average_price)
    if price is None:
        # Without a price there is nothing to book; the next word has one.
        return fold
    order = stored.order
    fill = Fill(
        # The sum and not a count: the same executions have the same name, however they were told. Our own id and not
        # the broker's number, which only the broker promises to be unique.
        fill_id=f"{stored.id}:{executed}",
        order_id=str(stored.id),
        account_id=str(stored.account_id),
        symbol=order.symbol,
        side=order.side,
        quantity=executed - stored.filled,
        price=price,
        at=at,
        maker=False,
    )
    kind = EventKind.FILL if executed == order.quantity else EventKind.PARTIAL_FILL
    return fold.then(kind, at, "filled", f"{executed} of {order.quantity} executed.", fill=fill)


def _price_of(stored: StoredOrder, executed: int, average: Decimal | None) -> Decimal | None:
    """What the new part cost, so that all parts together cost the average that the broker tells."""
    if average is None or average <= 0:
        return None
    added = executed - stored.filled
    price = ((average * executed - stored.filled_value) / added).quantize(_SMALLEST)
    # The broker rounds its average, which can make nonsense of a small part of a large order.
    return price if price > 0 else average


def _ended(fold: _Fold, word: BrokerWord, at: datetime) -> _Fold:
    if word.status.endswith("cancelled"):
        return fold.then(EventKind.CANCEL, at, "cancelled", "The broker cancelled it.")
    if word.status.endswith("expired"):
        return fold.then(EventKind.EXPIRE, at, "expired", "It expired at the broker.")
    return fold


def _changed(fold: _Fold, word: BrokerWord, at: datetime) -> _Fold:
    order = fold.stored.order
    terms = _terms(order, word)
    if terms == order or terms.quantity < fold.stored.filled or fold.stored.state not in WORKING:
        return fold
    return fold.then(EventKind.MODIFY, at, "modified", "The broker has these terms in force.", order=terms)


def _terms(order: Order, word: BrokerWord) -> Order:
    """The order with the terms that the broker names. What is a market order here is a limit there."""
    limited = order.order_type in (OrderType.LIMIT, OrderType.SL)
    price = word.price if limited and word.price is not None else order.price
    trigger = word.trigger if order.is_stop and word.trigger is not None else order.trigger_price
    return replace(order, quantity=word.quantity or order.quantity, price=price, trigger_price=trigger)


def in_force(order: Order, word: BrokerWord) -> bool:
    """Whether the broker has the terms of `order` in force."""
    return _terms(order, word) == order


def word_of(message: Mapping[str, Any]) -> BrokerWord:
    """The word of a `broker_order` message."""
    average = message.get("average_price")
    return BrokerWord(
        broker_order_id=str(message["broker_order_id"]),
        status=str(message["status"]),
        quantity=int(message["quantity"]),
        executed=int(message["filled_quantity"]),
        average_price=None if average is None else Decimal(average),
    )


def find(stored: StoredOrder, route: Route, rows: list[BookRow], known: set[str], rivals: int) -> BookRow | None:
    """The row of the book that is this order.

    The tag decides where the broker has kept it. It loses tags; then a row counts that is nobody's and has these terms.
    Orders of the same terms stand in for each other, so it does not matter which of ours is given which of theirs.

    Args:
        known: numbers of our orders.
        rivals: other orders of the account with the same terms that are looked for.

    Raises:
        Ambiguous: when the broker has more such orders than we may have sent.
    """
    tagged = [row for row in rows if row.tag == route.tag]
    if tagged:
        if len(tagged) > 1:
            raise Ambiguous("The broker has several orders under one tag.", tagged)
        return tagged[0]
    order = stored.order
    alike = [
        row
        for row in rows
        if _may_lack_tag(row, route)
        and row.word.broker_order_id not in known
        and (row.symbol, row.side, row.word.quantity) == (order.symbol, order.side.value, order.quantity)
        and row.word.price == route.price
        # The book tells minutes.
        and (row.placed_at is None or row.placed_at >= stored.placed_at.replace(second=0, microsecond=0))
    ]
    if len(alike) > rivals + 1:
        raise Ambiguous("More of the broker's orders than were sent could be this one.", alike)
    return min(alike, key=lambda row: row.word.broker_order_id, default=None)


def _may_lack_tag(row: BookRow, route: Route) -> bool:
    # What the broker remarks on orders of its own making, if anything, is not for us to know.
    return not row.tag or (route.tag.startswith(_ADOPTED) and not row.tag.startswith(_PREFIX))


def evidence_of(rows: Sequence[BookRow], tag: str) -> Mapping[str, Any]:
    """What the broker's book says of orders that could be one of ours, as JSON."""
    ordered = sorted(rows, key=lambda row: row.word.broker_order_id)
    return {"candidates": [_candidate(row, tag) for row in ordered]}


def _candidate(row: BookRow, tag: str) -> Mapping[str, Any]:
    word = row.word

    def text(value: Decimal | int | None) -> str | None:
        return None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)

    return {
        "broker_order_id": word.broker_order_id,
        "status": word.status,
        "quantity": text(word.quantity),
        "filled_quantity": text(word.executed),
        "average_price": text(word.average_price),
        "price": text(word.price),
        "trigger_price": text(word.trigger),
        "placed_at": None if row.placed_at is None else row.placed_at.isoformat(),
        "tagged": row.tag == tag,
    }
