"""Orders: the state table pair by pair, the terms that go together, the fold of events."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from breezeway.errors import Conflict, InvalidInput
from breezeway.exchange.orders import (
    TERMINAL,
    TRANSITIONS,
    Amendment,
    EventKind,
    Fill,
    Order,
    OrderEvent,
    OrderRecord,
    OrderState,
    OrderType,
    Product,
    Side,
    next_state,
)

AT = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)

# Each letter is the first of the state that the event of its column leads to; `.` is illegal.
# Columns are in the order of EventKind: submit time_out accept accept_stop reject trigger partial_fill fill
# modify_request modify modify_reject cancel_request cancel cancel_reject expire
TABLE = {
    OrderState.NEW:              "S . O T R . . . . . . . C . .",
    OrderState.SUBMITTING:       ". U O T R O P F . . . . C . E",
    OrderState.UNKNOWN:          ". . O T R O P F . . . . C . E",
    OrderState.TRIGGER_PENDING:  ". . . . R O P F T T T T C T E",
    OrderState.OPEN:             ". . O . R . P F O O O O C O E",
    OrderState.PARTIALLY_FILLED: ". . P . . P P F P P P P C P E",
    OrderState.FILLED:           ". . F . . F . . . . F . . F .",
    OrderState.CANCELLED:        ". . . . . . C F . . C . . C .",
    OrderState.EXPIRED:          ". . . . . . E F . . E . . E .",
    OrderState.REJECTED:         ". . . . . . . . . . . . . . .",
}  # fmt: skip
LETTERS = {state.value[0].upper(): state for state in OrderState if state is not OrderState.NEW}


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, EventKind)))
def test_every_pair_of_the_table(state: OrderState, event: EventKind) -> None:
    letter = TABLE[state].split()[list(EventKind).index(event)]
    if letter == ".":
        with pytest.raises(Conflict) as caught:
            next_state(state, event)
        assert caught.value.code == "illegal_transition"
    else:
        assert next_state(state, event) is LETTERS[letter]


def test_every_state_is_reached_and_every_one_that_is_not_the_end_can_end() -> None:
    assert set(TRANSITIONS.values()) | {OrderState.NEW} == set(OrderState)
    for state in set(OrderState) - TERMINAL:
        assert any(start is state and to in TERMINAL for (start, _), to in TRANSITIONS.items())


def order(**changes: object) -> Order:
    values: dict[str, object] = {
        "order_id": "o1",
        "account_id": "a1",
        "symbol": "NSE:A",
        "side": Side.BUY,
        "quantity": 10,
        "order_type": OrderType.LIMIT,
        "product": Product.CNC,
        "price": Decimal(100),
    }
    return Order(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 0},
        {"price": None},
        {"price": Decimal(0)},
        {"trigger_price": Decimal(99)},
        {"order_type": OrderType.MARKET},
        {"order_type": OrderType.SL},
        {"order_type": OrderType.SL_M, "price": None},
        {"disclosed_quantity": 11},
    ],
)
def test_terms_that_do_not_go_together_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        order(**changes)
    assert caught.value.code == "invalid_order"


def test_a_price_is_never_a_float() -> None:
    with pytest.raises(TypeError):
        order(price=100.05)
    with pytest.raises(TypeError):
        Amendment(price=99.5).applied_to(order())  # type: ignore[arg-type]


def filled(name: str, quantity: int, price: str = "100", kind: EventKind = EventKind.PARTIAL_FILL) -> OrderEvent:
    fill = Fill(name, "o1", "a1", "NSE:A", Side.BUY, quantity, Decimal(price), AT, maker=True)
    return OrderEvent("o1", kind, AT, "filled", "Filled.", fill=fill)


def event(kind: EventKind, code: str = "x") -> OrderEvent:
    return OrderEvent("o1", kind, AT, code, "…")


def folded(*events: OrderEvent) -> OrderRecord:
    record = OrderRecord(order())
    for one in events:
        record = record.apply(one)
    return record


def test_parts_add_up_whatever_order_they_arrive_in_and_however_often() -> None:
    parts = [filled("f1", 4, "100"), filled("f2", 6, "101", EventKind.FILL)]
    straight = folded(event(EventKind.SUBMIT), event(EventKind.ACCEPT), *parts)
    crooked = folded(event(EventKind.SUBMIT), parts[1], parts[0], parts[1], event(EventKind.ACCEPT), parts[0])
    for record in (straight, crooked):
        assert record.state is OrderState.FILLED
        assert record.remaining == 0
        assert record.average_price == Decimal("100.6")


def test_more_than_asked_for_is_an_alarm_and_not_clipped() -> None:
    record = folded(event(EventKind.ACCEPT), filled("f1", 9))
    with pytest.raises(Conflict) as caught:
        record.apply(filled("f2", 2))
    assert caught.value.code == "over_fill"


def test_a_fill_after_the_cancellation_counts() -> None:
    record = folded(event(EventKind.ACCEPT), event(EventKind.CANCEL), filled("f1", 4))
    assert (record.state, record.filled) == (OrderState.CANCELLED, 4)
    assert record.apply(filled("f2", 6)).state is OrderState.FILLED


def test_a_fill_event_carries_a_fill() -> None:
    record = folded(event(EventKind.ACCEPT))
    with pytest.raises(Conflict, match="carries"):
        record.apply(event(EventKind.FILL))
    with pytest.raises(Conflict, match="carries"):
        record.apply(replace(filled("f1", 1), kind=EventKind.CANCEL))


def test_a_modification_down_to_what_is_filled_fills_the_order() -> None:
    record = folded(event(EventKind.ACCEPT), filled("f1", 4))
    smaller = Amendment(quantity=4).applied_to(record.order)
    done = record.apply(OrderEvent("o1", EventKind.MODIFY, AT, "modified", "…", order=smaller))
    assert (done.state, done.remaining) == (OrderState.FILLED, 0)


def test_an_amendment_keeps_what_it_does_not_name() -> None:
    changed = Amendment(price=Decimal(101)).applied_to(order(tag="x"))
    assert (changed.price, changed.quantity, changed.tag) == (Decimal(101), 10, "x")


def test_nothing_filled_has_no_average() -> None:
    assert OrderRecord(order()).average_price is None
