"""Readers of single frame fields. Each returns a value inside its bounds, or raises `MalformedFrame`.

The first branch of each is the common case; these run some twenty times per tick.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from breezeway.breeze.events import MalformedFrame
from breezeway.clock import IST_OFFSET_SECONDS

MAX_PRICE = 1e12
MAX_QUANTITY = 2**63 - 1
MAX_TEXT = 200
EARLIEST_SECOND = 315_532_800
LATEST_SECOND = 4_102_444_800
_TURNOVER_UNITS = {"C": 1e7, "L": 1e5, "K": 1e3}
_PLAIN_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,12})?", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}


def _number_in_text(value: object, name: str) -> float | None:
    """Blank text is absence; other text must be a plain decimal number."""
    if value is None:
        return None
    if type(value) is str:
        text = value.strip() if len(value) <= MAX_TEXT else value
        if not text:
            return None
        if _PLAIN_NUMBER.fullmatch(text):
            return float(text)
    raise MalformedFrame(f"{name} is not a number")


def price(value: object, name: str) -> float | None:
    """Rupees, never negative; absent when null or blank."""
    number = value if type(value) is float or type(value) is int else _number_in_text(value, name)
    if number is None:
        return None
    if 0 <= number <= MAX_PRICE:  # NaN fails too
        return float(number)
    raise MalformedFrame(f"{name} is out of range")


def needed_price(value: object, name: str) -> float:
    if type(value) is float and 0 <= value <= MAX_PRICE:
        return value
    number = price(value, name)
    if number is None:
        raise MalformedFrame(f"{name} is missing")
    return number


def signed(value: object, name: str) -> float | None:
    """A number of either sign, such as a change in percent."""
    number = value if type(value) is float or type(value) is int else _number_in_text(value, name)
    if number is None:
        return None
    if -MAX_PRICE <= number <= MAX_PRICE:
        return float(number)
    raise MalformedFrame(f"{name} is out of range")


def quantity(value: object, name: str) -> int | None:
    """A count, never negative; a float counts when it is whole."""
    if type(value) is int:
        if 0 <= value <= MAX_QUANTITY:
            return value
        raise MalformedFrame(f"{name} is out of range")
    return _whole(value, name, 0)


def needed_quantity(value: object, name: str) -> int:
    number = quantity(value, name)
    if number is None:
        raise MalformedFrame(f"{name} is missing")
    return number


def signed_quantity(value: object, name: str) -> int | None:
    if type(value) is int:
        if -MAX_QUANTITY <= value <= MAX_QUANTITY:
            return value
        raise MalformedFrame(f"{name} is out of range")
    return _whole(value, name, -MAX_QUANTITY)


def _whole(value: object, name: str, least: int) -> int | None:
    number = value if type(value) is float else _number_in_text(value, name)
    if number is None:
        return None
    if not least <= number <= 2**53 or number != int(number):
        raise MalformedFrame(f"{name} is not a whole number in range")
    return int(number)


def epoch_ms(value: object, name: str) -> int:
    """Epoch seconds of the wire to milliseconds."""
    if type(value) is int and EARLIEST_SECOND <= value <= LATEST_SECOND:
        return value * 1000
    if type(value) is float and EARLIEST_SECOND <= value <= LATEST_SECOND:
        return int(value * 1000)
    if type(value) is str:
        number = _number_in_text(value, name)
        if number is not None and EARLIEST_SECOND <= number <= LATEST_SECOND:
            return int(number) * 1000
    raise MalformedFrame(f"{name} is not a time")


def turnover(value: object, name: str) -> float | None:
    """`"70.14C"` is 70.14 crore rupees, `"43.25L"` lakh. A bare number has no documented unit, so it says nothing."""
    if type(value) is str:
        if not value or len(value) > MAX_TEXT or value.isspace():
            if len(value) > MAX_TEXT:
                raise MalformedFrame(f"{name} is too long")
            return None
        unit = _TURNOVER_UNITS.get(value[-1])
        digits = value[:-1] if unit else value
        if not _PLAIN_NUMBER.fullmatch(digits) or digits[0] == "-":
            raise MalformedFrame(f"{name} is not an amount")
        # The text has two decimals of its unit; rounding removes the noise of the binary product.
        return round(float(digits) * unit, 2) if unit else None
    signed(value, name)
    return None


def text(value: object, name: str) -> str:
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    raise MalformedFrame(f"{name} is not a short text")


def decimal(value: object, name: str) -> Decimal | None:
    """An order's price: plain decimal text, or absent."""
    if type(value) is int or type(value) is float:
        value = str(value)
    if value is None or (type(value) is str and (not value or value in ("*", " "))):
        return None
    if type(value) is not str or not _PLAIN_NUMBER.fullmatch(value):
        raise MalformedFrame(f"{name} is not a number")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise MalformedFrame(f"{name} is not a number") from error


def day(value: object, name: str) -> date | None:
    """`10-Aug-2023` or `10-08-2023`; blank and `*` mean absent."""
    if value is None or value in ("", "*", " "):
        return None
    if type(value) is not str or len(value) > MAX_TEXT:
        raise MalformedFrame(f"{name} is not a date")
    parts = value.strip().split("-")
    try:
        dd, mm, yyyy = parts
        month = _MONTHS.get(mm.lower()) or int(mm)
        if len(yyyy) != 4:
            raise MalformedFrame(f"{name} is not a date")
        return date(int(yyyy), month, int(dd))
    except (ValueError, OverflowError) as error:
        raise MalformedFrame(f"{name} is not a date") from error


def ist_text_ms(value: str, form: str, name: str) -> int:
    """Naive Indian wall time to epoch milliseconds."""
    try:
        naive = datetime.strptime(value, form).replace(tzinfo=UTC)
        return (int(naive.timestamp()) - IST_OFFSET_SECONDS) * 1000
    except (ValueError, OverflowError) as error:
        raise MalformedFrame(f"{name} is not a time") from error
