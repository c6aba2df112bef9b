"""Order notifications as they travel on the order stream: 52 strings for derivatives, 47 for shares.

Strikes, limits and triggers of derivatives are in paise; the average rate is in rupees with six digits. Positions
follow the frames that were seen, not the SDK's names, which slip by one from field 37 on.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from breeze_simulator.domain.broker_orders import BrokerOrder, Status
from breeze_simulator.domain.frames_out import Frame
from breezeway.clock import IST

_LETTERS: Final = {
    Status.REQUESTED: "R",
    Status.ORDERED: "O",
    Status.PARTIALLY_EXECUTED: "P",
    Status.EXECUTED: "E",
    Status.REJECTED: "J",
    Status.EXPIRED: "X",
    Status.PARTIALLY_EXECUTED_AND_EXPIRED: "B",
    Status.PARTIALLY_EXECUTED_AND_CANCELLED: "D",
    Status.FREEZED: "F",
    Status.CANCELLED: "C",
}
_VALIDITIES: Final = {"Day": "T", "IoC": "I", "VTC": "V"}
_CASH_PRODUCTS: Final = {"Cash": "C", "BTST": "B", "MTF": "M"}
_CHANNEL: Final = "API"


def order_notification(order: BrokerOrder, sequence: int, account: str, at: datetime) -> Frame:
    """The frame that tells the user of this order what it has become."""
    local = at.astimezone(IST)
    derivative = order.instrument.is_derivative
    head: Frame = [
        "1",
        "*" if derivative else "",
        order.user_id,
        "*" if derivative else "",
        "\x19230" if derivative else "249",
        "5",
        f"{local:%Y%m%d}{sequence:08d}",
        f"{local:%d-%m-%Y}",
        f"{local:%H:%M:%S}",
        "Intraday Calls",
        "N",
        "6" if derivative else "4",
        account,
        order.instrument.exchange,
        order.instrument.stock_code,
    ]
    return [*head, *(_derivative(order) if derivative else _cash(order))]


def _derivative(order: BrokerOrder) -> Frame:
    terms, contract = order.order, order.instrument
    option = contract.kind == "option"
    placed = _text(order.placed_at.astimezone(IST).date())
    return [
        "O" if option else "F",
        {"call": "C", "put": "P"}.get(contract.right or "", "*"),
        "E" if option else "*",
        _paise(Decimal(str(contract.strike or 0))),
        _text(contract.expiry),
        placed,
        "B" if terms.is_buy else "S",
        "S" if terms.is_stop else "L",
        _VALIDITIES[order.validity],
        _paise(terms.price or Decimal(0)),
        _LETTERS[order.status],
        order.order_id,
        str(terms.quantity),
        str(order.record.filled),
        str(order.cancelled),
        str(order.expired),
        _paise(terms.trigger_price or Decimal(0)),
        "N",
        "13",
        _CHANNEL,
        "Y",
        placed,
        "*",
        "*",
        "0.000000",
        f"{order.record.average_price or 0:.6f}",
        *["N"] * 6,
        "0.000000",
        "66",
        "",
        "",
        "G\x1a",
    ]


def _cash(order: BrokerOrder) -> Frame:
    terms = order.order
    placed = _text(order.placed_at.astimezone(IST).date())
    return [
        "B" if terms.is_buy else "S",
        "S" if terms.is_stop else "L",
        _VALIDITIES[order.validity],
        _rupees(terms.price or Decimal(0)),
        _CASH_PRODUCTS[order.product],
        _LETTERS[order.status],
        placed,
        placed,
        order.order_id,
        str(terms.quantity),
        str(order.pending),
        str(order.record.filled),
        str(order.cancelled),
        str(order.expired),
        str(terms.disclosed_quantity),
        _rupees(terms.trigger_price or Decimal(0)),
        "N",
        _rupees((terms.price or Decimal(0)) * order.pending),
        "25",
        _CHANNEL,
        order.instrument.exchange,
        order.placed_at.astimezone(IST).strftime("%Y%j"),
        order.product,
        "N",
        "",
        placed,
        "",
        _rupees(order.record.average_price or Decimal(0)),
        "N",
        "N",
        "0",
        "PARTNER",
    ]


def _text(day: date | None) -> str:
    return day.strftime("%d-%b-%Y") if day else ""


def _paise(rupees: Decimal) -> str:
    return f"{(rupees * 100).normalize():f}"


def _rupees(value: Decimal) -> str:
    return f"{value:.2f}"
