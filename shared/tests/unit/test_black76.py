"""Black-76: reference values, parity, numerical derivatives, round trips and the edges."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from breezeway.options.black76 import greeks, implied_vol, price

FORWARDS = st.floats(50, 60_000)
MONEYNESS = st.floats(0.7, 1.4)
YEARS = st.floats(1 / 365, 2)
VOLS = st.floats(0.05, 1.5)
RATES = st.floats(0, 0.1)


def test_a_textbook_value() -> None:
    # Hull, Options, Futures and Other Derivatives: put on a future, F=K=20, r=9 %, 4 months, 25 %: 1.12.
    assert price(20, 20, 4 / 12, 0.25, False, 0.09) == pytest.approx(1.12, abs=0.005)


@given(forward=FORWARDS, moneyness=MONEYNESS, years=YEARS, vol=VOLS, rate=RATES)
def test_put_call_parity(forward: float, moneyness: float, years: float, vol: float, rate: float) -> None:
    strike = forward * moneyness
    gap = price(forward, strike, years, vol, True, rate) - price(forward, strike, years, vol, False, rate)
    assert gap == pytest.approx(np.exp(-rate * years) * (forward - strike), abs=1e-8 * forward)


@given(forward=FORWARDS, moneyness=MONEYNESS, years=YEARS, vol=VOLS, rate=RATES, call=st.booleans())
def test_greeks_are_the_derivatives_of_the_price(
    forward: float, moneyness: float, years: float, vol: float, rate: float, call: bool
) -> None:
    strike = forward * moneyness
    found = greeks(forward, strike, years, vol, call, rate)
    step = forward * 1e-4
    up, down = (price(forward + move, strike, years, vol, call, rate) for move in (step, -step))
    here = price(forward, strike, years, vol, call, rate)
    assert found.delta == pytest.approx((up - down) / (2 * step), abs=2e-4)
    # Close to expiry gamma changes within the step itself, so compare where the curve is smooth at that scale.
    if vol * np.sqrt(years) > 0.02:
        assert found.gamma == pytest.approx((up - 2 * here + down) / step**2, rel=1e-2, abs=1e-5)
    higher, lower = (price(forward, strike, years, vol + move, call, rate) for move in (1e-5, -1e-5))
    assert found.vega == pytest.approx((higher - lower) / 2e-5 * 0.01, rel=1e-4, abs=1e-6 * forward)
    later, sooner = (price(forward, strike, years + move, vol, call, rate) for move in (-1e-7, 1e-7))
    assert found.theta == pytest.approx((later - sooner) / 2e-7 / 365, rel=1e-3, abs=1e-6 * forward)


@given(forward=FORWARDS, moneyness=st.floats(0.85, 1.15), years=st.floats(0.02, 2), vol=st.floats(0.08, 1.5))
def test_implied_volatility_gives_back_the_volatility(
    forward: float, moneyness: float, years: float, vol: float
) -> None:
    strike = forward * moneyness
    for call in (True, False):
        premium = price(forward, strike, years, vol, call)
        back = implied_vol(premium, forward, strike, years, call)
        vega = float(greeks(forward, strike, years, vol, call).vega)
        if vega > 1e-6 * forward:
            assert back == pytest.approx(vol, abs=1e-5)


def test_everything_broadcasts() -> None:
    strikes = np.array([24_000.0, 25_000.0, 26_000.0])
    calls = np.array([[True], [False]])
    premiums = price(25_000, strikes, 7 / 365, 0.14, calls)
    assert premiums.shape == (2, 3)
    np.testing.assert_allclose(implied_vol(premiums, 25_000, strikes, 7 / 365, calls), 0.14, atol=1e-6)


def test_at_expiry_an_option_is_its_intrinsic_value() -> None:
    for years, vol in ((0.0, 0.2), (-1.0, 0.2), (0.5, 0.0)):
        found = greeks([110, 90, 100], 100, years, vol, True)
        np.testing.assert_array_equal(price([110, 90, 100], 100, years, vol, True), [10, 0, 0])
        np.testing.assert_array_equal(found.delta, [1, 0, 0.5])
        for column in (found.gamma, found.theta, found.vega):
            np.testing.assert_array_equal(column, [0, 0, 0])


@pytest.mark.parametrize(
    ("premium", "years", "call"),
    [
        (9.0, 0.1, True),  # below intrinsic
        (10.0, 0.1, True),  # at intrinsic: no time value to explain
        (200.0, 0.1, True),  # above the forward
        (20.0, 0.0, True),  # expired
        (np.nan, 0.1, True),
        (-1.0, 0.1, False),
        (0.0, 0.1, False),
        (101.0, 0.1, False),  # above the strike
    ],
)
def test_no_volatility_explains_an_impossible_price(premium: float, years: float, call: bool) -> None:
    assert np.isnan(implied_vol(premium, 110, 100, years, call))


def test_a_bad_row_does_not_spoil_its_neighbours() -> None:
    good = price(100, 100, 0.1, 0.2, True)
    found = implied_vol([good, np.nan, good], [100, 100, 0], 100, 0.1, True)
    assert found[0] == pytest.approx(0.2, abs=1e-8)
    assert np.isnan(found[1:]).all()


def reference() -> list[dict[str, float]]:
    """48 options around four forwards, as another library prices them."""
    path = Path(__file__).with_name("fixtures") / "black76_py_vollib.csv"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]


@pytest.mark.parametrize("row", reference(), ids=lambda row: f"{row['strike']:g}-{row['years']:.3f}-{row['call']:.0f}")
def test_another_library_says_the_same_to_a_millionth(row: dict[str, float]) -> None:
    call = bool(row["call"])
    inputs = row["forward"], row["strike"], row["years"]
    assert price(*inputs, row["vol"], call, row["rate"]) == pytest.approx(row["price"], rel=1e-9, abs=1e-9)
    back = implied_vol(row["price"], *inputs, call, row["rate"])
    assert back == pytest.approx(row["vol"], abs=1e-6)
    found = greeks(*inputs, row["vol"], call, row["rate"])
    for name in ("delta", "gamma", "theta", "vega"):
        assert float(getattr(found, name)) == pytest.approx(row[name], abs=1e-6, rel=1e-6), name


@given(forward=FORWARDS, moneyness=st.floats(0.85, 1.15), years=st.floats(0.02, 2), vol=st.floats(0.08, 1.5))
def test_root_finding_gives_the_same_volatility(forward: float, moneyness: float, years: float, vol: float) -> None:
    """Brent's method on a formula written out anew, with the error function of `math`."""

    def worth(sigma: float, strike: float, call: bool) -> float:
        d1 = math.log(forward / strike) / (sigma * math.sqrt(years)) + sigma * math.sqrt(years) / 2
        d2 = d1 - sigma * math.sqrt(years)
        sign = 1 if call else -1
        first, second = (0.5 * math.erfc(-sign * d / math.sqrt(2)) for d in (d1, d2))
        return sign * (forward * first - strike * second)

    strike = forward * moneyness
    for call in (True, False):
        premium = worth(vol, strike, call)
        if float(greeks(forward, strike, years, vol, call).vega) < 1e-4 * forward:
            continue
        expected = brentq(lambda s, c=call, p=premium: worth(s, strike, c) - p, 1e-4, 9.9, xtol=1e-12)
        assert implied_vol(premium, forward, strike, years, call) == pytest.approx(expected, abs=1e-6)
