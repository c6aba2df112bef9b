"""Rupee amounts: `Decimal` only, rounded by name, strings at every edge.

A float is refused at run time, because a type checker does not see what JSON, a driver or a test hands over. Amounts
keep their full precision until a rule rounds them; `to_paise` and `to_rupee` round half away from zero, as contract
notes do.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from breezeway.errors import InvalidInput

PAISA: Final = Decimal("0.01")
RUPEE: Final = Decimal(1)
ZERO: Final = Decimal(0)
LARGEST: Final = Decimal(10) ** 18
"""Above it an amount is a mistake; below it, paise stay exact under the default precision of 28 digits."""

# A caller may have changed the thread's context; amounts must not depend on it.
_EXACT: Final = Context(prec=60)


class Rounding(StrEnum):
    """How a charge is rounded on a contract note."""

    PAISA = "paisa"
    RUPEE = "rupee"


def amount(value: Decimal | int | str) -> Decimal:
    """A finite amount of rupees, with whatever precision it was given.

    Raises:
        TypeError: for a float or a bool, which is a fault of the program and not of its input.
        InvalidInput: `invalid_amount`, for text that is no number, or a number that is not finite or too large.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"money is Decimal, int or str, never {type(value).__name__}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidInput(f"{value!r} is not an amount.", code="invalid_amount") from None
    if not number.is_finite() or abs(number) >= LARGEST:
        raise InvalidInput(f"{value!r} is not an amount that can be booked.", code="invalid_amount")
    return number


def parse_amount(text: str) -> Decimal:
    """Read an amount as a client writes it: plain digits, at most two decimals, no exponent and no grouping.

    Raises:
        TypeError: when `text` is not a string.
        InvalidInput: `invalid_amount`.
    """
    if not isinstance(text, str):
        raise TypeError(f"an amount is written as a string, not as {type(text).__name__}")
    digits = text.removeprefix("-")
    whole, point, paise = digits.partition(".")
    plain = whole.isascii() and whole.isdigit() and (not point or (paise.isascii() and paise.isdigit()))
    if not plain or len(paise) > 2:
        raise InvalidInput(f"{text[:40]!r} is not an amount in rupees and paise.", code="invalid_amount")
    return amount(text)


def format_amount(value: Decimal) -> str:
    """An amount as text with exactly two decimals.

    Raises:
        ValueError: when it has fractions of a paisa: rounding is the caller's decision, not the formatter's.
    """
    rounded = to_paise(value)
    if rounded != value:
        raise ValueError(f"{value} has fractions of a paisa")
    return f"{rounded + ZERO:f}"


def to_paise(value: Decimal | int | str) -> Decimal:
    """Rounded to the paisa, half away from zero."""
    return amount(value).quantize(PAISA, ROUND_HALF_UP, _EXACT)


def to_paise_up(value: Decimal | int | str) -> Decimal:
    """Rounded to the paisa towards plus infinity: for what is blocked, where too little would be wrong."""
    return amount(value).quantize(PAISA, ROUND_CEILING, _EXACT)


def to_rupee(value: Decimal | int | str) -> Decimal:
    """Rounded to the rupee, half away from zero, and still written with two decimals."""
    return amount(value).quantize(RUPEE, ROUND_HALF_UP, _EXACT).quantize(PAISA, context=_EXACT)


def rounded(value: Decimal, rule: Rounding) -> Decimal:
    """Rounded as `rule` says; the result has two decimals."""
    return to_rupee(value) if rule is Rounding.RUPEE else to_paise(value)


def split(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Share `total` (whole paise) in proportion to `weights`, in whole paise that add up to it exactly.

    The paise left over go to the largest remainders, the earlier share first among equals.

    Raises:
        ValueError: without weights, with a negative one, or when `total` has fractions of a paisa.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("shares need weights that are not negative")
    if to_paise(total) != total:
        raise ValueError(f"{total} has fractions of a paisa")
    whole = _EXACT.add(ZERO, sum(weights, ZERO))
    if whole == 0:
        weights, whole = [RUPEE] * len(weights), Decimal(len(weights))
    sign = -1 if total < 0 else 1
    exact = [_EXACT.divide(_EXACT.multiply(abs(total), weight), whole) for weight in weights]
    shares = [share.quantize(PAISA, ROUND_DOWN, _EXACT) for share in exact]
    left = int((abs(total) - sum(shares, ZERO)) / PAISA)
    by_remainder = sorted(range(len(shares)), key=lambda i: (shares[i] - exact[i], i))
    for index in by_remainder[:left]:
        shares[index] += PAISA
    return [sign * share for share in shares]
