"""One row of today's master, in our terms, and how the broker's row becomes one.

**Identity.** An instrument's stable id hangs on a *natural key* made of what never changes while it lives:

    cash, index   EXCHANGE:ICICI short name            NSE:RELIND
    contract      EXCHANGE:kind:short name:expiry[:strike:right]   NFO:OPT:CNXBAN:2026-11-24:58000:PE
    fund          MF:company-scheme                    MF:21-103D

Not the token: exchanges hand a dead contract's token to a new one, and a share may get another. Not the symbol:
companies rename (and a share that moves to the series BE changes its canonical symbol). Not the ISIN: a split changes
it, and contracts have none. ICICI's short name is unique in every file, survives renames, and is what its REST calls
want. Symbol, token, ISIN, series, name, lot and tick are therefore dated facts about the instrument.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from breezeway.breeze.master import Kind, MasterRow, RefusedRow, nse_cash_tick
from breezeway.contracts.instruments import InstrumentType, Right
from breezeway.symbols import format_strike

MAPPING_VERSION: Final = 2
"""Raised when this module maps the same file differently, so that an unchanged file is merged once more."""

CASH: Final = "cash"

_TYPES: Final[Mapping[Kind, InstrumentType]] = MappingProxyType(
    {
        "equity": InstrumentType.EQUITY,
        "index": InstrumentType.INDEX,
        "future": InstrumentType.FUTURE,
        "option": InstrumentType.OPTION,
        "mutual_fund": InstrumentType.MUTUAL_FUND,
        "currency_spot": InstrumentType.CURRENCY,
    }
)
_SEGMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NSE": CASH,
        "BSE": CASH,
        "NSE_INDEX": CASH,
        "BSE_INDEX": CASH,
        "NFO": "derivatives",
        "BFO": "derivatives",
        "CDS": "currency",
        "MCX": "commodity",
        "MF": "fund",
    }
)
_RIGHTS: Final = MappingProxyType({"CE": Right.CALL, "PE": Right.PUT})
_EXPIRY_LETTERS: Final = 7
_CONTRACT_POPULARITY: Final = 20
_LEAST_LIQUID: Final = 80
_MOST_LIQUID: Final = 97
_SMALLEST_TICK: Final = Decimal("0.01")
_BSE_COARSE_TICK: Final = Decimal("0.05")
_LEAST_TICK: Final = Decimal("0.000001")
_TOO_LARGE_TICK: Final = Decimal(1_000_000)
_TOO_LARGE_PRICE: Final = Decimal(10**12)
_NAV_TICK: Final = Decimal("0.0001")
_DERIVATIVE_TICK: Final = Decimal("0.05")


class Listing(NamedTuple):
    """What the master says of one instrument today. The field order is the column order of the staging table."""

    natural_key: str
    file: str
    exchange: str
    segment: str
    type: str
    symbol: str
    code: str
    name: str
    isin: str | None
    series: str | None
    lot_size: int
    tick_size: Decimal
    monthly_tick: bool
    """The tick follows a price and is reset monthly: a value from earlier in the month stays."""
    freeze_quantity: int | None
    expiry: date | None
    strike: Decimal | None
    right: str | None
    underlying: str | None
    underlying_exchange: str | None
    lower_band: Decimal | None
    upper_band: Decimal | None
    broker_code: str
    broker_token: str | None
    broker_symbol: str
    """The same symbol spelled with ICICI's code: an alias."""
    status: str
    popularity: int
    """0 to 100: how likely a trader means this one when two match equally well."""
    search_text: str | None
    """Lower-case words that a text search looks into; None for contracts, which are found through their underlying."""


class Intake(NamedTuple):
    """A whole master, ready to be merged: `lines == len(listings) + len(refused)`."""

    listings: list[Listing]
    refused: list[RefusedRow]
    lines: int
    files: Mapping[str, int]
    missing: tuple[str, ...]
    master_date: date


def segment_of(exchange: str) -> str:
    """The segment of an exchange's instruments: cash, derivatives, currency, commodity or fund."""
    return _SEGMENTS[exchange]


def take_in(
    rows: Iterable[MasterRow],
    refused: Iterable[RefusedRow],
    *,
    files: Mapping[str, int],
    missing: tuple[str, ...],
    master_date: date,
) -> Intake:
    """Map a parsed master. Of two rows with one identity the first stays and the other is refused."""
    rows = list(rows)
    interest = _interest(rows)
    known: dict[str, None] = {}
    listings: list[Listing] = []
    turned_away = list(refused)
    for row in rows:
        listing = _listing(row, master_date, interest)
        reason = "duplicate_identity" if listing.natural_key in known else _out_of_range(listing)
        if reason is not None:
            turned_away.append(RefusedRow(row.file, row.line, reason, listing.natural_key))
            continue
        known[listing.natural_key] = None
        listings.append(listing)
    return Intake(listings, turned_away, sum(files.values()), files, missing, master_date)


def natural_key(row: MasterRow) -> str:
    """What identifies the row's instrument for as long as it lives; see the module's docstring."""
    if row.kind == "mutual_fund":
        return f"{row.exchange}:{row.code}"
    short = row.broker_code.upper()
    if row.expiry is None:
        return f"{row.exchange}:{short}"
    if row.strike is None:
        return f"{row.exchange}:FUT:{short}:{row.expiry.isoformat()}"
    return f"{row.exchange}:OPT:{short}:{row.expiry.isoformat()}:{format_strike(row.strike)}:{row.right}"


def _contract_listing(row: MasterRow, expiry: date, master_date: date) -> Listing:
    # By position, and with the strike as the code spells it: there are 112,000 of these.
    short = row.broker_code.upper()
    stem = row.underlying or ""
    rest = row.code[len(stem) :]
    if row.strike is None:
        key = f"{row.exchange}:FUT:{short}:{expiry.isoformat()}"
    else:
        key = f"{row.exchange}:OPT:{short}:{expiry.isoformat()}:{rest[_EXPIRY_LETTERS:-2]}:{row.right}"
    return Listing(
        key, row.file, row.exchange, _SEGMENTS[row.exchange], "future" if row.strike is None else "option",
        f"{row.exchange}:{row.code}", row.code, row.name or row.code, None, None, row.lot_size,
        row.tick_size or _DERIVATIVE_TICK, False, None, expiry, row.strike, _RIGHTS[row.right] if row.right else None,
        row.underlying, row.underlying_exchange, row.lower_band, row.upper_band, row.broker_code, row.broker_token,
        f"{row.exchange}:{short}{rest}", "expired" if expiry < master_date else "active", _CONTRACT_POPULARITY, None,
    )  # fmt: skip


def _listing(row: MasterRow, master_date: date, interest: Mapping[tuple[str, str], int]) -> Listing:
    if row.expiry is not None:
        return _contract_listing(row, row.expiry, master_date)
    tick, monthly = _tick(row)
    return Listing(
        natural_key=natural_key(row),
        file=row.file,
        exchange=row.exchange,
        segment=segment_of(row.exchange),
        type=_TYPES[row.kind],
        symbol=f"{row.exchange}:{row.code}",
        code=row.code,
        name=row.name or row.code,
        isin=row.isin,
        series=None if row.kind in ("index", "currency_spot") else row.series or None,
        lot_size=row.lot_size,
        tick_size=tick,
        monthly_tick=monthly,
        freeze_quantity=None,
        expiry=None,
        strike=None,
        right=None,
        underlying=row.underlying,
        underlying_exchange=row.underlying_exchange,
        lower_band=row.lower_band,
        upper_band=row.upper_band,
        broker_code=row.broker_code,
        broker_token=row.broker_token,
        broker_symbol=f"{row.exchange}:{row.broker_code.upper()}",
        status="active",
        popularity=_popularity(row, interest.get((row.exchange, row.code))),
        search_text=f"{row.code} {row.name} {row.broker_code} {row.symbol}".lower(),
    )


def _interest(rows: Iterable[MasterRow]) -> dict[tuple[str, str], int]:
    """Everything that contracts are written on, and its place, 0 to 17, by the money that is in its futures."""
    money: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        if row.expiry is not None and row.underlying is not None and row.underlying_exchange is not None:
            key = row.underlying_exchange, row.underlying
            held = (row.open_interest or 0) * (row.reference_price or 0) if row.strike is None else 0
            money[key] = money.get(key, Decimal(0)) + held
    ordered = sorted(money, key=lambda key: (money[key], key))
    steps = _MOST_LIQUID - _LEAST_LIQUID
    return {key: place * steps // max(1, len(ordered) - 1) for place, key in enumerate(ordered)}


def _out_of_range(listing: Listing) -> str | None:
    """Why the database could not hold the row's numbers: one absurd row must not fail the whole merge."""
    if not _LEAST_TICK <= listing.tick_size < _TOO_LARGE_TICK:
        return "tick_size_unusable"
    for price in (listing.strike, listing.lower_band, listing.upper_band):
        if price is not None and not -_TOO_LARGE_PRICE < price < _TOO_LARGE_PRICE:
            return "number_out_of_range"
    return None


def _tick(row: MasterRow) -> tuple[Decimal, bool]:
    """The tick in rupees, and whether it follows the price.

    The cash files carry none: NSE's column always says 0.01 and BSE's holds a price.
    """
    if row.exchange == "NSE":
        return (nse_cash_tick(row.reference_price), True) if row.reference_price else (_SMALLEST_TICK, True)
    if row.exchange == "BSE":
        price = row.reference_price
        return (_BSE_COARSE_TICK if price is not None and price >= 250 else _SMALLEST_TICK), True
    if row.tick_size is not None:
        return row.tick_size, False
    if row.kind == "mutual_fund":
        return _NAV_TICK, False
    return (_DERIVATIVE_TICK if row.expiry is not None else _SMALLEST_TICK), False


def _popularity(row: MasterRow, interest: int | None) -> int:
    if row.kind == "index":
        return 70 if interest is None else 100 if row.exchange == "NSE_INDEX" else 98
    if row.kind == "equity":
        if row.name.upper().endswith(" OFS"):
            return 1
        if interest is not None:
            return _LEAST_LIQUID + interest
        if row.exchange == "NSE":
            return 50 if row.series == "EQ" else 35 if row.series in ("BE", "SM") else 15
        return 30
    if row.kind == "mutual_fund":
        return 5
    return _CONTRACT_POPULARITY
