"""From the broker's words to events of ours, and which of its orders is one of ours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from breezeway.errors import Conflict
from breezeway.exchange.orders import EventKind, Order, OrderState, OrderType, Product, Side
from breezeway.ids import new_id
from trading_service.application.live_ports import BookRow, BrokerWord, Route
from trading_service.application.live_words import (
    Ambiguous,
    Surfaced,
    events_of,
    evidence_of,
    find,
    in_force,
    tag_of,
    word_of,
)
from trading_service.application.ports import StoredOrder

NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


def stored(state: OrderState = OrderState.OPEN, filled: int = 0, value: str = "0", **terms: Any) -> StoredOrder:
    known: dict[str, Any] = {"side": Side.BUY, "quantity": 10, "order_type": OrderType.LIMIT, "product": Product.CNC}
    known |= {"price": Decimal(100), "symbol": "NSE:A", "order_id": str(new_id()), "account_id": str(new_id())}
    return StoredOrder(
        id=new_id(),
        account_id=new_id(),
        user_id=new_id(),
        epoch=1,
        order=Order(**{**known, **terms}),
        state=state,
        placed_at=NOON,
        updated_at=NOON,
        filled=filled,
        filled_value=Decimal(value),
    )


STOP = {"order_type": OrderType.SL, "trigger_price": Decimal(101), "price": Decimal(102)}


def word(status: str = "ordered", executed: int | None = 0, average: str | None = None, **more: Any) -> BrokerWord:
    return BrokerWord(
        "N1", status, more.pop("quantity", 10), executed, None if average is None else Decimal(average), **more
    )


@pytest.mark.parametrize(
    ("order", "said", "kinds"),
    [
        (stored(), word(), []),
        (stored(OrderState.SUBMITTING), word(), ["accept"]),
        (stored(OrderState.UNKNOWN, **STOP), word(), ["accept_stop"]),
        (stored(OrderState.UNKNOWN, **STOP), word("partially executed", 4, "101"), ["accept", "partial_fill"]),
        (stored(OrderState.NEW), word("executed", 10, "99"), ["accept", "fill"]),
        (stored(), word("rejected"), ["reject"]),
        (stored(OrderState.REJECTED), word("rejected"), []),
        (stored(OrderState.CANCELLED), word("rejected"), []),
        (stored(OrderState.PARTIALLY_FILLED, 4, "400"), word("rejected", 4, "100"), []),
        (stored(), word("cancelled"), ["cancel"]),
        (stored(), word("partially executed and cancelled", 4, "100"), ["partial_fill", "cancel"]),
        (stored(), word("expired"), ["expire"]),
        (stored(OrderState.CANCELLED), word("cancelled"), []),
        (stored(OrderState.CANCELLED), word("partially executed and cancelled", 3, "100"), ["partial_fill"]),
        (stored(), word("partially executed", None), []),
        (stored(), word("partially executed", 4), []),
        (stored(), word("partially executed", 4, "0"), []),
        (stored(OrderState.PARTIALLY_FILLED, 4, "400"), word("partially executed", 3, "100"), []),
    ],
)
def test_what_a_word_means(order: StoredOrder, said: BrokerWord, kinds: list[str]) -> None:
    assert [event.kind.value for event in events_of(order, said, NOON)] == kinds


def test_an_order_that_was_given_up_and_is_there() -> None:
    with pytest.raises(Surfaced):
        events_of(stored(OrderState.REJECTED), word(), NOON)


def test_more_than_was_asked_for() -> None:
    with pytest.raises(Conflict) as over:
        events_of(stored(), word("executed", 11, "100"), NOON)
    assert over.value.code == "over_fill"


@pytest.mark.parametrize(
    ("filled", "value", "average", "price"), [(4, "400", "101", "101.666667"), (9, "1000", "99", "99")]
)
def test_parts_cost_what_the_average_says(filled: int, value: str, average: str, price: str) -> None:
    """All parts together; where rounding would make a part cost nothing, it costs the average."""
    order = stored(OrderState.PARTIALLY_FILLED, filled, value)
    (event,) = events_of(order, word("executed", 10, average), NOON)
    assert event.fill is not None
    assert (event.fill.quantity, event.fill.price) == (10 - filled, Decimal(price))


@pytest.mark.parametrize(
    ("order", "said", "changed"),
    [
        (stored(), word(price=Decimal(98), read=True), {"price": Decimal(98)}),
        (stored(), word(price=Decimal(98)), None),
        (stored(), word(quantity=8, read=True), {"quantity": 8}),
        (stored(), word(quantity=0, read=True), None),
        (stored(OrderState.PARTIALLY_FILLED, 4, "400"), word("x", 4, "100", quantity=3, read=True), None),
        (stored(order_type=OrderType.MARKET, price=None), word(price=Decimal(98), read=True), None),
        (
            stored(OrderState.TRIGGER_PENDING, **STOP),
            word(trigger=Decimal(103), read=True),
            {"trigger_price": Decimal(103)},
        ),
        (stored(OrderState.NEW), word(price=Decimal(98), read=True), {"price": Decimal(98)}),
    ],
)
def test_terms_in_force_are_taken_over_when_they_were_read(
    order: StoredOrder, said: BrokerWord, changed: dict[str, Any] | None
) -> None:
    """A notification may be older than what is known; the book is not."""
    found = [event for event in events_of(order, said, NOON) if event.kind is EventKind.MODIFY]
    assert [event.order for event in found] == ([] if changed is None else [replace(order.order, **changed)])


def test_whether_terms_are_in_force() -> None:
    assert in_force(stored().order, word(price=Decimal(100)))
    assert not in_force(stored().order, word(price=Decimal(101)))


@pytest.mark.parametrize("average", ["99.5", None])
def test_a_notification_is_a_word(average: str | None) -> None:
    message = {"broker_order_id": "N1", "status": "executed", "quantity": 10, "filled_quantity": 10}
    assert word_of(message | {"average_price": average}) == word("executed", 10, average)


def row(number: str = "N1", tag: str = "", **more: Any) -> BookRow:
    said = BrokerWord(number, "ordered", more.pop("quantity", 10), 0, None, more.pop("price", Decimal(100)))
    return BookRow(said, tag, **{"symbol": "NSE:A", "side": "buy", "placed_at": NOON, **more})


def route(order: StoredOrder) -> Route:
    return Route(order.id, new_id(), tag_of(order.order), Decimal(100))


@pytest.mark.parametrize(
    "other",
    [
        row(symbol=None),
        row(side="sell"),
        row(quantity=9),
        row(price=Decimal(99)),
        row(tag="bwothers"),
        row("KNOWN"),
        row(placed_at=NOON - timedelta(minutes=1)),
    ],
    ids=["share", "side", "quantity", "price", "tag", "ours", "earlier"],
)
def test_what_cannot_be_the_order_is_not_taken_for_it(other: BookRow) -> None:
    order = stored()
    assert find(order, route(order), [other], {"KNOWN"}, 0) is None


def test_the_tag_decides_and_else_the_terms() -> None:
    order = stored()
    mine, alike = row("N2", tag_of(order.order), quantity=9), row("N1")
    assert find(order, route(order), [alike, mine], set(), 0) is mine
    assert find(order, route(order), [alike], set(), 0) is alike
    assert find(order, route(order), [row("N3", placed_at=None), alike], set(), 1) is alike


@pytest.mark.parametrize("tagged", [True, False])
def test_more_orders_than_were_sent_are_shown(tagged: bool) -> None:
    order = stored()
    tag = tag_of(order.order) if tagged else ""
    with pytest.raises(Ambiguous) as doubt:
        find(order, route(order), [row("N2", tag, placed_at=None), row("N1", tag), row("N3", "bwothers")], set(), 0)
    assert doubt.value.code == "ambiguous_order"
    shown = evidence_of(doubt.value.rows, tag_of(order.order))["candidates"]
    assert [(each["broker_order_id"], each["placed_at"], each["tagged"]) for each in shown] == [
        ("N1", "2026-11-20T06:30:00+00:00", tagged),
        ("N2", None, tagged),
    ]
    assert (shown[0]["quantity"], shown[0]["filled_quantity"], shown[0]["price"]) == ("10", "0", "100")
    assert (shown[0]["average_price"], shown[0]["trigger_price"]) == (None, None)
