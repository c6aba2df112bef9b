"""Margin: bounded risk is cheap, naked risk is dear, and nothing is blocked for nothing."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading_service.domain.margin import Leg, required_margin

TODAY, EXPIRY = date(2026, 11, 20), date(2026, 11, 24)
SPOT = Decimal(26000)
LOT = 65


def option(quantity: int, strike: int, *, call: bool = True, expiry: date = EXPIRY) -> Leg:
    return Leg("NSE_INDEX:NIFTY", quantity, Decimal(0), SPOT, True, True, Decimal(strike), call, expiry)


def future(quantity: int) -> Leg:
    return Leg("NSE_INDEX:NIFTY", quantity, SPOT, SPOT, True, True)


def share(quantity: int, price: str = "100") -> Leg:
    return Leg("NSE:A", quantity, Decimal(price), Decimal(price), False)


def margin(*legs: Leg) -> Decimal:
    return required_margin(legs, TODAY)


def test_a_bought_option_needs_its_premium_only() -> None:
    assert margin(option(LOT, 26000)) == 0
    assert margin(option(LOT, 26000), option(LOT, 25800, call=False)) == 0


def test_a_bought_spread_needs_its_premium_only() -> None:
    assert margin(option(LOT, 26000), option(-LOT, 26200)) == 0


def test_a_hedged_short_needs_less_than_a_naked_one() -> None:
    naked = margin(option(-LOT, 26000))
    hedged = margin(option(-LOT, 26000), option(LOT, 26500))
    assert 0 < hedged < naked / 3
    # A sold spread can lose the distance of its strikes and no more.
    assert hedged <= Decimal(500 * LOT)
    # Scan range and exposure of one index lot: a tenth or so of its value.
    assert Decimal("0.08") < naked / (SPOT * LOT) < Decimal("0.16")


def test_a_sold_put_is_covered_by_a_sold_future_and_not_by_a_bought_one() -> None:
    assert margin(option(-LOT, 26000, call=False), future(-LOT)) < margin(option(-LOT, 26000, call=False), future(LOT))


def test_a_share_intraday_needs_a_fifth_of_its_net_value() -> None:
    assert margin(share(100)) == Decimal("2000.00")
    assert margin(share(-100)) == Decimal("2000.00")
    assert margin(share(100), share(-100)) == 0


def test_nothing_open_needs_nothing() -> None:
    assert margin() == 0
    assert margin(share(0), option(0, 26000)) == 0


quantities = st.integers(-5, 5).map(lambda lots: lots * LOT)


@given(quantities, quantities, quantities, quantities)
def test_another_bought_option_never_costs_margin(calls: int, puts: int, higher: int, futures: int) -> None:
    legs = [option(calls, 26000), option(puts, 26000, call=False), option(higher, 26300), future(futures)]
    before = margin(*legs)
    assert margin(*legs, option(LOT, 26100)) <= before
    assert before >= 0


@given(quantities, st.integers(1, 4))
def test_margin_grows_in_proportion(lots: int, times: int) -> None:
    once, more = margin(option(lots, 26000)), margin(option(lots * times, 26000))
    assert abs(more - once * times) <= Decimal("0.05")
