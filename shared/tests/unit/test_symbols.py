"""The symbol grammar: every kind round-trips, everything else is refused with one code."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze.master import parse_master
from breezeway.errors import InvalidInput
from breezeway.symbols import (
    CashSymbol,
    Exchange,
    FundSymbol,
    FutureSymbol,
    IndexSymbol,
    OptionSymbol,
    PairSymbol,
    Right,
    cash_symbol,
    format_strike,
    fund_symbol,
    future_symbol,
    index_symbol,
    option_symbol,
    pair_symbol,
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
        ("CDS:USDINR", PairSymbol(Exchange.CDS, "USDINR")),
        ("CDS:USDINR27NOV26FUT", FutureSymbol(Exchange.CDS, "USDINR", date(2026, 11, 27))),
        ("MF:21-103D", FundSymbol(Exchange.MF, "21-103D")),
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


@given(st.from_regex(r"[A-Z]{6}", fullmatch=True), st.from_regex(r"[A-Z0-9]{1,6}-[A-Z0-9.&\-]{1,8}", fullmatch=True))
def test_every_pair_and_fund_round_trips(pair: str, fund: str) -> None:
    assert parse_symbol(str(pair_symbol(pair))) == PairSymbol(Exchange.CDS, pair)
    assert parse_symbol(str(fund_symbol(fund))) == FundSymbol(Exchange.MF, fund)


@given(
    st.sampled_from(["NSE", "BSE"]),
    st.from_regex(r"[A-Z0-9][A-Z0-9&\-]{0,12}", fullmatch=True),
    st.sampled_from(["EQ", "BE", "SM", "N1"]),
)
def test_every_share_and_index_round_trips(exchange: str, code: str, series: str) -> None:
    share, index = cash_symbol(exchange, code, series), index_symbol(f"{exchange}_INDEX", code)
    assert parse_symbol(str(share)) == share
    assert parse_symbol(str(index)) == index


@pytest.mark.real_data
def test_every_symbol_of_the_real_master_round_trips(real_data: Path) -> None:
    """138,505 instruments of nine exchanges; a contract's underlying and expiry are read out of its symbol again."""
    archive = real_data / "security_master" / "SecurityMaster_2026-07-30_full7.zip"
    exchanges = set()
    for row in parse_master(archive.read_bytes()).rows:
        symbol = parse_symbol(f"{row.exchange}:{row.code}")
        assert str(symbol) == f"{row.exchange}:{row.code}"
        exchanges.add(row.exchange)
        if isinstance(symbol, FutureSymbol | OptionSymbol):
            assert (symbol.underlying, symbol.expiry) == (row.underlying, row.expiry)
        if isinstance(symbol, OptionSymbol):
            assert (symbol.strike, symbol.right) == (row.strike, row.right)
    assert exchanges == set(Exchange)


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
        "CDS:USD",
        "CDS:USDINR1",
        "MCX:GOLDMM",
        "MF:103D",
        "MF:21-",
        "MF:21-10 3",
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
        lambda: pair_symbol("USDINR27NOV26FUT"),
        lambda: fund_symbol("RELIANCE"),
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
