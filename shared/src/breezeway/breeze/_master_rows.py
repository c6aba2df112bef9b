"""Row builders of the seven master files: which columns each reads, and how a line becomes a `MasterRow`.

A builder raises `Refusal` for a line that cannot be used. What needs more than one line (duplicates) is in `master.py`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["equity", "index", "future", "option", "mutual_fund", "currency_spot"]


class MasterRow(NamedTuple):
    """One instrument of the broker's master.

    Args:
        file, line: where it stands; the header is line 1.
        exchange: NSE BSE NFO BFO CDS MCX NSE_INDEX BSE_INDEX, or MF for funds.
        code: canonical code after the colon (`RELIANCE`, `XYZ-BE`, `NIFTY24NOV26FUT`, `VEDL28APR26292.5CE`); unique per
            exchange.
        symbol: the exchange's own symbol, without series or contract.
        broker_code: ICICI's short name (`RELIND`), which its REST calls want.
        token, broker_token: the number, or the index name, and the quote room made of it (`4.1!2885`); no room for
            funds.
        tick_size: rupees. For NSE cash the file always says 0.01, which is not the tick: see `nse_cash_tick`. None
            where the file has none.
        reference_price: yesterday's price as far as the file tells: middle of the bands (NSE), price column (BSE), NAV,
            base price (F&O; an option's is the price of its *underlying*).
        open_interest: of a future, in units of the underlying, as the exchange's file says by the name of a margin.
        underlying, underlying_exchange: canonical code and exchange of what a contract is written on; commodities have
            no exchange for it.
    """

    file: str
    line: int
    exchange: str
    code: str
    symbol: str
    broker_code: str
    token: str
    broker_token: str | None
    kind: Kind
    name: str
    series: str
    isin: str | None
    lot_size: int
    tick_size: Decimal | None
    expiry: date | None
    strike: Decimal | None
    right: Literal["CE", "PE"] | None
    underlying: str | None
    underlying_exchange: str | None
    lower_band: Decimal | None
    upper_band: Decimal | None
    reference_price: Decimal | None
    open_interest: Decimal | None = None


class Refusal(ValueError):
    """Why one line is not an instrument; the text is a stable word."""


@dataclass
class Context:
    """What a later file needs of an earlier one: the canonical codes of indices by ICICI's short name.

    The rest remembers what texts mean: 110,000 contracts share a few thousand strikes, ticks and expiries.
    """

    index_codes: dict[str, str] = field(default_factory=dict)
    bse_contract_names: dict[str, str] = field(default_factory=dict)
    decimals: dict[str, Decimal] = field(default_factory=dict)
    optionals: dict[str, Decimal | None] = field(default_factory=dict)
    hundredths: dict[str, Decimal | None] = field(default_factory=dict)
    strikes: dict[str, tuple[Decimal, str]] = field(default_factory=dict)
    lots: dict[str, int] = field(default_factory=dict)
    dates: dict[str, date] = field(default_factory=dict)
    series: dict[tuple[str, ...], "ContractSeries"] = field(default_factory=dict)


class ContractSeries(NamedTuple):
    """What the contracts of one underlying and expiry have in common; `stem` is their code up to the strike."""

    underlying: str
    underlying_exchange: str | None
    expiry: date
    stem: str


Builder: TypeAlias = Callable[[Context, str, int, Sequence[str]], MasterRow]

_CODE: Final = re.compile(r"[A-Z0-9&][A-Z0-9&.\-]{0,39}", re.ASCII)
_LONGEST_CODE: Final = 40
_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,8})?", re.ASCII)
_MONTHS: Final = {
    m: i
    for i, m in enumerate(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1)
}
_MONTH_NAMES: Final = {number: name for name, number in _MONTHS.items()}

# The master names indices for people ("NIFTY BANK"); the codes that the market trades by appear nowhere in it.
INDEX_CODES: Final[Mapping[str, str]] = {
    "NIFTY 50": "NIFTY",
    "NIFTY BANK": "BANKNIFTY",
    "NIFTY FIN SERVICE": "FINNIFTY",
    "NIFTY MID SELECT": "MIDCPNIFTY",
    "NIFTY NEXT 50": "NIFTYNXT50",
    "INDIA VIX": "INDIAVIX",
}
# The contract files shorten two of these names.
_CONTRACT_INDEX_CODES: Final = {"NIFTY FINANCIAL": "FINNIFTY", "NIFTY MIDCAP": "MIDCPNIFTY"}
_BSE_INDEX_ISIN: Final = "INE100000"


def _columns(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NSE_COLUMNS: Final = _columns(
    "Token ShortName Series CompanyName ticksize Lotsize ISINCode WarningPercent FreezePercent ExchangeCode"
)
BSE_COLUMNS: Final = _columns("Token ShortName Series CompanyName TickSize LotSize ScripID ISINCode ExchangeCode")
CONTRACT_COLUMNS: Final = _columns(
    "Token InstrumentName ShortName Series ExpiryDate StrikePrice OptionType LotSize TickSize CompanyName"
    " LowPriceRange HighPriceRange BasePrice ExchangeCode"
)
OPEN_INTEREST_COLUMN: Final = "MarginPercentage"
MCX_COLUMNS: Final = _columns(
    "Token InstrumentName ShortName Series ExpiryDate StrikePrice OptionType LotSize TickSize CompanyName"
    " LowPriceRange HighPriceRange ExchangeCode"
)
MF_COLUMNS: Final = _columns("CompanyCode SchemeCode AmfiCd NAV SchemeName SchemeOption ISIN")


def nse_equity(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    token, short, series, name, tick, lot, isin, upper, lower, symbol = x
    if series == "0":
        return _nse_index(context, file, line, x)
    _subscribable(token)
    code = _code(symbol)
    if series != "EQ":
        code = _code(f"{code}-{series}")
    high, low = _optional(context, upper), _optional(context, lower)
    return MasterRow(
        file=file,
        line=line,
        exchange="NSE",
        code=code,
        symbol=symbol,
        broker_code=_short(short),
        token=token,
        broker_token=f"4.1!{token}",
        kind="equity",
        name=name,
        series=series,
        isin=_isin(isin),
        lot_size=_lot(context, lot),
        tick_size=_optional(context, tick),
        expiry=None,
        strike=None,
        right=None,
        underlying=None,
        underlying_exchange=None,
        lower_band=low,
        upper_band=high,
        reference_price=(low + high) / 2 if low and high else None,
    )


def _nse_index(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    token, short, series, name = x[0], x[1], x[2], x[3]
    code = INDEX_CODES.get(token.upper()) or _code(token.upper().replace(" ", ""))
    context.index_codes[short] = code
    return _index(file, line, "NSE_INDEX", code, token, _short(short), f"4.1!{token}", name, series)


def bse_equity(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    token, short, series, name, price, lot, scrip_id, isin, symbol = x
    if _is_bse_index(context, token, short, isin):
        code = context.bse_contract_names.get(short) or _code((symbol or short).replace(" ", ""))
        context.index_codes[short] = code
        return _index(file, line, "BSE_INDEX", code, token, _short(short), f"1.1!{token}", name, series)
    _subscribable(token)
    return MasterRow(
        file=file,
        line=line,
        exchange="BSE",
        # Old listings have no symbol; the exchange itself knows them by their scrip code.
        code=_code(symbol or scrip_id or token),
        symbol=symbol or scrip_id or token,
        broker_code=_short(short),
        token=token,
        broker_token=f"1.1!{token}",
        kind="equity",
        name=name,
        series=series,
        isin=_isin(isin),
        lot_size=_lot(context, lot),
        tick_size=None,
        expiry=None,
        strike=None,
        right=None,
        underlying=None,
        underlying_exchange=None,
        lower_band=None,
        upper_band=None,
        reference_price=_optional(context, price),
    )


def _is_bse_index(context: Context, token: str, short: str, isin: str) -> bool:
    """BSE gives its indices the series of shares; they show by a placeholder ISIN, a name or 9999xx for a token, or by
    having index contracts."""
    if short in context.bse_contract_names:
        return True
    if isin.startswith(_BSE_INDEX_ISIN) and token.strip("0"):
        return True
    return not isin and len(token) == 6 and token.startswith("9999")


def _index(
    file: str, line: int, exchange: str, code: str, token: str, short: str, room: str, name: str, series: str
) -> MasterRow:
    if not token:
        raise Refusal("token_unusable")
    return MasterRow(
        file, line, exchange, code, token, short, token, room, "index", name, series,
        None, 1, None, None, None, None, None, None, None, None, None,
    )  # fmt: skip


def nse_contract(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    return _contract(context, file, line, "NFO", "4.1!", x[:12], x[13], _hundredth(context, x[12]), x[14])


def bse_contract(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    return _contract(context, file, line, "BFO", "8.1!", x[:12], x[13], _hundredth(context, x[12]), x[14])


def mcx_contract(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    return _contract(context, file, line, "MCX", "6.1!", x[:12], x[12], None)


def currency(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    """Currency contracts, and the spot pairs that are all that is left of the file; ticks here are rupees."""
    token, instrument, short, series, *_, symbol = x
    tick, lot, name, low, high, base = x[8], x[7], x[9], x[10], x[11], x[12]
    if instrument != "UNDCUR":
        row = _contract(context, file, line, "CDS", "13.1!", x[:12], symbol, _positive(context, base))
        return row._replace(tick_size=_positive(context, tick))
    _subscribable(token)
    return MasterRow(
        file=file,
        line=line,
        exchange="CDS",
        code=_code(symbol),
        symbol=symbol,
        broker_code=_short(short),
        token=token,
        broker_token=f"13.1!{token}",
        kind="currency_spot",
        name=name,
        series=series,
        isin=None,
        lot_size=_lot(context, lot),
        tick_size=_positive(context, tick),
        expiry=None,
        strike=None,
        right=None,
        underlying=None,
        underlying_exchange=None,
        lower_band=_optional(context, low),
        upper_band=_optional(context, high),
        reference_price=_positive(context, base),
    )


def _contract(
    context: Context,
    file: str,
    line: int,
    exchange: str,
    room: str,
    x: Sequence[str],
    symbol: str,
    reference: Decimal | None,
    interest: str = "",
) -> MasterRow:
    token, instrument, short, series, expiry_text, strike_text, option, lot, tick, name, low, high = x
    _subscribable(token)
    key = (exchange, instrument, short, symbol, expiry_text)
    common = context.series.get(key) or _contract_series(context, key)
    strike: Decimal | None = None
    right: Literal["CE", "PE"] | None = None
    kind: Kind = "future"
    if option in ("CE", "PE"):
        kind, right = "option", "CE" if option == "CE" else "PE"
        strike, plain = context.strikes.get(strike_text) or _strike(context, strike_text)
        code = f"{common.stem}{plain}{right}"
    elif option == "XX" and series == "FUTURE":
        code = f"{common.stem}FUT"
    else:
        raise Refusal("option_type_unknown")
    if len(code) > _LONGEST_CODE:
        raise Refusal("symbol_unusable")
    # By position: naming two dozen arguments takes as long as all the rest.
    return MasterRow(
        file, line, exchange, code, symbol, short, token, room + token, kind, name, series,
        None, _lot(context, lot), _hundredth(context, tick), common.expiry, strike, right, common.underlying,
        common.underlying_exchange, _optional(context, low), _optional(context, high), reference,
        _interest(context, interest) if kind == "future" else None,
    )  # fmt: skip


def _contract_series(context: Context, key: tuple[str, str, str, str, str]) -> ContractSeries:
    exchange, instrument, short, symbol, expiry_text = key
    expiry = _date(context, expiry_text)
    underlying, underlying_exchange = _underlying(context, exchange, instrument, _short(short), symbol)
    stem = f"{underlying}{expiry.day:02d}{_MONTH_NAMES[expiry.month]}{expiry.year % 100:02d}"
    found = context.series[key] = ContractSeries(underlying, underlying_exchange, expiry, stem)
    return found


def _strike(context: Context, text: str) -> tuple[Decimal, str]:
    strike = _decimal(context, text)
    if strike <= 0:
        raise Refusal("strike_not_positive")
    found = context.strikes[text] = strike, _plain(strike)
    return found


def _interest(context: Context, text: str) -> Decimal | None:
    """Only a search's order hangs on it, so that nonsense is no reason to refuse the row."""
    return _optional(context, text) if _NUMBER.fullmatch(text) else None


def _underlying(context: Context, exchange: str, instrument: str, short: str, symbol: str) -> tuple[str, str | None]:
    if exchange == "NFO":
        if instrument.endswith("IDX"):
            known = context.index_codes.get(short) or INDEX_CODES.get(symbol) or _CONTRACT_INDEX_CODES.get(symbol)
            return known or _code(symbol.upper().replace(" ", "")), "NSE_INDEX"
        return _code(symbol), "NSE"
    if exchange == "BFO":
        if instrument.endswith("IND"):
            code = _code(symbol.upper().replace(" ", ""))
            context.bse_contract_names[short] = code
            return code, "BSE_INDEX"
        return _code(symbol), "BSE"
    return _code(symbol), "CDS" if exchange == "CDS" else None


def mutual_fund(context: Context, file: str, line: int, x: Sequence[str]) -> MasterRow:
    company, scheme, amfi, nav, name, option, isin = x
    if not company or not scheme:
        raise Refusal("scheme_missing")
    return MasterRow(
        file=file,
        line=line,
        exchange="MF",
        code=_code(f"{company}-{scheme}"),
        symbol=scheme,
        broker_code=scheme,
        token=amfi,
        broker_token=None,
        kind="mutual_fund",
        name=name,
        series=option,
        isin=_isin(isin),
        lot_size=1,
        tick_size=None,
        expiry=None,
        strike=None,
        right=None,
        underlying=None,
        underlying_exchange=None,
        lower_band=None,
        upper_band=None,
        reference_price=_positive(context, nav),
    )


def _subscribable(token: str) -> None:
    """Delisted rows carry `0`, `00`, `NA`, `nul` or `X5572` for a token: nothing can be asked about them."""
    if not (token.isascii() and token.isdigit() and len(token) <= 12 and token.strip("0")):
        raise Refusal("token_unusable")


def _code(text: str) -> str:
    code = text.strip().upper()
    if " " in code:
        code = re.sub(r"[\s-]+", "-", code)
    if not _CODE.fullmatch(code):
        raise Refusal("symbol_unusable")
    return code


def _short(text: str) -> str:
    if not text or len(text) > 40:
        raise Refusal("short_name_missing")
    return text


def _isin(text: str) -> str | None:
    return text if _ISIN.fullmatch(text) else None


def _lot(context: Context, text: str) -> int:
    known = context.lots.get(text)
    if known is None:
        if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) == 0:
            raise Refusal("lot_size_unusable")
        known = context.lots[text] = int(text)
    return known


def _decimal(context: Context, text: str) -> Decimal:
    known = context.decimals.get(text)
    if known is None:
        if not _NUMBER.fullmatch(text):
            raise Refusal("number_unusable")
        known = context.decimals[text] = Decimal(text)
    return known


def _optional(context: Context, text: str) -> Decimal | None:
    """A price that may be absent: blank and zero both say nothing."""
    try:
        return context.optionals[text]
    except KeyError:
        found = context.optionals[text] = (_decimal(context, text) or None) if text else None
        return found


def _positive(context: Context, text: str) -> Decimal | None:
    number = _optional(context, text)
    if number is not None and number < 0:
        raise Refusal("number_unusable")
    return number


def _hundredth(context: Context, text: str) -> Decimal | None:
    """The contract files write ticks and base prices in paise."""
    try:
        return context.hundredths[text]
    except KeyError:
        paise = _positive(context, text)
        found = context.hundredths[text] = None if paise is None else paise.scaleb(-2)
        return found


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _date(context: Context, text: str) -> date:
    known = context.dates.get(text)
    if known is None:
        try:
            day, month, year = text.split("-")
            known = date(int(year), _MONTHS[month.upper()], int(day))
        except (ValueError, KeyError) as error:
            raise Refusal("expiry_unusable") from error
        if len(context.dates) < 100_000:
            context.dates[text] = known
    return known
