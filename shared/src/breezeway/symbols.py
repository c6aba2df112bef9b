"""The canonical symbol grammar: `EXCHANGE:CODE`.

    cash     NSE:RELIANCE  BSE:RELIANCE  NSE:XYZ-BE
    index    NSE_INDEX:NIFTY  BSE_INDEX:SENSEX
    future   NFO:NIFTY24NOV26FUT            underlying, DDMMMYY, FUT
    option   NFO:VEDL28APR26292.5CE         underlying, DDMMMYY, strike without needless zeros, CE or PE
    pair     CDS:USDINR                     a currency's spot rate: quoted, never traded
    fund     MF:21-103D                     fund house and scheme, by the broker's numbers: no exchange lists them

A derivative's underlying may itself contain digits, `&` and `-` (`360ONE`, `M&M`, `BAJAJ-AUTO`, `NIFTYNXT50`), so a
code is read from its right end, where the shape is fixed. Where an underlying ends in digits, the two digits next to
the month are the day, which is how it was written.

Everything here is pure text: whether such an instrument exists is for the instrument master to say.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeAlias

from breezeway.errors import InvalidInput


class Exchange(StrEnum):
    """Every exchange segment that a canonical symbol may name."""

    NSE = "NSE"
    BSE = "BSE"
    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    MCX = "MCX"
    NSE_INDEX = "NSE_INDEX"
    BSE_INDEX = "BSE_INDEX"
    MF = "MF"


class Right(StrEnum):
    """What an option gives its holder the right to do, spelled as in symbols."""

    CALL = "CE"
    PUT = "PE"


CASH_EXCHANGES = frozenset({Exchange.NSE, Exchange.BSE})
INDEX_EXCHANGES = frozenset({Exchange.NSE_INDEX, Exchange.BSE_INDEX})
DERIVATIVE_EXCHANGES = frozenset({Exchange.NFO, Exchange.BFO, Exchange.CDS, Exchange.MCX})

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CODE = re.compile(r"[A-Z0-9][A-Z0-9&\-._$*@]{0,63}")
_UNDERLYING = r"(?P<underlying>[A-Z0-9][A-Z0-9&\-._$*@]*?)"
_EXPIRY = rf"(?P<day>\d{{2}})(?P<month>{'|'.join(_MONTHS)})(?P<year>\d{{2}})"
_FUTURE = re.compile(rf"{_UNDERLYING}{_EXPIRY}FUT")
_OPTION = re.compile(rf"{_UNDERLYING}{_EXPIRY}(?P<strike>\d+(?:\.\d*[1-9])?)(?P<right>CE|PE)")
_PAIR = re.compile(r"[A-Z]{6}")
_FUND = re.compile(r"[A-Z0-9]{1,8}-[A-Z0-9&.\-]{1,31}")
_MAX_LENGTH = 96


@dataclass(frozen=True, slots=True)
class CashSymbol:
    """A share, bond or fund on a cash market; `code` carries the series where it is not the ordinary one."""

    exchange: Exchange
    code: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.code}"


@dataclass(frozen=True, slots=True)
class IndexSymbol:
    """An index: quoted, never traded."""

    exchange: Exchange
    code: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.code}"


@dataclass(frozen=True, slots=True)
class PairSymbol:
    """A currency pair's spot rate on `CDS`."""

    exchange: Exchange
    code: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.code}"


@dataclass(frozen=True, slots=True)
class FundSymbol:
    """A mutual fund's scheme, which is bought from its house and not on an exchange."""

    exchange: Exchange
    code: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.code}"


@dataclass(frozen=True, slots=True)
class FutureSymbol:
    exchange: Exchange
    underlying: str
    expiry: date

    def __str__(self) -> str:
        return f"{self.exchange}:{self.underlying}{format_expiry(self.expiry)}FUT"


@dataclass(frozen=True, slots=True)
class OptionSymbol:
    exchange: Exchange
    underlying: str
    expiry: date
    strike: Decimal
    right: Right

    def __str__(self) -> str:
        return f"{self.exchange}:{self.underlying}{format_expiry(self.expiry)}{format_strike(self.strike)}{self.right}"


Symbol: TypeAlias = CashSymbol | IndexSymbol | PairSymbol | FundSymbol | FutureSymbol | OptionSymbol


def parse_symbol(text: str) -> Symbol:
    """Read a canonical symbol.

    Raises:
        InvalidInput: `invalid_symbol`, when the text is not one.
    """
    if len(text) > _MAX_LENGTH:
        raise _refused(text[:_MAX_LENGTH] + "…", "it is too long")
    exchange_text, colon, code = text.partition(":")
    if not colon:
        raise _refused(text, "the exchange is missing; write EXCHANGE:CODE")
    try:
        exchange = Exchange(exchange_text)
    except ValueError:
        raise _refused(text, f"the exchange is not one of {', '.join(Exchange)}") from None
    if not _CODE.fullmatch(code):
        raise _refused(text, "the code is empty or has characters that no symbol has")
    if exchange in CASH_EXCHANGES:
        return CashSymbol(exchange, code)
    if exchange in INDEX_EXCHANGES:
        return IndexSymbol(exchange, code)
    if exchange is Exchange.MF:
        return fund_symbol(code)
    if exchange is Exchange.CDS and _PAIR.fullmatch(code):
        return PairSymbol(exchange, code)
    return _parse_derivative(exchange, code, text)


def cash_symbol(exchange: Exchange | str, code: str, series: str = "EQ") -> CashSymbol:
    """The symbol of a share; a series other than the ordinary `EQ` is appended (`XYZ-BE`), on the NSE only.

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    market = _exchange(exchange, CASH_EXCHANGES)
    named = f"{code}-{series}" if market is Exchange.NSE and series not in ("EQ", "") else code
    return CashSymbol(market, _code(named))


def index_symbol(exchange: Exchange | str, code: str) -> IndexSymbol:
    """The symbol of an index on `NSE_INDEX` or `BSE_INDEX`.

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    return IndexSymbol(_exchange(exchange, INDEX_EXCHANGES), _code(code))


def pair_symbol(code: str) -> PairSymbol:
    """The symbol of a currency pair's spot rate.

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    if not _PAIR.fullmatch(code):
        raise _refused(code, "a currency pair is written in six letters")
    return PairSymbol(Exchange.CDS, code)


def fund_symbol(code: str) -> FundSymbol:
    """The symbol of a mutual fund's scheme.

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    if not _FUND.fullmatch(code):
        raise _refused(code, "a fund is written HOUSE-SCHEME")
    return FundSymbol(Exchange.MF, code)


def future_symbol(exchange: Exchange | str, underlying: str, expiry: date) -> FutureSymbol:
    """The symbol of a future.

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    return FutureSymbol(_exchange(exchange, DERIVATIVE_EXCHANGES), _code(underlying), _expiry(expiry))


def option_symbol(
    exchange: Exchange | str, underlying: str, expiry: date, strike: Decimal | int | str, right: Right | str
) -> OptionSymbol:
    """The symbol of an option. A strike is a decimal, never a float: 292.5 must stay 292.5.

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    market = _exchange(exchange, DERIVATIVE_EXCHANGES)
    try:
        kind = Right(right)
    except ValueError:
        raise _refused(str(right), "an option's right is CE or PE") from None
    try:
        number = Decimal(strike)
    except InvalidOperation:
        raise _refused(str(strike), "the strike is not a number") from None
    return OptionSymbol(market, _code(underlying), _expiry(expiry), Decimal(format_strike(number)), kind)


def format_expiry(day: date) -> str:
    """`DDMMMYY` in upper case, whatever the locale."""
    return f"{day.day:02d}{_MONTHS[day.month - 1]}{day.year % 100:02d}"


def parse_expiry(text: str) -> date:
    """Read `DDMMMYY` (two-digit years are of this century).

    Raises:
        InvalidInput: `invalid_symbol`.
    """
    match = re.fullmatch(_EXPIRY, text)
    if match is None:
        raise _refused(text, "an expiry is written DDMMMYY")
    return _date_of(match, text)


def format_strike(strike: Decimal) -> str:
    """A strike without exponent and needless zeros.

    Raises:
        InvalidInput: `invalid_symbol`, for a negative or infinite strike.
    """
    if not strike.is_finite() or strike < 0:
        raise _refused(str(strike), "a strike is a finite number that is not negative")
    text = f"{abs(strike):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _parse_derivative(exchange: Exchange, code: str, text: str) -> FutureSymbol | OptionSymbol:
    future = _FUTURE.fullmatch(code)
    if future is not None:
        return FutureSymbol(exchange, future["underlying"], _date_of(future, text))
    option = _OPTION.fullmatch(code)
    if option is None:
        raise _refused(text, "a derivative is written UNDERLYING DDMMMYY FUT, or UNDERLYING DDMMMYY STRIKE CE|PE")
    strike = option["strike"]
    if strike != format_strike(Decimal(strike)):
        raise _refused(text, "the strike has needless zeros")
    return OptionSymbol(exchange, option["underlying"], _date_of(option, text), Decimal(strike), Right(option["right"]))


def _date_of(match: re.Match[str], text: str) -> date:
    try:
        return date(2000 + int(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"]))
    except ValueError:
        raise _refused(text, "the expiry is not a day of the calendar") from None


def _exchange(value: Exchange | str, allowed: frozenset[Exchange]) -> Exchange:
    try:
        exchange = Exchange(value)
    except ValueError:
        exchange = None
    if exchange is None or exchange not in allowed:
        raise _refused(str(value), f"the exchange must be one of {', '.join(sorted(allowed))}")
    return exchange


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise _refused(text, "the code is empty or has characters that no symbol has")
    return text


def _expiry(day: date) -> date:
    if not 2000 <= day.year <= 2099:
        raise _refused(str(day), "an expiry lies between 2000 and 2099")
    return day


def _refused(text: str, why: str) -> InvalidInput:
    return InvalidInput(f"'{text}' is not a symbol: {why}.", code="invalid_symbol")
