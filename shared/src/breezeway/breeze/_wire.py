"""Between the broker's JSON and our values. Pure; raises `BadAnswer` for what makes no sense.

Times on this wire are Indian wall time, whatever they look like: the `Z` of a request is decoration.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np

from breezeway.breeze.events import Right
from breezeway.breeze.values import (
    BrokerInstrument,
    BrokerProfile,
    BrokerQuote,
    Funds,
    HistoryPage,
    Holding,
    Position,
)
from breezeway.candles.columns import Candles
from breezeway.clock import IST, IST_OFFSET_SECONDS

HISTORY_CAP: Final = 1000
"""Rows that the broker gives at most in one answer of v2 history."""

EXCHANGES: Final[Mapping[str, str]] = {
    "NSE": "NSE",
    "NSE_INDEX": "NSE",
    "BSE": "BSE",
    "BSE_INDEX": "BSE",
    "NFO": "NFO",
    "BFO": "BFO",
    "MCX": "MCX",
    "CDS": "NDX",
}
INTERVALS: Final[Mapping[str, str]] = {
    "1s": "1second",
    "1m": "1minute",
    "5m": "5minute",
    "30m": "30minute",
    "1d": "1day",
}
_PRODUCTS: Final = {"equity": "cash", "index": "cash", "future": "futures", "option": "options"}
_WIRE_RIGHTS: Final[Mapping[Right | None, str]] = {"CE": "call", "PE": "put", None: "others"}
_RIGHTS: Final[Mapping[str, Right]] = {"call": "CE", "put": "PE", "ce": "CE", "pe": "PE"}
_MONTHS: Final = {
    m: i
    for i, m in enumerate(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1)
}
_DATE: Final = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4}|\d{2})", re.ASCII)
_WALL_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_MOST: Final = 1e15


class BadAnswer(ValueError):
    """The broker's answer has not the form that it documents."""


def wire_time(moment: datetime) -> str:
    """An aware time as the broker wants it: Indian wall time under a decorative Z."""
    return moment.astimezone(IST).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def wire_contract(instrument: BrokerInstrument) -> dict[str, str]:
    """The SDK's arguments that name an instrument."""
    named = {
        "stock_code": instrument.broker_code,
        "exchange_code": EXCHANGES[instrument.exchange],
        "product_type": _PRODUCTS[instrument.kind],
    }
    if instrument.kind in ("future", "option"):
        if instrument.expiry is None:
            raise ValueError("a contract has an expiry")
        named["expiry_date"] = wire_expiry(instrument.expiry)
        named["right"] = _WIRE_RIGHTS[instrument.right]
        named["strike_price"] = "0" if instrument.strike is None else plain(instrument.strike)
    return named


def wire_expiry(day: date) -> str:
    return f"{day.isoformat()}T06:00:00.000Z"


def wire_right(right: Right | None) -> str:
    return _WIRE_RIGHTS[right]


def plain(number: Decimal) -> str:
    """No exponent, no needless zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rows_of(success: object) -> list[Mapping[str, Any]]:
    """The list of an answer; one object counts as a list of one."""
    items = success if isinstance(success, list) else [success]
    rows = [row for row in items if isinstance(row, Mapping)]
    if len(rows) != len(items):
        raise BadAnswer("rows are not objects")
    return rows


def _one(success: object) -> Mapping[str, Any]:
    rows = rows_of(success)
    if len(rows) != 1:
        raise BadAnswer("not one object")
    return rows[0]


class HistoryRow(NamedTuple):
    """One bar: `at` is its start in epoch seconds UTC."""

    at: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    open_interest: int | None


def history_page(success: object, start: datetime, end: datetime, interval: str) -> HistoryPage:
    """Bars with `start <= at < end`; a bar that comes twice is taken as it came last."""
    raw = rows_of(success)
    refused = 0
    candles = _plain_history(raw, interval)
    if candles is None:
        rows: list[HistoryRow] = []
        for row in raw:
            try:
                rows.append(_history_row(row, interval))
            except BadAnswer:
                refused += 1
        candles = _columns(rows)
    first, last = int(start.timestamp()), math.ceil(end.timestamp())
    within = candles[(candles.t >= first) & (candles.t < last)]
    return HistoryPage(candles=_in_order(within), refused=refused, truncated=len(raw) >= HISTORY_CAP)


def _in_order(candles: Candles) -> Candles:
    if np.all(np.diff(candles.t) > 0):
        return candles
    # Read from behind, so that the first of two with the same time is the one that came last.
    _, places = np.unique(candles.t[::-1], return_index=True)
    return candles[len(candles) - 1 - places]


def _columns(rows: Sequence[HistoryRow]) -> Candles:
    """Open interest is a column, or is not: one bar without it takes it from all."""
    if not rows:
        return Candles.empty()
    t, o, h, low, c, v, interest = zip(*rows, strict=True)
    return Candles.of(t, o, h, low, c, v, None if None in interest else interest)


def _plain_history(raw: Sequence[Mapping[str, Any]], interval: str) -> Candles | None:
    """All rows at once; None when one of them is not plain, so that they must be looked at one by one.

    A backfill is made of answers of a thousand plain rows, and looking at each is most of its work.
    """
    try:
        texts = [row["datetime"] for row in raw]
        prices = np.array([(row["open"], row["high"], row["low"], row["close"]) for row in raw])
        volumes = np.array([row["volume"] for row in raw])
        interest = [row.get("open_interest") for row in raw]
        if not raw or not all(map(_WALL_TIME.fullmatch, texts)):
            return None
        wall = np.array(texts, "datetime64[s]")
    except (KeyError, TypeError, ValueError):
        return None
    if prices.dtype.kind not in "if" or volumes.dtype.kind != "i" or volumes.min() < 0 or volumes.max() > _MOST:
        return None
    o, h, low, c = np.ascontiguousarray(prices.T, np.float64)
    if not np.all((low > 0) & (low <= np.minimum(o, c)) & (np.maximum(o, c) <= h) & (h <= _MOST)):
        return None
    some = any(each not in (None, "") for each in interest)
    if some and not all(type(each) is int and 0 <= each <= _MOST for each in interest):
        return None
    if interval == "1d":
        wall = wall.astype("datetime64[D]").astype("datetime64[s]")
    t = wall.astype(np.int64) - IST_OFFSET_SECONDS
    return Candles.of(t, o, h, low, c, volumes, np.array(interest, np.int64) if some else None)


def _history_row(row: Mapping[str, Any], interval: str) -> HistoryRow:
    text = row.get("datetime")
    if not isinstance(text, str) or not _WALL_TIME.fullmatch(text):
        raise BadAnswer("datetime")
    try:
        # Not strptime, which takes longer than everything else that is done to a candle.
        naive = datetime.fromisoformat(text).replace(tzinfo=IST)
    except ValueError as error:
        raise BadAnswer("datetime") from error
    if interval == "1d":
        # v1 stamps day bars around noon, v2 at midnight.
        naive = naive.replace(hour=0, minute=0, second=0)
    open_, high, low, close = (_price(row, name) for name in ("open", "high", "low", "close"))
    if open_ is None or high is None or low is None or close is None:
        raise BadAnswer("price missing")
    if not 0 < low <= min(open_, close) <= max(open_, close) <= high:
        raise BadAnswer("prices contradict each other")
    interest = row.get("open_interest")
    return HistoryRow(
        at=int(naive.timestamp()),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=count_of(row, "volume"),
        open_interest=None if interest in (None, "") else count_of(row, "open_interest"),
    )


def quote(row: Mapping[str, Any], exchange: str) -> BrokerQuote:
    right = _RIGHTS.get(str(row.get("right") or "").lower())
    strike = decimal_of(row, "strike_price")
    has_interest = row.get("open_interest") not in (None, "")
    return BrokerQuote(
        exchange=exchange,
        broker_code=text_of(row, "stock_code"),
        expiry=day_of(row.get("expiry_date")),
        strike=strike if right and strike else None,
        right=right,
        last=_price(row, "ltp") or None,
        at=moment_of(row.get("ltt")),
        bid=_price(row, "best_bid_price") or None,
        bid_quantity=count_of(row, "best_bid_quantity"),
        ask=_price(row, "best_offer_price") or None,
        ask_quantity=count_of(row, "best_offer_quantity"),
        open=_price(row, "open") or None,
        high=_price(row, "high") or None,
        low=_price(row, "low") or None,
        previous_close=_price(row, "previous_close") or None,
        change_percent=_number(row, "ltp_percent_change"),
        upper_circuit=_price(row, "upper_circuit") or None,
        lower_circuit=_price(row, "lower_circuit") or None,
        volume=count_of(row, "total_quantity_traded"),
        spot=_price(row, "spot_price") or None,
        open_interest=count_of(row, "open_interest") if has_interest else None,
        open_interest_change=int(_number(row, "chnge_oi") or 0) if has_interest else None,
    )


def quotes(success: object, exchange: str) -> list[BrokerQuote]:
    return [quote(row, exchange) for row in rows_of(success)]


def pick_quote(rows: list[Mapping[str, Any]], wire_exchange: str) -> Mapping[str, Any]:
    """The row of the exchange that was asked for: a BSE question is answered with NSE's row first, then BSE's."""
    for row in rows:
        if str(row.get("exchange_code", "")).upper() == wire_exchange:
            return row
    return rows[-1] if wire_exchange == "BSE" else rows[0]


def profile(success: object) -> BrokerProfile:
    row = _one(success)
    dates = {str(name): day_of(value) for name, value in _mapping(row, "exg_trade_date").items()}
    return BrokerProfile(
        user_id=text_of(row, "idirect_userid"),
        user_name=str(row.get("idirect_user_name") or "").strip(),
        last_login=moment_of(row.get("idirect_lastlogin_time")),
        segments={str(name): str(value) for name, value in _mapping(row, "segments_allowed").items()},
        exchange_status={str(name): str(value) for name, value in _mapping(row, "exg_status").items()},
        trade_dates={name: day for name, day in dates.items() if day is not None},
    )


def funds(success: object) -> Funds:
    row = _one(success)

    def amounts(prefix: str) -> dict[str, Decimal]:
        return {
            str(key).removeprefix(prefix): decimal_of(row, key) or Decimal(0)
            for key in row
            if str(key).startswith(prefix)
        }

    return Funds(
        bank_account="…" + str(row.get("bank_account") or "")[-4:],
        total_bank_balance=decimal_of(row, "total_bank_balance") or Decimal(0),
        unallocated_balance=decimal_of(row, "unallocated_balance") or Decimal(0),
        allocated=amounts("allocated_"),
        blocked=amounts("block_by_trade_"),
    )


def holdings(demat: list[Mapping[str, Any]], portfolio: list[Mapping[str, Any]]) -> list[Holding]:
    """The demat account's shares, with prices where the portfolio has them."""
    priced = {text_of(row, "stock_code"): row for row in portfolio}
    merged: list[Holding] = []
    for row in demat:
        code = text_of(row, "stock_code")
        known = priced.get(code, {})
        merged.append(
            Holding(
                broker_code=code,
                isin=str(row.get("stock_ISIN") or "") or None,
                quantity=count_of(row, "quantity"),
                available_quantity=count_of(row, "demat_avail_quantity"),
                blocked_quantity=count_of(row, "blocked_quantity"),
                average_price=decimal_of(known, "average_price"),
                current_price=decimal_of(known, "current_market_price"),
                realized_profit=decimal_of(known, "realized_profit"),
                unrealized_profit=decimal_of(known, "unrealized_profit"),
            )
        )
    return merged


def position(row: Mapping[str, Any]) -> Position:
    right = _RIGHTS.get(str(row.get("right") or "").lower())
    strike = decimal_of(row, "strike_price")
    wire_exchange = str(row.get("exchange_code") or "").upper()
    return Position(
        segment=str(row.get("segment") or ""),
        product=str(row.get("product_type") or ""),
        exchange="CDS" if wire_exchange == "NDX" else wire_exchange,
        broker_code=text_of(row, "stock_code"),
        expiry=day_of(row.get("expiry_date")),
        strike=strike if right else None,
        right=right,
        action=str(row.get("action") or ""),
        quantity=int(_number(row, "quantity") or 0),
        average_price=decimal_of(row, "average_price") or Decimal(0),
        last_price=decimal_of(row, "ltp"),
        profit=decimal_of(row, "pnl"),
        underlying=str(row.get("underlying") or "").strip() or None,
    )


def _mapping(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def text_of(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadAnswer(f"{name} is missing")
    return value.strip()


def _number(row: Mapping[str, Any], name: str) -> float | None:
    """A number, or a number in text; null and blank are absent."""
    value = row.get(name)
    if type(value) is float and -_MOST <= value <= _MOST:
        return value
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadAnswer(f"{name} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise BadAnswer(f"{name} is not a number") from error
    if not -_MOST <= number <= _MOST:
        raise BadAnswer(f"{name} is out of range")
    return number


def _price(row: Mapping[str, Any], name: str) -> float | None:
    number = _number(row, name)
    if number is not None and number < 0:
        raise BadAnswer(f"{name} is negative")
    return number


def count_of(row: Mapping[str, Any], name: str) -> int:
    number = _number(row, name)
    if number is None:
        return 0
    if number < 0 or number != int(number):
        raise BadAnswer(f"{name} is not a count")
    return int(number)


def decimal_of(row: Mapping[str, Any], name: str) -> Decimal | None:
    number = _number(row, name)
    if number is None:
        return None
    # The text of the wire where there is one: a float would add digits that nobody sent.
    value = row[name]
    return Decimal(value.strip() if isinstance(value, str) else repr(value))


def day_of(value: object) -> date | None:
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    day, month, year = match.groups()
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), _MONTHS[month.upper()], int(day))
    except (ValueError, KeyError):
        return None


def moment_of(value: object) -> datetime | None:
    """`05-Feb-2025 09:36:56`, Indian time; None when it is blank, as where nothing was traded."""
    if not isinstance(value, str) or len(value) != 20:
        return None
    day = day_of(value[:11])
    try:
        clock = datetime.strptime(value[12:], "%H:%M:%S").time()  # noqa: DTZ007  # the zone is added below
    except ValueError:
        return None
    return datetime.combine(day, clock, tzinfo=IST) if day is not None else None


def last_second(end: datetime) -> datetime:
    """The inclusive end that stands for an exclusive one on a wire of whole seconds."""
    return end - timedelta(seconds=1)
