"""The broker's REST vocabulary: how requests spell times and contracts, and how answers spell rows.

Times carry a decorative `Z`: their digits are Indian wall time. v1 history holds prices as strings, v2 as numbers;
quotes hold prices as numbers and quantities as strings. Callers compare these types, so they are not tidied up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breeze_simulator.domain.instruments import Instrument, Product, parse_right
from breeze_simulator.domain.market_types import BarInterval, Bars, Snapshot
from breezeway.clock import IST, IST_OFFSET_SECONDS

Row = dict[str, object]

V1_INTERVALS: Final[Mapping[str, BarInterval]] = {
    "minute": "1minute",
    "1minute": "1minute",
    "5minute": "5minute",
    "30minute": "30minute",
    "day": "1day",
    "1day": "1day",
}
V2_INTERVALS: Final[Mapping[str, BarInterval]] = {
    "1second": "1second",
    "1minute": "1minute",
    "5minute": "5minute",
    "30minute": "30minute",
    "1day": "1day",
}
V1_HISTORY_EXCHANGES: Final = frozenset({"NSE", "NFO", "NDX", "MCX"})
V2_HISTORY_EXCHANGES: Final = V1_HISTORY_EXCHANGES | {"BSE", "BFO"}
DERIVATIVE_EXCHANGES: Final = frozenset({"NFO", "BFO", "NDX", "MCX"})
_SESSION_OPEN_MINUTE: Final = 9 * 60 + 15


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """What a request says about an instrument; members are None where it says nothing or nonsense."""

    exchange: str
    stock_code: str
    product: Product
    expiry: date | None
    strike: float | None
    right: str | None


def parse_contract(fields: Mapping[str, object], exchange_field: str = "exchange_code") -> ContractQuery:
    """Read the contract members of a v1 body or a v2 query."""
    exchange = _text_of(fields, exchange_field).upper()
    given = _text_of(fields, "product_type").lower()
    product: Product = "cash"
    if exchange in DERIVATIVE_EXCHANGES:
        product = "options" if given.startswith("option") else "futures"
    return ContractQuery(
        exchange=exchange,
        stock_code=_text_of(fields, "stock_code").upper(),
        product=product,
        expiry=parse_expiry(_text_of(fields, "expiry_date")),
        strike=_number(_text_of(fields, "strike_price")),
        right=parse_right(_text_of(fields, "right")),
    )


def parse_moment(text: str) -> datetime | None:
    """A request time as aware IST: its digits count, a trailing `Z` or offset does not."""
    digits = text.strip().removesuffix("Z").replace("T", " ")
    try:
        return datetime.fromisoformat(digits).replace(tzinfo=IST)
    except ValueError:
        return None


def parse_expiry(text: str) -> date | None:
    """An expiry in REST's ISO spelling (the date part counts) or in the sockets' `27-Feb-2025`."""
    for pattern, length in (("%Y-%m-%d", 10), ("%d-%b-%Y", 11), ("%d-%b-%y", 9)):
        try:
            return datetime.strptime(text.strip()[:length], pattern).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def expiry_text(expiry: date | None) -> str:
    """`27-Feb-2025`."""
    return expiry.strftime("%d-%b-%Y") if expiry else ""


def plain(value: float, digits: int = 2) -> str:
    """A price as v1 writes it: `23346.6`, `1250`."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def right_text(instrument: Instrument) -> str:
    return {"call": "Call", "put": "Put"}.get(instrument.right or "", "Others")


def history_rows_v1(instrument: Instrument, bars: Bars, interval: BarInterval, day_label: time) -> list[Row]:
    """Rows of `historicalcharts` v1: prices are strings, `count` is the running number of the bar in its day."""
    derivative = instrument.is_derivative
    option = instrument.kind == "option"
    contract: Row = {
        "product_type": ("Options" if option else "Futures") if derivative else None,
        "expiry_date": instrument.expiry.strftime("%d-%b-%y").upper() if instrument.expiry else None,
        "right": right_text(instrument) if derivative else None,
        "strike_price": (plain(instrument.strike or 0.0) if option else "0") if derivative else None,
    }
    # Observed: the bar of 09:21 is number 7 of an equity and 6 of a derivative.
    first = 0 if derivative else 1
    rows: list[Row] = []
    for index in range(len(bars)):
        local = _local(int(bars.time[index]))
        if interval == "1day":
            local = datetime.combine(local.date(), day_label)
        minute = local.hour * 60 + local.minute - _SESSION_OPEN_MINUTE
        per_bar = {"1minute": 1, "5minute": 5, "30minute": 30}.get(interval)
        rows.append(
            {
                "datetime": local.strftime("%Y-%m-%d %H:%M:%S"),
                "stock_code": instrument.stock_code,
                "exchange_code": instrument.exchange,
                **contract,
                "open": plain(float(bars.open[index])),
                "high": plain(float(bars.high[index])),
                "low": plain(float(bars.low[index])),
                "close": plain(float(bars.close[index])),
                "volume": str(int(bars.volume[index])),
                "open_interest": str(int(bars.oi[index])) if derivative and bars.oi is not None else None,
                "count": minute // per_bar + first if per_bar else 1,
            }
        )
    return rows


def history_rows_v2(instrument: Instrument, bars: Bars) -> list[Row]:
    """Rows of `historicalcharts` v2: numbers, members in alphabetical order, none that does not apply."""
    derivative = instrument.is_derivative
    option = instrument.kind == "option"
    expiry = instrument.expiry.strftime("%d-%b-%Y").upper() if instrument.expiry else None
    right = right_text(instrument)
    # Column by column: a backfill asks for thousands of full pages, and NumPy's scalars one by one are slow.
    columns = (np.round(each, 4).tolist() for each in (bars.close, bars.high, bars.low, bars.open))
    interest = [0] * len(bars) if bars.oi is None else bars.oi.tolist()
    rows: list[Row] = []
    for at, close, high, low, open_, oi, volume in zip(
        _local_texts(bars.time), *columns, interest, bars.volume.tolist(), strict=True
    ):
        row: Row = {"close": close, "datetime": at, "exchange_code": instrument.exchange}
        if derivative:
            row["expiry_date"] = expiry
        row["high"] = high
        row["low"] = low
        row["open"] = open_
        if derivative:
            row["open_interest"] = int(oi)
            row["product_type"] = "Options" if option else "Futures"
        if option:
            row["right"] = right
        row["stock_code"] = instrument.stock_code
        if option:
            row["strike_price"] = float(instrument.strike or 0.0)
        row["volume"] = int(volume)
        rows.append(row)
    return rows


def quote_row(instrument: Instrument, quote: Snapshot) -> Row:
    """A row of `quotes`: prices are numbers, quantities and the spot price strings."""
    match instrument.kind:
        case "future":
            product, right = "Future", "*"
        case "option":
            product, right = "Options", right_text(instrument)
        case _:
            product, right = "", ""
    return {
        "exchange_code": instrument.exchange,
        "product_type": product,
        "stock_code": instrument.stock_code,
        "expiry_date": expiry_text(instrument.expiry),
        "right": right,
        **_prices(instrument, quote),
        "spot_price": plain(quote.spot) if instrument.is_derivative else "",
    }


def chain_row(instrument: Instrument, quote: Snapshot) -> Row:
    """A row of `optionchain`: a quote with open interest and the sizes of both sides."""
    return {
        "exchange_code": instrument.exchange,
        "product_type": "Options" if instrument.kind == "option" else "Futures",
        "stock_code": instrument.stock_code,
        "expiry_date": expiry_text(instrument.expiry),
        "right": right_text(instrument),
        **_prices(instrument, quote),
        "spot_price": plain(quote.spot),
        "ltq": str(quote.ltq),
        "open_interest": float(quote.oi or 0),
        "chnge_oi": float(quote.chg_oi or 0),  # the broker's spelling
        "total_buy_qty": str(quote.total_buy_qty),
        "total_sell_qty": str(quote.total_sell_qty),
    }


def _prices(instrument: Instrument, quote: Snapshot) -> Row:
    traded = quote.ltt is not None
    return {
        "strike_price": float(instrument.strike or 0.0),
        # A contract that never traded today shows 0, as the option chain of the broker does; cash shows its last close.
        "ltp": float(quote.last) if traded or not instrument.is_derivative else 0.0,
        "ltt": quote.ltt.astimezone(IST).strftime("%d-%b-%Y %H:%M:%S") if quote.ltt else "",
        "best_bid_price": float(quote.bid),
        "best_bid_quantity": str(quote.bid_qty),
        "best_offer_price": float(quote.ask),
        "best_offer_quantity": str(quote.ask_qty),
        "open": float(quote.open),
        "high": float(quote.high),
        "low": float(quote.low),
        "previous_close": float(quote.prev_close),
        "ltp_percent_change": round(quote.change_percent, 2) if traded else 0.0,
        "upper_circuit": float(quote.upper_circuit),
        "lower_circuit": float(quote.lower_circuit),
        "total_quantity_traded": str(quote.volume),
    }


def _local(epoch: int) -> datetime:
    # Naive on purpose: only its digits are printed, and building zone-aware times row by row is slow.
    return datetime.fromtimestamp(epoch + IST_OFFSET_SECONDS, UTC).replace(tzinfo=None)


def _local_texts(times: NDArray[np.int64]) -> list[str]:
    """`2026-11-18 09:15:00`, Indian wall time, of each epoch second."""
    wall = (times + IST_OFFSET_SECONDS).astype("datetime64[s]")
    return [text.replace("T", " ") for text in np.datetime_as_string(wall).tolist()]


def _text_of(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value).strip()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
