"""Order notifications: arrays of strings whose meaning hangs on the message type in field 11."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from breezeway.breeze import _fields as f
from breezeway.breeze.events import MalformedFrame, OrderUpdate, Right

ACTIONS: Final[Mapping[str, str]] = {"B": "Buy", "S": "Sell", "N": "NA"}
ORDER_TYPES: Final[Mapping[str, str]] = {"L": "Limit", "M": "Market", "S": "StopLoss"}
VALIDITIES: Final[Mapping[str, str]] = {"T": "Day", "I": "IoC", "V": "VTC"}
PRODUCTS: Final[Mapping[str, str]] = {"F": "Futures", "O": "Options", "C": "Cash", "B": "BTST"}
STATUSES: Final[Mapping[str, str]] = {
    "A": "All",
    "R": "Requested",
    "Q": "Queued",
    "O": "Ordered",
    "P": "Partially Executed",
    "E": "Executed",
    "J": "Rejected",
    "X": "Expired",
    "B": "Partially Executed And Expired",
    "D": "Partially Executed And Cancelled",
    "F": "Freezed",
    "C": "Cancelled",
}
_RIGHTS: Final[Mapping[str, Right]] = {"C": "CE", "P": "PE"}
_LEAST_FIELDS: Final = 47
_MOST_FIELDS: Final = 80


def decode_order_frame(frame: list[object], scale: Decimal, average_scale: Decimal) -> OrderUpdate:
    """The order of a cash (type 4, 5) or F&O (type 6, 7) notification. Raises MalformedFrame.

    `scale` turns the wire prices of F&O into rupees, `average_scale` its average rate.
    """
    if not _LEAST_FIELDS <= len(frame) <= _MOST_FIELDS:
        raise MalformedFrame("order of unknown length")
    x = [f.text(value, "order field") for value in frame]
    if "!" in x[0]:
        raise MalformedFrame("not an order")
    if x[11] in ("4", "5"):
        return _cash(x)
    if x[11] in ("6", "7"):
        return _fno(x, scale, average_scale)
    raise MalformedFrame("unknown order message type")


def _cash(x: list[str]) -> OrderUpdate:
    return OrderUpdate(
        segment="cash",
        user_id=x[2],
        account=x[12],
        sequence=x[6],
        at_ms=_message_time(x),
        exchange=x[13],
        broker_code=_code(x[14]),
        reference=_reference(x[23]),
        action=_word(ACTIONS, x[15]),
        order_type=_word(ORDER_TYPES, x[16]),
        validity=_word(VALIDITIES, x[17]),
        product=_word(PRODUCTS, x[19]),
        status=_word(STATUSES, x[20]),
        limit_price=_price(x[18], "limit price"),
        stop_loss_price=_price(x[30], "stop loss"),
        average_price=_price(x[42], "average price"),
        quantity=f.needed_quantity(x[24], "quantity"),
        executed_quantity=f.needed_quantity(x[26], "executed quantity"),
        cancelled_quantity=f.needed_quantity(x[27], "cancelled quantity"),
        expired_quantity=f.needed_quantity(x[28], "expired quantity"),
        open_quantity=f.quantity(x[25], "open quantity"),
        disclosed_quantity=f.quantity(x[29], "disclosed quantity"),
        order_date=f.day(x[21], "order date"),
        trade_date=f.day(x[22], "trade date"),
        valid_until=f.day(x[40], "valid date"),
        channel=x[34],
        expiry=None,
        strike=None,
        right=None,
        stop_loss_reference=None,
        acknowledgement=None,
        blocked_amount=_price(x[32], "blocked amount") if x[32] != "N" else None,
        change_flag=None,
    )


def _fno(x: list[str], scale: Decimal, average_scale: Decimal) -> OrderUpdate:
    # From 37 on these indices differ from the SDK's on purpose: it reads 37 twice, so its later names slip by one.
    right = _RIGHTS.get(x[16].upper())
    return OrderUpdate(
        segment="fno",
        user_id=x[2],
        account=x[12],
        sequence=x[6],
        at_ms=_message_time(x),
        exchange=x[13],
        broker_code=_code(x[14]),
        reference=_reference(x[26]),
        action=_word(ACTIONS, x[21]),
        order_type=_word(ORDER_TYPES, x[22]),
        validity=_word(VALIDITIES, x[23]),
        product=_word(PRODUCTS, x[15]),
        status=_word(STATUSES, x[25]),
        limit_price=_price(x[24], "limit price", scale),
        stop_loss_price=_price(x[31], "stop loss", scale),
        average_price=_price(x[40], "average price", average_scale),
        quantity=f.needed_quantity(x[27], "quantity"),
        executed_quantity=f.needed_quantity(x[28], "executed quantity"),
        cancelled_quantity=f.needed_quantity(x[29], "cancelled quantity"),
        expired_quantity=f.needed_quantity(x[30], "expired quantity"),
        open_quantity=None,
        disclosed_quantity=None,
        order_date=f.day(x[7], "message date"),
        trade_date=f.day(x[36], "trade date"),
        valid_until=f.day(x[20], "valid date"),
        channel=x[34],
        expiry=f.day(x[19], "expiry"),
        strike=_price(x[18], "strike", scale) if right else None,
        right=right,
        stop_loss_reference=_optional(x[38]),
        acknowledgement=_optional(x[37]),
        blocked_amount=_price(x[39], "blocked amount"),
        change_flag=_optional(x[35]),
    )


def _word(words: Mapping[str, str], letter: str) -> str:
    return words.get(letter.upper(), letter)


def _code(code: str) -> str:
    if not code.strip():
        raise MalformedFrame("stock code is missing")
    return code.strip()


def _reference(reference: str) -> str:
    if not reference.strip():
        raise MalformedFrame("order reference is missing")
    return reference


def _optional(value: str) -> str | None:
    return None if value.strip() in ("", "*") else value


def _price(value: str, name: str, scale: Decimal = Decimal(1)) -> Decimal | None:
    number = f.decimal(value, name)
    if number is None:
        return None
    if number < 0:
        raise MalformedFrame(f"{name} is negative")
    return number * scale


def _message_time(x: list[str]) -> int | None:
    if not x[7].strip() or not x[8].strip():
        return None
    return f.ist_text_ms(f"{x[7]} {x[8]}", "%d-%m-%Y %H:%M:%S", "message time")
