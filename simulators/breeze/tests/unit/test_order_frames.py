"""Order notifications, string by string, and what the services' decoder reads in them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from breeze_simulator.domain.broker_orders import FREEZE, BrokerOrder, BrokerTrade, Status
from breeze_simulator.domain.order_frames import order_notification
from breezeway.breeze.frames import decode_order
from breezeway.exchange.orders import EventKind, Fill, Order, OrderEvent, OrderRecord, OrderType, Product, Side

AT = datetime(2026, 8, 3, 5, 0, tzinfo=UTC)


@pytest.fixture
def make_order(market: Any) -> Any:
    def make(room: str, side: Side = Side.BUY, quantity: int = 65, price: str = "200.5", **more: Any) -> BrokerOrder:
        instrument = market.universe.by_room(room)
        kind = OrderType.SL if "trigger_price" in more else OrderType.LIMIT
        product = Product.NRML if instrument.is_derivative else Product.CNC
        order = Order(
            "202608031400000007", "SIM00001", "X", side, quantity, kind, product, price=Decimal(price), **more
        )
        return BrokerOrder(
            order.order_id,
            "SIM00001",
            instrument,
            OrderRecord(order),
            {"equity": "Cash", "future": "Futures", "option": "Options"}[instrument.kind],
            "Day",
            "tag",
            AT,
        )

    return make


def happened(
    order: BrokerOrder, kind: EventKind, *, quantity: int = 0, price: str = "0", code: str = "x"
) -> BrokerOrder:
    """The order after an event, a fill of `quantity` included."""
    fill = trade = None
    if quantity:
        number = str(len(order.trades))
        terms = order.order
        fill = Fill(number, terms.order_id, "SIM00001", "X", terms.side, quantity, Decimal(price), AT, maker=True)
        trade = BrokerTrade(number, number, quantity, Decimal(price), AT)
    return order.after(OrderEvent(order.order_id, kind, AT, code, "", fill=fill), trade)


def test_an_option_order_has_52_strings(make_order: Any) -> None:
    order = happened(make_order("4.1!47869"), EventKind.ACCEPT)
    order = happened(order, EventKind.PARTIAL_FILL, quantity=20, price="200.25")
    frame = order_notification(order, 518, "8509000000", AT)
    assert frame == [
        *("1", "*", "SIM00001", "*", "\x19230", "5", "2026080300000518", "03-08-2026", "10:30:00", "Intraday Calls"),
        *(
            "N",
            "6",
            "8509000000",
            "NFO",
            "NIFTY",
            "O",
            "C",
            "E",
            "2450000",
            "25-Aug-2026",
            "03-Aug-2026",
            "B",
            "L",
            "T",
        ),
        *(
            "20050",
            "P",
            "202608031400000007",
            "65",
            "20",
            "0",
            "0",
            "0",
            "N",
            "13",
            "API",
            "Y",
            "03-Aug-2026",
            "*",
            "*",
        ),
        *("0.000000", "200.250000", "N", "N", "N", "N", "N", "N", "0.000000", "66", "", "", "G\x1a"),
    ]
    assert len(frame) == 52
    read = decode_order(frame)
    assert (read.limit_price, read.average_price, read.strike) == (Decimal("200.5"), Decimal("200.25"), Decimal(24500))
    assert (read.status, read.executed_quantity, read.right) == ("Partially Executed", 20, "CE")


def test_a_share_order_has_47_strings(make_order: Any) -> None:
    order = happened(make_order("4.1!2885", Side.SELL, 10, "890"), EventKind.ACCEPT)
    frame = order_notification(order, 5, "8509000000", AT)
    assert len(frame) == 47
    assert frame[13:32] == [
        *("NSE", "RELIND", "S", "L", "T", "890.00", "C", "O", "03-Aug-2026", "03-Aug-2026", "202608031400000007"),
        *("10", "10", "0", "0", "0", "0", "0.00", "N"),
    ]
    read = decode_order(frame)
    assert (read.action, read.quantity, read.open_quantity, read.limit_price) == ("Sell", 10, 10, Decimal("890.00"))


def test_a_future_and_a_stop(make_order: Any) -> None:
    order = make_order("4.1!35001", price="25100", trigger_price=Decimal(25_000))
    frame = order_notification(happened(order, EventKind.ACCEPT_STOP), 1, "8509000000", AT)
    assert (frame[15], frame[16], frame[22], frame[24], frame[31]) == ("F", "*", "S", "2510000", "2500000")
    read = decode_order(frame)
    assert (read.order_type, read.stop_loss_price, read.strike) == ("StopLoss", Decimal(25_000), None)


@pytest.mark.parametrize(
    ("events", "status", "letter"),
    [
        ([], Status.REQUESTED, "R"),
        ([EventKind.ACCEPT], Status.ORDERED, "O"),
        ([EventKind.ACCEPT, EventKind.FILL], Status.EXECUTED, "E"),
        ([EventKind.ACCEPT, EventKind.CANCEL], Status.CANCELLED, "C"),
        ([EventKind.ACCEPT, EventKind.PARTIAL_FILL, EventKind.CANCEL], Status.PARTIALLY_EXECUTED_AND_CANCELLED, "D"),
        ([EventKind.ACCEPT, EventKind.EXPIRE], Status.EXPIRED, "X"),
        ([EventKind.ACCEPT, EventKind.PARTIAL_FILL, EventKind.EXPIRE], Status.PARTIALLY_EXECUTED_AND_EXPIRED, "B"),
        ([EventKind.REJECT], Status.REJECTED, "J"),
    ],
)
def test_every_status_has_its_letter(make_order: Any, events: list[EventKind], status: Status, letter: str) -> None:
    order = make_order("4.1!2885", quantity=10)
    for kind in events:
        filled = {EventKind.FILL: 10, EventKind.PARTIAL_FILL: 4}.get(kind, 0)
        order = happened(order, kind, quantity=filled, price="200")
    assert order.status is status
    assert order_notification(order, 1, "8509000000", AT)[20] == letter
    assert order.pending + order.cancelled + order.expired + order.record.filled == 10


def test_a_frozen_order_says_so(make_order: Any) -> None:
    order = happened(make_order("4.1!47869"), EventKind.REJECT, code=FREEZE)
    assert (order.status, order_notification(order, 1, "8509000000", AT)[25]) == (Status.FREEZED, "F")
