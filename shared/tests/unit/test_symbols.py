"""The symbol grammar: every kind round-trips, everything else is refused with one code."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.errors import InvalidInput
from breezeway.symbols import (
    CashSymbol,
    Exchange,
    FutureSymbol,
    IndexSymbol,
    OptionSymbol,
    Right,
    cash_symbol,
    format_strike,
    future_symbol,
    index_symbol,
    option_symbol,
    parse_expiry,
    parse_symbol,
)

UNDERLYINGS = ["NIFTY", "M&M", "BAJAJ-AUTO", "NIFTYNXT50", "360ONE", "USDINR", "CRUDEOIL", "NAM-INDIA", "J&KBANK"]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("NSE:RELIANCE", CashSymbol(Exchange.NSE, "RELIANCE")),
        ("NSE:XYZ-BE", CashSymbol(Exchange.NSE, "XYZ-BE")),
        ("NSE_INDEX:NIFTY", IndexSymbol(Exchange.NSE_INDEX, "NIFTY")),
        ("NFO:NIFTY24NOV26FUT", FutureSymbol(Exchange.NFO, "NIFTY", date(2026, 11, 24))),
        (
            "NFO:NIFTY24NOV2626000CE",
            OptionSymbol(Exchange.NFO, "NIFTY", date(2026, 11, 24), Decimal(26000), Right.CALL),
        ),
        (
            "NFO:VEDL28APR26292.5CE",
            OptionSymbol(Exchange.NFO, "VEDL", date(2026, 4, 28), Decimal("292.5"), Right.CALL),
        ),
    ],
)
def test_reads_and_writes_the_examples_of_the_contract(text: str, symbol: object) -> None:
    assert parse_symbol(text) == symbol
    assert str(symbol) == text


@given(
    underlying=st.sampled_from(UNDERLYINGS) | st.from_regex(r"[A-Z0-9][A-Z0-9&\-]{0,12}", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    strike=st.decimals(0, 200_000, places=3),
    right=st.sampled_from(list(Right)),
    exchange=st.sampled_from(["NFO", "BFO", "CDS", "MCX"]),
)
def test_every_derivative_round_trips(
    underlying: str, expiry: date, strike: Decimal, right: Right, exchange: str
) -> None:
    option = option_symbol(exchange, underlying, expiry, strike, right)
    future = future_symbol(exchange, underlying, expiry)
    assert str(parse_symbol(str(option))) == str(option)
    assert str(parse_symbol(str(future))) == str(future)
    if underlying in UNDERLYINGS:
        assert parse_symbol(str(option)) == option
        assert parse_symbol(str(future)) == future


@pytest.mark.parametrize(
    ("strike", "text"), [("26000", "26000"), ("26000.00", "26000"), ("0.50", "0.5"), ("1E+3", "1000"), ("0", "0")]
)
def test_strikes_have_no_needless_zeros(strike: str, text: str) -> None:
    assert format_strike(Decimal(strike)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RELIANCE",
        "NSE:",
        "NYSE:IBM",
        "nse:RELIANCE",
        "NSE:RELI ANCE",
        "NSE:reliance",
        "NFO:NIFTY",
        "NFO:NIFTY31FEB26FUT",
        "NFO:24NOV26FUT",
        "NFO:NIFTY24NOV2626000.50CE",
        "NFO:NIFTY24NOV26026000CE",
        "NFO:NIFTY24NOV2626000XX",
        "NSE:" + "A" * 200,
        "NSE:RELIANCE\n",
        "NFO:NIFTY２４NOV26FUT",
    ],
)
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_symbol(text)
    assert refusal.value.code == "invalid_symbol"


def test_builders_refuse_what_they_could_not_read_back() -> None:
    for build in (
        lambda: cash_symbol("NFO", "RELIANCE"),
        lambda: cash_symbol("NSE", ""),
        lambda: index_symbol("NSE", "NIFTY"),
        lambda: future_symbol("NSE", "NIFTY", date(2026, 11, 24)),
        lambda: option_symbol("NFO", "NIFTY", date(2026, 11, 24), "abc", "CE"),
        lambda: option_symbol("NFO", "NIFTY", date(2026, 11, 24), "-5", "CE"),
        lambda: option_symbol("NFO", "NIFTY", date(2026, 11, 24), "5", "call"),
        lambda: future_symbol("NFO", "NIFTY", date(1999, 1, 1)),
        lambda: parse_expiry("24NOV2026"),
    ):
        with pytest.raises(InvalidInput, match="is not a symbol"):
            build()


def test_only_an_unusual_series_is_named() -> None:
    assert str(cash_symbol("NSE", "XYZ", "BE")) == "NSE:XYZ-BE"
    assert str(cash_symbol("NSE", "XYZ", "EQ")) == "NSE:XYZ"
    assert str(cash_symbol("BSE", "XYZ", "B")) == "BSE:XYZ"
