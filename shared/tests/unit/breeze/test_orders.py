"""Order calls: what counts as an answer, what certainly never left, and how the order book is read."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.mapping import Answer, transport_failure
from breezeway.breeze.orders import BreezeOrders, OrderRow, OrderTicket, _is_clear, _row, _sum
from breezeway.breeze.transport import BreezeTransport, Exchange
from breezeway.breeze.values import BreezeCredentials, BrokerInstrument
from breezeway.errors import BreezewayError, UpstreamUnavailable

OK = {"Success": {"order_id": "20250205N300001234", "message": "Order placed"}, "Status": 200, "Error": None}


def exchange(envelope: object, status: int | None = 200, failure: BreezewayError | None = None) -> Exchange:
    return Exchange(None if status is None else Answer(status, ""), failure, envelope, changed=True)


@pytest.mark.parametrize(
    ("given", "clear"),
    [
        (exchange(OK), True),
        (exchange({"Success": None, "Status": 500, "Error": "Insufficient limit to place this order."}), True),
        (exchange({"Status": 5, "Error": "Limit exceed: API call per minute:Try after some time"}, 401), True),
        (exchange({"Status": 5, "Error": "Authentication Fail :: Invalid Checksum."}, 401), True),
        # The back end behind the broker's door failed, perhaps after it had passed the order on.
        (
            exchange(
                {"Success": None, "Status": 500, "Error": "Error while calling service, Please contact admin (T2:176)"}
            ),
            False,
        ),
        (exchange({"Success": None, "Status": 500, "Error": "Something"}, 503), False),
        (exchange({"Success": {"message": "placed"}, "Status": 200, "Error": None}), False),
        (exchange({"Success": None, "Status": 200, "Error": None}), False),
        (exchange({"Success": "", "Status": 200, "Error": ""}), False),
        (exchange(OK, 500), False),
        (exchange(None), False),
        (exchange([]), False),
        (exchange(None, None, transport_failure("timeout")), False),
        (exchange(None, 200, transport_failure("too_large")), False),
    ],
    ids=[
        *("placed", "refused", "minute-limit", "bad-checksum", "contact-admin", "refused-by-a-proxy", "no-number"),
        *("nothing", "blank", "yes-with-500", "html", "list", "time-out", "too-large"),
    ],
)
def test_only_a_whole_yes_or_no_is_an_answer(given: Exchange, clear: bool) -> None:
    """Everything else may have taken effect."""
    assert _is_clear(given) is clear


TICKET = OrderTicket(
    instrument=BrokerInstrument("NSE", "RELIND", "equity"),
    action="buy",
    kind="limit",
    quantity=1,
    price=Decimal(1400),
    trigger=None,
    validity="day",
    disclosed=0,
    tag="bw1",
)


class Unlimited:
    async def acquire(self, account_id: str, cost: int = 1, wait: float = 0) -> None:
        return None

    async def cool_down(self, account_id: str, code: str) -> float:
        return 0.0


@pytest.mark.parametrize(("seconds", "code"), [(-1.0, "broker_not_sent"), (5.0, "broker_down")])
async def test_what_never_left_is_not_unknown(seconds: float, code: str) -> None:
    """Too late to send, and nobody there to connect to: the broker certainly has not got it."""
    transport = BreezeTransport(BreezeEndpoints.single_origin("http://127.0.0.1:9"))
    orders = BreezeOrders(transport, Unlimited(), "account")
    orders.resume(BreezeCredentials("key", "secret", "user", "session"))
    with pytest.raises(UpstreamUnavailable) as refused:
        await orders.place(TICKET, time.monotonic() + seconds)
    await transport.aclose()
    assert refused.value.code == code


ROW: dict[str, Any] = {
    "order_id": "20250205N300001234",
    "exchange_code": "NSE",
    "stock_code": "ITC",
    "product_type": "Cash",
    "action": "Buy",
    "order_type": "Limit",
    "stoploss": "0.00",
    "quantity": "10",
    "price": "420.00",
    "expiry_date": None,
    "right": None,
    "strike_price": 0.0,
    "average_price": "0",
    "cancelled_quantity": "0",
    "pending_quantity": "10",
    "status": "Ordered",
    "user_remark": None,
    "order_datetime": "05-Feb-2025 09:26",
}


def test_a_row_of_the_order_book() -> None:
    assert _row(ROW) == OrderRow(
        broker_order_id="20250205N300001234",
        exchange="NSE",
        broker_code="ITC",
        product="cash",
        action="buy",
        kind="limit",
        quantity=10,
        price=Decimal("420.00"),
        trigger=None,
        average_price=None,
        executed=0,
        cancelled=0,
        status="ordered",
        tag="",
        placed_at=datetime(2025, 2, 5, 3, 56, tzinfo=UTC),
        expiry=None,
        strike=None,
        right=None,
    )


@pytest.mark.parametrize(
    ("changes", "executed"),
    [
        ({"status": "Executed", "pending_quantity": "0"}, 10),
        ({"status": "Partially Executed", "pending_quantity": "6"}, 4),
        (
            {"status": "Partially Executed And Cancelled", "pending_quantity": "0", "cancelled_quantity": "7"},
            3,
        ),
        ({"status": "Cancelled", "pending_quantity": "0", "cancelled_quantity": "10"}, 0),
        ({"status": "Expired", "pending_quantity": "0"}, 0),
        ({"status": "Partially Executed", "pending_quantity": "10"}, None),
        ({"status": "Partially Executed And Expired", "pending_quantity": "0"}, None),
    ],
    ids=["all", "part", "part-cancelled", "cancelled", "expired", "contradiction", "not-said"],
)
def test_how_much_was_executed_follows_from_what_is_left(changes: dict[str, str], executed: int | None) -> None:
    assert _row(ROW | changes).executed == executed


def test_an_orders_trades_add_up() -> None:
    trades = [
        {"executed_quantity": "3", "execution_price": "452.2"},
        {"executed_quantity": "1", "execution_price": "452.6"},
    ]
    assert _sum(trades) == (4, Decimal("452.3"))
    assert _sum([]) == (0, None)
